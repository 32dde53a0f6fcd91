"""The demo is the same everywhere, each row can be made alone, and every answer is true of its series."""

import hashlib
import json

import numpy as np
import pytest

from tsft.data.doctor import check_record
from tsft.data.mapping import GUESS
from tsft.data.preparation import check_dataset
from tsft.data.synth.demo import DEMO_ROWS, demo_row, demo_rows
from tsft.data.synth.words import ANSWERS, INTRODUCTIONS, QUESTIONS

GOLDEN = "362e1c9438121cea"


@pytest.fixture(scope="module")
def rows():
    return list(demo_rows())


def test_the_stream_of_the_seed_never_changes(rows):
    text = json.dumps(rows, ensure_ascii=False, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == GOLDEN


def test_a_row_can_be_made_alone(rows):
    assert demo_row(123) == rows[123]
    assert demo_row(123, seed=8) != rows[123]


def test_every_row_passes_the_check_without_a_warning(tmp_path, rows):
    assert all(not check_record(each, GUESS).warnings for each in rows)
    report = check_dataset("demo", [], tmp_path)
    assert (report.rows_read, report.kept, report.warned) == (DEMO_ROWS, DEMO_ROWS, {})


def test_answers_are_true_of_the_series(rows):
    for each in rows:
        meta, series = json.loads(each["meta"]), [np.array(points) for points in each["timeseries"]]
        points, value = series[0], meta["value"]
        if meta["task"] in ("max", "min"):
            assert value == (np.argmax(points) if meta["task"] == "max" else np.argmin(points))
        elif meta["kind"] == "shift":
            around = points[max(0, value - 8) : value].mean(), points[value : value + 8].mean()
            assert abs(around[0] - around[1]) > 4 * max(points[:value].std(), points[value:].std())
        elif meta["task"] == "spike":
            assert np.argmax(np.abs(np.diff(points, 2))) + 1 == value
        elif meta["kind"] in ("up", "down"):
            thirds = len(points) // 3
            rise = np.median(points[-thirds:]) - np.median(points[:thirds])
            assert (rise > 0) == (meta["kind"] == "up")
        elif meta["kind"] == "period":
            assert 3 * value <= len(points) or 2 * value <= len(points)
        elif meta["task"] == "higher":
            names = [part for part in each["input"].split("\n")[:2]]
            assert value in names[int(series[1].mean() > series[0].mean())]


def test_every_answer_kind_and_both_languages_occur_and_none_rules(rows):
    metas = [json.loads(each["meta"]) for each in rows]
    assert {meta["kind"] for meta in metas} == set(ANSWERS)
    chinese = sum(meta["language"] == "zh" for meta in metas)
    assert 0.4 < chinese / len(rows) < 0.6
    for task in ("trend", "season", "shift"):
        kinds = [meta["kind"] for meta in metas if meta["task"] == task]
        assert max(kinds.count(kind) for kind in kinds) <= 0.75 * len(kinds)


def test_every_wording_exists_in_both_languages():
    for table in (QUESTIONS, ANSWERS):
        for wordings in table.values():
            assert len(wordings["en"]) == len(wordings["zh"]) >= 2
    assert all(text.count("<ts><ts/>") == 1 for texts in INTRODUCTIONS.values() for text in texts)
