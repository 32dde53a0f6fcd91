"""Baselines answer in a form the scorer reads, know their training set only, and are as good as they should be."""

import json
from collections import Counter
from functools import cache

import numpy as np
import pytest

from tests.evaluate_rows import generated, question
from tsft.evaluate.affiliation import affiliation
from tsft.evaluate.answers import Question, written
from tsft.evaluate.baselines import BASELINES, fit_baselines
from tsft.evaluate.detectors import (
    all_anomalous,
    fit_spectral_residual,
    fit_three_sigma,
    grouped,
    spectral_residual,
    three_sigma,
)
from tsft.evaluate.guesses import fit_majority
from tsft.evaluate.intervals import composite_f1, event_rates
from tsft.evaluate.neighbours import fit_nearest
from tsft.evaluate.scores import score


@cache
def rows(count=300, seed=1):
    return tuple(generated(count, seed))


@cache
def fitted():
    return fit_baselines([question(each) for each in rows()])


def closed(value, options=("up", "down"), task="trend", **more):
    field = {"name": "trend", "word": "trend", "kind": "class", "value": value, "options": {o: o for o in options}}
    return {"task": task, "wording": task, "fields": [field], "prefix_answerable": False, "is_none": False, **more}


def test_the_right_values_written_as_a_baseline_writes_them_get_full_marks():
    for row in rows():
        label = row["label"]
        found = score(written({each["name"]: each["value"] for each in label["fields"]}), label)
        assert found.is_right and found.value == pytest.approx(1), (label, found)


@pytest.mark.parametrize("name", BASELINES)
def test_whatever_a_baseline_answers_can_be_read(name):
    answered = Counter()
    for row in rows(200, seed=2):
        text = fitted()[name].answer(question(row))
        if text is not None:
            assert score(text, row["label"]).is_read, (text, row["label"])
            answered[row["label"]["task"]] += 1
    expected = {
        "three_sigma": {"anomalies", "anomaly_near"},
        "spectral_residual": {"anomalies", "anomaly_near"},
        "all_anomalous": {"anomalies", "anomaly_near"},
        "nearest": {"trend", "season", "noise", "correlate", "spike", "level_shift"},
    }
    assert expected.get(name, {"trend", "mcq", "events", "caption", "anomalies", "value_at"}) <= set(answered)


@pytest.mark.parametrize("name", BASELINES)
def test_an_answer_does_not_depend_on_the_truth_or_on_the_rows_around(name):
    for row in rows(40, seed=3):
        asked = question(row)
        hidden = [{**each, "value": _other(each)} for each in row["label"]["fields"]]
        blind = Question({**row["label"], "fields": hidden}, asked.series)
        assert fitted()[name].answer(asked) == fitted()[name].answer(blind)


def _other(field):
    return {"events": [], "intervals": [], "names": [], "yes_no": True, "count": 99}.get(field["kind"])


def test_the_majority_is_that_of_the_training_set():
    train = [Question(closed(each)) for each in ("up", "up", "down")]
    assert json.loads(fit_majority(train).answer(Question(closed("down")))) == {"trend": "up"}
    assert fit_majority(train).answer(Question(closed("up", task="unknown"))) is None


def test_a_class_that_is_not_among_the_options_is_not_answered():
    train = [Question(closed(each, ("up", "down"))) for each in ("up", "up", "down")]
    assert json.loads(fit_majority(train).answer(Question(closed("flat", ("down", "flat"))))) == {"trend": "down"}


def test_random_answers_are_spread_evenly_and_repeat_with_the_seed():
    train = [question(each) for each in rows()]
    asked = [question(each) for each in generated(200, seed=5, tasks={"mcq": 1})]
    said = Counter(score(fitted()["random"].answer(each), each.label).parsed["answer"] for each in asked)
    assert set(said) == set("ABCD") and max(said.values()) < 75
    again = fit_baselines(train, seed=0)["random"]
    assert [again.answer(each) for each in asked[:20]] == [fitted()["random"].answer(each) for each in asked[:20]]
    other = fit_baselines(train, seed=1)["random"]
    assert [other.answer(each) for each in asked[:20]] != [fitted()["random"].answer(each) for each in asked[:20]]


def test_random_choices_score_as_chance_does():
    asked = [question(each) for each in generated(400, seed=6, tasks={"mcq": 1})]
    right = np.mean([score(fitted()["random"].answer(each), each.label).is_right for each in asked])
    assert right == pytest.approx(0.25, abs=0.06)


def spiked(length=300, at=200, seed=0, width=4):
    values = np.sin(np.arange(length) / 8) + 0.05 * np.random.default_rng(seed).normal(size=length)
    values[at : at + width] += 6
    return values


@pytest.mark.parametrize(
    ("detect", "number", "width"),
    [(three_sigma, 0.25, 4), (three_sigma, 0.25, 1), (spectral_residual, 3.0, 1), (spectral_residual, 3.0, 4)],
)
def test_a_detector_finds_a_spike_and_little_else(detect, number, width):
    found = grouped(detect(spiked(width=width), number), gap=3)
    assert event_rates(found, [[200, 200 + width]], 0.1).recall == 1 and len(found) <= 4


@pytest.mark.parametrize(("detect", "number"), [(three_sigma, 0.25), (spectral_residual, 3.0)])
def test_a_detector_does_not_care_about_unit_and_offset(detect, number):
    values = spiked()
    assert (detect(values, number) == detect(1e6 + 250 * values, number)).all()


@pytest.mark.parametrize("detect", [three_sigma, spectral_residual])
@pytest.mark.parametrize("values", [np.zeros(50), np.ones(3), np.full(64, 1e9)])
def test_a_flat_or_short_series_has_no_anomaly(detect, values):
    assert not detect(values, 3.0 if detect is spectral_residual else 0.25).any()


@pytest.mark.parametrize(
    ("points", "gap", "expected"),
    [
        ([], 2, []),
        ([3], 2, [[3, 4]]),
        ([3, 4, 7], 2, [[3, 8]]),
        ([3, 4, 8], 2, [[3, 5], [8, 9]]),
    ],
)
def test_points_are_grouped_into_stretches(points, gap, expected):
    flags = np.zeros(12, dtype=bool)
    flags[points] = True
    assert grouped(flags, gap) == expected


@pytest.mark.parametrize("fit", [fit_three_sigma, fit_spectral_residual])
def test_a_detector_is_fitted_on_labelled_stretches(fit):
    fields = [{"name": "anomalies", "word": "anomalies", "kind": "intervals", "value": [[200, 204]], "length": 300}]
    label = {"task": "anomalies", "wording": "anomalies", "fields": fields, "parameters": {}}
    train = [Question(label, (spiked(seed=seed),)) for seed in range(12)]
    quality = {
        number: np.mean([event_rates(_with(fit, number).stretches(each.series), [[200, 204]]).f1 for each in train])
        for number in (_numbers(fit))
    }
    assert quality[fit(train).number] == max(quality.values())


def _numbers(fit):
    from tsft.evaluate.detectors import THRESHOLDS, WINDOWS

    return WINDOWS if fit is fit_three_sigma else THRESHOLDS


def _with(fit, number):
    from dataclasses import replace

    return replace(fit([]), number=number)


@pytest.mark.parametrize("name", ["three_sigma", "spectral_residual"])
def test_a_detector_beats_random_stretches_on_generated_anomalies(name):
    train = [question(each) for each in generated(100, seed=10, tasks={"anomalies": 1})]
    rows = generated(100, seed=11, tasks={"anomalies": 1})
    test = [question(each) for each in rows if each["label"]["fields"][0]["value"]]
    found = fit_baselines(train)
    scores = {key: [_found(found[key], each) for each in test] for key in (name, "random")}
    assert np.mean(scores[name]) > 0.25 and np.mean(scores[name]) > np.mean(scores["random"]) + 0.1


def _found(baseline, asked):
    """Composite F1: what a detector of points can reach."""
    said = json.loads(baseline.answer(asked))["anomalies"]
    return composite_f1(said, asked.fields[0]["value"], asked.length)


def test_calling_all_anomalous_shows_what_affiliation_gives_for_nothing():
    said = all_anomalous().stretches([np.zeros(2000)])
    assert said == [[0, 2000]]
    assert affiliation(said, [[300, 400], [900, 1000]], 2000).f1 > 0.6
    assert event_rates(said, [[300, 400], [900, 1000]], 0.1).f1 == 0


def test_the_nearest_row_gives_its_class():
    def row(value, series):
        return Question(closed(value), (np.asarray(series, dtype=float),))

    up, down = np.arange(40), -np.arange(60)
    found = fit_nearest([row("up", up), row("down", down)])
    assert json.loads(found.answer(row("down", 5 + 2.0 * np.arange(90))))["trend"] == "up"
    assert json.loads(found.answer(row("up", -3.0 * np.arange(50))))["trend"] == "down"


def test_the_nearest_row_beats_chance_on_the_trend_of_generated_rows():
    train = [question(each) for each in generated(200, seed=8, tasks={"trend": 1})]
    test = [question(each) for each in generated(100, seed=9, tasks={"trend": 1})]
    found = fit_nearest(train)
    right = np.mean([score(found.answer(each), each.label).fields["trend"].is_right for each in test])
    majority = fit_majority(train)
    usual = np.mean([score(majority.answer(each), each.label).fields["trend"].is_right for each in test])
    assert right > usual + 0.15
