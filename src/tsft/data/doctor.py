"""Whether a row can be trained: turns, placeholders and every value of every series. Says why not; repairs nothing
but a column vector, which it flattens and notes."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsft.data.checks.quality import meta_of
from tsft.data.examples import PLACEHOLDER, refuse
from tsft.data.files import json_type
from tsft.data.mapping import PLAIN_TEXT, ColumnMapping
from tsft.data.shapes import rejected_of, series_value_of, turns_of, verdict_of
from tsft.errors import Message, message

# The prefix prints four decimals: below this the text shows zeros and the patches stay under a 3,000th of their range.
TINY_AMPLITUDE = 1e-3
# From here on the prefix spends dozens of tokens on digits.
LARGE_VALUE = 1e15
# Tools that read values as float32 lose this part of a series' range; tsft itself keeps float64 until it has scaled.
FLOAT32_LOSS = 1e-3
_ENCODED_TEXT = re.compile(r"\[(?:Value )?[Oo]ffset\s*[:=][^\[\]]*\]\s*" + re.escape(PLACEHOLDER))
_STRAY = re.compile(r"</?ts\s*/?>")


@dataclass(frozen=True)
class CheckedRow:
    """A trainable row and what is worth knowing about it; rejected, is_good and label as in `Example`."""

    turns: list[dict[str, str]]
    series: list[np.ndarray]
    series_key: int
    warnings: list[Message] = field(default_factory=list)
    notes: list[Message] = field(default_factory=list)
    rejected: str | None = None
    is_good: bool | None = None
    label: str = ""


def check_record(record: Mapping[str, Any], mapping: ColumnMapping) -> CheckedRow:
    """The row ready to train, or RowRefused with the first reason why it is not."""
    turns = turns_of(record, mapping)
    _check_turns(turns)
    rejected, is_good = rejected_of(record, mapping), verdict_of(record, mapping)
    if rejected is not None:
        _check_rejected(rejected, turns[-1]["content"])
    value = series_value_of(record, mapping)
    placeholders = sum(turn["content"].count(PLACEHOLDER) for turn in turns)
    notes: list[Message] = []
    if value is None:
        if placeholders:
            raise refuse("data.row.missing_column", column=mapping.timeseries)
        value = []
    series = _series_list(value, notes)
    if placeholders != len(series):
        raise refuse("data.row.placeholder_count", placeholders=placeholders, series=len(series))
    _check_tokens(turns)
    if not series:
        notes.append(message("data.note.no_series"))
    warnings = _check_values(series)
    return CheckedRow(turns, series, _key(turns, series), warnings, notes, rejected, is_good, _label_text(record))


def _label_text(record: Mapping[str, Any]) -> str:
    label = meta_of(record).get("label")
    return json.dumps(label, default=str) if isinstance(label, Mapping) and label.get("fields") else ""


def _check_turns(turns: Sequence[Mapping[str, str]]) -> None:
    expected = "user"
    for number, turn in enumerate(turns, 1):
        role, content = turn["role"], turn["content"]
        if not content.isascii() and any("\ud800" <= letter <= "\udfff" for letter in content):
            raise refuse("data.row.broken_text", turn=number)
        if role == PLAIN_TEXT:
            if not content.strip():
                raise refuse("data.row.empty_text")
            return
        if role == "system" and number == 1:
            continue
        if role != expected:
            raise refuse("data.row.role_order", turn=number, role=role, expected=expected)
        if not content.strip():
            raise refuse("data.row.empty_answer" if role == "assistant" else "data.row.empty_question", turn=number)
        if role == "assistant" and "<ts>" in content:
            raise refuse("data.row.answer_has_series", turn=number)
        expected = "assistant" if role == "user" else "user"
    if expected == "assistant" or not any(turn["role"] == "assistant" for turn in turns):
        raise refuse("data.row.no_answer_turn", turns=len(turns))


def _check_rejected(rejected: str, chosen: str) -> None:
    """The worse answer must be one, and another one."""
    if not rejected.isascii() and any("\ud800" <= letter <= "\udfff" for letter in rejected):
        raise refuse("data.row.rejected_broken")
    if not rejected.strip():
        raise refuse("data.row.rejected_empty")
    if _STRAY.search(rejected):
        raise refuse("data.row.rejected_has_series")
    if rejected.strip() == chosen.strip():
        raise refuse("data.row.pair_equal")


def _check_tokens(turns: Sequence[Mapping[str, str]]) -> None:
    for number, turn in enumerate(turns, 1):
        content = turn["content"]
        if "ts" not in content:
            continue
        if PLACEHOLDER in content and _ENCODED_TEXT.search(content):
            raise refuse("data.row.encoded_text", turn=number)
        stray = _STRAY.search(content.replace(PLACEHOLDER, ""))
        if stray:
            raise refuse("data.row.stray_token", turn=number, text=stray.group())


def _series_list(value: Any, notes: list[Message]) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        value = list(value)
    if not isinstance(value, list):
        raise refuse("data.row.not_list", column="timeseries", type=json_type(value))
    if value and all(isinstance(each, (int, float)) for each in value):
        notes.append(message("data.note.single_list"))
        value = [value]
    return [_one_series(each, number, notes) for number, each in enumerate(value, 1)]


def _one_series(value: Any, number: int, notes: list[Message]) -> np.ndarray:
    """float64[L] of one inner list."""
    if not isinstance(value, (list, np.ndarray)):
        raise refuse("data.row.series_not_list", series=number, type=json_type(value))
    if len(value) == 0:
        raise refuse("data.row.series_empty", series=number)
    try:
        points = np.array(value)
    except ValueError:  # inner lists of different lengths
        raise refuse("data.row.series_ragged", series=number) from None
    if points.dtype.kind not in "fiub":
        points = _from_mixed(value, number)
    points = points.astype(np.float64, copy=False)
    if points.ndim == 1:
        return points
    return _flattened(points, number, notes)


def _flattened(points: np.ndarray, number: int, notes: list[Message]) -> np.ndarray:
    pairs = points.reshape(-1, 2) if points.size % 2 == 0 and points.ndim == 2 and points.shape[1] <= 2 else None
    if pairs is not None and len(pairs) and np.all(pairs[:, 1] == 1.0) and not np.all(pairs[:, 0] == 1.0):
        raise refuse("data.row.encoded_values", series=number)
    if points.size and points.size == max(points.shape):
        notes.append(message("data.note.flattened", series=number))
        return points.reshape(-1)
    raise refuse("data.row.series_shape", series=number, shape=" x ".join(str(size) for size in points.shape))


def _from_mixed(value: Any, number: int) -> np.ndarray:
    """Numbers among which something is not a number, or an integer beyond 64 bits; says which and where."""
    points = np.empty(len(value), dtype=np.float64)
    for position, each in enumerate(value):
        if isinstance(each, (list, tuple)) and len(each) == 1:
            each = each[0]
        if each is None:
            raise refuse("data.row.value_null", series=number, position=position)
        if isinstance(each, str):
            raise refuse("data.row.value_text", series=number, position=position, value=each[:40])
        if not isinstance(each, (int, float)):
            raise refuse("data.row.value_type", series=number, position=position, type=json_type(each))
        try:
            points[position] = each
        except OverflowError:
            raise refuse("data.row.overflow", series=number, value=f"1e{len(str(abs(each))) - 1}") from None
    return points


def _check_values(series: list[np.ndarray]) -> list[Message]:
    """Refuses what has no scale; returns the warnings, at most one of a kind (the first series it holds for)."""
    if not series:
        return []
    sizes = np.array([len(points) for points in series])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    flat = np.concatenate(series)
    if not np.isfinite(flat).all():
        _refuse_not_finite(series)
    low, high = np.minimum.reduceat(flat, starts), np.maximum.reduceat(flat, starts)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.add.reduceat(flat, starts) / sizes
        amplitude = np.maximum(high - mean, mean - low)
        span = high - low
    overflown = ~(np.isfinite(mean) & np.isfinite(amplitude) & np.isfinite(span))
    if overflown.any():
        index = int(np.argmax(overflown))
        raise refuse("data.row.overflow", series=index + 1, value=f"{max(abs(low[index]), abs(high[index])):.3g}")
    return _warnings(series, sizes, low, high, amplitude)


def _warnings(
    series: list[np.ndarray], sizes: np.ndarray, low: np.ndarray, high: np.ndarray, amplitude: np.ndarray
) -> list[Message]:
    found: list[Message] = []
    is_single = sizes == 1
    is_constant = (low == high) & ~is_single
    for key, holds in (("data.warning.single_point", is_single), ("data.warning.constant", is_constant)):
        if holds.any():
            found.append(message(key, series=int(np.argmax(holds)) + 1))
    is_tiny = (low != high) & (amplitude < TINY_AMPLITUDE)
    if is_tiny.any():
        index = int(np.argmax(is_tiny))
        found.append(message("data.warning.tiny", series=index + 1, amplitude=f"{amplitude[index]:.3g}"))
    size = np.maximum(np.abs(low), np.abs(high))
    if (size >= LARGE_VALUE).any():
        index = int(np.argmax(size >= LARGE_VALUE))
        found.append(message("data.warning.large", series=index + 1, value=f"{size[index]:.3g}"))
    # Half a unit of float32's last place at the largest value, against the range; whole numbers may still be exact.
    for index in np.flatnonzero((low != high) & (size * 2.0**-24 > FLOAT32_LOSS * (high - low))).tolist():
        loss = np.abs(series[index].astype(np.float32).astype(np.float64) - series[index]).max()
        if loss > FLOAT32_LOSS * (high[index] - low[index]):
            found.append(message("data.warning.float32", series=index + 1, value=f"{size[index]:.10g}"))
            break
    for number, points in enumerate(series, 1):
        # The second value rules out nearly every series at once; eight points are too many to be chance.
        is_candidate = len(points) >= 8 and len(points) % 2 == 0 and points[1] == 1.0
        if is_candidate and low[number - 1] != high[number - 1] and np.all(points[1::2] == 1.0):
            found.append(message("data.warning.maybe_encoded", series=number))
            break
    return found


def _refuse_not_finite(series: list[np.ndarray]) -> None:
    for number, points in enumerate(series, 1):
        finite = np.isfinite(points)
        if not finite.all():
            position = int(np.argmin(finite))
            kind = "data.row.value_nan" if np.isnan(points[position]) else "data.row.value_infinite"
            raise refuse(kind, series=number, position=position)


def _key(turns: Sequence[Mapping[str, str]], series: list[np.ndarray]) -> int:
    """The same for two rows exactly when their series are the same (rows without series: when their texts are)."""
    digest = hashlib.blake2b(digest_size=8)
    for points in series:
        digest.update(len(points).to_bytes(8, "little"))
        digest.update(points.tobytes())
    if not series:
        digest.update("\x00".join(turn["content"] for turn in turns).encode("utf-8"))
    return int.from_bytes(digest.digest(), "little", signed=True)
