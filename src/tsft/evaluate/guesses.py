"""Baselines that never look at a series: the most frequent answer of the training set, and a random one."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.evaluate.answers import Question, option_keys, written

# A field of a wording: answers to other wordings say little about it.
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Majority:
    """The most frequent answer of each wording's fields; of numbers and places the median; else of the whole task.

    Places are kept as shares of the length, names as their place among the options, so that they fit other rows.
    """

    values: Mapping[Key, Sequence[Any]]

    def answer(self, question: Question) -> str | None:
        known = [_known(self.values, question, each) for each in question.fields]
        if any(not each for each in known):
            return None
        chosen = {
            field["name"]: _placed(_typical(values, field), field, question.length)
            for field, values in zip(question.fields, known, strict=True)
        }
        return written(chosen)


@dataclass(frozen=True)
class Random:
    """Any of the options alike; numbers, counts and shapes of lists as some row of the training set has them."""

    values: Mapping[Key, Sequence[Any]]
    seed: int = 0

    def answer(self, question: Question) -> str | None:
        generator = question.seed(self.seed)
        chosen = {}
        for field in question.fields:
            known = _known(self.values, question, field)
            if not known and field["kind"] not in ("yes_no", "class", "letter", "name", "names", "position"):
                return None
            chosen[field["name"]] = _placed(_drawn(known, field, generator), field, question.length)
        return written(chosen)


def fit_majority(train: Iterable[Question]) -> Majority:
    return Majority(_values(train))


def fit_random(train: Iterable[Question], seed: int = 0) -> Random:
    return Random(_values(train), seed)


def _values(train: Iterable[Question]) -> dict[Key, list[Any]]:
    found: dict[Key, list[Any]] = defaultdict(list)
    for each in train:
        for field in each.fields:
            value = _portable(field, each.length)
            for wording in {str(each.label.get("wording", "")), ""}:
                found[each.task, wording, field["name"]].append(value)
    return dict(found)


def _known(values: Mapping[Key, Sequence[Any]], question: Question, field: Mapping[str, Any]) -> Sequence[Any]:
    wording = str(question.label.get("wording", ""))
    return values.get((question.task, wording, field["name"])) or values.get((question.task, "", field["name"])) or ()


def _portable(field: Mapping[str, Any], length: int) -> Any:
    """The value without what belongs to its row: places as shares of the length, names as places among the options."""
    value, kind = field["value"], field["kind"]
    if value is None:
        return None
    if kind == "position":
        return value / length
    if kind == "name":
        return option_keys(field).index(value)
    if kind == "names":
        return len(value) / max(1, len(option_keys(field)))
    if kind == "intervals":
        return [[start / length, end / length] for start, end in value]
    if kind == "events":
        return [{**each, "start": each["start"] / length} for each in value]
    return value


def _placed(value: Any, field: Mapping[str, Any], length: int) -> Any:
    """The value for the row of this field."""
    kind = field["kind"]
    if value is None:
        return None
    if kind == "position":
        return min(length - 1, round(value * length))
    if kind == "name":
        return option_keys(field)[min(int(value), len(option_keys(field)) - 1)]
    if kind == "names":
        return option_keys(field)[: round(value * len(option_keys(field)))] if isinstance(value, float) else value
    if kind == "intervals":
        return _stretches(value, length)
    if kind == "events":
        return [{**each, "start": min(length - 1, round(each["start"] * length))} for each in value]
    return value


def _stretches(shares: Sequence[Sequence[float]], length: int) -> list[list[int]]:
    starts = [(min(length - 1, round(a * length)), round((b - a) * length)) for a, b in shares]
    return [[start, min(length, start + max(1, width))] for start, width in sorted(starts)]


def _typical(values: Sequence[Any], field: Mapping[str, Any]) -> Any:
    kind = field["kind"]
    if kind == "class":
        allowed = option_keys(field)
        return _most_frequent([each for each in values if each in allowed] or allowed[:1])
    if kind in ("intervals", "events"):
        return _typical_list(values, kind, option_keys(field))
    if kind in ("number", "position", "names"):
        told = [each for each in values if each is not None]
        return float(np.median(told)) if 2 * len(told) > len(values) else None
    return _most_frequent(values)


def _typical_list(values: Sequence[Sequence[Any]], kind: str, options: Sequence[str]) -> list[Any]:
    """Nothing, where most rows have nothing; else one entry in the middle of all, of the usual width or type."""
    entries = [each for value in values for each in value]
    if 2 * sum(bool(each) for each in values) <= len(values):
        return []
    if kind == "intervals":
        middle, width = (float(np.median([f(a, b) for a, b in entries])) for f in (_middle, _width))
        return [[max(0.0, middle - width / 2), min(1.0, middle + width / 2)]]
    listed = [each["type"] for each in entries if each["type"] in options] or list(options[:1])
    common = _most_frequent(listed)
    alike = [each for each in entries if each["type"] == common] or entries
    start, size = (float(np.median([each[name] for each in alike])) for name in ("start", "size"))
    return [{"type": common, "start": start, "size": size}]


def _middle(start: float, end: float) -> float:
    return (start + end) / 2


def _width(start: float, end: float) -> float:
    return end - start


def _most_frequent(values: Sequence[Any]) -> Any:
    counts = Counter(json.dumps(each, ensure_ascii=False, sort_keys=True) for each in values)
    return json.loads(max(counts.items(), key=lambda pair: (pair[1], pair[0]))[0])


def _drawn(values: Sequence[Any], field: Mapping[str, Any], generator: np.random.Generator) -> Any:
    kind, options = field["kind"], option_keys(field)
    if kind == "yes_no":
        return bool(generator.integers(2))
    if kind in ("class", "letter"):
        return options[int(generator.integers(len(options)))]
    if kind == "name":
        return int(generator.integers(len(options)))
    if kind == "names":
        return [each for each in options if generator.random() < 0.5]
    if kind == "position":
        return float(generator.random())
    value = values[int(generator.integers(len(values)))]
    if kind == "intervals":
        starts = [float(generator.random() * (1 - (b - a))) for a, b in value]
        return [[start, start + (b - a)] for start, (a, b) in zip(starts, value, strict=True)]
    if kind == "events":
        return [
            {
                **each,
                "type": options[int(generator.integers(len(options)))] if options else each["type"],
                "start": float(generator.random()),
            }
            for each in value
        ]
    return value
