"""A few numbers about every row, memory-mapped: what a viewer filters by and histograms count."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from tsft.data.arrow_cache import BATCH_ROWS, MappedRows, write_table
from tsft.data.checks.findings import BITS

# Length in tokens of a row that was not measured.
UNKNOWN = -1
_COLUMNS = {
    "file": "i",
    "row": "q",
    "kinds": "Q",
    "task": "i",
    "label": "i",
    "tokens": "i",
    "points": "i",
    "series": "i",
}
_TYPES = {"i": pa.int32(), "q": pa.int64(), "Q": pa.uint64()}
BARS = 40


class FactsWriter:
    """Rows one after another; 40 bytes each."""

    def __init__(self) -> None:
        self.columns = {name: array(code) for name, code in _COLUMNS.items()}

    def add(self, file: int, row: int) -> int:
        """Begin a row with nothing known of it; returns its number from 0."""
        values = {"file": file, "row": row, "tokens": UNKNOWN}
        for name, column in self.columns.items():
            column.append(values.get(name, 0))
        return len(self.columns["row"]) - 1

    def mark(self, index: int, kind: str) -> None:
        self.columns["kinds"][index] |= BITS[kind]

    def has(self, index: int, kind: str) -> bool:
        return bool(self.columns["kinds"][index] & BITS[kind])

    def save(self, folder: Path) -> None:
        arrays = [pa.array(np.asarray(column), _TYPES[_COLUMNS[name]]) for name, column in self.columns.items()]
        write_table(folder, pa.table(dict(zip(_COLUMNS, arrays, strict=True))), BATCH_ROWS * 64)


@dataclass(frozen=True)
class Filter:
    """Which rows to show; an empty or 0 condition holds for all. Upper ends belong to the range; 0 means no end."""

    finding: str = ""
    task: str = ""
    label: str = ""
    tokens_from: int = 0
    tokens_to: int = 0
    points_from: int = 0
    points_to: int = 0


@dataclass(frozen=True)
class Histogram:
    """edges: one more than counts. Rows above the cut-off, and rows that were not measured, are counted apart."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    cutoff: int = 0
    above: int = 0
    unknown: int = 0


class Facts:
    """The facts of one dataset, read from the doctor's folder."""

    def __init__(self, folder: Path, tasks: Sequence[str], labels: Sequence[str]) -> None:
        self._rows = MappedRows(folder)
        self._tasks = list(tasks)
        self._labels = list(labels)

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, name: str) -> np.ndarray:
        """One of file, row, kinds (bits of `findings.BITS`), task, label, tokens, points (longest series), series."""
        return self._rows.column(name)

    def kinds_of(self, index: int) -> list[str]:
        """The findings of one row."""
        bits = int(self.column("kinds")[index])
        return [kind for kind, bit in BITS.items() if bits & bit]

    def where(self, wanted: Filter) -> np.ndarray:
        """int64[rows], the numbers (from 0, over all files) of the rows that pass."""
        passes = np.ones(len(self), dtype=bool)
        if wanted.finding:
            passes &= (self.column("kinds") & np.uint64(BITS[wanted.finding])) != 0
        for name, value, names in (("task", wanted.task, self._tasks), ("label", wanted.label, self._labels)):
            if value:
                passes &= self.column(name) == (names.index(value) + 1 if value in names else -2)
        for name, low, high in (
            ("tokens", wanted.tokens_from, wanted.tokens_to),
            ("points", wanted.points_from, wanted.points_to),
        ):
            if low:
                passes &= self.column(name) >= low
            if high:
                passes &= (self.column(name) <= high) & (self.column(name) >= 0)
        return np.flatnonzero(passes)

    def histogram(self, name: str, cutoff: int = 0, bars: int = BARS) -> Histogram:
        """Rows by "tokens" or by "points"."""
        values = self.column(name)
        known = values[values >= 0]
        unknown = len(values) - len(known)
        if not len(known):
            return Histogram((0.0, 1.0), (0,), cutoff, 0, unknown)
        counts, edges = np.histogram(known, bins=min(bars, int(known.max() - known.min()) + 1))
        above = int((known > cutoff).sum()) if cutoff else 0
        return Histogram(tuple(edges.tolist()), tuple(counts.tolist()), cutoff, above, unknown)
