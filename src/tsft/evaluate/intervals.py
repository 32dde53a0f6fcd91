"""Metrics of stretches [start, end) against true ones: event F1 by overlap, points, composite, delay.

Affiliation, which measures distances, is `affiliation.py`; totals over many rows are `stretches.py`.

Where there is nothing to find and nothing was said, every score is 1; where only one side is empty, it is 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Interval = Sequence[int]


@dataclass(frozen=True)
class Rates:
    """Precision, recall and their harmonic mean, each 0 to 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both > 0 else 0.0


def overlap(first: Interval, second: Interval) -> float:
    """Intersection over union."""
    shared = min(first[1], second[1]) - max(first[0], second[0])
    if shared <= 0:
        return 0.0
    return shared / (max(first[1], second[1]) - min(first[0], second[0]))


def matched(predicted: Sequence[Interval], true: Sequence[Interval], least: float) -> list[tuple[int, int]]:
    """The largest set of pairs (predicted, true) whose overlap is at least `least`, each used once."""
    fits = [[overlap(each, other) >= max(least, 1e-12) for other in true] for each in predicted]
    return pairs(fits)


def pairs(fits: Sequence[Sequence[bool]]) -> list[tuple[int, int]]:
    """A largest one-to-one matching of rows to columns where `fits` allows it (augmenting paths).

    Of equal ones that which keeps the order, so that of two alike each meets its own.
    """
    columns = len(fits[0]) if fits else 0
    row_of: list[int] = [-1] * columns

    def place(row: int, seen: set[int]) -> bool:
        free = next((column for column in range(columns) if fits[row][column] and row_of[column] < 0), -1)
        if free >= 0:
            row_of[free] = row
            return True
        for column in range(columns):
            if fits[row][column] and column not in seen:
                seen.add(column)
                if place(row_of[column], seen):
                    row_of[column] = row
                    return True
        return False

    for row in range(len(fits)):
        place(row, set())
    return sorted((row, column) for column, row in enumerate(row_of) if row >= 0)


def event_rates(predicted: Sequence[Interval], true: Sequence[Interval], least: float = 0.1) -> Rates:
    """Of the events: how many of those said are true, how many of the true are said, at this overlap."""
    if not predicted and not true:
        return Rates(1.0, 1.0)
    hits = len(matched(predicted, true, least))
    return Rates(hits / len(predicted) if predicted else 0.0, hits / len(true) if true else 0.0)


def soft_f1(predicted: Sequence[Interval], true: Sequence[Interval]) -> float:
    """F1 in which a matched pair counts by its overlap: 1 only for exactly the true stretches."""
    if not predicted and not true:
        return 1.0
    shared = sum(overlap(predicted[row], true[column]) for row, column in _best_pairs(predicted, true))
    return 2 * shared / (len(predicted) + len(true))


def point_rates(predicted: Sequence[Interval], true: Sequence[Interval], length: int) -> Rates:
    """Of the points."""
    return _rates(mask(predicted, length), mask(true, length))


def composite_f1(predicted: Sequence[Interval], true: Sequence[Interval], length: int) -> float:
    """Harmonic mean of the precision of points and the recall of events (an event is found by one point)."""
    said, real = mask(predicted, length), mask(true, length)
    if not said.any() and not real.any():
        return 1.0
    found = [bool(said[start:end].any()) for start, end in true]
    recall = sum(found) / len(found) if found else 0.0
    return Rates(_rates(said, real).precision, recall).f1


def adjusted_f1(predicted: Sequence[Interval], true: Sequence[Interval], length: int) -> float:
    """Point-adjusted F1, inflated by design (one point credits a whole event): for comparison with old papers only."""
    said, real = mask(predicted, length), mask(true, length)
    for start, end in true:
        if said[start:end].any():
            said[start:end] = True
    return _rates(said, real).f1


def false_alarms(predicted: Sequence[Interval], true: Sequence[Interval], length: int) -> float:
    """Stretches said that touch no true one, per 1,000 points."""
    wrong = sum(all(overlap(each, other) == 0 for other in true) for each in predicted)
    return 1000.0 * wrong / max(1, length)


def delays(predicted: Sequence[Interval], true: Sequence[Interval], length: int) -> list[int]:
    """Points from the start of each true event that was found to the first point said inside it."""
    said = mask(predicted, length)
    return [int(np.argmax(said[start:end])) for start, end in true if said[start:end].any()]


def mask(intervals: Sequence[Interval], length: int) -> np.ndarray:
    """bool[length], true inside the stretches."""
    result = np.zeros(length, dtype=bool)
    for start, end in intervals:
        result[max(0, int(start)) : max(0, int(end))] = True
    return result


def _best_pairs(predicted: Sequence[Interval], true: Sequence[Interval]) -> list[tuple[int, int]]:
    """Pairs taken by falling overlap; true stretches do not overlap each other, so greedy is as good as any."""
    found = [(overlap(a, b), row, column) for row, a in enumerate(predicted) for column, b in enumerate(true)]
    rows: set[int] = set()
    columns: set[int] = set()
    chosen = []
    for value, row, column in sorted(found, reverse=True):
        if value > 0 and row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            chosen.append((row, column))
    return chosen


def _rates(said: np.ndarray, real: np.ndarray) -> Rates:
    if not said.any() and not real.any():
        return Rates(1.0, 1.0)
    hits = float(np.count_nonzero(said & real))
    return Rates(hits / max(1, int(said.sum())), hits / max(1, int(real.sum())))
