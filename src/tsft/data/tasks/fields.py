"""The parts of an answer: each field has a name, a kind, the right value and what a scorer needs to judge another one.

The kinds are yes_no, class, number, position, count, intervals, events, name, names, letter and text. A field becomes
one plain dict of the row's label; `tsft.evaluate` reads those dicts and knows nothing of this module.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsft.data.tasks.subject import Event, Interval, NamedSeries

# A point read off a plot: three points, or 2 % of the length where that is more.
POSITION_POINTS, POSITION_SHARE = 3, 0.02
# A level is right within 5 % of the range of its series and worth nothing a quarter of it away; its offset helps none.
LEVEL_SHARE, LEVEL_ZERO = 0.05, 0.25
PERIOD_SHARE = 0.1


@dataclass(frozen=True)
class Field:
    """One part of an answer. `details` holds what its kind needs (options, tolerance, decimals, unit, length …)."""

    name: str
    kind: str
    value: Any
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_none(self) -> bool:
        """Whether the right answer is that there is nothing."""
        if self.kind == "class":
            return self.value == "none"
        if self.kind == "count":
            return self.value == 0
        return self.value is None or self.value is False or self.value == []


def yes_no(name: str, value: bool) -> Field:
    return Field(name, "yes_no", bool(value))


def choice(name: str, value: str, options: Sequence[str]) -> Field:
    """One of a closed list; the options are shown in the question in this order."""
    return Field(name, "class", value, {"options": tuple(options)})


def level(name: str, value: float, series: NamedSeries) -> Field:
    """A value on the axis of the series: judged against the range of the series."""
    span = float(np.ptp(series.values)) or 1.0
    return _number(name, value, series, scale=LEVEL_ZERO * span, tolerance=LEVEL_SHARE * span)


def amount(name: str, value: float | None, series: NamedSeries) -> Field:
    """A difference, a height or a spread: judged relative to itself, but never finer than 5 % of the range."""
    span = float(np.ptp(series.values)) or 1.0
    scale = max(abs(value or 0.0), LEVEL_SHARE * span)
    # A height is read off at two places and cannot be as exact as a level: within a fifth is right.
    return _number(name, value, series, scale=scale, tolerance=max(0.2 * abs(value or 0.0), 0.02 * span))


def period(name: str, points: int | None) -> Field:
    """A length in points, or None: right within 10 %."""
    scale = float(points or 1)
    details = {"decimals": 0, "unit": "", "scale": scale, "tolerance": PERIOD_SHARE * scale}
    return Field(name, "number", points, details)


def position(name: str, point: int | None, length: int, tolerance: int | None = None) -> Field:
    """A point number from 0, or None."""
    allowed = position_tolerance(length) if tolerance is None else tolerance
    return Field(name, "position", None if point is None else int(point), {"tolerance": allowed, "length": length})


def count(name: str, value: int) -> Field:
    return Field(name, "count", int(value))


def intervals(name: str, value: Iterable[Interval], length: int) -> Field:
    """Stretches [start, end) in order."""
    return Field(name, "intervals", [[int(start), int(end)] for start, end in sorted(value)], {"length": length})


def events(name: str, value: Iterable[Event], types: Sequence[str], series: NamedSeries) -> Field:
    """Events in order of their start; `types` is the closed list the question names."""
    decimals = decimals_for(series.values)
    listed = [
        {"type": each.type, "start": int(each.start), "size": rounded(each.size, decimals)}
        for each in sorted(value, key=lambda each: each.start)
    ]
    details = {
        "options": tuple(types),
        "decimals": decimals,
        "unit": series.unit,
        "length": len(series),
        "tolerance": position_tolerance(len(series)),
        "scale": LEVEL_SHARE * (float(np.ptp(series.values)) or 1.0),
    }
    return Field(name, "events", listed, details)


def named_events(name: str, value: Iterable[tuple[str, int]], types: Sequence[str], length: int) -> Field:
    """Events that people named, (name, start) in order of their start; nobody wrote down how large they are."""
    listed = [{"type": word, "start": int(start)} for word, start in sorted(value, key=lambda each: each[1])]
    details = {
        "options": tuple(types),
        "length": length,
        "tolerance": position_tolerance(length),
        "is_sized": False,
    }
    return Field(name, "events", listed, details)


def name_of(name: str, value: str | None, options: Sequence[str]) -> Field:
    """The name of one series of the row, or None."""
    return Field(name, "name", value, {"options": tuple(options)})


def names_of(name: str, value: Iterable[str], options: Sequence[str]) -> Field:
    """A set of names, in the order in which the row introduces them."""
    chosen = set(value)
    return Field(name, "names", [each for each in options if each in chosen], {"options": tuple(options)})


def letter(name: str, value: str, letters: Sequence[str]) -> Field:
    return Field(name, "letter", value, {"options": tuple(letters)})


def position_tolerance(length: int) -> int:
    return max(POSITION_POINTS, math.ceil(POSITION_SHARE * length))


def decimals_for(values: np.ndarray) -> int:
    """Decimals at which numbers about this series are written: about a thousand steps over its range."""
    span = float(np.ptp(values)) or abs(float(values[0])) or 1.0
    return int(np.clip(3 - math.floor(math.log10(span)), 0, 6))


def rounded(value: float, decimals: int) -> float:
    """To so many decimals, never minus zero."""
    return round(float(value), decimals) + 0.0


def written(value: float, decimals: int) -> str:
    """The number as text: plain decimals, no separators."""
    return f"{rounded(value, decimals):.{decimals}f}"


def _number(name: str, value: float | None, series: NamedSeries, scale: float, tolerance: float) -> Field:
    decimals = decimals_for(series.values)
    exact = None if value is None else rounded(value, decimals)
    # What rounding takes away is never held against an answer.
    allowed = max(tolerance, 0.5 * 10.0**-decimals)
    details = {"decimals": decimals, "unit": series.unit, "scale": scale, "tolerance": allowed}
    return Field(name, "number", exact, details)
