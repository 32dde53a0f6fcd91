"""Series that a person gives by hand: pasted numbers, a drawn curve; and missing points filled in."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.errors import UserError, message

_MISSING = frozenset(("", "nan", "na", "n/a", "null", "none", "-"))
# Characters of a text that is no number, as far as the sentence about it shows them.
_SHOWN = 40


@dataclass(frozen=True)
class GivenSeries:
    """float64[L], NaN where a value is missing, under the name that came with it ("" for none)."""

    points: np.ndarray
    name: str = ""


def pasted_series(text: str) -> list[GivenSeries]:
    """Numbers as people paste them: in one line or one below the other, as columns of a table, or as JSON.

    Columns are parted by tabs, semicolons or commas and may have a line of names; with tabs or semicolons between the
    cells a comma is a decimal one. UserError where something is no number.
    """
    plain = text.strip()
    if not plain:
        raise UserError(message("data.by_hand.nothing"))
    if plain[0] in "[{":
        return _from_json(plain)
    lines = [line for line in plain.splitlines() if line.strip()]
    separator = _separator(lines)
    if separator and len(lines) > 1:
        return _columns([[cell.strip() for cell in line.split(separator)] for line in lines], separator)
    cells = re.split(r"[\s;]+|,\s*" if ";" not in plain else r"[\s;]+", plain)
    has_name = len(lines) > 1 and len(lines[0].split()) == 1 and _is_word(lines[0].strip())
    numbers = [_number(cell, place, ";" in plain) for place, cell in enumerate(cells[int(has_name) :]) if cell]
    return [_given(numbers, lines[0].strip() if has_name else "")]


def drawn_series(heights: Sequence[float | None], points: int, low: float, high: float) -> np.ndarray:
    """float64[points] through the heights of a drawing (0 bottom to 1 top, from left to right), None where none is.

    UserError where nothing was drawn, or the numbers are not usable.
    """
    if points < 2 or not low < high:
        raise UserError(message("data.by_hand.bad_scale", points=points, low=low, high=high))
    known = [(place, height) for place, height in enumerate(heights) if height is not None]
    if len(known) < 2:
        raise UserError(message("data.by_hand.nothing_drawn"))
    places, values = np.array(known, dtype=np.float64).T
    wanted = np.linspace(places[0], places[-1], points)
    return low + np.clip(np.interp(wanted, places, values), 0.0, 1.0) * (high - low)


def without_gaps(points: np.ndarray) -> np.ndarray:
    """Missing points on the straight line between their neighbours; at the ends like the nearest. UserError: no point.

    points: float64[L], which stays as it is
    """
    is_there = np.isfinite(points)
    if not is_there.any():
        raise UserError(message("data.by_hand.no_number"))
    places = np.arange(len(points))
    return np.interp(places, places[is_there], points[is_there])


def _separator(lines: Sequence[str]) -> str:
    """What stands between the cells of a table of more than one column; "" where these are plain numbers."""
    for sign in ("\t", ";", ","):
        counts = {line.rstrip("\t;, ").count(sign) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return sign
    return ""


def _columns(rows: list[list[str]], separator: str) -> list[GivenSeries]:
    width = min(len(row) for row in rows)
    has_names = any(_is_word(cell) for cell in rows[0])
    names = rows[0] if has_names else [""] * width
    body = rows[int(has_names) :]
    if not body:
        raise UserError(message("data.by_hand.nothing"))
    found = []
    for column in range(width):
        numbers = [_number(row[column], place, separator != ",") for place, row in enumerate(body)]
        found.append(_given(numbers, names[column]))
    return found


def _from_json(text: str) -> list[GivenSeries]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(message("data.by_hand.json", detail=str(error)[:120])) from error
    if isinstance(data, Mapping):
        return [_given(_values(value), str(name)) for name, value in data.items()]
    if data and all(isinstance(each, list) for each in data):
        return [_given(_values(each)) for each in data]
    return [_given(_values(data))]


def _values(data: Any) -> list[float]:
    if not isinstance(data, list):
        raise UserError(message("data.by_hand.not_a_number", text=str(data)[:_SHOWN], place=1))
    return [_number("" if each is None else str(each), place, False) for place, each in enumerate(data)]


def _given(numbers: Sequence[float], name: str = "") -> GivenSeries:
    points = np.array(numbers, dtype=np.float64)
    if not np.isfinite(points).any():
        raise UserError(message("data.by_hand.no_number"))
    return GivenSeries(points, name)


def _is_word(cell: str) -> bool:
    if cell.strip().casefold() in _MISSING:
        return False
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return True
    return False


def _number(cell: str, place: int, has_decimal_commas: bool) -> float:
    if cell.strip().casefold() in _MISSING:
        return float("nan")
    plain = cell.strip().replace("−", "-")
    try:
        value = float(plain.replace(",", ".") if has_decimal_commas else plain)
    except ValueError:
        raise UserError(message("data.by_hand.not_a_number", text=cell[:_SHOWN], place=place + 1)) from None
    return value if np.isfinite(value) else float("nan")
