"""Judged answers: each usual shape is read with its series, faults are named, both answers are shown and exported."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data_fakes import FakeEncoder, row, write_lines
from tsft.config.run_config import DataSettings
from tsft.data.budget import Budget
from tsft.data.checks.rows import examine_row
from tsft.data.dataset_info import read_dataset_info
from tsft.data.encoded_rows import EncodingPlan, fitted
from tsft.data.examples import Example, Findings, RowRefused
from tsft.data.exporting import export
from tsft.data.files import RawRow
from tsft.data.mapping import GUESS, guess_mapping, mapping_of
from tsft.data.preparation import prepare, read_dataset
from tsft.data.readers import Source, checked_rows
from tsft.data.row_access import LocatedRow
from tsft.data.view import view_row
from tsft.ui.data.row_html import Shown, row_html

QUESTION = "Look: <ts><ts/> What is it?"
ASKED = {"role": "user", "content": QUESTION}
BETTER, WORSE = {"role": "assistant", "content": "up"}, {"role": "assistant", "content": "down"}
SHAREGPT = [{"from": "human", "value": QUESTION}]
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "chatts": ({"input": QUESTION, "chosen": "up", "rejected": "down"}, None),
    "alpaca": ({"instruction": "Look: <ts><ts/>", "input": "What is it?", "chosen": "up", "rejected": "down"}, None),
    "llamafactory alpaca": (
        {"q": QUESTION, "good": "up", "bad": "down"},
        {"ranking": True, "columns": {"prompt": "q", "chosen": "good", "rejected": "bad"}},
    ),
    "llamafactory sharegpt": (
        {
            "conversations": SHAREGPT,
            "chosen": {"from": "gpt", "value": "up"},
            "rejected": {"from": "gpt", "value": "down"},
        },
        {
            "ranking": True,
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
        },
    ),
    "sharegpt": (
        {
            "conversations": SHAREGPT,
            "chosen": {"from": "gpt", "value": "up"},
            "rejected": {"from": "gpt", "value": "down"},
        },
        None,
    ),
    "trl": ({"prompt": QUESTION, "chosen": "up", "rejected": "down"}, None),
    "trl conversational": ({"prompt": [ASKED], "chosen": [BETTER], "rejected": [WORSE]}, None),
    "trl implicit prompt": ({"chosen": [ASKED, BETTER], "rejected": [ASKED, WORSE]}, None),
    "messages as text": (
        {"prompt": json.dumps([ASKED]), "chosen": "up", "rejected": "down"},
        {
            "ranking": True,
            "formatting": "openai",
            "columns": {"messages": "prompt"},
        },
    ),
}
VERDICTS: dict[str, tuple[dict[str, Any], dict[str, Any] | None, bool]] = {
    "llamafactory alpaca": ({"input": QUESTION, "output": "up", "kto_tag": True}, None, True),
    "llamafactory sharegpt": ({"messages": [ASKED, WORSE], "kto_tag": False}, None, False),
    "named columns": (
        {"q": QUESTION, "a": "up", "ok": "no"},
        {"columns": {"prompt": "q", "response": "a", "kto_tag": "ok"}},
        False,
    ),
    "trl": ({"prompt": QUESTION, "completion": "up", "label": True}, None, True),
    "trl conversational": ({"prompt": [ASKED], "completion": [WORSE], "label": False}, None, False),
}


def read(path: Path, entry: dict[str, Any] | None = None) -> tuple[list[Example], Findings]:
    findings = Findings()
    source = Source("rows", (path,), mapping_of(entry) if entry else GUESS)
    return [each for each, _ in checked_rows(source, findings, lambda done, total: None, None)], findings


@pytest.mark.parametrize("name", PAIRS)
def test_each_shape_of_a_pair_gives_the_question_both_answers_and_the_series(tmp_path: Path, name: str) -> None:
    record, entry = PAIRS[name]
    path = write_lines(tmp_path / "rows.jsonl", [{**record, "timeseries": [[1, 2.5]]}])

    (example,), findings = read(path, entry)

    assert not findings.problems
    assert [turn["content"].replace("\n", " ") for turn in example.turns] == [QUESTION, "up"]
    assert (example.rejected, example.is_good) == ("down", None)
    assert [each.tolist() for each in example.series] == [[1, 2.5]]


@pytest.mark.parametrize("name", VERDICTS)
def test_each_shape_of_a_judged_answer_gives_its_verdict(tmp_path: Path, name: str) -> None:
    record, entry, is_good = VERDICTS[name]
    path = write_lines(tmp_path / "rows.jsonl", [{**record, "timeseries": [[1, 2.5]]}])

    (example,), findings = read(path, entry)

    assert not findings.problems
    assert example.turns[-1]["content"] == ("down" if "conversational" in name or "sharegpt" in name else "up")
    assert (example.rejected, example.is_good) == (None, is_good)


def test_a_class_in_a_column_named_label_is_no_verdict() -> None:
    mapping = guess_mapping({**row(), "label": 3})

    assert mapping is not None and not mapping.kto_tag


FAULTS = [
    ("data.row.pair_equal", {"rejected": " up "}),
    ("data.row.rejected_empty", {"rejected": " "}),
    ("data.row.rejected_has_series", {"rejected": "down <ts><ts/>"}),
    ("data.row.answer_has_series", {"chosen": "up <ts><ts/>"}),
    ("data.row.missing_column", {"rejected": None}),
    ("data.row.rejected_broken", {"rejected": "\ud800"}),
    ("data.row.answer_messages", {"rejected": [WORSE, WORSE]}),
    ("data.row.answer_role", {"rejected": [ASKED]}),
]


@pytest.mark.parametrize(("key", "changes"), FAULTS)
def test_the_doctor_names_what_is_wrong_with_a_pair(key: str, changes: dict[str, Any]) -> None:
    record = {"input": QUESTION, "chosen": "up", "rejected": "down", "timeseries": [[1, 2]]}
    mapping = guess_mapping(record)
    assert mapping is not None

    examined = examine_row({**record, **changes}, mapping)

    assert [each.key for each in examined.sentences] == [key]


def test_answers_to_different_questions_and_unclear_verdicts_are_refused() -> None:
    other = {"chosen": [ASKED, BETTER], "rejected": [{**ASKED, "content": "Else? <ts><ts/>"}, WORSE]}
    unclear = {"input": QUESTION, "output": "up", "kto_tag": "maybe"}
    for record, key in ((other, "data.row.pair_questions_differ"), (unclear, "data.row.verdict")):
        mapping = guess_mapping(record)
        assert mapping is not None
        assert [each.key for each in examine_row({**record, "timeseries": [[1, 2]]}, mapping).sentences] == [key]


def test_an_entry_with_ranking_is_used(tmp_path: Path) -> None:
    write_lines(tmp_path / "rows.jsonl", [row()])
    (tmp_path / "dataset_info.json").write_text(json.dumps({"pairs": {"file_name": "rows.jsonl", "ranking": True}}))

    (entry,), _ = read_dataset_info(tmp_path)

    assert entry.problem is None and entry.mapping.has_pairs


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_exported_pairs_and_verdicts_are_read_as_they_were(tmp_path: Path, kind: str) -> None:
    folder, cache = tmp_path / "in", tmp_path / "cache"
    folder.mkdir()
    pair = {"prompt": [{"role": "system", "content": "S"}, ASKED], "chosen": [BETTER], "rejected": [WORSE]}
    write_lines(folder / "pairs.jsonl", [{**pair, "timeseries": [[1, 2.5]]}])
    write_lines(folder / "judged.jsonl", [{**row(), "kto_tag": False}])
    for name in ("pairs", "judged"):
        before, _ = read_dataset(name, [folder], cache)
        out = export(name, [folder], cache, tmp_path / "out", kind).path
        assert out is not None

        (after,), _ = read(out)

        assert (after.turns, after.rejected, after.is_good) == (before[0].turns, before[0].rejected, before[0].is_good)
        assert np.array_equal(after.series[0], before[0].series[0])


def test_the_viewer_shows_both_answers_and_the_verdict() -> None:
    pair = {"input": QUESTION, "chosen": "it goes up", "rejected": "it goes <b>down", "timeseries": [[1, 2]]}
    judged = {**row(), "kto_tag": False}
    shown = []
    for record in (pair, judged):
        mapping = guess_mapping(record)
        assert mapping is not None
        view = view_row(LocatedRow(0, "rows.jsonl", RawRow(1, record, None, 0), mapping))
        shown.append(row_html(view, Shown("k"), "en"))

    assert "it goes up" in shown[0] and "it goes &lt;b&gt;down" in shown[0] and "rejected" in shown[0]
    assert "judged bad" in shown[1]


EXAMPLE = Example(0, 1, [ASKED, BETTER], [np.arange(40.0)], rejected="down, and long after it")


def plan(answers: str, cutoff: int = 0, overlong: str = "shorten_series") -> EncodingPlan:
    return EncodingPlan(Budget(cutoff, overlong, "last_answer"), answers=answers)


@pytest.mark.parametrize("overlong", ["shorten_series", "cut_text"])
def test_both_answers_of_an_overlong_pair_stand_after_the_same_question_and_series(overlong: str) -> None:
    (pair,) = fitted(EXAMPLE, FakeEncoder(), plan("pair", 50, overlong))

    assert pair.rejected is not None
    begin = next(place for place, label in enumerate(pair.row.encoded.labels) if label != -100)
    assert pair.row.encoded.input_ids[:begin] == pair.rejected.encoded.input_ids[:begin]
    assert max(len(each.encoded.input_ids) for each in (pair.row, pair.rejected)) <= 50
    assert [len(each) for each in pair.row.series] == [len(each) for each in pair.rejected.series]


def test_a_pair_is_two_judged_answers_where_verdicts_are_wanted() -> None:
    good, bad = fitted(EXAMPLE, FakeEncoder(), plan("judged"))

    assert (good.is_good, bad.is_good) == (True, False)
    assert len(bad.row.encoded.input_ids) > len(good.row.encoded.input_ids)


REFUSED = [
    ("pair", Example(0, 1, [ASKED, BETTER], []), "data.row.no_pair"),
    ("judged", Example(0, 1, [ASKED, BETTER], []), "data.row.no_verdict"),
    ("one", Example(0, 1, [ASKED, BETTER], [], is_good=False), "data.row.judged_bad"),
]


@pytest.mark.parametrize(("answers", "example", "key"), REFUSED)
def test_a_row_without_what_the_task_compares_is_named(answers: str, example: Example, key: str) -> None:
    with pytest.raises(RowRefused) as refused:
        fitted(example, FakeEncoder(), plan(answers))

    assert refused.value.reason.key == key


def test_a_task_of_one_answer_learns_the_better_one_and_says_so(tmp_path: Path) -> None:
    write_lines(tmp_path / "pairs.jsonl", [{**PAIRS["chatts"][0], "timeseries": [[1, 2.5]]}])
    settings = DataSettings(datasets=("pairs",), validation="none")

    data = prepare(settings, FakeEncoder(), [tmp_path], tmp_path / "cache")

    assert len(data.train) == 1 and "rejected_ids" not in data.train[0]
    assert "data.report.noted" in {each.key for each in data.report.messages()}
