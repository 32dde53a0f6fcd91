"""How right an answer is: one score from 0 to 1 a field, whether it counts as right, and the totals of many answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsft.evaluate import closed
from tsft.evaluate.closed import class_name, confusion
from tsft.evaluate.intervals import event_rates, soft_f1
from tsft.evaluate.lists import match_events
from tsft.evaluate.parse import parse
from tsft.evaluate.texts import rouge_l

# An overlap of a tenth finds an event; the headline metric of intervals.
FOUND_OVERLAP = 0.1
# How much of an event's score hangs on its size, once type and place are right.
SIZE_SHARE = 0.25


@dataclass(frozen=True)
class FieldScore:
    """value 0–1; is_right by the label's tolerance; is_read is False where the answer could not be read."""

    value: float
    is_right: bool
    is_read: bool = True


@dataclass(frozen=True)
class Score:
    """One answer. value is the mean of its fields; an unreadable field counts 0 and shows in `is_read`."""

    task: str
    value: float
    is_right: bool
    is_read: bool
    fields: Mapping[str, FieldScore] = field(default_factory=dict)
    parsed: Mapping[str, Any] = field(default_factory=dict)


def score(text: str, label: Mapping[str, Any]) -> Score:
    """Read and judge an answer against its label."""
    parsed = parse(text, label)
    fields = {}
    for each in label["fields"]:
        name = each["name"]
        is_read = name not in parsed.failed
        fields[name] = score_field(parsed.values[name], each) if is_read else FieldScore(0.0, False, False)
    value = float(np.mean([each.value for each in fields.values()]))
    is_right = all(each.is_right for each in fields.values())
    return Score(label["task"], value, is_right, not parsed.failed, fields, parsed.values)


def score_field(value: Any, truth: Mapping[str, Any]) -> FieldScore:
    """Judge one value of a field."""
    return _JUDGES.get(truth["kind"], _exact)(value, truth)


@dataclass(frozen=True)
class Totals:
    """Many answers of one task. parse_failures and false_alarms are shares; false_alarms of the rows with nothing."""

    task: str
    count: int
    score: float
    right: float
    parse_failures: float
    false_alarms: float | None
    macro_f1: float | None


def totals(scored: Iterable[tuple[Score, Mapping[str, Any]]]) -> dict[str, Totals]:
    """By task, from scores with their labels."""
    by_task: dict[str, list[tuple[Score, Mapping[str, Any]]]] = {}
    for each, label in scored:
        by_task.setdefault(each.task, []).append((each, label))
    return {task: _total(task, rows) for task, rows in by_task.items()}


def _total(task: str, rows: Sequence[tuple[Score, Mapping[str, Any]]]) -> Totals:
    nothing = [each for each, label in rows if label.get("is_none") and each.is_read]
    main = [label["fields"][0] for _, label in rows]
    is_closed = all(each["kind"] in ("class", "yes_no", "letter") for each in main)
    said = [each.parsed.get(truth["name"]) for (each, _), truth in zip(rows, main, strict=True)]
    return Totals(
        task=task,
        count=len(rows),
        score=float(np.mean([each.value for each, _ in rows])),
        right=float(np.mean([each.is_right for each, _ in rows])),
        parse_failures=float(np.mean([not each.is_read for each, _ in rows])),
        false_alarms=float(np.mean([not next(iter(e.fields.values())).is_right for e in nothing])) if nothing else None,
        macro_f1=macro_f1([each["value"] for each in main], said) if is_closed else None,
    )


def macro_f1(true: Sequence[Any], said: Sequence[Any]) -> float:
    """Mean F1 over the classes that occur in the truth; an unread answer (None) is a miss of its class."""
    names = [None if each is None else class_name(each) for each in said]
    return closed.macro_f1(confusion([class_name(each) for each in true], names)) or 0.0


def _exact(value: Any, truth: Mapping[str, Any]) -> FieldScore:
    is_right = value == truth["value"] and isinstance(value, bool) == isinstance(truth["value"], bool)
    return FieldScore(float(is_right), is_right)


def _number(value: Any, truth: Mapping[str, Any]) -> FieldScore:
    if value is None or truth["value"] is None:
        return _exact(value, truth)
    error = abs(float(value) - float(truth["value"]))
    # Float noise of printing and reading is no error.
    if error <= 1e-9 * max(1.0, abs(float(truth["value"]))):
        return FieldScore(1.0, True)
    return FieldScore(max(0.0, 1.0 - error / float(truth["scale"])), error <= float(truth["tolerance"]))


def _position(value: Any, truth: Mapping[str, Any]) -> FieldScore:
    """Absolute distance in points: relative ones would forgive late positions and punish early ones."""
    if value is None or truth["value"] is None:
        return _exact(value, truth)
    is_right = abs(int(value) - int(truth["value"])) <= int(truth["tolerance"])
    return FieldScore(float(is_right), is_right)


def _intervals(value: Any, truth: Mapping[str, Any]) -> FieldScore:
    said, real = [list(each) for each in value], truth["value"]
    return FieldScore(soft_f1(said, real), event_rates(said, real, FOUND_OVERLAP).f1 >= 1.0)


def _events(value: Any, truth: Mapping[str, Any]) -> FieldScore:
    """F1 of events matched one to one by type and start; what is invented costs precision."""
    found = match_events(value, truth)
    if not found.said and not found.true:
        return FieldScore(1.0, True)
    f1 = 2 * found.hits / (found.said + found.true)
    kept = 1.0 - SIZE_SHARE + SIZE_SHARE * (float(np.mean(found.sizes)) if found.sizes else 1.0)
    return FieldScore(f1 * kept, f1 >= 1.0)


def _names(value: Any, truth: Mapping[str, Any]) -> FieldScore:
    said, real = set(value), set(truth["value"])
    if not said and not real:
        return FieldScore(1.0, True)
    f1 = 2 * len(said & real) / (len(said) + len(real))
    return FieldScore(f1, f1 >= 1.0)


def _text(value: Any, truth: Mapping[str, Any]) -> FieldScore:
    """ROUGE-L against the reference; right where every token is the same."""
    found = rouge_l(str(value), str(truth["value"])).f1
    return FieldScore(found, found >= 1.0)


_JUDGES: dict[str, Callable[[Any, Mapping[str, Any]], FieldScore]] = {
    "number": _number,
    "position": _position,
    "intervals": _intervals,
    "events": _events,
    "names": _names,
    "text": _text,
}
