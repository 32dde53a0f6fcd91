"""Tasks whose answer is a person's label: unusual stretches and the class of the whole row."""

from typing import Any

import numpy as np

from tsft.data.tasks import fields
from tsft.data.tasks.fields import Field
from tsft.data.tasks.subject import Subject
from tsft.data.tasks.task import Parameters, Task


def _draw_anomalies(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    is_none = not subject.intervals
    return None if wanted and is_none != (wanted == "none") else {"wording": "anomalies"}


def _solve_anomalies(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    found = _clipped(subject)
    return None if found is None else (fields.intervals("anomalies", found, _length(subject)),)


def _draw_anomaly_near(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    """A point inside a labelled stretch, or one that is far from all of them."""
    found, length = _clipped(subject), _length(subject)
    if found is None:
        return None
    around = near_points(length)
    is_far = np.ones(length, dtype=bool)
    for start, end in found:
        is_far[max(0, start - 2 * around) : end + 2 * around] = False
    is_some = wanted == "some" or (not wanted and generator.random() < 0.5)
    if is_some and found:
        start, end = found[int(generator.integers(len(found)))]
        point = int(generator.integers(start, end))
    elif wanted != "some" and is_far.any():
        point = int(generator.choice(np.flatnonzero(is_far)))
    else:
        return None
    return {"wording": "anomaly_near", "point": point, "around": around}


def _solve_anomaly_near(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    found = _clipped(subject)
    if found is None:
        return None
    low, high = parameters["point"] - parameters["around"], parameters["point"] + parameters["around"]
    return (fields.yes_no("unusual", any(start <= high and end > low for start, end in found)),)


def _draw_classify(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    if wanted == "none":
        return None
    # The order of the options says nothing about the answer.
    order = [subject.classes[int(index)] for index in generator.permutation(len(subject.classes))]
    return {"wording": "classify", "options": order}


def _solve_classify(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    if subject.label is None:
        return None
    return (fields.choice("class", subject.label, parameters["options"]),)


def near_points(length: int) -> int:
    """How far "near" reaches in a question: as far as a position may be wrong, and a bit."""
    return fields.position_tolerance(length) + 2


def _length(subject: Subject) -> int:
    return max(len(each) for each in subject.series)


def _clipped(subject: Subject) -> list[tuple[int, int]] | None:
    """The labelled stretches inside the row, joined where they touch."""
    if subject.intervals is None:
        return None
    joined: list[tuple[int, int]] = []
    for start, end in sorted((max(0, a), min(_length(subject), b)) for a, b in subject.intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif end > start:
            joined.append((start, end))
    return joined


LABEL_TASKS = (
    Task("anomalies", "intervals", _draw_anomalies, _solve_anomalies, ("anomalies",), can_be_none=True),
    Task("anomaly_near", "intervals", _draw_anomaly_near, _solve_anomaly_near, ("anomaly_near",), can_be_none=True),
    Task("classify", "classes", _draw_classify, _solve_classify, ("classify",)),
)
