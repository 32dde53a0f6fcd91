"""One row as a person looks at it: turns, series with names and patches, quoted positions, and what the model sees.

Gives data, draws nothing. What the model sees needs its processor (`RowReader`), which the engine has.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsft.data.checks.rows import examine_row
from tsft.data.encoded_rows import with_system
from tsft.data.encoding import RowReader
from tsft.data.examples import RowRefused
from tsft.data.fixes.record_texts import series_of
from tsft.data.fixes.row_fixes import numbers_of
from tsft.data.mapping import PLAIN_TEXT
from tsft.data.names import SeriesName, series_names
from tsft.data.quotes import Quote, quoted_positions
from tsft.data.row_access import LocatedRow
from tsft.data.shapes import turns_of
from tsft.errors import Message, UserError

_UNIT_BEHIND = re.compile(r"\s*[(（][^()（）]*[)）]$")
_SENTENCE_ENDS = ".。;；!?！？\n"
# The range that scaled values may fill (ChatTS's sp scaling).
SCALED_LIMIT = 3.0


@dataclass(frozen=True)
class SeriesView:
    """A raw series, float64[L] with NaN where the row has no number, and what scaling and patching make of it.

    amplitude: the largest distance from the mean; scale: what it is divided by; range_used: the share of ±3 it fills
    """

    number: int
    name: str
    unit: str
    points: np.ndarray
    mean: float
    amplitude: float
    scale: float
    range_used: float
    patch_starts: tuple[int, ...] = ()


@dataclass(frozen=True)
class QuoteView:
    """A point or an interval that a turn quotes: its characters there, and the series it speaks of (numbers from 1).

    series is empty where the text leaves it open. is_inside: whether some series has these positions.
    """

    turn: int
    begin: int
    end: int
    kind: str
    first: int
    last: int
    series: tuple[int, ...]
    is_inside: bool


@dataclass(frozen=True)
class Piece:
    """A token as text, or all patches of one series (series: its number, 0 for text). first: its place in the row."""

    text: str
    is_trained: bool
    series: int
    first: int
    ids: tuple[int, ...]


@dataclass(frozen=True)
class ModelView:
    """The row in the model's tokens: chat template, prefixes and patches. trained: tokens that are learnt."""

    pieces: tuple[Piece, ...]
    tokens: int
    trained: int
    patches: int


@dataclass(frozen=True)
class RowView:
    """Everything about one row. model is None without a reader, or where the row cannot be encoded (see findings).

    rejected: the worse answer of a pair, "" without one; is_good: what the row says of its answer.
    """

    index: int
    file: str
    row: int
    turns: tuple[Mapping[str, str], ...]
    series: tuple[SeriesView, ...]
    quotes: tuple[QuoteView, ...]
    findings: tuple[Message, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    model: ModelView | None = None
    rejected: str = ""
    is_good: bool | None = None


def view_row(
    located: LocatedRow, reader: RowReader | None = None, system_prompt: str = "", train_on: str = "answers"
) -> RowView:
    """The row with whatever can be said of it; a broken row shows what can be read of it, and why it is broken."""
    raw, mapping = located.raw, located.mapping
    if raw.record is None:
        reasons = (raw.reason,) if raw.reason is not None else ()
        return RowView(located.index, located.file, raw.row, (), (), (), reasons)
    examined = examine_row(raw.record, mapping)
    turns = examined.row.turns if examined.row is not None else _readable_turns(raw.record, mapping)
    series = examined.row.series if examined.row is not None else _readable_series(raw.record, mapping)
    findings, model = examined.sentences, None
    if examined.row is not None and reader is not None:
        is_text = turns[0]["role"] == PLAIN_TEXT
        try:
            model = _model_view(turns if is_text else with_system(turns, system_prompt), series, reader, train_on)
        except UserError as error:
            findings = (*findings, error.message)
    names = series_names(turns)
    patch_size = reader.patch_size if reader is not None else 0
    return RowView(
        index=located.index,
        file=located.file,
        row=raw.row,
        turns=tuple(turns),
        series=tuple(
            series_view(number, points, names[number - 1] if number <= len(names) else SeriesName(), patch_size)
            for number, points in enumerate(series, 1)
        ),
        quotes=tuple(quote_views(turns, series, names)),
        findings=findings,
        meta=examined.meta,
        model=model,
        rejected=(examined.row.rejected or "") if examined.row is not None else "",
        is_good=examined.row.is_good if examined.row is not None else None,
    )


def _readable_turns(record: Mapping[str, Any], mapping: Any) -> list[dict[str, str]]:
    try:
        return turns_of(record, mapping)
    except RowRefused:
        return []  # the finding says what is wrong with them


def _readable_series(record: Mapping[str, Any], mapping: Any) -> list[np.ndarray]:
    try:
        values = series_of(record, mapping)
    except RowRefused:
        return []
    return [numbers_of(value) for value in values if isinstance(value, (list, np.ndarray))]


def series_view(number: int, points: np.ndarray, named: SeriesName, patch_size: int = 0) -> SeriesView:
    """A raw series under its name, with what scaling makes of it; patch_size 0: without patches."""
    known = points[np.isfinite(points)]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(known.mean()) if len(known) else 0.0
        amplitude = float(np.abs(known - mean).max()) if len(known) else 0.0
    scale = amplitude / SCALED_LIMIT if amplitude >= SCALED_LIMIT else 1.0
    starts = tuple(range(0, len(points), patch_size)) if patch_size else ()
    used = amplitude / scale / SCALED_LIMIT
    return SeriesView(number, named.name, named.unit, points, mean, amplitude, scale, used, starts)


def quote_views(
    turns: Sequence[Mapping[str, str]], series: Sequence[np.ndarray], names: Sequence[SeriesName]
) -> Iterator[QuoteView]:
    """Every position that the turns quote, with the series it speaks of."""
    longest = max((len(points) for points in series), default=0)
    whole = "\n".join(turn["content"] for turn in turns)
    for number, turn in enumerate(turns, 1):
        done = 0
        for quote in quoted_positions(turn["content"], whole):
            about = (1,) if len(series) == 1 else _series_of(quote, turn["content"], done, names)
            is_inside = quote.first <= quote.last <= longest
            ends = (quote.begin, quote.end, quote.kind, quote.first, quote.last)
            yield QuoteView(number, *ends, about, is_inside)
            done = quote.end


def _series_of(quote: Quote, text: str, done: int, names: Sequence[SeriesName]) -> tuple[int, ...]:
    """The series named in the quote's sentence: since the quote before it, else earlier, else behind it.

    done: where the quote before it ends
    """
    begin = max(text.rfind(end, 0, quote.begin) for end in _SENTENCE_ENDS) + 1
    ends = [place for place in (text.find(end, quote.end) for end in _SENTENCE_ENDS) if place >= 0]
    end = min(ends, default=len(text))
    since = _mentioned(text[max(begin, done) : quote.begin], names)
    if since:
        return tuple(sorted(since))
    before = _mentioned(text[begin : quote.begin], names)
    return before[-1:] or _mentioned(text[quote.end : end], names)[:1]


def _mentioned(text: str, names: Sequence[SeriesName]) -> tuple[int, ...]:
    """Numbers of the series whose names stand in the text, in the order in which they do."""
    found: dict[int, int] = {}
    spoken = [(number, name) for number, named in enumerate(names, 1) for name in _spoken(named)]
    # Longer names first, and taken out: "Load of pump 2" does not name "Load" as well.
    for number, name in sorted(spoken, key=lambda each: -len(each[1])):
        place = text.find(name)
        if place >= 0:
            found[number] = min(place, found.get(number, place))
            text = text.replace(name, "\0" * len(name))
    return tuple(sorted(found, key=lambda number: found[number]))


def _spoken(named: SeriesName) -> list[str]:
    """What a sentence may call the series: its name, also without the unit in brackets behind it."""
    return list(dict.fromkeys(name for name in (named.name, _UNIT_BEHIND.sub("", named.name)) if name))


def _model_view(
    turns: Sequence[Mapping[str, str]], series: Sequence[np.ndarray], reader: RowReader, train_on: str
) -> ModelView:
    encoded = reader.encode(turns, series, train_on=train_on)
    ids, labels = list(encoded.input_ids), list(encoded.labels)
    counts = [-(-len(values) // reader.patch_size) for values in encoded.values]
    # Texts between series are turned into pieces stretch by stretch: a patch's id has no text of its own.
    pieces: list[Piece] = []
    place = 0
    for number, count in enumerate([*counts, 0], 1):
        stop = ids.index(reader.series_id, place) if count else len(ids)
        texts = reader.pieces(ids[place:stop])
        pieces += [
            Piece(text, labels[place + at] != -100, 0, place + at, (ids[place + at],)) for at, text in enumerate(texts)
        ]
        if count:
            pieces.append(Piece("", False, number, stop, tuple(ids[stop : stop + count])))
        place = stop + count
    trained = sum(label != -100 for label in labels[1:])
    return ModelView(tuple(pieces), len(ids), trained, sum(counts))
