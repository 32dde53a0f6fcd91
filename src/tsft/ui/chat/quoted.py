"""Points and intervals that an answer names: where they lie on which series, and which lie beyond its end."""

from collections.abc import Sequence
from dataclasses import dataclass

from tsft.data.names import SeriesName
from tsft.data.view import QuoteView, quote_views
from tsft.ui.chat.talk import Attached
from tsft.ui.data.series_html import Mark


@dataclass(frozen=True)
class Named:
    """One place in an answer. begin, end: its characters; first, last: the points it names.

    series: numbers from 1 of the series that have them. beyond: the number of the series that ends before, 0 for none.
    """

    begin: int
    end: int
    first: int
    last: int
    series: tuple[int, ...]
    beyond: int = 0


def named_in(question: str, answer: str, series: Sequence[Attached]) -> list[Named]:
    """Every place the answer names, in order. series: all of the conversation."""
    if not series:
        return []
    names = [SeriesName(each.name, each.unit) for each in series]
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    found = quote_views(turns, [each.points for each in series], names)
    return [_named(each, series) for each in found if each.turn == 2]


def marks_of(named: Sequence[Named], text: str) -> list[Mark]:
    """What is inside as marks with the words that name it."""
    return [
        Mark(number, each.first, each.last, text[each.begin : each.end], "answer")
        for each in named
        for number in each.series
    ]


def _named(quote: QuoteView, series: Sequence[Attached]) -> Named:
    spoken = [number for number in (quote.series or range(1, len(series) + 1)) if number <= len(series)]
    lengths = {number: len(series[number - 1].points) for number in spoken}
    # The last of a half-open interval is one behind the series.
    inside = [number for number, length in lengths.items() if quote.first < length and quote.last <= length]
    longest = max(lengths.values(), default=0)
    last = min(quote.last, max((lengths[number] for number in inside), default=longest) - 1)
    if inside and quote.first <= quote.last:
        return Named(quote.begin, quote.end, quote.first, last, tuple(inside))
    beyond = max(lengths, key=lambda number: lengths[number]) if lengths else 0
    return Named(quote.begin, quote.end, quote.first, quote.last, (), beyond)
