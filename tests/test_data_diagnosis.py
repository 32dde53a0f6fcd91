"""The doctor's round: real rows pass, each fault gives its finding in its row, and nothing else is said."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.data_fakes import FakeEncoder, write_lines
from tsft.data.checks.diagnosis import Look, diagnose, last_diagnosis
from tsft.data.checks.facts import Filter
from tsft.data.checks.findings import ERROR, FIXES, KINDS, WARNING, fix_help, fix_label
from tsft.data.waivers import unwaive, waive
from tsft.i18n import LANGUAGES, say
from tsft.run.ports import Stopped

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "chatts_dev.jsonl"


def walk(seed, length=64):
    return np.round(np.random.default_rng(seed).normal(size=length).cumsum(), 6).tolist()


def good(seed, answer=None, question="S: <ts><ts/> What is seen?"):
    return {"input": question, "output": answer or f"Walk {seed} of its own.", "timeseries": [walk(seed)]}


def diagnosed(tmp_path, rows, look=None, **more):
    path = write_lines(tmp_path / "rows.jsonl", rows)
    return diagnose(str(path), [tmp_path], tmp_path / "cache", look, **more)


def found(diagnosis):
    return [(each.kind, each.examples[0].row) for each in diagnosis.report.findings]


def changed(seed, **change):
    return {**good(seed), **change}


ENCODED = [value for point in walk(40, 16) for value in (point, 1.0)]
NEAR = [value + 1e-7 for value in walk(3)]
# Each fault in a row of its own; the row's number follows from its place.
FAULTS = [
    ("value_nan", changed(20, timeseries=[[1.0, float("nan"), 2.5]])),
    ("value_null", changed(21, timeseries=[[1.0, None, 2.5]])),
    ("value_infinite", changed(22, timeseries=[[1.0, float("inf"), 2.5]])),
    ("value_text", changed(23, timeseries=[[1.0, "2", 2.5]])),
    ("series_empty", changed(24, timeseries=[[]])),
    ("series_shape", changed(25, timeseries=[[walk(25, 8), walk(26, 8)]])),
    ("placeholder_count", changed(27, input="A <ts><ts/> B <ts><ts/> C?")),
    ("stray_token", changed(28, input="A <ts><ts/> and <ts> C?")),
    ("encoded_text", changed(29, input="[offset=-1.0|scaling=2.0] <ts><ts/> C?")),
    ("encoded_values", changed(30, timeseries=[[[point, 1.0] for point in walk(30, 8)]])),
    ("empty_answer", changed(31, output=" ")),
    ("broken_json", '{"input": "a", }'),
    ("overflow", changed(33, timeseries=[[1.5e308, 1.5e308, -1e308]])),
    ("constant", changed(34, timeseries=[[5.0] * 20])),
    ("single_point", changed(35, timeseries=[[5.5]])),
    ("tiny", changed(36, timeseries=[[1e-5, 2e-5, 1.5e-5]])),
    ("large", changed(37, timeseries=[[1e16, 3e16, 2e16]])),
    ("float32", changed(38, timeseries=[[16777216.0, 16777217.0, 16777219.0]])),
    ("maybe_encoded", changed(40, timeseries=[ENCODED])),
    ("quoted_position", changed(41, output="The shift is at point 400.")),
    ("quoted_value", changed(42, output="The maximum value is 12345.")),
    ("prefix_answerable", changed(43, input="S: <ts><ts/> How many points are there?", output="64")),
    ("flattened", changed(44, timeseries=[[[value] for value in walk(44)]])),
    ("single_list", changed(45, timeseries=walk(45))),
    ("no_series", {"input": "What is a spike?", "output": "A short rise."}),
    ("duplicate", good(1)),
    ("near_duplicate", {**good(3), "timeseries": [NEAR]}),
    ("window_overlap", changed(47, timeseries=[walk(4)[20:] + walk(48, 20)])),
]


def faulty_rows():
    rows = [good(seed) for seed in range(6)]
    expected = {}
    for seed, (kind, fault) in enumerate(FAULTS):
        rows += [fault, good(100 + seed)]
        expected[kind] = len(rows) - 1
    return rows, expected


def test_a_file_with_one_fault_of_each_kind_gives_exactly_those_findings(tmp_path):
    rows, expected = faulty_rows()
    report = diagnosed(tmp_path, rows).report
    assert {each.kind: (each.examples[0].row, each.count) for each in report.findings} == {
        kind: (row, 1) for kind, row in expected.items()
    }
    errors = sum(KINDS[kind].level == ERROR for kind in expected)
    assert (report.rows_read, report.rows_good) == (len(rows), len(rows) - errors)
    for language in LANGUAGES:
        for sentence in report.messages():
            assert say(language, sentence)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
def test_faults_put_into_real_rows_are_found_in_their_rows_and_nothing_else_is(tmp_path):
    real = [json.loads(line) for line in SHARED.read_text(encoding="utf-8").splitlines()][:40]
    rows = [row for row in real if all(max(series) > min(series) for series in row["timeseries"])]
    assert diagnosed(tmp_path, rows).report.findings == ()
    rows[2] = {**rows[2], "timeseries": [[float("nan"), *rows[2]["timeseries"][0][1:]], *rows[2]["timeseries"][1:]]}
    rows[4] = {**rows[4], "timeseries": rows[4]["timeseries"][:-1]}
    rows[6] = {**rows[6], "output": rows[6]["output"] + " It ends at point 300."}
    rows[8] = {**rows[8], "timeseries": [[7.0] * 256, *rows[8]["timeseries"][1:]]}
    rows.append(rows[0])
    errors = [("placeholder_count", 5), ("value_nan", 3)]
    warnings = [("constant", 9), ("duplicate", len(rows)), ("quoted_position", 7)]
    assert found(diagnosed(tmp_path, rows)) == errors + warnings


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
def test_the_real_rows_have_no_error_and_only_true_warnings(tmp_path):
    report = diagnose(str(SHARED), [], tmp_path).report
    rows = [json.loads(line) for line in SHARED.read_text(encoding="utf-8").splitlines()]
    constant = sum(any(max(series) == min(series) for series in row["timeseries"]) for row in rows)
    assert [(each.kind, each.count) for each in report.findings] == [("constant", constant), ("duplicate", 1)]
    assert rows[51] == rows[14] and report.findings[1].examples[0].reason.values == {"of": 15}


def test_the_demo_is_ready_to_train_on(tmp_path):
    assert diagnose("demo", [tmp_path], tmp_path).report.is_ready


def test_an_answer_that_is_nearly_always_the_same_is_named_with_its_surplus(tmp_path):
    rows = [good(seed, "Yes." if seed % 10 else "No.") for seed in range(40)]
    report = diagnosed(tmp_path, rows).report
    (finding,) = report.findings
    # 4 x no allows 9 x yes at 70 %.
    assert (finding.kind, finding.count) == ("imbalance", 36 - 9)
    assert finding.examples[0].reason.values == {"label": "yes", "task": "-", "count": 36, "total": 40}
    assert found(diagnosed(tmp_path, [good(seed, "No.") for seed in range(30)])) == [("single_class", 1)]
    assert found(diagnosed(tmp_path, [good(seed, "Yes." if seed % 2 else "No.") for seed in range(40)])) == []


def test_rows_that_share_values_with_validation_rows_are_named(tmp_path):
    write_lines(tmp_path / "held.jsonl", [{**good(5), "timeseries": [walk(5)[10:50]]}])
    diagnosis = diagnosed(tmp_path, [good(seed) for seed in range(10)], Look(validation=("held",)))
    assert found(diagnosis) == [("validation_overlap", 6)]


def test_rows_above_the_limit_are_counted_in_the_models_tokens(tmp_path):
    rows = [good(seed) for seed in range(5)] + [good(7, question="S: <ts><ts/> " + "why " * 100)]
    diagnosis = diagnosed(tmp_path, rows, Look(encoder=FakeEncoder(), cutoff_length=200))
    assert found(diagnosis) == [("too_long", 6)]
    histogram = diagnosis.facts.histogram("tokens", 200)
    assert (sum(histogram.counts), histogram.above, histogram.unknown) == (6, 1, 0)


def test_rows_are_filtered_by_finding_task_class_and_length(tmp_path):
    rows = [
        {**good(seed), "meta": json.dumps({"task": "trend" if seed % 2 else "spike", "label": f"c{seed % 3}"})}
        for seed in range(12)
    ]
    rows.append({**good(12), "timeseries": [[5.0] * 300]})
    facts = diagnosed(tmp_path, rows).facts
    assert facts.where(Filter(finding="constant")).tolist() == [12]
    assert facts.where(Filter(task="trend", label="c1")).tolist() == [1, 7]
    assert facts.where(Filter(points_from=100)).tolist() == [12]
    assert facts.where(Filter(task="no such")).tolist() == []
    assert facts.kinds_of(12) == ["constant"] and facts.kinds_of(0) == []


def test_stop_ends_the_round_within_a_row_and_leaves_nothing(tmp_path):
    asked = iter([False] * 5 + [True])
    with pytest.raises(Stopped):
        diagnosed(tmp_path, [good(seed) for seed in range(20)], should_stop=lambda: next(asked))
    assert not list((tmp_path / "cache").glob("doctor-*"))


def test_the_report_is_found_again_until_the_file_changes(tmp_path):
    path = write_lines(tmp_path / "rows.jsonl", [good(1), good(1)])
    assert last_diagnosis(str(path), [], tmp_path / "cache") is None
    diagnose(str(path), [], tmp_path / "cache")
    again = last_diagnosis(str(path), [], tmp_path / "cache")
    assert again is not None and found(again) == [("duplicate", 2)]
    write_lines(path, [good(1), good(2)])
    assert last_diagnosis(str(path), [], tmp_path / "cache") is None


def test_a_waived_warning_stays_waived_for_the_same_content_under_another_name(tmp_path):
    rows = [good(1), good(1)]
    diagnosis = diagnosed(tmp_path, rows)
    assert not diagnosis.report.is_ready
    waive(tmp_path, diagnosis.report.content, "duplicate")
    copy = write_lines(tmp_path / "copy.jsonl", rows)
    assert diagnose(str(copy), [tmp_path], tmp_path / "cache").report.is_ready
    unwaive(tmp_path, diagnosis.report.content, "duplicate")
    assert not diagnose(str(copy), [tmp_path], tmp_path / "cache").report.is_ready


def test_an_error_cannot_be_waived(tmp_path):
    diagnosis = diagnosed(tmp_path, [good(1), changed(2, output="")])
    waive(tmp_path, diagnosis.report.content, "empty_answer")
    assert not diagnosed(tmp_path, [good(1), changed(2, output="")]).report.is_ready


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_and_every_fix_has_its_words(language):
    for kind in KINDS.values():
        assert say(language, kind.title) != kind.title.key
        assert kind.fixes or kind.level != ERROR
    for fix in FIXES:
        assert say(language, fix_label(fix)) and say(language, fix_help(fix))
    assert all(kind.level == WARNING for kind in KINDS.values() if kind.is_of_set)
