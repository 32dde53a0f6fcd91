"""Real ChatTS rows with one fault of each kind, put into known rows: exactly those findings, in exactly those rows."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from tests.data_fakes import FakeEncoder, write_lines
from tsft.data.checks.diagnosis import Look, diagnose
from tsft.data.checks.findings import KINDS

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "chatts_dev.jsonl"
PLACEHOLDER = "<ts><ts/>"
WALK = np.random.default_rng(1).normal(size=4_000).cumsum().round(6).tolist()


def first_series(change):
    """A fault of the first series of a row."""

    def put(row):
        row["timeseries"][0] = change(row["timeseries"][0])
        return row

    return put


def at_point_three(value):
    return first_series(lambda points: [*points[:3], value, *points[4:]])


def with_columns(**columns):
    return lambda row: {**row, **{name: change(row[name]) for name, change in columns.items()}}


def asked(question, answer):
    """A row of one series with another question."""
    return lambda row: {"input": f"S: {PLACEHOLDER} {question}", "output": answer, "timeseries": row["timeseries"][:1]}


FAULTS = {
    "value_nan": at_point_three(float("nan")),
    "value_null": at_point_three(None),
    "value_infinite": at_point_three(float("-inf")),
    "value_text": at_point_three("2.5"),
    "value_type": at_point_three({}),
    "overflow": first_series(lambda points: [1.5e308, 1.5e308, -1e308]),
    "series_empty": first_series(lambda points: []),
    "series_not_list": first_series(lambda points: 7),
    "series_shape": first_series(lambda points: [points[:8], points[8:16]]),
    "series_ragged": first_series(lambda points: [points[:8], points[8:9]]),
    "encoded_values": first_series(lambda points: [[point, 1.0] for point in points]),
    "placeholder_count": with_columns(input=lambda text: f"{text} {PLACEHOLDER}"),
    "stray_token": with_columns(input=lambda text: f"{text} <ts>"),
    "encoded_text": with_columns(
        input=lambda text: text.replace(PLACEHOLDER, f"[offset=-1.0|scaling=2.0] {PLACEHOLDER}", 1)
    ),
    "answer_has_series": with_columns(output=lambda text: f"{text} {PLACEHOLDER}"),
    "empty_answer": with_columns(output=lambda text: " "),
    "empty_question": with_columns(input=lambda text: ""),
    "not_text": with_columns(output=lambda text: 5),
    "not_list": with_columns(timeseries=lambda series: 5),
    "missing_column": lambda row: {"input": row["input"], "output": row["output"]},
    "broken_json": lambda row: json.dumps(row)[:-40],
    "not_object": lambda row: "[1, 2]",
    "constant": first_series(lambda points: [5.0] * len(points)),
    "single_point": lambda row: {**asked("What is it like?", "It is one reading.")(row), "timeseries": [[5.5]]},
    "tiny": first_series(lambda points: [1e-5 * (place % 7) for place in range(len(points))]),
    "large": first_series(lambda points: [1e16 * (1 + place % 7) for place in range(len(points))]),
    "float32": first_series(lambda points: [16_777_216.0 + place % 3 for place in range(len(points))]),
    "maybe_encoded": first_series(lambda points: [each for point in points[:99] for each in (point, 1.0)]),
    "quoted_position": with_columns(output=lambda text: f"{text} It ends at point 9000."),
    "quoted_value": asked("What is the top?", "The maximum value is 987654321."),
    "prefix_answerable": asked("How many points are there?", "256"),
    "too_long": asked("why " * 20_000, "It is so."),
    "flattened": first_series(lambda points: [[point] for point in points]),
    "single_list": lambda row: {**asked("What is it like?", "It wanders.")(row), "timeseries": WALK[:200]},
    "no_series": lambda row: {"input": "What is a spike?", "output": "A short rise."},
}
# These need another row: the one in front of them.
REPEATS = {
    "duplicate": lambda row: copy.deepcopy(row),
    "near_duplicate": with_columns(
        timeseries=lambda series: [[point + 1e-9 * (max(each) - min(each)) for point in each] for each in series]
    ),
    "window_overlap": lambda row: {
        **asked("What comes?", "It goes on.")(row),
        "timeseries": [row["timeseries"][0][60:] + WALK[1_000:1_060]],
    },
}


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
def test_each_fault_in_a_real_row_gives_its_finding_there_and_no_other(tmp_path):
    real = [json.loads(line) for line in SHARED.read_text(encoding="utf-8").splitlines()]
    clean = [row for place, row in enumerate(real) if place != 51 and all(max(s) > min(s) for s in row["timeseries"])]
    rows, expected = clean[:3], {}
    for kind, row in zip(FAULTS, clean[3:], strict=False):
        rows.append(FAULTS[kind](copy.deepcopy(row)))
        expected[kind] = len(rows)
    for kind, row in zip(REPEATS, clean[3 + len(FAULTS) :], strict=False):
        rows += [row, REPEATS[kind](copy.deepcopy(row))]
        expected[kind] = len(rows)
    held = clean[3 + len(FAULTS) + len(REPEATS)]
    rows.append({**asked("What is seen?", "A stretch of it.")(held), "timeseries": [held["timeseries"][0][10:-10]]})
    expected["validation_overlap"] = len(rows)
    path = write_lines(tmp_path / "faulty.jsonl", rows)
    write_lines(tmp_path / "held.jsonl", [held])
    look = Look(validation=("held",), encoder=FakeEncoder(), cutoff_length=50_000)
    report = diagnose(str(path), [tmp_path], tmp_path / "cache", look).report
    found = {each.kind: [problem.row for problem in each.examples] for each in report.findings}
    assert found == {kind: [row] for kind, row in expected.items()}
    errors = sum(KINDS[kind].level == "error" for kind in expected)
    assert (report.rows_read, report.rows_good) == (len(rows), len(rows) - errors)
