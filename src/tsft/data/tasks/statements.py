"""Tasks that state several things at once: multiple choice between hard statements, and the full description."""

from typing import Any

import numpy as np

from tsft.data.tasks import fields
from tsft.data.tasks.attributes import NOISES, TRENDS, listed_types
from tsft.data.tasks.event_types import EVENT_TYPE, EVENT_TYPES
from tsft.data.tasks.fields import Field
from tsft.data.tasks.subject import Attributes, Subject
from tsft.data.tasks.task import Parameters, Task, any_series

LETTERS = ("A", "B", "C", "D")
NONE_LETTER = LETTERS[-1]


def _draw_statement(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    """Three statements of an event each and "none of these"; every letter is right equally often.

    The wrong ones are hard: the true type at a wrong point, the opposite type at the true point.
    """
    series = any_series(subject, generator)
    known = (subject.series[series].attributes or Attributes()).events
    if known is None or not known:
        return None
    right = int(generator.integers(len(LETTERS)))
    if wanted:
        right = len(LETTERS) - 1 if wanted == "none" else int(generator.integers(len(LETTERS) - 1))
    event = known[int(generator.integers(len(known)))]
    length = len(subject.series[series])
    true = {"type": event.type, "start": event.start}
    pool = [
        {"type": event.type, "start": _far_point(event.start, length, generator)},
        {"type": _other_type(event.type, generator), "start": event.start},
        {"type": _other_type(event.type, generator), "start": _far_point(event.start, length, generator)},
    ]
    order = [int(index) for index in generator.permutation(3)]
    wrong = [pool[index] for index in order]
    options = [true if place == right else wrong[place] for place in range(3)]
    told = {"wording": "statement", "series": series, "options": options}
    solved = _solve_statement(subject, told)
    return told if solved is not None and solved[0].value == LETTERS[right] else None


def _solve_statement(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    series = subject.series[parameters["series"]]
    known = (series.attributes or Attributes()).events
    if known is None:
        return None
    tolerance = fields.position_tolerance(len(series))
    true = [
        letter
        for letter, option in zip(LETTERS, parameters["options"], strict=False)
        if any(each.type == option["type"] and abs(each.start - option["start"]) <= tolerance for each in known)
    ]
    if len(true) > 1:
        return None
    return (fields.letter("answer", true[0] if true else NONE_LETTER, LETTERS),)


def _draw_caption(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    series = any_series(subject, generator)
    known = (subject.series[series].attributes or Attributes()).events
    if known is None or wanted == "none":
        return None
    types = listed_types({each.type for each in known}, generator)
    told = {"wording": "caption", "series": series, "types": types}
    return told if _solve_caption(subject, told) is not None else None


def _solve_caption(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    series = subject.series[parameters["series"]]
    known = series.attributes or Attributes()
    if known.trend is None or known.period is None or known.noise is None or known.events is None:
        return None
    return (
        fields.choice("trend", known.trend, TRENDS),
        fields.period("period", known.period or None),
        fields.choice("noise", known.noise, NOISES),
        fields.events("events", known.events, parameters["types"], series),
    )


def _far_point(start: int, length: int, generator: np.random.Generator) -> int:
    """Another point, three tolerances and an eighth of the length away."""
    apart = max(3 * fields.position_tolerance(length), length // 8)
    pool = np.flatnonzero(np.abs(np.arange(length) - start) >= apart)
    return int(generator.choice(pool[(pool >= 2) & (pool < length - 2)]))


def _other_type(key: str, generator: np.random.Generator) -> str:
    """The opposite of a type where there is one, else any other of its family."""
    if generator.random() < 0.5:
        for word, opposite in (("upward", "downward"), ("downward", "upward"), ("increase", "decrease")):
            if word in key and key.replace(word, opposite) in EVENT_TYPE:
                return key.replace(word, opposite)
    pool = [each.key for each in EVENT_TYPES if each.key != key]
    return str(generator.choice(pool))


STATEMENT_TASKS = (
    Task("mcq", "attributes", _draw_statement, _solve_statement, ("statement",), 1, 32, can_be_none=True),
    Task("caption", "attributes", _draw_caption, _solve_caption, ("caption",)),
)
