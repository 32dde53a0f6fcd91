"""A wrong answer that differs from the right one in exactly one stated fact, written in the same style.

Each change is one that the task's own scorer sees: beyond the tolerance of a number or a place, another option, one
event too few. Some are near misses and some are far off.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tsft.data.tasks.fields import Field, rounded
from tsft.data.tasks.row import Asked, worded

# How far off, in tolerances or in lengths of the stretch; drawn anew until the change is a visible one.
ATTEMPTS = 16


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A wrong answer. field: the name of the fact that is wrong; value: what it says there, as JSON."""

    answer: str
    field: str
    value: Any


def mistaken(asked: Asked, generator: np.random.Generator) -> Mistake | None:
    """The answer with one of its facts changed; None where none of them can be wrong in a clear way."""
    shown = asked.fields[:1] if asked.label["style"] == "short" else asked.fields
    for place in generator.permutation(len(shown)).tolist():
        value = wrong_value(shown[place], generator)
        if value is None:
            continue
        changed = dataclasses.replace(shown[place], value=value.new)
        said = worded([*shown[:place], changed, *shown[place + 1 :]], asked)
        if said != asked.answer:
            return Mistake(said, changed.name, changed.value)
    return None


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A wrong value; wrapped, because "there is none" is one too."""

    new: Any


def wrong_value(field: Field, generator: np.random.Generator) -> Wrong | None:
    """A value of the same kind that counts as wrong; None where there is none (free text, a single option)."""
    change = _CHANGES.get(field.kind)
    return None if change is None else change(field, generator)


def _yes_no(field: Field, generator: np.random.Generator) -> Wrong:
    return Wrong(not field.value)


def _option(field: Field, generator: np.random.Generator) -> Wrong | None:
    others = [each for each in field.details["options"] if each != field.value]
    if not others:
        # A series that leads, alone: the other answer is that none does.
        return None if field.value is None or field.kind != "name" else Wrong(None)
    return Wrong(_one_of(others, generator))


def _number(field: Field, generator: np.random.Generator) -> Wrong:
    scale, tolerance, decimals = (field.details[name] for name in ("scale", "tolerance", "decimals"))
    if field.value is None:
        # There is none (no period, no swing): one that could be.
        size = 8 + 32 * generator.random() if field.name == "period" else scale * (2 + 4 * generator.random())
        return Wrong(_as_written(size, decimals))
    for _ in range(ATTEMPTS):
        error = max(2 * tolerance, 1.1 * 10.0**-decimals) + float(generator.random()) * scale
        new = field.value + error * (1 if generator.random() < 0.5 else -1)
        if field.value >= 0 > new or (field.name == "period" and new < 2):
            new = field.value + error
        if abs(rounded(new, decimals) - field.value) > tolerance:
            break
    return Wrong(_as_written(new, decimals))


def _count(field: Field, generator: np.random.Generator) -> Wrong:
    by = int(generator.integers(1, 4))
    is_less = field.value >= by and generator.random() < 0.5
    return Wrong(field.value - by if is_less else field.value + by)


def _position(field: Field, generator: np.random.Generator) -> Wrong | None:
    length, tolerance = int(field.details["length"]), int(field.details["tolerance"])
    if field.name == "lag":
        # A shift is a small number: nobody would say half the length.
        by = tolerance + 1 + int(generator.integers(0, 3 * tolerance + 2))
        is_less = field.value is not None and field.value >= by and generator.random() < 0.5
        return Wrong((field.value or 0) + (-by if is_less else by))
    if field.value is None:
        return Wrong(int(generator.integers(length)))
    distance = np.abs(np.arange(length) - field.value)
    near = np.flatnonzero((distance > tolerance) & (distance <= 4 * tolerance)).tolist()
    far = np.flatnonzero(distance > 4 * tolerance).tolist()
    places = (near or far) if generator.random() < 0.5 else (far or near)
    return Wrong(int(_one_of(places, generator))) if places else None


def _intervals(field: Field, generator: np.random.Generator) -> Wrong | None:
    true, length = [tuple(each) for each in field.value], int(field.details["length"])
    if not true:
        width = max(2, length // 16)
        start = int(generator.integers(0, max(1, length - width)))
        return Wrong([[start, min(length, start + width)]])
    which = int(generator.integers(len(true)))
    others = true[:which] + true[which + 1 :]
    if others and generator.random() < 0.5:
        return Wrong([list(each) for each in others])
    width = true[which][1] - true[which][0]
    for _ in range(ATTEMPTS):
        start = int(generator.integers(0, max(1, length - width)))
        if all(start >= end or start + width <= begin for begin, end in true):
            return Wrong([list(each) for each in sorted([*others, (start, start + width)])])
    return Wrong([list(each) for each in others])


def _events(field: Field, generator: np.random.Generator) -> Wrong | None:
    true, details = list(field.value), field.details
    types, length, tolerance = tuple(details["options"]), int(details["length"]), int(details["tolerance"])

    def fits_one(event: Mapping[str, Any]) -> bool:
        return any(event["type"] == each["type"] and abs(event["start"] - each["start"]) <= tolerance for each in true)

    if not true:
        event: dict[str, Any] = {"type": _one_of(types, generator), "start": int(generator.integers(length))}
        if details.get("is_sized", True):
            event["size"] = rounded(details["scale"] * (2 + 6 * float(generator.random())), details["decimals"])
        return Wrong([event])
    which = int(generator.integers(len(true)))
    others = true[:which] + true[which + 1 :]
    if others and generator.random() < 1 / 3:
        return Wrong(others)
    for _ in range(ATTEMPTS):
        is_moved = generator.random() < 0.5
        change = {"start": int(generator.integers(length))} if is_moved else {"type": _one_of(types, generator)}
        changed = {**true[which], **change}
        if not fits_one(changed):
            return Wrong(sorted([*others, changed], key=lambda each: int(each["start"])))
    return Wrong(others)


def _names(field: Field, generator: np.random.Generator) -> Wrong | None:
    options = tuple(field.details["options"])
    if not options:
        return None
    changed = set(field.value) ^ {_one_of(options, generator)}
    return Wrong([each for each in options if each in changed])


def _one_of(values: Sequence[Any], generator: np.random.Generator) -> Any:
    return values[int(generator.integers(len(values)))]


def _as_written(value: float, decimals: int) -> float | int:
    return rounded(value, decimals) if decimals else int(round(value))


_CHANGES: Mapping[str, Callable[[Field, np.random.Generator], Wrong | None]] = {
    "yes_no": _yes_no,
    "class": _option,
    "letter": _option,
    "name": _option,
    "number": _number,
    "count": _count,
    "position": _position,
    "intervals": _intervals,
    "events": _events,
    "names": _names,
}
