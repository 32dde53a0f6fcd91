"""Any row of a dataset by its number, bad rows included, without reading the file again: an index of offsets.

The first rows are there at once, straight from the file. The index is made by one fast look over the bytes (or, for
lists, tables and Parquet, by writing the rows out as lines once) and kept in the cache, memory-mapped.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tsft.data.arrow_cache import Progress, ShouldStop, cached_folder, fingerprint, throttled
from tsft.data.encodings import encoding_of
from tsft.data.examples import RowRefused
from tsft.data.files import RawRow, has_lines, parse_json, parsed_row
from tsft.data.mapping import GUESS, ColumnMapping, guess_mapping
from tsft.data.readers import Source, mapped_rows, total_bytes
from tsft.errors import Message, UserError, message
from tsft.run.ports import Stopped

_VERSION = 1
_CHUNK_BYTES = 8 * 1024 * 1024
_SPOOL = "rows.jsonl"


@dataclass(frozen=True)
class LocatedRow:
    """A raw row, its number over all files from 0, its file, and how its columns are read."""

    index: int
    file: str
    raw: RawRow
    mapping: ColumnMapping


class RowAccess:
    """The rows of a source. Only `first` works before `index` was called."""

    def __init__(self, source: Source, cache: Path) -> None:
        self.source = source
        self._folder = cache / f"lines-{fingerprint(_VERSION, source.fingerprint())}"
        self._lines: np.ndarray | None = None
        self._encodings: dict[int, str] = {}
        self._mappings: dict[int, ColumnMapping] = {}
        self._places: dict[tuple[int, int], int] = {}

    @property
    def is_indexed(self) -> bool:
        """Whether any row can be had; True at once where the cache holds the index of these files."""
        if self._lines is None and (self._folder / "lines.npy").is_file():
            self._lines = np.load(self._folder / "lines.npy", mmap_mode="r")
        return self._lines is not None

    def __len__(self) -> int:
        return len(self._indexed())

    def first(self, count: int) -> list[LocatedRow]:
        """The first rows, read from the beginning of the file."""
        rows = mapped_rows(self.source, lambda sentence: None, None)
        return [
            LocatedRow(index, self.source.files[each.file_index].name, each.raw, each.mapping)
            for index, each in enumerate(islice(rows, count))
        ]

    def index(self, progress: Progress | None = None, should_stop: ShouldStop | None = None) -> None:
        """Make the index unless it is there. `progress(done_bytes, total_bytes)`; should_stop: True raises Stopped."""
        if not self.is_indexed:
            cached_folder(self._folder, lambda unfinished: self._build(unfinished, throttled(progress), should_stop))
            self._lines = np.load(self._folder / "lines.npy", mmap_mode="r")

    def row(self, index: int) -> LocatedRow:
        """Row `index`, from 0. UserError when there is none."""
        lines = self._indexed()
        if not 0 <= index < len(lines):
            raise UserError(message("data.view.no_row", row=index + 1, rows=len(lines)))
        file, begin, end, number = (int(each) for each in lines[index])
        path = self.source.files[file]
        if has_lines(path):
            with path.open("rb") as opened:
                opened.seek(begin)
                raw = parsed_row(number, opened.read(end - begin), self._encoding(file), end)
        else:
            with (self._folder / _SPOOL).open("rb") as opened:
                opened.seek(begin)
                raw = _from_spool(opened.read(end - begin), number, end)
        return LocatedRow(index, path.name, raw, self._mapping(file))

    def at(self, file: int, number: int) -> LocatedRow | None:
        """The row with this number in its file, as reports name it; None where there is none."""
        if not self._places:
            lines = self._indexed()
            keys = zip(lines[:, 0].tolist(), lines[:, 3].tolist(), strict=True)
            self._places = {key: place for place, key in enumerate(keys)}
        found = self._places.get((file, number))
        return None if found is None else self.row(found)

    def rows(self, indices: np.ndarray) -> Iterator[LocatedRow]:
        return (self.row(int(index)) for index in indices)

    def _indexed(self) -> np.ndarray:
        if not self.is_indexed or self._lines is None:
            raise ValueError("index() first")
        return self._lines

    def _encoding(self, file: int) -> str:
        if file not in self._encodings:
            self._encodings[file] = encoding_of(self.source.files[file])
        return self._encodings[file]

    def _mapping(self, file: int) -> ColumnMapping:
        """As the reader has it: the source's own, or what the first readable row of the file suggests."""
        if not self.source.mapping.is_guessed:
            return self.source.mapping
        if file not in self._mappings:
            one = Source(self.source.name, (self.source.files[file],))
            found = (each.raw.record for each in mapped_rows(one, lambda sentence: None, None))
            first = next((record for record in found if record is not None), None)
            self._mappings[file] = (guess_mapping(first) if first is not None else None) or GUESS
        return self._mappings[file]

    def _build(self, folder: Path, report: Progress, should_stop: ShouldStop | None) -> None:
        """lines.npy: int64[rows, 4], file, begin, end (bytes in the file or in the spool) and number in the file."""
        total, before, spooled = total_bytes(self.source.files), 0, 0
        parts = [np.zeros((0, 4), dtype=np.int64)]
        for number, path in enumerate(self.source.files):

            def move(done: int, before: int = before) -> None:
                if should_stop is not None and should_stop():
                    raise Stopped
                report(min(before + done, total - 1), total)

            if has_lines(path):
                table = np.concatenate([np.zeros((0, 3), dtype=np.int64), *_lines_of(path, move)])
            else:
                table = self._spool(path, folder / _SPOOL, spooled, move)
                spooled = int(table[-1, 1]) if len(table) else spooled
            parts.append(np.insert(table, 0, number, axis=1))
            before += path.stat().st_size
        lines = np.concatenate(parts)
        np.save(folder / "lines.npy", lines[: self.source.max_rows] if self.source.max_rows else lines)
        report(total, total)

    def _spool(self, path: Path, spool: Path, begin: int, move: Any) -> np.ndarray:
        """int64[rows, 3] of a file whose rows are not lines, after writing them out as lines."""
        one = Source(self.source.name, (path,), self.source.mapping)
        found: list[tuple[int, int, int]] = []
        with spool.open("ab") as file:
            for each in mapped_rows(one, lambda sentence: None, None):
                reason = each.raw.reason.to_json() if each.raw.reason is not None else None
                line = json.dumps([each.raw.record, reason], default=str).encode("ascii") + b"\n"
                file.write(line)
                found.append((begin, begin + len(line), each.raw.row))
                begin += len(line)
                move(each.done_bytes)
        return np.array(found, dtype=np.int64).reshape(-1, 3)


def _lines_of(path: Path, move: Any) -> Iterator[np.ndarray]:
    """int64[lines, 3] of one stretch of the file after another: begin, end and line number; blank lines left out."""
    done = line = begin = 0
    with path.open("rb") as file, path.open("rb") as peeked:
        while chunk := file.read(_CHUNK_BYTES):
            ends = np.flatnonzero(np.frombuffer(chunk, dtype=np.uint8) == 10).astype(np.int64) + done + 1
            done += len(chunk)
            yield _without_blanks(peeked, np.concatenate(([begin], ends)), line)
            line += len(ends)
            begin = int(ends[-1]) if len(ends) else begin
            move(done)
        if begin < done:
            yield _without_blanks(peeked, np.array([begin, done]), line)


def _without_blanks(file: Any, edges: np.ndarray, line: int) -> np.ndarray:
    begins, ends = edges[:-1], edges[1:]
    table = np.stack([begins, ends, np.arange(line + 1, line + 1 + len(begins))], axis=1)
    # Rows of data are long: only short lines are worth a look.
    keep = np.ones(len(table), dtype=bool)
    for place in np.flatnonzero(ends - begins < 64).tolist():
        file.seek(int(begins[place]))
        keep[place] = bool(file.read(int(ends[place] - begins[place])).strip())
    return np.asarray(table[keep], dtype=np.int64)


def _from_spool(line: bytes, number: int, done: int) -> RawRow:
    try:
        record, reason = parse_json(line)
    except RowRefused as refused:
        return RawRow(number, None, refused.reason, done)
    told: Mapping[str, Any] | None = reason
    return RawRow(number, record, Message.from_json(told) if told is not None else None, done)
