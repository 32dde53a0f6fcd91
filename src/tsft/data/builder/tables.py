"""Tables of measurements as columns of text: CSV in any common form, Parquet, JSON Lines, XLSX, UCR/UEA `.ts`.

Knows no roles of columns, but for those that a format itself tells.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from tsft.data.builder.case_files import read_cases
from tsft.data.builder.spreadsheets import sheet_rows
from tsft.data.encodings import SAMPLE_BYTES, encoding_of
from tsft.data.files import read_raw
from tsft.errors import UserError, message

TEXT_KINDS = (".csv", ".tsv", ".txt")
KINDS = (*TEXT_KINDS, ".parquet", ".jsonl", ".json", ".xlsx", ".ts")
_SEPARATORS = (",", ";", "\t", "|")
_NUMBER = r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$"
_COMMA_NUMBER = r"^[-+]?\d+,\d+$"
_THOUSANDS = r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"
_MISSING = frozenset(("", "nan", "na", "n/a", "null", "none", "-", "--", "?", "#n/a", "inf", "-inf"))
# Tables that are looked at again and again while a recipe is tried out; each is held once.
_KEPT = 4


@dataclass(frozen=True)
class Table:
    """One file. columns: by name, as text, all of one length; separator and encoding as found ("" for Parquet, JSON).

    left_out: lines with another number of cells than the header. roles: entries of `columns.Roles` told by the format.
    """

    path: Path
    columns: dict[str, pa.ChunkedArray]
    separator: str = ""
    encoding: str = ""
    left_out: int = 0
    roles: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def texts(self, name: str) -> list[str]:
        """The cells of a column, without outer spaces; "" where there is none."""
        return [(cell or "").strip() for cell in self.columns[name].to_pylist()]


def read_table(path: Path, max_rows: int = 0) -> Table:
    """The table in a file; max_rows from its start (0: all). UserError where it cannot be read as one."""
    if not path.is_file():
        raise UserError(message("data.file.missing", file=str(path)))
    if path.suffix.lower() not in KINDS:
        raise UserError(message("data.build.file_kind", file=path.name, kinds=", ".join(KINDS)))
    state = path.stat()
    table = _read(path.resolve(), state.st_size, state.st_mtime_ns, max_rows)
    if not table.columns or not table.rows:
        raise UserError(message("data.build.no_rows", file=path.name))
    return table


def separator_of(path: Path) -> str:
    """What stands between the cells of a file of separated text, judged by its first lines."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES).decode(encoding_of(path), "replace")
    try:
        return _separator(sample)
    except csv.Error:  # one cell is longer than a table's ever is: rows with series in them
        return ","


def numbers(table: Table, name: str) -> np.ndarray:
    """float64[rows], NaN where a cell is no number. Decimal commas and thousands separators are understood."""
    return _numbers(table.columns[name], table.separator)


def has_number(table: Table, name: str) -> np.ndarray:
    """bool[rows]: whether a cell is a number, or stands for a missing one."""
    plain = compute.utf8_lower(_stripped(table.columns[name]))
    missing = compute.is_in(plain, value_set=pa.array(sorted(_MISSING)))
    return np.asarray(missing.to_numpy(zero_copy_only=False), dtype=bool) | np.isfinite(numbers(table, name))


@lru_cache(maxsize=_KEPT)
def _read(path: Path, size: int, changed_ns: int, max_rows: int) -> Table:
    suffix = path.suffix.lower()
    if suffix in TEXT_KINDS:
        return _read_text(path, max_rows)
    if suffix == ".parquet":
        return _read_parquet(path, max_rows)
    if suffix == ".xlsx":
        return _read_workbook(path, max_rows)
    return _read_cases(path, max_rows) if suffix == ".ts" else _read_json(path, max_rows)


def _read_text(path: Path, max_rows: int) -> Table:
    encoding = encoding_of(path)
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES).decode(encoding, "replace")
    try:
        separator = _separator(sample)
        first = next((row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=separator) if row), [])
    except csv.Error as error:
        raise UserError(message("data.build.broken_table", file=path.name, detail=str(error)[:200])) from error
    names, has_header = _names(first)
    bad: list[int] = []

    def skip(row: Any) -> str:
        bad.append(1)
        return "skip"

    try:
        table = arrow_csv.read_csv(
            path,
            arrow_csv.ReadOptions(encoding=encoding.replace("-sig", ""), column_names=names, skip_rows=int(has_header)),
            arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=skip),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise UserError(message("data.build.broken_table", file=path.name, detail=str(error)[:200])) from error
    if max_rows:
        table = table.slice(0, max_rows)
    columns = {name: table.column(place) for place, name in enumerate(names)}
    return Table(path, columns, separator, encoding, len(bad))


def _separator(sample: str) -> str:
    """The sign that cuts most of the first lines into the same number of cells, more than one."""
    lines = [line for line in sample.splitlines()[:50] if line.strip()]
    best, most = ",", 0
    for sign in _SEPARATORS:
        cells = Counter(len(row) for row in csv.reader(lines, delimiter=sign))
        count, times = max(cells.items(), key=lambda item: item[1], default=(1, 0))
        # A decimal comma also cuts every line alike, but next to a semicolon it is one.
        if count > 1 and times + (sign != ",") > most:
            best, most = sign, times + (sign != ",")
    return best


def _read_workbook(path: Path, max_rows: int) -> Table:
    rows = sheet_rows(path, max_rows)
    if not rows:
        return Table(path, {})
    names, has_header = _names(rows[0])
    body = rows[int(has_header) :]
    return Table(path, {name: _column([row[place] for row in body]) for place, name in enumerate(names)})


def _read_cases(path: Path, max_rows: int) -> Table:
    cases, encoding = read_cases(path, encoding_of(path)), encoding_of(path)
    columns = {name: _column(texts[: max_rows or None]) for name, texts in cases.columns.items()}
    return Table(path, columns, encoding=encoding, roles=cases.roles())


def _names(first: Sequence[str]) -> tuple[list[str], bool]:
    """Names of the columns by the first line, and whether it is a header: no cell of one is a number."""
    has_header = not any(re.match(_NUMBER, cell.strip()) for cell in first)
    if has_header:
        return _unique([cell.strip() for cell in first]), True
    return [f"column {number + 1}" for number in range(len(first))], False


def _column(texts: Sequence[str]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


def _read_parquet(path: Path, max_rows: int) -> Table:
    try:
        table = parquet.read_table(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise UserError(message("data.file.parquet", file=path.name, detail=str(error)[:200])) from error
    if max_rows:
        table = table.slice(0, max_rows)
    flat = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    return Table(path, {name: _as_text(table.column(name)) for name in flat})


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = compute.cast(column, column.type.value_type)
    if pa.types.is_binary(column.type):
        return pa.chunked_array([pa.array([""] * len(column))])
    return compute.cast(column, pa.string())


def _read_json(path: Path, max_rows: int) -> Table:
    records: list[dict[str, Any]] = []
    left_out = 0
    for raw in read_raw(path, encoding_of(path)):
        if raw.record is None:
            left_out += 1
            continue
        records.append(raw.record)
        if max_rows and len(records) >= max_rows:
            break
    names = dict.fromkeys(name for record in records for name in record)
    flat = [name for name in names if not any(isinstance(each.get(name), (list, dict)) for each in records)]
    columns = {name: _column([_cell(each.get(name)) for each in records]) for name in flat}
    return Table(path, columns, left_out=left_out)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unique(names: Sequence[str]) -> list[str]:
    """Names that all differ and are never empty."""
    found: list[str] = []
    for place, name in enumerate(names, 1):
        plain = name or f"column {place}"
        number, free = 1, plain
        while free in found:
            number += 1
            free = f"{plain} {number}"
        found.append(free)
    return found


def _stripped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return compute.fill_null(compute.utf8_trim_whitespace(column), "")


def _numbers(column: pa.ChunkedArray, separator: str) -> np.ndarray:
    plain = _stripped(column)
    fits = compute.match_substring_regex(plain, _NUMBER)
    if not compute.all(fits).as_py():
        if separator not in ("", ","):
            # "1.234,5" and "12,5": with another separator between the cells a comma is a decimal one.
            commas = compute.match_substring_regex(compute.replace_substring(plain, ".", ""), _COMMA_NUMBER)
            changed = compute.replace_substring(compute.replace_substring(plain, ".", ""), ",", ".")
            plain = compute.if_else(commas, changed, plain)
        thousands = compute.match_substring_regex(plain, _THOUSANDS)
        plain = compute.if_else(thousands, compute.replace_substring(plain, ",", ""), plain)
        fits = compute.match_substring_regex(plain, _NUMBER)
    values = compute.cast(compute.if_else(fits, plain, None), pa.float64())
    return np.asarray(compute.fill_null(values, float("nan")).to_numpy(), dtype=np.float64)
