"""Every kind of fault gives its own finding, in its own row, and nothing else."""

import json

import pytest

from tests.data_fakes import row, write_lines
from tsft.data.doctor import check_record
from tsft.data.examples import Findings, RowRefused
from tsft.data.mapping import GUESS
from tsft.data.readers import Source, read_source
from tsft.i18n import LANGUAGES, say

FLAT = [[5.0, 5.0, 5.0]]
FAULTS = [
    ("data.row.placeholder_count", row("A <ts><ts/> B <ts><ts/>"), {"placeholders": 2, "series": 1}),
    ("data.row.placeholder_count", row("A <ts></ts>"), {"placeholders": 0, "series": 1}),
    (
        "data.row.value_nan",
        row("<ts><ts/><ts><ts/>", series=[[1.0, 2.0], [1, 2, float("nan")]]),
        {"series": 2, "position": 2},
    ),
    ("data.row.value_infinite", row(series=[[1.0, float("inf")]]), {"series": 1, "position": 1}),
    ("data.row.series_empty", row(series=[[]]), {"series": 1}),
    ("data.row.value_null", row(series=[[1.0, None]]), {"series": 1, "position": 1}),
    ("data.row.value_text", row(series=[[1.0, "2.5"]]), {"series": 1, "position": 1, "value": "2.5"}),
    ("data.row.value_type", row(series=[[1.0, {}]]), {"series": 1, "position": 1, "type": "object"}),
    ("data.row.series_not_list", row(series=["1,2", [1.0]]), {"series": 1, "type": "string"}),
    ("data.row.series_ragged", row(series=[[[1.0], [1.0, 2.0]]]), {"series": 1}),
    ("data.row.series_shape", row(series=[[[1, 2, 3], [4, 5, 6]]]), {"series": 1, "shape": "2 x 3"}),
    ("data.row.answer_has_series", row(answer="see <ts><ts/>"), {"turn": 2}),
    ("data.row.encoded_text", row("[Value Offset: -3.5|Value Scaling: 1.2]<ts><ts/>"), {"turn": 1}),
    ("data.row.encoded_text", row("[offset=-3.5|scaling=1.2|length=8] <ts><ts/>"), {"turn": 1}),
    ("data.row.encoded_values", row(series=[[[0.3], [1.0], [-0.3], [1.0]]]), {"series": 1}),
    ("data.row.encoded_values", row(series=[[[0.3, 1.0], [-0.3, 1.0]]]), {"series": 1}),
    ("data.row.stray_token", row("A <ts><ts/> and <ts>"), {"turn": 1, "text": "<ts>"}),
    ("data.row.empty_answer", row(answer=" \n"), {"turn": 2}),
    ("data.row.empty_answer", {**row(), "output": None}, {"turn": 2}),
    ("data.row.empty_question", {"input": "", "output": "x"}, {"turn": 1}),
    ("data.row.not_text", {**row(), "output": 7}, {"column": "output", "type": "number"}),
    ("data.row.missing_column", {"input": "a", "timeseries": []}, {"column": "output"}),
    ("data.row.missing_column", {"input": "<ts><ts/>", "output": "b"}, {"column": "timeseries"}),
    ("data.row.not_list", {**row(), "timeseries": 3}, {"column": "timeseries", "type": "number"}),
    ("data.row.history_pair", {**row(), "history": [["only one"]]}, {"column": "history", "pair": 1}),
    ("data.row.overflow", row(series=[[1.5e308, 1.5e308, -1e308]]), {"series": 1, "value": "1.5e+308"}),
    ("data.row.overflow", row(series=[[1.0, 10**400]]), {"series": 1, "value": "1e400"}),
    ("data.row.broken_text", json.dumps({**row(), "output": "\ud800"}), {"turn": 2}),
    ("data.row.not_object", [1, 2], {"type": "array"}),
    ("data.row.broken_json", '{"input": "a", }', {"column": 16}),
]


@pytest.mark.parametrize(("key", "faulty", "values"), FAULTS, ids=[f"{i}-{f[0][9:]}" for i, f in enumerate(FAULTS)])
def test_a_fault_is_named_by_row_and_reason(tmp_path, key, faulty, values):
    path = write_lines(tmp_path / "rows.jsonl", [row(), faulty, row()])
    examples, findings = read_source(Source("rows", (path,)), tmp_path / "cache")
    assert (findings.rows_read, findings.kept, len(examples)) == (3, 2, 2)
    (problem,) = findings.problems
    assert (problem.file, problem.row, problem.reason.key) == ("rows.jsonl", 2, key)
    assert values.items() <= problem.reason.values.items()
    for language in LANGUAGES:
        assert "{" not in say(language, problem.message()).replace('"}', "").replace('{"', "")


def test_a_file_with_one_fault_of_each_kind_gives_exactly_those_findings(tmp_path):
    rows = [each for _, faulty, _ in FAULTS for each in (row(), faulty)]
    _, findings = read_source(Source("rows", (write_lines(tmp_path / "rows.jsonl", rows),)), tmp_path / "cache")
    assert [(p.row, p.reason.key) for p in findings.problems] == [(2 * i + 2, f[0]) for i, f in enumerate(FAULTS)]
    assert findings.kept == len(FAULTS)
    assert sum(findings.dropped.values()) == len(FAULTS)
    assert not findings.warned and not findings.noted


CONVERSATION_FAULTS = [
    ("data.row.role_order", [("human", "a"), ("human", "b"), ("gpt", "c")], {"turn": 2, "expected": "assistant"}),
    ("data.row.role_order", [("gpt", "a")], {"turn": 1, "expected": "user"}),
    ("data.row.no_answer_turn", [("human", "a"), ("gpt", "b"), ("human", "c")], {"turns": 3}),
    ("data.row.no_answer_turn", [], {"turns": 0}),
    ("data.row.role_unknown", [("human", "a"), ("observation", "b")], {"turn": 2, "role": "observation"}),
    ("data.row.turn_not_text", [("human", "a"), ("gpt", 3)], {"turn": 2, "type": "number"}),
]


@pytest.mark.parametrize(("key", "turns", "values"), CONVERSATION_FAULTS)
def test_a_conversation_in_the_wrong_order_is_refused_with_its_turn(tmp_path, key, turns, values):
    rows = [{"conversations": [{"from": who, "value": text} for who, text in turns]}]
    _, findings = read_source(Source("rows", (write_lines(tmp_path / "rows.jsonl", rows),)), tmp_path / "cache")
    (problem,) = findings.problems
    assert problem.reason.key == key
    assert values.items() <= problem.reason.values.items()


@pytest.mark.parametrize(
    ("key", "series"),
    [
        ("data.warning.constant", [[5, 5, 5]]),
        ("data.warning.single_point", [[5.5]]),
        ("data.warning.tiny", [[1e-5, 2e-5]]),
        ("data.warning.float32", [[16777216, 16777217, 16777219]]),
        ("data.warning.large", [[1e16, 2e16]]),
        ("data.warning.maybe_encoded", [[0.1, 1, 0.2, 1, 0.3, 1, 0.4, 1]]),
    ],
)
def test_a_series_worth_a_look_is_kept_and_warned_about(key, series):
    checked = check_record(row(series=series), GUESS)
    assert [each.key for each in checked.warnings] == [key]


@pytest.mark.parametrize(
    ("key", "series"),
    [
        ("data.note.flattened", [[[1.0], [2.0], [4.0]]]),
        ("data.note.flattened", [[[1.0, 2.0, 4.0]]]),
        ("data.note.single_list", [1.0, 2.0, 4.0]),
        ("data.note.single_list", "[1.0, 2, 4]"),
    ],
)
def test_another_nesting_is_read_as_one_series_and_noted(key, series):
    checked = check_record(row(series=series), GUESS)
    assert [each.key for each in checked.notes] == [key]
    assert checked.series[0].tolist() == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("series", [[[True, False, 3]], [[16777216, 16777217]], [[2**63, 5]], [[-(10**30), 10**30]]])
def test_integers_and_booleans_are_read_as_float64(series):
    checked = check_record(row(series=series), GUESS)
    assert checked.series[0].dtype == "float64"
    assert checked.series[0].tolist() == [float(value) for value in series[0]]


def test_a_row_without_series_is_text_only_and_noted():
    checked = check_record({"input": "hello", "output": "hi"}, GUESS)
    assert checked.series == [] and [each.key for each in checked.notes] == ["data.note.no_series"]


def test_equal_series_have_equal_keys_and_other_series_do_not():
    keys = [
        check_record(row(text, series=s), GUESS).series_key
        for text, s in [
            ("<ts><ts/> a", [[1, 2]]),
            ("<ts><ts/> b", [[1.0, 2.0]]),
            ("<ts><ts/>", [[1, 3]]),
            ("<ts><ts/><ts><ts/>", [[1], [2]]),
        ]
    ]
    assert keys[0] == keys[1] and len(set(keys)) == 3


def test_details_stay_bounded_while_counts_do_not():
    findings = Findings()
    for number in range(3_000):
        with pytest.raises(RowRefused) as refused:
            check_record(row(answer=""), GUESS)
        findings.drop("f", number, refused.value.reason)
    assert findings.dropped == {"data.row.empty_answer": 3_000}
    assert len(findings.problems) == 1_000
