"""Fits one row into the token budget, patches included: drop it, shorten its series, or cut its text.

The encoder is asked for the true length each time, because the text in front of a series changes with the series.
"""

import math
import re
from dataclasses import dataclass, field, replace

import numpy as np

from tsft.data.encoding import EncodedRow, RowEncoder
from tsft.data.examples import PLACEHOLDER, RowRefused, refuse
from tsft.errors import UserError

CUT_MARK = " … "
_SPLIT = re.compile("(" + re.escape(PLACEHOLDER) + ")")


@dataclass(frozen=True)
class Budget:
    """The limit in tokens (0: none) and what to do with a row above it."""

    cutoff_length: int
    overlong: str = "drop"
    train_on: str = "answers"


@dataclass(frozen=True)
class _Piece:
    """A stretch of an encoded text."""

    input_ids: list[int]
    labels: list[int]
    values: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True)
class FittedRow:
    """An encoded row within the budget, and what was done to it."""

    encoded: EncodedRow
    turns: list[dict[str, str]]
    series: list[np.ndarray]
    is_shortened: bool = False
    is_cut: bool = False


def fit(turns: list[dict[str, str]], series: list[np.ndarray], encoder: RowEncoder, budget: Budget) -> FittedRow:
    """The row encoded within the budget; RowRefused with the reason when it cannot be."""
    try:
        allowed = _within_max_points(series, encoder, budget)
        is_shortened = any(len(new) != len(old) for new, old in zip(allowed, series, strict=True))
        row = FittedRow(encoder.encode(turns, allowed, train_on=budget.train_on), turns, allowed, is_shortened)
        if not _excess(row, budget):
            return row
        if budget.overlong == "shorten_series":
            return _shorten(row, encoder, budget)
        if budget.overlong == "cut_text":
            return _cut(row, encoder, budget)
    except UserError as error:
        raise RowRefused(error.message) from error
    raise refuse("data.row.too_long", length=len(row.encoded.input_ids), limit=budget.cutoff_length)


def patches(points: int, patch_size: int) -> int:
    """Patches a series of this many points takes."""
    return -(-points // patch_size)


def _excess(row: FittedRow, budget: Budget) -> int:
    return max(0, len(row.encoded.input_ids) - budget.cutoff_length) if budget.cutoff_length else 0


def _within_max_points(series: list[np.ndarray], encoder: RowEncoder, budget: Budget) -> list[np.ndarray]:
    limit = encoder.max_points
    if limit is None:
        return series
    if budget.overlong != "shorten_series":
        for number, points in enumerate(series, 1):
            if len(points) > limit:
                raise refuse("data.row.series_too_long", series=number, points=len(points), limit=limit)
    return [points[-limit:] for points in series]


def _shorten(row: FittedRow, encoder: RowEncoder, budget: Budget) -> FittedRow:
    first_length = len(row.encoded.input_ids)
    while excess := _excess(row, budget):
        now = [patches(len(points), encoder.patch_size) for points in row.series]
        if all(count == 1 for count in now):
            raise refuse("data.row.too_long_shortened", length=first_length, limit=budget.cutoff_length)
        wanted = lowered(now, excess)
        series = [
            points if new == old else points[-new * encoder.patch_size :]
            for points, old, new in zip(row.series, now, wanted, strict=True)
        ]
        encoded = encoder.encode(row.turns, series, train_on=budget.train_on)
        row = replace(row, encoded=encoded, series=series, is_shortened=True)
    return row


def lowered(counts: list[int], excess: int) -> list[int]:
    """`counts` with `excess` taken away in all, always from the largest; none goes below 1."""
    low, high = 1, max(counts)
    while low < high:  # the highest level at which cutting everything above it frees enough
        level = (low + high + 1) // 2
        if sum(max(0, count - level) for count in counts) >= excess:
            low = level
        else:
            high = level - 1
    level = low
    left = sum(max(0, count - level) for count in counts) - excess
    result = []
    for count in counts:
        gives_back = count > level and left > 0
        left -= gives_back
        result.append(min(count, level + gives_back))
    return result


@dataclass
class _Stretch:
    """A piece of user text without placeholders, of which the first `head` and last `tail` characters are kept."""

    turn: int
    place: int
    text: str
    head: int
    tail: int

    @property
    def kept(self) -> int:
        return self.head + self.tail

    def shown(self) -> str:
        if self.kept >= len(self.text):
            return self.text
        return self.text[: self.head] + CUT_MARK + self.text[len(self.text) - self.tail :]

    def shrink(self, characters: int) -> None:
        keep = max(0, self.kept - characters)
        self.head = _back_to_word(self.text, min(self.head, keep - keep // 2))
        self.tail = len(self.text) - _on_to_word(self.text, len(self.text) - min(self.tail, keep // 2))


def _cut(row: FittedRow, encoder: RowEncoder, budget: Budget) -> FittedRow:
    first_length = len(row.encoded.input_ids)
    pieces = [_SPLIT.split(turn["content"]) for turn in row.turns]
    stretches = [
        _Stretch(turn, place, text, len(text) - len(text) // 2, len(text) // 2)
        for turn, parts in enumerate(pieces)
        if row.turns[turn]["role"] == "user"
        for place, text in enumerate(parts)
        if text != PLACEHOLDER and text.strip()
    ]
    text_tokens = first_length - patch_count(row.encoded, encoder.patch_size)
    characters_per_token = sum(len(turn["content"]) for turn in row.turns) / max(1, text_tokens)
    while excess := _excess(row, budget):
        longest = max(stretches, key=lambda stretch: stretch.kept, default=None)
        # Below the mark's own size a cut frees nothing.
        if longest is None or longest.kept <= len(CUT_MARK):
            raise refuse("data.row.too_long_cut", length=first_length, limit=budget.cutoff_length)
        kept = longest.kept
        longest.shrink(max(8, math.ceil(excess * characters_per_token)))
        pieces[longest.turn][longest.place] = longest.shown()
        turns = [{**turn, "content": "".join(parts)} for turn, parts in zip(row.turns, pieces, strict=True)]
        encoded = encoder.encode(turns, row.series, train_on=budget.train_on)
        freed = len(row.encoded.input_ids) - len(encoded.input_ids)
        # The prefixes of the series count as text in the first guess; what a cut really freed is the better one.
        characters_per_token = (kept - longest.kept) / freed if freed > 0 else characters_per_token * 2
        row = replace(row, encoded=encoded, turns=turns, is_cut=True)
    return row


def _back_to_word(text: str, end: int) -> int:
    """The end of the last whole word before `end`, unless that is more than 20 characters back (as in Chinese)."""
    space = text.rfind(" ", max(0, end - 20), end)
    return space if space > 0 else end


def _on_to_word(text: str, start: int) -> int:
    space = text.find(" ", start, start + 20)
    return space + 1 if space >= 0 else start


def pieces(turns: list[dict[str, str]], encoder: RowEncoder, budget: Budget) -> list[FittedRow]:
    """A text without series, cut every `cutoff_length` tokens."""
    try:
        encoded = encoder.encode(turns, [], train_on=budget.train_on)
    except UserError as error:
        raise RowRefused(error.message) from error
    length = len(encoded.input_ids)
    if length < 2:
        raise refuse("data.row.nothing_trained")
    size = budget.cutoff_length or length
    cuts = [slice(start, start + size) for start in range(0, length, size)]
    # A last piece of one token has nothing to be predicted from.
    return [
        FittedRow(_Piece(list(encoded.input_ids[cut]), list(encoded.labels[cut])), turns, [])
        for cut in cuts
        if length - cut.start > 1
    ]


def patch_count(row: EncodedRow, patch_size: int) -> int:
    """Patches of all series of an encoded row."""
    return sum(patches(len(values), patch_size) for values in row.values)
