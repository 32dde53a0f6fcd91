"""Any row by its number, numbered as the doctor numbers them, whatever the file is."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.data_fakes import row, write_lines
from tsft.data.readers import Source
from tsft.data.row_access import RowAccess
from tsft.errors import UserError
from tsft.run.ports import Stopped

ROWS = [row(f"{number} <ts><ts/>", f"answer {number}", [[float(number), 2.0]]) for number in range(7)]


def lines(path):
    return write_lines(path, [ROWS[0], "", "  ", *ROWS[1:4], "{broken", *ROWS[4:]])


def listed(path):
    path.write_text(json.dumps(ROWS))
    return path


def table(path):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["input", "output", "timeseries"])
        writer.writerows([each["input"], each["output"], json.dumps(each["timeseries"])] for each in ROWS)
    return path


def columns(path):
    parquet.write_table(pa.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize(
    ("name", "write"), [("r.jsonl", lines), ("r.json", listed), ("r.csv", table), ("r.parquet", columns)]
)
def test_rows_by_number_are_the_rows_as_they_are_read(tmp_path, name, write):
    access = RowAccess(Source("r", (write(tmp_path / name), lines(tmp_path / "second.jsonl"))), tmp_path / "cache")
    expected = access.first(100)
    assert not access.is_indexed
    access.index()
    assert len(access) == len(expected)
    for index, want in enumerate(expected):
        got = access.row(index)
        assert (got.index, got.file, got.raw.row, got.mapping) == (index, want.file, want.raw.row, want.mapping)
        assert got.raw.record == want.raw.record and got.raw.reason == want.raw.reason
    assert RowAccess(access.source, tmp_path / "cache").is_indexed
    assert [each.index for each in access.rows(np.array([3, 0]))] == [3, 0]
    with pytest.raises(UserError):
        access.row(len(access))


def test_a_stopped_index_leaves_nothing(tmp_path):
    access = RowAccess(Source("r", (lines(tmp_path / "r.jsonl"),)), tmp_path / "cache")
    with pytest.raises(Stopped):
        access.index(should_stop=lambda: True)
    assert not access.is_indexed and not list((tmp_path / "cache").iterdir())
