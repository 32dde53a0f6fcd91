"""What lies in the label room: a conversation with its series, stretches a person named, a draft, and a decision."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsft.data.tasks.event_types import EVENT_TYPES
from tsft.errors import UserError, message

OPEN, ACCEPTED, CORRECTED, REJECTED = "open", "accepted", "corrected", "rejected"
STATES = (OPEN, ACCEPTED, CORRECTED, REJECTED)
FINISHED = (ACCEPTED, CORRECTED)
NAME_LENGTH = 60
# Signs that a written answer uses between names and numbers: no name may hold them.
_SIGNS = re.compile(r"[,;:@、()\[\]{}\"'<>\x00-\x1f]+")


@dataclass(frozen=True)
class ItemSeries:
    """A raw series, float64[L] with NaN where a value is missing, under the name and unit that the text gives it."""

    points: np.ndarray
    name: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Mark:
    """A named stretch of one series. series: its number from 0; first, last: points from 0, both belong to it."""

    series: int
    first: int
    last: int
    name: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"series": self.series, "first": self.first, "last": self.last, "name": self.name}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Mark":
        return Mark(int(data["series"]), int(data["first"]), int(data["last"]), str(data.get("name", "")))


@dataclass(frozen=True)
class Draft:
    """What a model answered. model: as a person knows it; question: what it was asked, "" where nothing says so."""

    text: str
    model: str
    at: float = 0.0
    question: str = ""


@dataclass(frozen=True)
class Edit:
    """What a person has written and marked. computed: the answer and label that were computed from the marks, {} for
    none; it counts only as long as the answer and the marks are still those."""

    question: str
    answer: str
    marks: tuple[Mark, ...] = ()
    computed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NewItem:
    """What is put into the room. turns: with the literal placeholders; the last answer may be missing.

    source: where it comes from, {"kind": "dataset", "chat" …, and what that kind needs}. meta: the row's own.
    """

    turns: tuple[Mapping[str, str], ...]
    series: tuple[ItemSeries, ...]
    source: Mapping[str, Any]
    note: str = ""
    marks: tuple[Mark, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """One item as a list shows it. by, at: who decided last and when; saved: the datasets it was saved into."""

    id: str
    title: str
    source: Mapping[str, Any]
    state: str
    note: str = ""
    has_draft: bool = False
    marks: int = 0
    by: str = ""
    at: float = 0.0
    saved: tuple[str, ...] = ()


@dataclass(frozen=True)
class Item:
    """One item in full. given: as it came; edit: as it stands now."""

    summary: Summary
    given: NewItem
    edit: Edit
    draft: Draft | None = None
    added_by: str = ""
    added_at: float = 0.0

    @property
    def id(self) -> str:
        return self.summary.id

    @property
    def series(self) -> tuple[ItemSeries, ...]:
        return self.given.series

    @property
    def earlier(self) -> tuple[Mapping[str, str], ...]:
        """The turns before the question that is labelled."""
        return earlier_turns(self.given.turns)

    def is_touched(self, now: Edit | None = None) -> bool:
        """Whether a person changed something of what came, or of what a model drafted."""
        edit, given = now or self.edit, self.given
        offered = self.draft.text if self.draft is not None else answer_of(given.turns)
        return edit.question != question_of(given.turns) or edit.answer != offered or edit.marks != given.marks

    def questions(self) -> list[dict[str, str]]:
        """The turns that a model is asked, up to the question as it stands."""
        return [*(dict(turn) for turn in self.earlier), {"role": "user", "content": self.edit.question}]


def question_of(turns: Sequence[Mapping[str, str]]) -> str:
    """The last question."""
    return next((turn["content"] for turn in reversed(turns) if turn["role"] == "user"), "")


def answer_of(turns: Sequence[Mapping[str, str]]) -> str:
    """The answer to the last question; "" where there is none."""
    last = turns[-1] if turns else {"role": "user", "content": ""}
    return last["content"] if last["role"] == "assistant" else ""


def earlier_turns(turns: Sequence[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    places = [place for place, turn in enumerate(turns) if turn["role"] == "user"]
    return tuple(turns[: places[-1]]) if places else ()


def clean_name(text: str) -> str:
    """A name as it can stand in an answer; an event type by its key, whatever its case and language."""
    plain = _SIGNS.sub(" ", unicodedata.normalize("NFKC", text))
    plain = re.sub(r"\s+", " ", plain).strip(" .。")[:NAME_LENGTH].strip(" .。")
    return _TYPES.get(plain.casefold(), plain)


def checked_mark(series: Sequence[ItemSeries], mark: Mark) -> Mark:
    """The mark with a clean name and its ends in order. UserError where the series has no such points."""
    if not 0 <= mark.series < len(series):
        raise UserError(message("label.no_series", number=mark.series + 1, count=len(series)))
    first, last = sorted((mark.first, mark.last))
    length = len(series[mark.series].points)
    if first < 0 or last >= length:
        raise UserError(message("label.outside", first=first, last=last, highest=length - 1))
    return Mark(mark.series, first, last, clean_name(mark.name))


_TYPES = {word.casefold(): each.key for each in EVENT_TYPES for word in (each.key, each.chinese)}
