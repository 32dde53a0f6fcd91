"""Where each answer of an evaluation stands in its file and what it scored, so that a page of a large one is quick.

The texts stay in the file: an entry is a few numbers. Answers under a control are counted only; they show other series.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tsft.store.evaluations import AnsweredRow, EvaluationFolder
from tsft.ui.evaluate.judging import OUTCOMES, RIGHT, Entry, Item, Key, entry_of
from tsft.ui.evaluate.kept_scores import Kept, keep, kept_scores

WORST, BEST, IN_ORDER = "worst", "best", "row"
ORDERS = (WORST, BEST, IN_ORDER)
# The choices of a query that are words of the data itself, and what is typed.
WORDS = ("dataset", "model", "task", "language", "outcome", "text")
# So many answers are judged within a moment; what was judged beyond them is kept in a file for the next time.
JUDGED_AT_ONCE = 2_000
# Indices kept at once: a few evaluations are looked at beside each other.
KEPT = 4

Texts = Callable[[Key], str]


@dataclass(frozen=True)
class Query:
    """Which rows, and in which order. Empty text means all. text: looked for in questions and answers."""

    dataset: str = ""
    model: str = ""
    task: str = ""
    language: str = ""
    outcome: str = ""
    order: str = WORST
    text: str = ""
    first: int = 0

    @staticmethod
    def of(given: Mapping[str, Any]) -> "Query":
        """What a browser sent; what is no such choice counts as none."""
        words = {name: str(given.get(name) or "") for name in WORDS}
        words["text"] = words["text"].strip()
        words["outcome"] = words["outcome"] if words["outcome"] in OUTCOMES else ""
        order = given.get("order")
        first = given.get("first")
        return Query(
            **words,
            order=str(order) if order in ORDERS else WORST,
            first=max(0, int(first)) if isinstance(first, (int, float)) else 0,
        )


class AnswerIndex:
    """The answers of one folder by row. Grows with the file; any thread may call."""

    def __init__(self, folder: EvaluationFolder) -> None:
        self._folder = folder
        self._state = ""
        self._read_bytes = 0
        # Judging many answers takes seconds: rows that were taken in before can be had meanwhile.
        self._taking, self._lock = threading.Lock(), threading.RLock()
        self._fresh = 0
        self._rows: dict[Key, dict[str, Entry]] = {}
        self._models: dict[str, None] = {}
        self.controlled = 0
        # What was searched last, in how much of the file: a page is turned more often than another is asked for.
        self._searched: tuple[tuple[Query, int, str] | None, list[Key]] = (None, [])

    def refresh(self, item: Item | None = None, state: str = "") -> "AnswerIndex":
        """Take in the lines that were added since. A line without its end is left for the next time.

        item: of ChatTS's own sets, whose answers are judged by their items instead of their labels; state changes when
        the items do, and all answers are judged anew.
        """
        with self._taking:
            try:
                size = self._folder.predictions.stat().st_size
            except OSError:
                size = 0
            if size < self._read_bytes or state != self._state:
                self._begin(Kept(), state)
            if size and not self._read_bytes:
                self._begin(kept_scores(self._folder, state), state)
            if size > self._read_bytes:
                self._take(item)
            self._keep()
        return self

    @property
    def models(self) -> list[str]:
        """In the order in which they were asked."""
        return list(self._models)

    @property
    def datasets(self) -> list[str]:
        with self._lock:
            return sorted({dataset for dataset, _ in self._rows})

    @property
    def tasks(self) -> list[str]:
        return sorted(self._every(lambda each: each.task))

    @property
    def languages(self) -> list[str]:
        return sorted(each for each in self._every(lambda each: each.language) if each)

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, query: Query, question: Texts = lambda key: "", state: str = "") -> list[Key]:
        """The rows that pass, in the order that is wanted.

        question: the text of a row's question, for the search; state changes when these texts do.
        """
        asked = (replace(query, first=0), self._read_bytes, state)
        with self._lock:
            before, keys = self._searched
        if before != asked:
            keys = self._find(query, question)
            with self._lock:
                self._searched = (asked, keys)
        return list(keys)

    def entries(self, key: Key) -> Mapping[str, Entry]:
        """By model."""
        with self._lock:
            return dict(self._rows.get(key, {}))

    def answers(self, key: Key) -> dict[str, AnsweredRow]:
        """The answers to a row by model, read from the file; in the order of `models`."""
        entries = self.entries(key)
        if not entries:
            return {}
        with self._folder.predictions.open("rb") as file:
            found = {}
            for model in self.models:
                if model in entries:
                    file.seek(entries[model].offset)
                    found[model] = AnsweredRow(**json.loads(file.readline()))
        return found

    def _find(self, query: Query, question: Texts) -> list[Key]:
        with self._lock:
            found = [
                (key, entries)
                for key, entries in ((key, self._asked(each, query)) for key, each in self._rows.items())
                if entries and query.dataset in ("", key[0]) and _passes(entries, query)
            ]
        if query.text:
            wanted = query.text.casefold()
            found = [(key, each) for key, each in found if self._holds(key, each, wanted, question)]
        if query.order == IN_ORDER:
            return [key for key, _ in sorted(found, key=lambda each: each[0])]
        sign = -1.0 if query.order == BEST else 1.0
        # What cannot be judged comes last either way.
        ranked = sorted(found, key=lambda each: (_mean(each[1]) is None, sign * (_mean(each[1]) or 0.0), each[0]))
        return [key for key, _ in ranked]

    def _every(self, of: Callable[[Entry], str]) -> list[str]:
        with self._lock:
            return list(dict.fromkeys(of(each) for row in self._rows.values() for each in row.values()))

    def _asked(self, row: Mapping[str, Entry], query: Query) -> Sequence[Entry]:
        return [each for each in row.values() if query.model in ("", each.model)]

    def _holds(self, key: Key, entries: Sequence[Entry], wanted: str, question: Texts) -> bool:
        told = self.answers(key)
        texts = [str(told[each.model].prediction.get("answer", "")) for each in entries if each.model in told]
        texts += [str(each.prediction.get("reference", "")) for each in told.values()]
        return any(wanted in text.casefold() for text in texts) or wanted in question(key).casefold()

    def _begin(self, kept: Kept, state: str) -> None:
        with self._lock:
            self._rows, self._models = kept.rows, dict.fromkeys(kept.models)
            self._read_bytes, self._state, self.controlled, self._fresh = kept.read_bytes, state, kept.controlled, 0

    def _take(self, item: Item | None) -> None:
        with self._folder.predictions.open("rb") as file:
            file.seek(self._read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                offset, end = self._read_bytes, self._read_bytes + len(line)
                try:
                    answer = AnsweredRow(**json.loads(line))
                    key, entry = entry_of(answer, offset, item)
                except (ValueError, TypeError, KeyError):
                    self._read_bytes = end
                    continue  # cut off by a crash, or of a newer tsft: the others count all the same
                with self._lock:
                    self._read_bytes, self._fresh = end, self._fresh + 1
                    if answer.control:
                        self.controlled += 1
                    else:
                        self._rows.setdefault(key, {})[entry.model] = entry
                        self._models[entry.model] = None

    def _keep(self) -> None:
        """Write down what was judged, seldom enough that a file that grows is not written at every look."""
        if self._fresh >= max(JUDGED_AT_ONCE, len(self._rows) // 5):
            self._fresh = 0
            keep(self._folder, self._state, Kept(self._rows, tuple(self._models), self.controlled, self._read_bytes))


class Shelf:
    """The indices of the evaluations that were looked at last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, AnswerIndex] = OrderedDict()
        self._lock = threading.Lock()

    def index(self, folder: EvaluationFolder, item: Item | None = None, state: str = "") -> AnswerIndex:
        """As the file stands now; item and state as for `AnswerIndex.refresh`."""
        with self._lock:
            index = self._kept.setdefault(folder.path, AnswerIndex(folder))
            self._kept.move_to_end(folder.path)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return index.refresh(item, state)


def _passes(entries: Sequence[Entry], query: Query) -> bool:
    one = entries[0]
    if query.task not in ("", one.task) or query.language not in ("", one.language):
        return False
    if query.outcome == RIGHT:
        return all(each.outcome == RIGHT for each in entries)
    return not query.outcome or any(each.outcome == query.outcome for each in entries)


def _mean(entries: Sequence[Entry]) -> float | None:
    known = [each.value for each in entries if each.value is not None]
    return sum(known) / len(known) if known else None
