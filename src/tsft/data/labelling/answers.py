"""Questions whose answers are computed from the stretches that a person marked, in the words of the tasks."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsft.data.labelling.items import ItemSeries, Mark
from tsft.data.tasks.event_types import EVENT_TYPE
from tsft.data.tasks.row import ask, introduction
from tsft.data.tasks.subject import Attributes, Event, NamedSeries, Subject
from tsft.errors import UserError, message

# What can be asked: the stretches alone, or each with its name.
ANOMALIES, EVENTS = "anomalies", "events"
KINDS = (ANOMALIES, EVENTS)
_UNNAMED = {"en": "series {number}", "zh": "序列 {number}"}
# The level beside a stretch is taken from so many points at most on either side.
_BESIDE_POINTS = 32


@dataclass(frozen=True)
class Wanted:
    """kind: one of KINDS; language: "en" or "zh"; style: "short", "line" or "json"; series: whose events (from 0)."""

    kind: str = ANOMALIES
    language: str = "en"
    style: str = "line"
    series: int = 0


@dataclass(frozen=True)
class Computed:
    """A question with its answer and the label by which `tsft.evaluate` scores another one."""

    question: str
    answer: str
    label: Mapping[str, Any]
    marks: tuple[Mark, ...]

    def to_json(self) -> dict[str, Any]:
        """As `items.Edit.computed`."""
        marks = [each.to_json() for each in self.marks]
        return {"answer": self.answer, "label": dict(self.label), "marks": marks}


def answer_from(series: Sequence[ItemSeries], marks: Sequence[Mark], wanted: Wanted, seed: str = "") -> Computed:
    """The question about these stretches, and its answer. seed: chooses among the wordings, an item's id for one.

    UserError where it cannot be asked: a missing value, too few points, a stretch without a name.
    """
    if any(not np.isfinite(each.points).all() for each in series):
        raise UserError(message("label.missing_values"))
    if not series:
        raise UserError(message("label.nothing_to_mark"))
    subject = _subject(series, marks, wanted)
    generator = np.random.default_rng(zlib.crc32(seed.encode()))
    asked = ask(wanted.kind, subject, generator, wanted.language, wanted.style)
    if asked is None:
        raise UserError(message("label.too_short", least=16))
    question = f"{introduction(subject, wanted.language, generator)}\n{asked.question}"
    return Computed(question, asked.answer, asked.label, tuple(marks))


def label_of(computed: Mapping[str, Any], answer: str, marks: Sequence[Mark]) -> Mapping[str, Any] | None:
    """The label that was computed, as long as the answer and the stretches are still those; else None."""
    if not computed or computed.get("answer") != answer:
        return None
    return computed["label"] if computed.get("marks") == [each.to_json() for each in marks] else None


def _subject(series: Sequence[ItemSeries], marks: Sequence[Mark], wanted: Wanted) -> Subject:
    named = _named(series, wanted.language)
    if wanted.kind == ANOMALIES:
        return Subject(tuple(named), intervals=tuple((each.first, each.last + 1) for each in marks))
    if not 0 <= wanted.series < len(series):
        raise UserError(message("label.no_series", number=wanted.series + 1, count=len(series)))
    own = [each for each in marks if each.series == wanted.series]
    if any(not each.name for each in own):
        raise UserError(message("label.unnamed"))
    events = tuple(measured(series[wanted.series].points, each) for each in _one_spelling(own))
    # Of the others nobody has said what happens: the question is about this one.
    known = [
        replace(each, attributes=Attributes(events=events if place == wanted.series else ()))
        for place, each in enumerate(named)
    ]
    return Subject(tuple(known), focus=wanted.series)


def _named(series: Sequence[ItemSeries], language: str) -> list[NamedSeries]:
    """Names that all differ, as a question needs them."""
    found: list[NamedSeries] = []
    for number, each in enumerate(series, 1):
        plain = each.name or _UNNAMED[language].format(number=number)
        name, again = plain, 1
        while any(other.name == name for other in found):
            again += 1
            name = f"{plain} {again}"
        found.append(NamedSeries(name, each.points, each.unit))
    return found


def _one_spelling(marks: Sequence[Mark]) -> list[Mark]:
    """Names that differ in case only are one."""
    first: dict[str, str] = {}
    return [replace(each, name=first.setdefault(each.name.casefold(), each.name)) for each in marks]


def measured(points: np.ndarray, mark: Mark) -> Event:
    """A marked stretch as an event: its size is the largest deviation from the level beside it, with its sign.

    Where the level does not come back, it is the step from the level before to the one behind.
    """
    start, end = mark.first, mark.last + 1
    width = min(_BESIDE_POINTS, max(3, end - start))
    left, right = points[max(0, start - width) : start], points[end : end + width]
    inside = points[start:end]
    before = float(np.median(left)) if len(left) else float(np.median(right)) if len(right) else float(inside[0])
    after = float(np.median(right)) if len(right) else before
    is_permanent = mark.name in EVENT_TYPE and EVENT_TYPE[mark.name].is_permanent
    level = before if is_permanent else (before + after) / 2
    peak = int(np.argmax(np.abs(inside - level)))
    size = after - before if is_permanent and len(right) else float(inside[peak] - level)
    return Event(mark.name, start, end, start + peak, size, before, after, is_permanent)
