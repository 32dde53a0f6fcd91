"""A fixed copy passes the check it was fixed for, changes nothing in place, and says how it came about."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data_fakes import FakeEncoder, row, write_lines
from tests.test_data_diagnosis import FAULTS, faulty_rows, good
from tsft.data.checks.diagnosis import Look, diagnose
from tsft.data.checks.findings import KINDS
from tsft.data.checks.rows import examine_row
from tsft.data.content import content_hash
from tsft.data.fixes.derive import default_fixes, derive
from tsft.data.fixes.row_fixes import ROW_FIXES, FixTools
from tsft.data.mapping import ColumnMapping
from tsft.data.provenance import read_provenance
from tsft.data.registry import find_dataset
from tsft.errors import UserError

PLAIN = ColumnMapping()
SHAREGPT = ColumnMapping(formatting="sharegpt", messages="conversations")


def fixed_copy(tmp_path, rows, fixes, look=None):
    path = write_lines(tmp_path / "rows.jsonl", rows)
    return derive(str(path), [tmp_path], tmp_path / "cache", tmp_path / "out", fixes, look=look)


def kinds_in(path, tmp_path, look=None):
    return {each.kind for each in diagnose(str(path), [tmp_path], tmp_path / "cache", look).report.findings}


CASES = [(kind.name, fix) for kind in KINDS.values() for fix in kind.fixes if kind.name in dict(FAULTS)]


@pytest.mark.parametrize(("kind", "fix"), CASES, ids=[f"{kind}-{fix}" for kind, fix in CASES])
def test_each_fix_makes_its_finding_go_away_and_changes_no_other_row(tmp_path, kind, fix):
    fault = dict(FAULTS)[kind]
    rows = [good(seed) for seed in range(6)]
    rows.insert(6, fault)
    before = (tmp_path / "rows.jsonl").write_bytes(b"") or rows
    derived = fixed_copy(tmp_path, before, {kind: fix})
    assert kind not in kinds_in(derived.path, tmp_path)
    kept = [json.loads(line) for line in derived.path.read_text(encoding="utf-8").splitlines()]
    assert kept[:6] == rows[:6]
    assert len(kept) == derived.provenance.rows


NUMBER = st.one_of(
    st.floats(-1e12, 1e12),
    st.sampled_from([float("nan"), float("inf"), None, "3.5", "x", 1e16, 1e-7, 16777217.0, 0.0, 1.0, [2.0]]),
)
SERIES = st.one_of(
    st.lists(NUMBER, max_size=24),
    st.lists(st.floats(-5, 5), min_size=1, max_size=6).map(lambda values: values * 4),
    st.floats(-1e6, 1e6).map(lambda value: [value] * 9),
    st.lists(st.floats(-1, 1), min_size=4, max_size=8).map(lambda values: [[value, 1.0] for value in values]),
    st.lists(st.floats(-1, 1), min_size=4, max_size=8).map(lambda values: [[1e9 + value * 1e-3] for value in values]),
)
TEXT = st.sampled_from(
    [
        "<ts><ts/>",
        "A <ts></ts> b",
        "plain",
        "[offset=-2.0|scaling=1.5] <ts><ts/>",
        "<ts><ts/> 第 5 个点 <ts><ts/>",
        "<TS><ts/>",
    ]
)
ANSWER = st.sampled_from(["Yes.", "", "At point 400.", "最大值为 5e9。", "The maximum value is 1.", "see <ts><ts/>"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.builds(row, TEXT, ANSWER, st.lists(SERIES, max_size=3)), min_size=1, max_size=8),
    choice=st.integers(0, 2),
)
def test_a_fixed_copy_of_any_rows_passes_the_checks_it_was_fixed_for(tmp_path, rows, choice):
    path = write_lines(tmp_path / "any.jsonl", rows)
    diagnosis = diagnose(str(path), [tmp_path], tmp_path / "cache")
    fixes = {
        each.kind: each.fixes[min(choice, len(each.fixes) - 1)] for each in diagnosis.report.findings if each.fixes
    }
    if not fixes:
        return
    bytes_before = path.read_bytes()
    derived = derive(str(path), [tmp_path], tmp_path / "cache", tmp_path / "out", fixes)
    assert path.read_bytes() == bytes_before
    if derived.provenance.rows:
        assert not kinds_in(derived.path, tmp_path) & set(fixes)


def test_rows_that_are_alike_only_once_they_are_fixed_are_written_once(tmp_path):
    rows = [row("plain", "Yes.", []), row("<ts><ts/>", "Yes.", [[]]), row("<ts><ts/>", "Yes.", [[]])]
    path = write_lines(tmp_path / "any.jsonl", rows)
    fixes = {"series_empty": "describe", "duplicate": "drop"}
    derived = derive(str(path), [tmp_path], tmp_path / "cache", tmp_path / "out", fixes)
    assert derived.provenance.rows == 2
    assert derived.provenance.steps[-1].options["left_out"] == {"duplicate": 1}


def test_all_faults_fixed_by_default_leave_a_dataset_that_is_ready(tmp_path):
    rows, _ = faulty_rows()
    path = write_lines(tmp_path / "rows.jsonl", rows)
    fixes = default_fixes(diagnose(str(path), [tmp_path], tmp_path / "cache"))
    derived = derive(str(path), [tmp_path], tmp_path / "cache", tmp_path / "out", fixes)
    assert diagnose(str(derived.path), [tmp_path], tmp_path / "cache").report.is_ready


def test_provenance_names_parents_steps_and_content(tmp_path):
    rows = [good(1), {**good(2), "timeseries": [[1.0, None, 3.0, 4.5]]}, "{broken"]
    derived = fixed_copy(tmp_path, rows, {"value_null": "impute"})
    known = read_provenance(derived.path)
    assert known == derived.provenance
    assert known.content == content_hash([derived.path], tmp_path / "other")
    assert (known.parents[0].content, known.parents[0].rows) == (
        content_hash([tmp_path / "rows.jsonl"], tmp_path / "other"),
        3,
    )
    (step,) = known.steps
    assert (step.do, step.rows_in, step.rows_out, step.changed) == ("fix", 3, 2, 1)
    assert step.options == {
        "fixes": {"value_null": "impute"},
        "changed": {"value_null": 1},
        "left_out": {},
        "unreadable": 1,
    }
    assert find_dataset(derived.name, [tmp_path / "out"], tmp_path / "cache").rows == 2


def test_a_copy_keeps_the_columns_of_its_source(tmp_path):
    entry = {"mine": {"file_name": "m.jsonl", "columns": {"prompt": "q", "response": "a", "timeseries": "s"}}}
    (tmp_path / "dataset_info.json").write_text(json.dumps(entry))
    write_lines(tmp_path / "m.jsonl", [{"q": "<ts><ts/>", "a": "b", "s": [[1.0, None, 2.0]], "extra": 7}])
    derived = derive("mine", [tmp_path], tmp_path / "cache", tmp_path / "out", {"value_null": "impute"})
    (made,) = [json.loads(line) for line in derived.path.read_text().splitlines()]
    assert made == {"q": "<ts><ts/>", "a": "b", "s": [[1.0, 1.5, 2.0]], "extra": 7}
    assert kinds_in(derived.path, tmp_path) == set()


def test_a_second_copy_gets_a_name_of_its_own(tmp_path):
    rows = [good(1), good(1)]
    names = [fixed_copy(tmp_path, rows, {"duplicate": "drop"}).name for _ in range(2)]
    assert names == ["rows-fixed", "rows-fixed-2"]


def test_what_does_not_fit_is_refused_all_at_once(tmp_path):
    with pytest.raises(UserError) as refused:
        fixed_copy(tmp_path, [good(1)], {"nonsense": "drop", "duplicate": "impute", "too_long": "shorten"})
    assert [each.message.key for each in refused.value.problems] == [
        "data.fix.unknown_kind",
        "data.fix.unfit",
        "data.fix.needs_model",
    ]


@pytest.mark.parametrize("fix", ["shorten", "resample", "drop"])
def test_rows_above_the_limit_fit_in_the_copy(tmp_path, fix):
    look = Look(encoder=FakeEncoder(), cutoff_length=120)
    long = {
        **good(3, question="length of 2000: <ts><ts/> trend?"),
        "timeseries": [np.sin(np.arange(2000) / 9).tolist()],
    }
    derived = fixed_copy(tmp_path, [good(1), long], {"too_long": fix}, look)
    assert "too_long" not in kinds_in(derived.path, tmp_path, look)
    kept = [json.loads(line) for line in derived.path.read_text().splitlines()]
    assert len(kept) == (1 if fix == "drop" else 2)
    if fix != "drop":
        assert f"length of {len(kept[1]['timeseries'][0])}:" in kept[1]["input"]


WORKED = [
    ("impute", row(series=[[None, 1.0, "2", float("inf"), 4.0]]), [[1.0, 1.0, 2.0, 3.0, 4.0]], None),
    ("longest_run", row(series=[[None, *range(9)], [*range(10)]], question="<ts><ts/><ts><ts/>"), None, None),
    (
        "rescale",
        row(series=[[1e16, 3e16]]),
        [[10.0, 30.0]],
        "A <ts><ts/> rises?\n(The values of series 1 were divided by 1e15; "
        "numbers in the answer are in the original unit.)",
    ),
    (
        "recentre",
        row(question="看 <ts><ts/>", series=[[16777216, 16777217, 16777218]]),
        [[-1.0, 0.0, 1.0]],
        "看 <ts><ts/>\n（序列 1 的数值已减去 16777217，回答中的数值仍为原始值。）",
    ),
    (
        "describe",
        row("A <ts><ts/> B <ts><ts/>", series=[[5, 5], [1, 2]]),
        [[1, 2]],
        "A (constant at 5 for 2 points) B <ts><ts/>",
    ),
    ("unpack", row(series=["1, 2;3"]), [[1.0, 2.0, 3.0]], None),
    ("unpack", row("<ts><ts/><ts><ts/>", series=[[[1, 2, 3], [4, 5, 6]]]), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], None),
    ("placeholders", row("A <ts></ts> and < ts > <ts/>", series=[[1, 2], [3, 4]]), None, "A <ts><ts/> and <ts><ts/>"),
    ("placeholders", row("What is it?", series=[[1, 2]]), None, "Series 1: <ts><ts/>\nWhat is it?"),
    (
        "decode",
        row("[Value Offset: -3.0|Value Scaling: 2.0]<ts><ts/>", series=[[[0.5], [1.0], [-0.5], [1.0]]]),
        [[4.0, 2.0]],
        "<ts><ts/>",
    ),
]


@pytest.mark.parametrize(("fix", "record", "series", "question"), WORKED)
def test_a_fix_worked_out_by_hand(fix, record, series, question):
    made = ROW_FIXES[fix](record, PLAIN, FixTools())
    if series is not None:
        assert made["timeseries"] == series
    if question is not None:
        assert made["input"] == question
    assert examine_row(made, PLAIN).row is not None


def test_positions_that_would_move_are_not_cut_away():
    record = row(answer="At point 5.", series=[[None, *map(float, range(20))]])
    assert ROW_FIXES["longest_run"](record, PLAIN, FixTools()) is None


def test_conversations_are_changed_where_they_stand():
    turns = [("human", "A <ts><ts/>"), ("gpt", "up"), ("human", "B <ts><ts/>"), ("gpt", "down")]
    record = {
        "conversations": [{"from": who, "value": text} for who, text in turns],
        "timeseries": [[1.0, 2.0], [2e16, 1e16]],
    }
    made = ROW_FIXES["rescale"](record, SHAREGPT, FixTools())
    texts = [each["value"] for each in made["conversations"]]
    assert texts[:2] == ["A <ts><ts/>", "up"] and texts[2].startswith("B <ts><ts/>\n(The values of series 2")
    assert made["timeseries"] == [[1.0, 2.0], [20.0, 10.0]]
