"""The fixes of one row: each takes a raw record and gives a changed copy, or None where only leaving it out helps.

Which findings a fix is for, `checks/findings.py` says; that a fixed row really passes, `derive.py` makes sure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.data.budget import Budget, fit
from tsft.data.by_hand import without_gaps
from tsft.data.doctor import FLOAT32_LOSS, LARGE_VALUE, TINY_AMPLITUDE
from tsft.data.encoding import RowEncoder
from tsft.data.examples import PLACEHOLDER, RowRefused
from tsft.data.fixes.record_texts import series_of, with_meta, with_series, with_texts
from tsft.data.fixes.wordings import wording
from tsft.data.mapping import ColumnMapping
from tsft.data.quotes import quoted_positions
from tsft.data.shapes import turns_of

Record = Mapping[str, Any]
# Shorter stretches between gaps say nothing of a series.
SHORTEST_RUN = 8
_PREFIX = re.compile(
    r"\[(?:Value )?[Oo]ffset\s*[:=]\s*([^|\[\]]*)\|\s*(?:(?:Value )?[Ss]caling|Scaled by)\s*[:=]\s*([^|\[\]]*)"
    r"(?:\|[^\[\]]*)?\]\s*(?=<ts><ts/>)"
)
_ALMOST_PLACEHOLDER = re.compile(r"<\s*ts\s*>\s*<\s*/?\s*ts\s*/?\s*>|<\s*ts\s*>", re.IGNORECASE)
_STRAY = re.compile(r"<\s*/?\s*ts\s*/?\s*>", re.IGNORECASE)
_SEPARATOR = re.compile(r"[,;|\s]+")
_LENGTH_WORDS = re.compile(r"(\blength(?: of)?\s*|长度为?\s*|\b)(\d+)(\s*(?:data )?points\b|\s*个(?:数据)?点|)")


@dataclass(frozen=True)
class FixTools:
    """What some fixes need besides the row: the model's processor and the limit in tokens."""

    encoder: RowEncoder | None = None
    cutoff_length: int = 0


def impute(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """Missing points on the straight line between their neighbours; at the ends like the nearest point."""
    filled = []
    for value in series_of(record, mapping):
        points = numbers_of(value)
        if not np.isfinite(points).any():
            return None
        filled.append(without_gaps(points))
    return with_series(record, mapping, filled)


def longest_run(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """The longest stretch without a gap; the same for all series where they are of one length."""
    series = [numbers_of(value) for value in series_of(record, mapping)]
    if not series or _quotes_positions(record, mapping):
        return None
    is_there = [np.isfinite(points) for points in series]
    if len({len(points) for points in series}) == 1:
        is_there = [np.logical_and.reduce(is_there)] * len(series)
    runs = [_longest(mask) for mask in is_there]
    if any(end - begin < min(SHORTEST_RUN, len(points)) for (begin, end), points in zip(runs, series, strict=True)):
        return None
    cut = [points[begin:end] for points, (begin, end) in zip(series, runs, strict=True)]
    return _with_told_lengths(
        with_series(record, mapping, cut), mapping, [len(p) for p in series], [len(p) for p in cut]
    )


def rescale(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """Another unit, a power of ten away, for every series that is too small or too large; the question says so."""
    series = [numbers_of(value) for value in series_of(record, mapping)]
    notes: dict[int, str] = {}
    for number, points in enumerate(series, 1):
        exponent = _unit_exponent(points)
        if exponent is None:
            return None
        if exponent:
            # In two halves: 10**320 is no float, and neither is its reciprocal.
            series[number - 1] = points / 10.0 ** (exponent // 2) / 10.0 ** (exponent - exponent // 2)
            notes[number] = f"1e{exponent}"
    changed = with_series(record, mapping, series)
    return _with_notes(changed, mapping, {n: ("divided", {"factor": each}) for n, each in notes.items()})


def recentre(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """A round number subtracted from every series whose level hides its changes in float32; the question says so."""
    series = [numbers_of(value) for value in series_of(record, mapping)]
    notes: dict[int, tuple[str, dict[str, Any]]] = {}
    for number, points in enumerate(series, 1):
        span = float(points.max() - points.min())
        loss = np.abs(points.astype(np.float32).astype(np.float64) - points).max()
        if span and loss > FLOAT32_LOSS * span:
            unit = 10.0 ** np.floor(np.log10(span))
            base = float(np.round(points.mean() / unit) * unit)
            series[number - 1] = points - base
            notes[number] = ("shifted", {"base": f"{base:.15g}"})
    return _with_notes(with_series(record, mapping, series), mapping, notes)


def describe(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """Words in the place of a series that shows nothing: one without points, with one point, or with one value."""
    series = series_of(record, mapping)
    words: dict[int, tuple[str, dict[str, Any]]] = {}
    for number, value in enumerate(series, 1):
        points = numbers_of(value)
        if not len(points):
            words[number] = ("empty", {})
        elif np.isfinite(points).all() and points.min() == points.max():
            kind = "single" if len(points) == 1 else "constant"
            words[number] = (kind, {"value": f"{points[0]:.6g}", "count": len(points)})
    changed = _with_placeholders(
        record,
        mapping,
        lambda number, text: wording(words[number][0], text, **words[number][1]) if number in words else PLACEHOLDER,
    )
    kept = [value for number, value in enumerate(series, 1) if number not in words]
    return with_series(changed, mapping, kept)


def unpack(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """One flat list of numbers for each series, from columns, nested lists or numbers written as text."""
    flat: list[Any] = []
    value = record.get(mapping.timeseries)
    if isinstance(value, str) and not value.lstrip().startswith("["):
        value = [value]
    for each in value if isinstance(value, list) and not _is_plain(value) else series_of(record, mapping):
        if isinstance(each, str):
            numbers = [_number(part) for part in _SEPARATOR.split(each.strip("[]() \n")) if part]
            if not numbers or not np.isfinite(numbers).all():
                return None
            flat.append(numbers)
        elif isinstance(each, (int, float)):
            flat.append([each])
        else:
            points = np.array(each, dtype=np.float64)
            if points.ndim == 2 and 1 not in points.shape:
                flat.extend(list(points) if len(points) <= points.shape[1] else list(points.T))
            else:
                flat.append(points.reshape(-1))
    return with_series(record, mapping, flat)


def placeholders(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """Misspelt placeholders put right; where the text has none at all, one for each series in front of it."""
    count = len(series_of(record, mapping))
    found = 0

    def corrected(role: str, text: str) -> str:
        nonlocal found
        if role == "assistant":
            return _STRAY.sub("", text)
        parts = [_STRAY.sub("", part) for part in _ALMOST_PLACEHOLDER.split(text)]
        found += len(parts) - 1
        return PLACEHOLDER.join(parts)

    changed = with_texts(record, mapping, corrected)
    if found == count:
        return changed
    if found or not count:
        return None
    is_done = False

    def led(role: str, text: str) -> str:
        nonlocal is_done
        if role != "user" or is_done or not text.strip():
            return text
        is_done = True
        return "".join(wording("named", text, series=number) for number in range(1, count + 1)) + text

    return with_texts(changed, mapping, led)


def decode(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """Raw values from encoded ones: every second value out, scaled back by the prefix in the text, prefix out."""
    prefixes: list[tuple[float, float] | None] = []

    def strip(role: str, text: str) -> str:
        for piece in text.split(PLACEHOLDER)[:-1]:
            told = list(_PREFIX.finditer(piece + PLACEHOLDER))
            prefixes.append((_number(told[-1][1]), _number(told[-1][2])) if told else None)
        return _PREFIX.sub("", text)

    changed = with_texts(record, mapping, strip)
    series = []
    for number, value in enumerate(series_of(record, mapping)):
        points = numbers_of(value)
        if len(points) >= 2 and len(points) % 2 == 0 and (points[1::2] == 1.0).all() and not (points == 1.0).all():
            points = points[0::2]
            told = prefixes[number] if number < len(prefixes) else None
            if told is not None and np.isfinite(told).all():
                points = points * told[1] - told[0]
        series.append(points)
    return with_series(changed, mapping, series)


def tag(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """The row says of itself that the prefix answers it, so that its scores are reported apart."""
    return with_meta(record, "prefix_answerable", True)


def shorten(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """The newest points that fit; not where the text quotes positions, which would move."""
    if tools.encoder is None or _quotes_positions(record, mapping):
        return None
    before = [numbers_of(value) for value in series_of(record, mapping)]
    try:
        row = fit(turns_of(record, mapping), before, tools.encoder, Budget(tools.cutoff_length, "shorten_series"))
    except RowRefused:
        return None
    changed = with_series(record, mapping, row.series)
    return _with_told_lengths(changed, mapping, [len(p) for p in before], [len(p) for p in row.series])


def resample(record: Record, mapping: ColumnMapping, tools: FixTools) -> dict[str, Any] | None:
    """Means of 2, 4, 8 … neighbouring points until the row fits; the question says so."""
    if tools.encoder is None or _quotes_positions(record, mapping):
        return None
    before = [numbers_of(value) for value in series_of(record, mapping)]
    count = 2
    while before and count <= max(len(points) for points in before):
        after = [_means(points, count) for points in before]
        changed = with_series(record, mapping, after)
        changed = _with_told_lengths(changed, mapping, [len(p) for p in before], [len(p) for p in after])
        noted = {number: ("averaged", {"count": count}) for number in range(1, len(after) + 1)}
        changed = _with_notes(changed, mapping, noted)
        try:
            fit(turns_of(changed, mapping), after, tools.encoder, Budget(tools.cutoff_length, "drop"))
        except RowRefused:
            count *= 2
            continue
        return changed
    return None


ROW_FIXES: dict[str, Callable[[Record, ColumnMapping, FixTools], dict[str, Any] | None]] = {
    each.__name__: each
    for each in (impute, longest_run, rescale, recentre, describe, unpack, placeholders, decode, tag, shorten, resample)
}


def numbers_of(value: Any) -> np.ndarray:
    """float64[L]; NaN for whatever is no finite number."""
    if isinstance(value, np.ndarray):
        return value
    flat = [each[0] if isinstance(each, list) and len(each) == 1 else each for each in value]
    if any(isinstance(each, list) for each in flat):
        flat = [point for each in flat for point in (each if isinstance(each, list) else [each])]
    points = np.array([_number(each) for each in flat], dtype=np.float64)
    return np.where(np.isfinite(points), points, np.nan)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _is_plain(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(each, (int, float)) for each in value)


def _longest(mask: np.ndarray) -> tuple[int, int]:
    """Begin and end of the longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    begins, ends = edges[0::2], edges[1::2]
    if not len(begins):
        return 0, 0
    best = int(np.argmax(ends - begins))
    return int(begins[best]), int(ends[best])


def _unit_exponent(points: np.ndarray) -> int | None:
    """By which power of ten to divide: 0 where the unit is fine, None where no unit helps."""
    if not np.isfinite(points).all():
        return None
    size = float(np.abs(points).max())
    if size >= LARGE_VALUE:
        return int(np.floor(np.log10(size))) - 1
    amplitude = float(np.abs(points - points.mean()).max())
    if 0.0 < amplitude < TINY_AMPLITUDE and points.min() != points.max():
        exponent = int(np.floor(np.log10(amplitude))) - 1
        return exponent if exponent >= -300 and np.log10(max(size, 1e-300)) - exponent < 14 else None
    return 0


def _means(points: np.ndarray, count: int) -> np.ndarray:
    starts = np.arange(0, len(points), count)
    return np.asarray(np.add.reduceat(points, starts) / np.diff(np.append(starts, len(points))))


def _quotes_positions(record: Record, mapping: ColumnMapping) -> bool:
    turns = turns_of(record, mapping)
    whole = "\n".join(turn["content"] for turn in turns)
    return any(quoted_positions(turn["content"], whole) for turn in turns)


def _with_placeholders(record: Record, mapping: ColumnMapping, replace: Callable[[int, str], str]) -> dict[str, Any]:
    """Each placeholder replaced by what `replace(number of its series, text around it)` gives."""
    number = 0

    def changed(role: str, text: str) -> str:
        nonlocal number
        first, *others = text.split(PLACEHOLDER)
        made = first
        for part in others:
            number += 1
            made += replace(number, text) + part
        return made

    return with_texts(record, mapping, changed)


def _with_notes(
    record: Record, mapping: ColumnMapping, notes: Mapping[int, tuple[str, dict[str, Any]]]
) -> dict[str, Any]:
    """A sentence at the end of the text that shows a changed series."""
    number = 0

    def noted(role: str, text: str) -> str:
        nonlocal number
        first = number + 1
        number += text.count(PLACEHOLDER)
        told = [
            wording(notes[each][0], text, series=each, **notes[each][1])
            for each in range(first, number + 1)
            if each in notes
        ]
        return "\n".join([text, *told])

    return with_texts(record, mapping, noted)


def _with_told_lengths(record: Record, mapping: ColumnMapping, before: list[int], after: list[int]) -> dict[str, Any]:
    """Where the text before a placeholder names the length of its series, the new one."""
    number = 0

    def retold(role: str, text: str) -> str:
        nonlocal number
        pieces = text.split(PLACEHOLDER)
        for place in range(len(pieces) - 1):
            if number < len(before) and before[number] != after[number]:
                pieces[place] = _new_length(pieces[place], before[number], after[number])
            number += 1
        return PLACEHOLDER.join(pieces)

    return with_texts(record, mapping, retold)


def _new_length(text: str, old: int, new: int) -> str:
    def replaced(match: re.Match[str]) -> str:
        is_told = int(match[2]) == old and (match[1].strip() or match[3].strip())
        return f"{match[1]}{new}{match[3]}" if is_told else match[0]

    return _LENGTH_WORDS.sub(replaced, text)
