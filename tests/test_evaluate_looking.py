"""The verdict on answerers whose ways are known: one that looks at the series, and one that never does."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.evaluate_rows import generated, question
from tsft.evaluate.answers import Question, written
from tsft.evaluate.baselines import fit_baselines
from tsft.evaluate.control_rows import CONTROLS, control_rows
from tsft.evaluate.field_reports import Drawing
from tsft.evaluate.predictions import Prediction
from tsft.evaluate.reporting import Controlled, answered_by, make_report
from tsft.evaluate.shown import Shown

TASKS = {"value_at": 1, "trend": 1, "extreme": 1, "mcq": 1}


@cache
def rows():
    return tuple(generated(160, seed=11, tasks=TASKS))


@cache
def baselines():
    return fit_baselines([question(each) for each in generated(200, seed=12, tasks=TASKS)])


def shown(row):
    series = tuple(np.asarray(each, dtype=float) for each in row["timeseries"])
    return Shown(({"role": "user", "content": row["input"]},), series, row["label"], row["series"])


def looking(row):
    """Computes what it can from the series it is shown, and gives the usual answer to the rest."""
    told = row.label["parameters"]
    usual = baselines()["majority"].answer(Question(row.label, row.series))
    if not row.series or row.label["task"] not in ("value_at", "extreme"):
        return usual
    values = row.series[told["series"]]
    if row.label["task"] == "value_at":
        return written({"value": float(values[told["point"]])})
    point = int(np.argmax(values) if told["which"] == "maximum" else np.argmin(values))
    return written({"point": point, "value": float(values[point])})


def blind(row):
    return baselines()["majority"].answer(Question(row.label, ()))


def predictions(answer, given):
    return [Prediction(place, row.series_key, row.label, answer(row)) for place, row in given]


def report(answer):
    given = [shown(each) for each in rows()]
    controls = [
        Controlled("m", kind, name, predictions(answer, control_rows(name, given))) for name, kind in CONTROLS.items()
    ]
    own = predictions(answer, enumerate(given))
    cheap = answered_by(baselines(), own, [each.series for each in given])
    return make_report({"m": own}, baselines=cheap, controls=controls, drawing=Drawing(resamples=300))


def test_one_that_looks_is_said_to_look_and_to_follow_the_series():
    found = report(looking)
    keys = [each.key for each in found.verdicts]
    assert keys[0] == "evaluate.verdict.looks_and_falls"
    followed = {
        each.values["change"]["key"].rpartition(".")[2]: each.key for each in found.verdicts if "change" in each.values
    }
    assert followed["shifted"] == followed["scaled"] == "evaluate.verdict.follows"
    for control in found.controls:
        if control.kind == "blind":
            assert control.drop.low > 0.1


def test_one_that_never_looks_is_found_out():
    found = report(blind)
    keys = [each.key for each in found.verdicts]
    assert keys[:2] == ["evaluate.verdict.not_above_majority", "evaluate.verdict.does_not_look"]
    assert all(each.drop.value == 0 for each in found.controls if each.kind == "blind")


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_keeps_the_place_of_each_row(name):
    given = [shown(each) for each in rows()[:40]]
    for place, changed in control_rows(name, given):
        assert changed.label["task"] == given[place].label["task"] and changed.series_key == given[place].series_key


def test_rows_that_the_prefix_answers_take_no_part_in_the_controls():
    given = [replace(shown(each), label={**each["label"], "prefix_answerable": True}) for each in rows()[:20]]
    own = predictions(blind, enumerate(given))
    found = make_report({"m": own}, controls=[Controlled("m", "blind", "constant", own)], drawing=Drawing(resamples=50))
    assert found.controls[0].rows == 0 and found.controls[0].drop is None and found.verdicts == ()
