"""The shape of a task: what it needs to know, how a question is drawn, and the function that computes its answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.data.tasks.fields import Field
from tsft.data.tasks.subject import Subject

# What a question is drawn for: an answer that names something, one that says there is nothing, or either.
WANTED = ("", "some", "none")
# Draws of one question before its series is given up as not fit for it.
ATTEMPTS = 24

Parameters = Mapping[str, Any]
Draw = Callable[[Subject, np.random.Generator, str], dict[str, Any] | None]
Solve = Callable[[Subject, Parameters], tuple[Field, ...] | None]


@dataclass(frozen=True)
class Task:
    """One kind of question.

    draw(subject, generator, wanted) gives the parameters of a question, JSON-able, with "wording" naming its templates
    and "series" (an index) or "pair" (two) naming what it is about; None where this subject is not fit for it.
    solve(subject, parameters) computes the fields of the answer from values or labels, the main one first; None where
    the truth is too close to call.
    """

    key: str
    needs: str
    draw: Draw
    solve: Solve
    wordings: tuple[str, ...]
    least_series: int = 1
    least_points: int = 16
    can_be_none: bool = False


def any_series(subject: Subject, generator: np.random.Generator) -> int:
    return int(generator.integers(len(subject.series))) if subject.focus is None else subject.focus


def any_window(length: int, generator: np.random.Generator) -> tuple[int, int]:
    """[start, end) strictly inside the series: an eighth to a third of it, anywhere."""
    width = int(generator.integers(max(3, length // 8), max(4, length // 3) + 1))
    start = int(generator.integers(1, length - width))
    return start, start + width


def matches(fields: tuple[Field, ...] | None, wanted: str) -> bool:
    """Whether the main field is of the kind that was wanted."""
    return fields is not None and (not wanted or fields[0].is_none == (wanted == "none"))


def first_fit(
    propose: Callable[[], dict[str, Any]], solve: Solve, subject: Subject, wanted: str
) -> dict[str, Any] | None:
    """The first proposal whose answer is clear and of the wanted kind, within `ATTEMPTS`."""
    for _ in range(ATTEMPTS):
        parameters = propose()
        if matches(solve(subject, parameters), wanted):
            return parameters
    return None
