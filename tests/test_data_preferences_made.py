"""Preference rows made from scored answers: who beats whom, what is left out and why, what looks like an exam."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data_fakes import write_lines
from tsft.data.checks.diagnosis import diagnose
from tsft.data.checks.findings import ERROR
from tsft.data.exporting import export
from tsft.data.preferences.answers import AskedRow, rows_from_answers
from tsft.data.preferences.exams import is_exam
from tsft.data.preferences.ranking import (
    JUDGED,
    PAIRS,
    REFERENCE,
    Rule,
    ScoredAnswer,
    check_rule,
    distinct,
    pairs_of,
    verdict,
)
from tsft.data.preferences.writing import Origin, PreferenceRow, Tally, count, write_preferences
from tsft.data.provenance import Parent, Provenance, Step, read_provenance, write_provenance
from tsft.data.readers import Source
from tsft.data.registry import find_dataset
from tsft.data.row_access import RowAccess
from tsft.data.view import view_row
from tsft.errors import UserError

LABEL = {"task": "trend", "fields": [{"name": "trend", "kind": "class", "value": "up"}]}
RIGHT, NEAR, WRONG = (ScoredAnswer(name, name, value) for name, value in (("up", 1.0), ("near", 0.9), ("down", 0.0)))
UNREAD = ScoredAnswer("mute", "hm", 0.0, is_read=False)


def texts(found: Any) -> list[tuple[str, str]]:
    return [(each.better.text, each.worse.text) for each in found]


def test_the_answers_furthest_apart_come_first_and_none_is_the_worse_one_twice() -> None:
    answers = [NEAR, WRONG, RIGHT]
    assert texts(pairs_of(answers, answers, Rule())) == [("up", "down")]
    assert texts(pairs_of(answers, answers, Rule(per_row=9, margin=0.05))) == [("up", "down"), ("up", "near")]


def test_what_lies_closer_than_the_margin_or_cannot_be_read_gives_no_pair() -> None:
    assert pairs_of([RIGHT, NEAR], [RIGHT, NEAR], Rule(margin=0.2)) == []
    assert texts(pairs_of([RIGHT, NEAR], [RIGHT, NEAR], Rule(margin=0.1))) == [("up", "near")]
    assert pairs_of([UNREAD, WRONG], [UNREAD, WRONG], Rule()) == []
    assert texts(pairs_of([NEAR, UNREAD], [NEAR, UNREAD], Rule())) == [("near", "hm")]


def test_the_same_words_of_two_models_are_one_answer() -> None:
    other = ScoredAnswer("base", " up ", 1.0)
    assert distinct([RIGHT, other, ScoredAnswer("x", "  ", 0.0)]) == [ScoredAnswer("up, base", "up", 1.0)]


@pytest.mark.parametrize(
    ("answer", "said"),
    [(RIGHT, True), (NEAR, True), (WRONG, False), (UNREAD, False), (ScoredAnswer("m", "?", 0.7), None)],
)
def test_thresholds_judge_and_what_lies_between_is_left_out(answer: ScoredAnswer, said: bool | None) -> None:
    assert verdict(answer, Rule(JUDGED)) is said


def test_everything_wrong_with_a_rule_is_told_at_its_field() -> None:
    bad = Rule("rows", "nobody", margin=0.0, good=float("nan"), bad=1.0, per_row=0)
    assert [each.field for each in check_rule(bad)] == ["kind", "against", "margin", "good", "bad", "per_row"]
    assert [each.field for each in check_rule(Rule(JUDGED, good=0.5, bad=0.6))] == ["bad"]
    assert check_rule(Rule()) == []


# -- rows -------------------------------------------------------------------------------------------------------------

SERIES = [[0.1, 0.30000000000000004, -7.25], [1.0, 2.0, 3.0, 4.0]]
ROW = {
    "system": "Be brief.",
    "history": [["First <ts><ts/>?", "It swings."]],
    "input": "And <ts><ts/>?",
    "output": "up",
    "timeseries": SERIES,
    "meta": json.dumps({"task": "trend", "label": LABEL, "series": "s1", "mistake": {"field": "x"}}),
}


def asked_of(*answers: ScoredAnswer, row: int = 0, reference: ScoredAnswer = RIGHT, label: Any = LABEL) -> AskedRow:
    return AskedRow("own", row, label, reference, answers)


def made(tmp_path: Path, rule: Rule, *asked: AskedRow, rows: Any = (ROW,)) -> tuple[list[PreferenceRow], Tally]:
    write_lines(tmp_path / "own.jsonl", list(rows))
    access = RowAccess(Source("own", (tmp_path / "own.jsonl",)), tmp_path / "cache")
    access.index()
    tally = Tally()
    return list(
        rows_from_answers(asked, lambda name, row: access.row(row), rule, tally, {"evaluations": ["e1"]})
    ), tally


def test_a_row_keeps_question_history_series_and_label_and_names_who_answered(tmp_path: Path) -> None:
    (row,), tally = made(tmp_path, Rule(), asked_of(WRONG, RIGHT))
    assert [turn["role"] for turn in row.turns] == ["system", "user", "assistant", "user"]
    assert [each.tolist() for each in row.series] == SERIES
    assert (row.answer, row.rejected) == ("up", "down") and tally.looked_at == 1
    assert row.meta["label"] == LABEL and row.meta["series"] == "s1" and "mistake" not in row.meta
    assert row.meta["origin"] == {"evaluations": ["e1"], "dataset": "own", "row": 1}
    assert (row.meta["chosen_by"], row.meta["rejected_score"]) == ("up", 0.0)


@pytest.mark.parametrize(
    ("rule", "asked", "reason"),
    [
        (Rule(), asked_of(RIGHT), "alone"),
        (Rule(), asked_of(RIGHT, ScoredAnswer("b", "up", 1.0)), "tie"),
        (Rule(), asked_of(RIGHT, ScoredAnswer("b", "ascending", 1.0)), "tie"),
        (Rule(), asked_of(UNREAD, ScoredAnswer("b", "??", 0.0, False)), "unread"),
        (Rule(), asked_of(ScoredAnswer("a", "", 0.0), ScoredAnswer("b", " ", 0.0)), "empty"),
        (Rule(), asked_of(ScoredAnswer("a", "x", None), ScoredAnswer("b", "y", None)), "unjudged"),
        (Rule(), asked_of(RIGHT, WRONG, row=7), "changed"),
        (Rule(), asked_of(RIGHT, WRONG, reference=ScoredAnswer("reference", "level", 1.0)), "changed"),
        (Rule(), asked_of(RIGHT, WRONG, label={**LABEL, "task": "other"}), "changed"),
        (Rule(against=REFERENCE), asked_of(RIGHT, NEAR), "tie"),
        (Rule(against=REFERENCE), asked_of(WRONG, reference=ScoredAnswer("r", "up", 0.4)), "wrong_reference"),
        (Rule(JUDGED), asked_of(ScoredAnswer("a", "x", 0.7)), "between"),
    ],
)
def test_what_gives_no_row_is_counted_by_its_reason(tmp_path: Path, rule: Rule, asked: AskedRow, reason: str) -> None:
    rows, tally = made(tmp_path, rule, asked)
    assert rows == [] and dict(tally.left_out) == {reason: 1}
    assert [each.key for each in tally.messages()][-1] == f"preferences.left_out.{reason}"


def test_answers_that_cannot_be_read_are_counted_whatever_becomes_of_them(tmp_path: Path) -> None:
    rows, tally = made(tmp_path, Rule(), asked_of(RIGHT, UNREAD))
    assert rows[0].rejected == "hm" and tally.unread == 1
    assert "preferences.unread" in [each.key for each in tally.messages()]


def test_the_rows_own_answer_stands_against_a_wrong_one(tmp_path: Path) -> None:
    (row,), _ = made(tmp_path, Rule(against=REFERENCE), asked_of(WRONG))
    assert (row.answer, row.rejected, row.meta["chosen_by"]) == ("up", "down", "up")


def test_judged_answers_are_good_from_one_score_on_and_bad_up_to_another(tmp_path: Path) -> None:
    rows, _ = made(tmp_path, Rule(JUDGED), asked_of(RIGHT, ScoredAnswer("b", "so so", 0.7), WRONG))
    assert [(each.answer, each.is_good) for each in rows] == [("up", True), ("down", False)]


# -- the dataset ------------------------------------------------------------------------------------------------------


def plain(answer: str = "up", **more: Any) -> PreferenceRow:
    points = np.sin(np.arange(40.0) / 3)
    return PreferenceRow([{"role": "user", "content": "What does <ts><ts/> do?"}], [points], answer, **more)


def written(tmp_path: Path, rows: list[PreferenceRow], name: str = "mine", **more: Any) -> Any:
    origin = Origin((Parent("own", "abc"),), {"from": ["e1"]})
    return write_preferences(rows, Tally(), name, tmp_path / "sets", tmp_path / "cache", origin, by="ada", **more)


@pytest.mark.parametrize("kind", [PAIRS, JUDGED])
def test_a_written_set_passes_the_doctor_the_viewer_and_the_export(tmp_path: Path, kind: str) -> None:
    rows = [plain(rejected="down", meta={"task": "trend"})]
    if kind == JUDGED:
        rows = [plain(is_good=True), plain("down", is_good=False)]
    made_set = written(tmp_path, rows)
    folders, cache = [tmp_path / "sets"], tmp_path / "cache"
    report = diagnose("mine", folders, cache).report
    assert report.rows_good == made_set.tally.rows == len(rows) and not report.of_level(ERROR)
    dataset = find_dataset("mine", folders, cache)
    access = RowAccess(Source("mine", dataset.files, dataset.mapping), cache)
    access.index()
    view = view_row(access.row(len(rows) - 1))
    assert (view.rejected, view.is_good) == (("down", None) if kind == PAIRS else ("", False))
    assert export("mine", folders, cache, tmp_path / "out", "parquet").rows == len(rows)
    known = read_provenance(made_set.path)
    assert known is not None and known.by == "ada" and known.parents[0].name == "own"
    assert (known.steps[0].do, known.steps[0].options, known.rows) == ("prefer", {"from": ["e1"]}, len(rows))


def test_what_training_would_not_read_is_left_out_and_told(tmp_path: Path) -> None:
    tally = Tally()
    count([plain(rejected="<ts><ts/>"), plain(rejected="up "), plain(rejected="down"), plain(rejected="down")], tally)
    assert (tally.pairs, dict(tally.left_out)) == (1, {"repeated": 1})
    assert dict(tally.refused) == {"data.row.rejected_has_series": 1, "data.row.pair_equal": 1}
    assert [each.key for each in tally.messages()].count("preferences.refused") == 2


def test_nothing_is_written_where_no_row_is_left_or_the_name_is_taken(tmp_path: Path) -> None:
    for rows, keys in (([], ["nothing"]), ([plain(rejected="up")], ["none_left", "refused"])):
        with pytest.raises(UserError) as refused:
            written(tmp_path, rows)
        assert [each.message.key for each in refused.value.problems] == [f"preferences.{key}" for key in keys]
        assert list((tmp_path / "sets").iterdir()) == []
    written(tmp_path, [plain(rejected="down")])
    with pytest.raises(UserError) as refused:
        written(tmp_path, [plain(rejected="level")])
    assert refused.value.message.key == "data.synth.exists"
    assert "level" in written(tmp_path, [plain(rejected="level")], replaces=True).path.read_text()
    write_lines(tmp_path / "sets" / "own.jsonl", [ROW])  # the very rows that were asked, for one
    with pytest.raises(UserError) as refused:
        written(tmp_path, [plain(rejected="down")], name="own", replaces=True)
    assert refused.value.message.key == "preferences.not_ours"
    with pytest.raises(UserError) as refused:
        written(tmp_path, [plain(rejected="down")], name=" ")
    assert refused.value.message.key == "preferences.no_name"


@pytest.mark.parametrize(
    ("name", "steps", "is_one"),
    [
        ("pumps-test", (), True),
        ("held", (), True),
        ("pumps_validation.2", (), True),
        ("水泵测试", (), True),
        ("latest", (), False),
        ("pumps", (), False),
        ("pumps", (Step("build", {"split": "validation"}),), True),
        ("bench-test", (Step("build", {"split": "train"}),), False),
        ("held", (Step("synth", {"split": "train"}),), True),
    ],
)
def test_an_exam_is_known_by_its_record_or_its_name(tmp_path: Path, name: str, steps: Any, is_one: bool) -> None:
    path = write_lines(tmp_path / f"{name}.jsonl", [ROW])
    if steps:
        write_provenance(path, Provenance((), steps, "abc", 1))
    assert is_exam(find_dataset(name, [tmp_path], tmp_path / "cache")) is is_one
