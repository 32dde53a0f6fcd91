"""Rows about windows: which task is asked about which window, balanced answers, and only rows that pass the doctor."""

import json
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsft.data.builder.columns import name_and_unit
from tsft.data.builder.recipe import BuildRecipe
from tsft.data.builder.times import written
from tsft.data.builder.tracks import Recordings
from tsft.data.builder.windows import CALM, UNCLEAR, UNUSUAL, Window, windows_of
from tsft.data.builder.wordings import filled_sentence, step_sentence
from tsft.data.checks.findings import KINDS, NOTE
from tsft.data.checks.rows import examine_row
from tsft.data.mapping import GUESS
from tsft.data.synth.recipe import shares
from tsft.data.synth.rows import series_id
from tsft.data.tasks.catalog import TASK, Offer, offers
from tsft.data.tasks.row import Asked, ask, to_row
from tsft.data.tasks.subject import NamedSeries, Subject
from tsft.data.tasks.words import LANGUAGES, STYLES
from tsft.errors import Problem, message, raise_if_any

# Yes-or-no questions: half of the answers are no where the recipe wants balance.
EVEN = ("rule", "anomaly_near")
# Windows tried for one row, and rows tried for one that is kept.
ATTEMPTS, TRIES = 12, 3
# Signs that part the names of a list.
UNLISTABLE = frozenset(",;@()，；、（）\n")
_GOLDEN = 0.6180339887498949


@dataclass
class Deck:
    """Windows in an order that the seed shuffles, dealt round and round: all are used equally often."""

    windows: Sequence[Window]
    generator: np.random.Generator
    _order: list[int] = field(default_factory=list)

    def deal(self) -> Window | None:
        if not self.windows:
            return None
        if not self._order:
            self._order = self.generator.permutation(len(self.windows)).tolist()
        return self.windows[self._order.pop()]


@dataclass(frozen=True)
class Plan:
    """What is asked: the recordings, windows by split, every task with the reason where it cannot be asked."""

    recordings: Recordings
    windows: Mapping[str, Sequence[Window]]
    offers: tuple[Offer, ...]
    classes: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    @property
    def recipe(self) -> BuildRecipe:
        return self.recordings.recipe

    def counts(self) -> dict[str, int]:
        """Rows that each split is to have."""
        wanted = {split: math.ceil(self.recipe.questions * len(found)) for split, found in self.windows.items()}
        total = sum(wanted.values())
        if self.recipe.rows and total > self.recipe.rows:
            return {split: round(count * self.recipe.rows / total) for split, count in wanted.items()}
        return wanted


@dataclass
class Tally:
    """left_out: rows that the doctor would not pass, by the kind of the finding; short: rows that no window gave."""

    left_out: "Counter[str]" = field(default_factory=Counter)
    short: int = 0


def plan_of(recordings: Recordings) -> Plan:
    """Windows and offers. UserError where the recipe asks for a task that this data has no truth for."""
    recipe = recordings.recipe
    windows = windows_of(recordings.tracks, recipe)
    every = [each for found in windows.values() for each in found]
    classes = tuple(sorted({each.label for each in every} - {""}))
    knows = {"values"}
    if any(each.kind != UNCLEAR for each in every):
        knows.add("intervals")
    if len(classes) > 1:
        knows.add("classes")
    kinds = kinds_of(every)
    if kinds:
        knows.add("names")
    count = max((len(each.columns) for each in every), default=1)
    found = tuple(offers(knows, count, recipe.window))
    reasons = {each.task.key: each.reason for each in found}
    raise_if_any(
        Problem("tasks", message("data.build.no_truth", task=key, why=reason.to_json()))
        for key, weight in recipe.tasks.items()
        if weight > 0 and (reason := reasons[key]) is not None
    )
    return Plan(recordings, windows, found, classes, kinds)


def kinds_of(windows: Iterable[Window]) -> tuple[str, ...]:
    """What the labels call the stretches; () where they name none, or as no answer could list it."""
    found = {each.name for window in windows if window.kind != UNCLEAR for each in window.named or ()}
    return () if any(set(name) & UNLISTABLE for name in found) else tuple(sorted(found))


def rows_of(plan: Plan, split: str, tally: Tally, most: int = 0) -> Iterator[dict[str, Any]]:
    """The rows of one split, the same at every call; `most` ends them early."""
    return _Writer(plan, split, tally).rows(min(plan.counts()[split], most or 10**9))


class _Writer:
    """The rows of one split while they are drawn."""

    def __init__(self, plan: Plan, split: str, tally: Tally) -> None:
        self._plan, self._split, self._tally, recipe = plan, split, tally, plan.recipe
        windows = plan.windows[split]
        self._seed = [recipe.seed, zlib.crc32(split.encode())]
        offered = [each.task.key for each in plan.offers if each.reason is None]
        given = {key: weight for key, weight in recipe.tasks.items() if key in offered}
        weighed = shares(given, offered)
        # Labels can be asked about only where the split has some that are clear.
        kinds = {kind: [each for each in windows if each.kind == kind] for kind in (UNUSUAL, CALM)}
        if not kinds[UNUSUAL] and not kinds[CALM]:
            weighed = {key: weight for key, weight in weighed.items() if TASK[key].needs not in ("intervals", "names")}
        self._tasks, self._ends = tuple(weighed), np.cumsum(list(shares(weighed, weighed).values()))
        self._decks = {
            "any": self._deck("any", windows),
            UNUSUAL: self._deck(UNUSUAL, kinds[UNUSUAL]),
            CALM: self._deck(CALM, kinds[CALM]),
        }
        self._classes = [name for name in plan.classes if any(each.label == name for each in windows)]
        for name in self._classes:
            self._decks[f"class {name}"] = self._deck(f"class {name}", [w for w in windows if w.label == name])
        self._decks["classed"] = self._deck("classed", [each for each in windows if each.label])
        self._seen: set[tuple[Any, ...]] = set()

    def rows(self, count: int) -> Iterator[dict[str, Any]]:
        made = 0
        for index in range(TRIES * count if self._tasks else 0):
            if made >= count:
                return
            row = self._row(index)
            if row is not None:
                made += 1
                yield row
        self._tally.short += max(0, count - made)

    def _deck(self, name: str, windows: Sequence[Window]) -> Deck:
        return Deck(windows, np.random.default_rng([*self._seed, zlib.crc32(name.encode())]))

    def _row(self, index: int) -> dict[str, Any] | None:
        recipe = self._plan.recipe
        generator = np.random.default_rng([*self._seed, index])
        task = _drawn((index * _GOLDEN) % 1.0, self._tasks, self._ends)
        language = _weighed(recipe.languages, LANGUAGES, generator)
        style = _weighed(recipe.styles, STYLES, generator)
        wanted = self._wanted(task, generator)
        deck = self._decks[self._deck_for(task, wanted, generator)]
        for attempt in range(ATTEMPTS):
            window = deck.deal()
            if window is None:
                return None
            subject = subject_of(window, self._plan, language)
            # Where the values never give the wanted answer, any answer is better than no row.
            is_free = attempt >= ATTEMPTS // 2 and TASK[task].needs == "values"
            asked = ask(task, subject, generator, language, style, "" if is_free else wanted)
            if asked is not None and self._is_new(window, asked):
                return self._finished(window, subject, asked, generator, len(self._seen) - 1)
        return None

    def _wanted(self, task: str, generator: np.random.Generator) -> str:
        recipe, draw = self._plan.recipe, float(generator.random())
        if not TASK[task].can_be_none:
            return ""
        share = 0.5 if recipe.balance and task in EVEN else recipe.none_share
        return "none" if draw < share else "some"

    def _deck_for(self, task: str, wanted: str, generator: np.random.Generator) -> str:
        draw = float(generator.random())
        if TASK[task].needs in ("intervals", "names"):
            if wanted == "some" or task == "report":
                return UNUSUAL
            # "Nothing near here" is asked beside labelled stretches as often as where there are none.
            return UNUSUAL if task == "anomaly_near" and draw < 0.5 and self._decks[UNUSUAL].windows else CALM
        if TASK[task].needs == "classes":
            if self._plan.recipe.balance and self._classes:
                return f"class {self._classes[int(draw * len(self._classes))]}"
            return "classed"
        return "any"

    def _is_new(self, window: Window, asked: Asked) -> bool:
        label = asked.label
        place = (window.part.track.name, window.first_point, window.columns)
        told = json.dumps(label["parameters"], sort_keys=True)
        key = (*place, label["task"], label["wording"], label["style"], label["language"], told)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _finished(
        self, window: Window, subject: Subject, asked: Asked, generator: np.random.Generator, number: int
    ) -> dict[str, Any] | None:
        language = asked.label["language"]
        meta = {"source": "build", "split": self._split, **_place(window, subject)}
        context = _context(window, self._plan, language)
        row = {
            "id": f"{self._split}-{number}",
            **to_row(asked, subject, language, generator, context, meta),
        }
        found = [kind for kind in examine_row(row, GUESS).kinds if KINDS[kind].level != NOTE]
        self._tally.left_out.update(found[:1])
        return None if found else row


def subject_of(window: Window, plan: Plan, language: str) -> Subject:
    """What may be asked about a window, with the names of its columns in this language."""
    recipe, values = plan.recipe, window.values
    shown = _apart([shown_name(recipe, window.part.track.columns[column], language) for column in window.columns])
    series = [
        NamedSeries(name, np.ascontiguousarray(values[:, place]), unit) for place, (name, unit) in enumerate(shown)
    ]
    intervals = window.intervals if window.kind != UNCLEAR else None
    named = None if window.kind == UNCLEAR else window.named
    return Subject(
        tuple(series),
        intervals=intervals,
        label=window.label or None,
        classes=plan.classes,
        named=named,
        kinds=plan.kinds,
    )


def shown_name(recipe: BuildRecipe, column: str, language: str) -> tuple[str, str]:
    """(name, unit) of a value column in a question: as the recipe says, else as its heading does."""
    name, unit = name_and_unit(column)
    given = recipe.names.get(column, name)
    if isinstance(given, Mapping):
        given = given.get(language) or next(iter(given.values()), name)
    return str(given), recipe.units.get(column, unit)


def _apart(shown: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names that occur more than once get a number."""
    names = [name for name, _ in shown]
    return [
        (name if names.count(name) == 1 else f"{name} {1 + names[:place].count(name)}", unit)
        for place, (name, unit) in enumerate(shown)
    ]


def _place(window: Window, subject: Subject) -> dict[str, Any]:
    """Where a window lies, for whoever checks or draws it again."""
    track, times = window.part.track, window.times
    return {
        "series": series_id([each.values.tolist() for each in subject.series]),
        "file": track.source.name,
        "group": track.name,
        "columns": [track.columns[column] for column in window.columns],
        "first_point": window.first_point,
        "times": None if times is None else [written(each) for each in times],
    }


def _context(window: Window, plan: Plan, language: str) -> str:
    recipe = plan.recipe
    parts = [recipe.context.get(language, ""), step_sentence(plan.recordings.step_seconds, language)]
    if recipe.gaps == "mark":
        parts.append(filled_sentence(window.filled, language))
    return (" " if language == "en" else "").join(part for part in parts if part)


def _weighed(weights: Mapping[str, float], known: Sequence[str], generator: np.random.Generator) -> str:
    found = shares(weights, known)
    return _drawn(float(generator.random()), tuple(found), np.cumsum(list(found.values())))


def _drawn(share: float, names: Sequence[str], ends: np.ndarray) -> str:
    return names[min(int(np.searchsorted(ends, share, side="right")), len(names) - 1)]
