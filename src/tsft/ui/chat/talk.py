"""One conversation of one browser session: its turns with the series they brought, answers, and what is being asked.

Kept in memory of the server under a token that only that browser tab has; nothing is shared between sessions.
"""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tsft.config.run_config import RunConfig
from tsft.data.examples import PLACEHOLDER
from tsft.errors import Message, UserError, message
from tsft.run.answers import Answer, AnswerOptions, Question

# What a reply is to its turn: the conversation goes on from the own one; the others stand beside it.
OWN, BASE, CHANGED = "own", "base", "changed"
# States of a reply.
ASKED, DONE, STOPPED, FAILED = "asked", "done", "stopped", "failed"
MOST_POINTS = 20_000
MOST_SERIES = 30
# Conversations that are kept; the one looked at longest ago goes first.
MOST_TALKS = 64


@dataclass(frozen=True)
class Attached:
    """A raw series without gaps, float64[L]. filled: points that were missing; origin: where it comes from."""

    points: np.ndarray
    name: str = ""
    unit: str = ""
    filled: int = 0
    origin: Message | None = None


@dataclass(frozen=True)
class Change:
    """How series of a question were changed. places: of each its number from 1, and the first and last point."""

    kind: str
    percent: float
    places: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Weights:
    """What a part of an answer rests on: for each series of the conversation one number a patch."""

    part: tuple[int, int]
    by_series: tuple[tuple[float, ...], ...]
    patch_points: int


@dataclass(frozen=True)
class Reply:
    """One answer. model: as the list of models names it; series: all that it was asked about, of it and earlier turns.

    system: the system prompt it was asked with; options: how it was written. saved: what was sent to the label room,
    "" for nothing yet. thumb: 1 up, -1 down.
    """

    id: int
    model: str
    kind: str
    series: tuple[Attached, ...] = ()
    text: str = ""
    state: str = ASKED
    phase: str = ""
    problem: Message | None = None
    seconds: float = 0.0
    tokens: int = 0
    is_cut: bool = False
    thumb: int = 0
    saved: str = ""
    change: Change | None = None
    weights: Weights | None = None
    system: str = ""
    options: AnswerOptions | None = None


@dataclass(frozen=True)
class Turn:
    """A question with a placeholder for each of the series it brought, and its answers, the own one first."""

    question: str
    series: tuple[Attached, ...] = ()
    replies: tuple[Reply, ...] = ()

    @property
    def own(self) -> Reply | None:
        return next((each for each in self.replies if each.kind == OWN), None)


@dataclass(frozen=True)
class Wish:
    """A reply that is to be asked for, or is being written."""

    reply: int
    config: RunConfig
    question: Question
    options: AnswerOptions


class Heard:
    """What the engine has told of an answer. Written on the engine's thread, read by the page's handlers."""

    def __init__(self) -> None:
        self.answer: Answer | None = None

    def __call__(self, answer: Answer) -> None:
        self.answer = answer


@dataclass
class Writing:
    """The answer under way; number is the engine's."""

    wish: Wish
    heard: Heard
    number: int


@dataclass
class Explaining:
    """The attribution under way."""

    reply: int
    part: tuple[int, int]
    number: int


@dataclass
class Talk:
    """The conversation as it stands. Whoever changes it holds `lock`, and never calls the engine meanwhile.

    attached: what goes with the next question; editing: the next question takes the place of the last one;
    correcting: the reply whose text is being corrected, 0 for none; version: grows with each change; asked: only where
    another question becomes the last one; over: the answer that was finished last, 0 for none.
    """

    turns: list[Turn] = field(default_factory=list)
    attached: list[Attached] = field(default_factory=list)
    table: str = ""
    editing: bool = False
    correcting: int = 0
    writing: Writing | None = None
    waiting: list[Wish] = field(default_factory=list)
    explaining: Explaining | None = None
    version: int = 0
    asked: int = 0
    over: int = 0
    lock: Any = field(default_factory=threading.RLock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def is_busy(self) -> bool:
        return self.writing is not None or bool(self.waiting)

    @property
    def is_needed(self) -> bool:
        """Whether the engine is at work for it."""
        return self.is_busy or self.explaining is not None

    @property
    def changed_series(self) -> int:
        """How many copies of series the answers about changed ones keep."""
        changes = [reply.change for turn in self.turns for reply in turn.replies if reply.change is not None]
        return sum(len(each.places) for each in changes)

    def touch(self) -> None:
        self.version += 1

    def find(self, reply_id: int) -> tuple[int, Reply] | None:
        """The number of the turn and the reply; None where it is gone."""
        for place, turn in enumerate(self.turns):
            for reply in turn.replies:
                if reply.id == reply_id:
                    return place, reply
        return None

    def change(self, reply_id: int, **values: Any) -> None:
        """Other values of a reply; nothing where it is gone."""
        found = self.find(reply_id)
        if found is None:
            return
        place, _ = found
        turn = self.turns[place]
        replies = tuple(replace(each, **values) if each.id == reply_id else each for each in turn.replies)
        self.turns[place] = replace(turn, replies=replies)
        self.touch()

    def add_reply(self, place: int, reply: Reply) -> None:
        turn = self.turns[place]
        self.turns[place] = replace(turn, replies=(*turn.replies, reply))
        self.touch()

    def without_reply(self, reply_id: int) -> None:
        found = self.find(reply_id)
        if found is not None:
            turn = self.turns[found[0]]
            kept = tuple(each for each in turn.replies if each.id != reply_id)
            self.turns[found[0]] = replace(turn, replies=kept)
            self.touch()

    def attach(self, series: Sequence[Attached]) -> None:
        """UserError where it would be too much."""
        for each in series:
            if len(each.points) > MOST_POINTS:
                raise UserError(message("page.chat.too_long", count=len(each.points), most=MOST_POINTS))
        kept = self.turns[:-1] if self.editing else self.turns
        count = sum(len(turn.series) for turn in kept) + len(self.attached) + len(series)
        if count > MOST_SERIES:
            raise UserError(message("page.chat.too_many", count=count, most=MOST_SERIES))
        self.attached += series
        self.touch()

    def clear(self) -> None:
        self.turns, self.attached, self.waiting = [], [], []
        self.editing, self.correcting, self.explaining, self.over = False, 0, None, 0
        self.asked += 1
        self.touch()


class Talks:
    """The conversations of this process."""

    def __init__(self, most: int = MOST_TALKS) -> None:
        self._most = most
        self._talks: OrderedDict[str, Talk] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, token: str) -> Talk:
        """The conversation under a token, a new one where there is none."""
        with self._lock:
            talk = self._talks.pop(token, None) or Talk()
            self._talks[token] = talk
            while len(self._talks) > self._most:
                idle = next((name for name, each in self._talks.items() if not each.is_needed), None)
                if idle is None or idle == token:
                    break
                del self._talks[idle]
            return talk


def history(turns: Sequence[Turn], system: str = "") -> list[dict[str, str]]:
    """The turns as a model reads them; a question without an own answer is not among them."""
    said = [{"role": "system", "content": system.strip()}] if system.strip() else []
    for turn in turns:
        if turn.own is not None and turn.own.text.strip():
            said.append({"role": "user", "content": turn.question})
            said.append({"role": "assistant", "content": turn.own.text.strip()})
    return said


def told_series(turns: Sequence[Turn]) -> tuple[Attached, ...]:
    """The series of the turns that `history` tells."""
    return tuple(each for turn in turns if turn.own is not None and turn.own.text.strip() for each in turn.series)


def placeholders(text: str) -> int:
    return text.count(PLACEHOLDER)
