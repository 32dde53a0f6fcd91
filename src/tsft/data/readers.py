"""A dataset's files as checked examples in an Arrow cache: every row either kept there or named with its reason."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tsft.data.arrow_cache import (
    BatchWriter,
    MappedRows,
    Progress,
    ShouldStop,
    cached,
    fingerprint,
    list_array,
    throttled,
)
from tsft.data.doctor import check_record
from tsft.data.encodings import encoding_of
from tsft.data.examples import Example, Findings, RowRefused
from tsft.data.files import RawRow, read_raw
from tsft.data.mapping import GUESS, ColumnMapping, guess_mapping
from tsft.errors import Message, UserError, message
from tsft.run.ports import Stopped

# Goes into every fingerprint: a change of what rows are kept or how they are held makes old caches unused.
READER_VERSION = 4
SCHEMA = pa.schema(
    [
        ("file", pa.int32()),
        ("row", pa.int64()),
        ("series_key", pa.int64()),
        ("turns", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("series", pa.list_(pa.list_(pa.float64()))),
        ("rejected", pa.string()),
        ("is_good", pa.bool_()),
        ("label", pa.string()),
    ]
)


@dataclass(frozen=True)
class Source:
    """What is read: the files of one dataset, their mapping, and how many rows from the start (0 means all)."""

    name: str
    files: tuple[Path, ...]
    mapping: ColumnMapping = GUESS
    max_rows: int = 0

    def fingerprint(self) -> str:
        """Changes when a file, the mapping or the row limit does."""
        states = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in self.files]
        return fingerprint(READER_VERSION, states, self.mapping.to_json(), self.max_rows)


class ExampleRows:
    """The kept rows of a source, memory-mapped; indexing gives an `Example` whose series are views of the file."""

    def __init__(self, folder: Path) -> None:
        self._rows = MappedRows(folder)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Example:
        batch, place = self._rows.locate(index)
        outer = batch.column("series")
        inner = outer.values
        begin, end = outer.offsets[place].as_py(), outer.offsets[place + 1].as_py()
        cuts = inner.offsets.slice(begin, end - begin + 1).to_numpy()
        return Example(
            file_index=batch.column("file")[place].as_py(),
            row=batch.column("row")[place].as_py(),
            turns=batch.column("turns")[place].as_py(),
            series=[
                inner.values.slice(a, b - a).to_numpy()
                for a, b in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)
            ],
            series_key=batch.column("series_key")[place].as_py(),
            rejected=batch.column("rejected")[place].as_py(),
            is_good=batch.column("is_good")[place].as_py(),
            label=batch.column("label")[place].as_py(),
        )

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def column(self, name: str) -> np.ndarray:
        """One of file, row, series_key, for all rows."""
        return self._rows.column(name)


def read_source(
    source: Source, cache: Path, progress: Progress | None = None, should_stop: ShouldStop | None = None
) -> tuple[ExampleRows, Findings]:
    """All rows of a source, checked. Read once, then taken from the cache while nothing has changed.

    `progress(done_bytes, total_bytes)` comes at most four times a second; `should_stop()` is asked at every row, and
    True raises Stopped and leaves nothing behind. UserError where a file as a whole cannot be read.
    """
    for path in source.files:
        if not path.is_file():
            raise UserError(message("data.file.missing", file=str(path)))
    folder = cache / f"examples-{source.fingerprint()}"
    report = cached(folder, lambda unfinished: _convert(source, unfinished, throttled(progress), should_stop))
    return ExampleRows(folder), Findings.from_json(report)


def _convert(source: Source, folder: Path, report: Progress, should_stop: ShouldStop | None) -> Mapping[str, Any]:
    findings = Findings()
    with BatchWriter(folder, SCHEMA, _to_batch) as writer:
        for example, size_bytes in checked_rows(source, findings, report, should_stop):
            writer.add(example, size_bytes)
    return findings.to_json()


def checked_rows(
    source: Source, findings: Findings, report: Progress, should_stop: ShouldStop | None
) -> Iterator[tuple[Example, int]]:
    """Each trainable row with its size in bytes; everything else goes into `findings`."""
    total = total_bytes(source.files)
    for each in mapped_rows(source, findings.note_file, should_stop):
        kept = _checked(each.raw, each.mapping, each.file_index, source.files[each.file_index].name, findings)
        report(min(each.done_bytes, total - 1), total)
        if kept is not None:
            yield kept, sum(points.nbytes for points in kept.series) + 1_000
    report(total, total)


@dataclass(frozen=True)
class MappedRow:
    """One raw row with the mapping that holds in its file. done_bytes counts over all files of the source."""

    file_index: int
    raw: RawRow
    mapping: ColumnMapping
    done_bytes: int


def mapped_rows(
    source: Source, note_file: Callable[[Message], None], should_stop: ShouldStop | None
) -> Iterator[MappedRow]:
    """Every row of a source in order, unchecked; `should_stop()` is asked at each, True raises Stopped."""
    read = before = 0
    for index, path in enumerate(source.files):
        mapping = None if source.mapping.is_guessed else source.mapping
        encoding = encoding_of(path)
        if encoding != "utf-8-sig":
            note_file(message("data.file.read_as", file=path.name, encoding=encoding.upper()))
        for raw in read_raw(path, encoding):
            if should_stop is not None and should_stop():
                raise Stopped
            if source.max_rows and read >= source.max_rows:
                return
            read += 1
            if mapping is None and raw.record is not None:
                mapping = guess_mapping(raw.record)
            yield MappedRow(index, raw, mapping or GUESS, before + raw.done_bytes)
        before += os.path.getsize(path)


def total_bytes(files: Sequence[Path]) -> int:
    return sum(os.path.getsize(path) for path in files)


def _checked(raw: RawRow, mapping: ColumnMapping, index: int, file: str, findings: Findings) -> Example | None:
    findings.rows_read += 1
    if raw.record is None:
        findings.drop(file, raw.row, raw.reason or message("data.row.encoding"))
        return None
    try:
        row = check_record(raw.record, mapping)
    except RowRefused as refused:
        findings.drop(file, raw.row, refused.reason)
        return None
    findings.kept += 1
    for sentence in row.warnings:
        findings.warn(file, raw.row, sentence)
    # One note of a kind a row: a row of 17 column vectors is one flattened row.
    for sentence in {each.key: each for each in reversed(row.notes)}.values():
        findings.note(file, raw.row, sentence)
    return Example(index, raw.row, row.turns, row.series, row.series_key, row.rejected, row.is_good, row.label)


def _to_batch(rows: list[Example]) -> pa.RecordBatch:
    series_of_rows = [points for row in rows for points in row.series]
    turns_of_rows = [turn for row in rows for turn in row.turns]
    turns = pa.StructArray.from_arrays(
        [pa.array([turn[name] for turn in turns_of_rows], pa.string()) for name in ("role", "content")],
        ["role", "content"],
    )
    inner = list_array(series_of_rows, np.float64)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([row.file_index for row in rows], pa.int32()),
            pa.array([row.row for row in rows], pa.int64()),
            pa.array([row.series_key for row in rows], pa.int64()),
            pa.ListArray.from_arrays(_offsets([len(row.turns) for row in rows]), turns),
            pa.ListArray.from_arrays(_offsets([len(row.series) for row in rows]), inner),
            pa.array([row.rejected for row in rows], pa.string()),
            pa.array([row.is_good for row in rows], pa.bool_()),
            pa.array([row.label for row in rows], pa.string()),
        ],
        schema=SCHEMA,
    )


def _offsets(counts: list[int]) -> pa.Array:
    return pa.array(np.concatenate(([0], np.cumsum(counts))).astype(np.int32))
