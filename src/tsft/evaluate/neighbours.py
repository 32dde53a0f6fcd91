"""The baseline of the nearest training row: its class, by Euclidean distance of the normalised series."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsft.evaluate.answers import Question, option_keys, written

# Each series becomes so many points: enough for its shape, and 10,000 rows stay under 10 MB.
POINTS = 128
_CLOSED = ("class", "yes_no")
# Questions whose answer hangs on the series alone; any other parameter (a point, a threshold) is asked of the text.
_ABOUT_SERIES = frozenset({"series", "pair", "options", "types"})

Key = tuple[str, str, int]


@dataclass(frozen=True)
class Nearest:
    """float32[n, D] of the training rows by task, wording and number of series, with the values of their fields."""

    rows: Mapping[Key, np.ndarray] = field(default_factory=dict)
    values: Mapping[Key, list[dict[str, Any]]] = field(default_factory=dict)

    def answer(self, question: Question) -> str | None:
        key, point = _key(question), None
        if key in self.rows and _applies(question):
            point = _features(question)
        if key is None or point is None:
            return None
        distances = np.square(self.rows[key] - point).sum(axis=1)
        values = self.values[key][int(np.argmin(distances))]
        chosen = {each["name"]: values.get(each["name"]) for each in question.fields}
        main = question.fields[0]
        if main["kind"] == "class" and chosen[main["name"]] not in option_keys(main):
            return None
        return written(chosen)


def fit_nearest(train: Iterable[Question]) -> Nearest:
    """From the rows whose main answer is a class, or yes or no, and hangs on the series alone."""
    rows: dict[Key, list[np.ndarray]] = defaultdict(list)
    values: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for each in train:
        key = _key(each)
        if key is not None and _applies(each):
            rows[key].append(_features(each))
            values[key].append({part["name"]: part["value"] for part in each.fields})
    return Nearest({key: np.stack(each) for key, each in rows.items()}, dict(values))


def _applies(question: Question) -> bool:
    return question.fields[0]["kind"] in _CLOSED and set(question.parameters) <= _ABOUT_SERIES


def _key(question: Question) -> Key | None:
    count = len(_asked_about(question))
    return (question.task, str(question.label.get("wording", "")), count) if count else None


def _asked_about(question: Question) -> list[np.ndarray]:
    """The series that the question names; all of them where it names none."""
    told = question.parameters
    if "pair" in told:
        return [question.series[index] for index in told["pair"]] if question.series else []
    if "series" in told:
        return [question.series[told["series"]]] if question.series else []
    return list(question.series)


def _features(question: Question) -> np.ndarray:
    """float32[count * POINTS], each series with mean 0 and spread 1."""
    parts = []
    for each in _asked_about(question):
        values = np.asarray(each, dtype=np.float64)
        even = np.interp(np.linspace(0, len(values) - 1, POINTS), np.arange(len(values)), values)
        spread = even.std()
        parts.append((even - even.mean()) / spread if spread > 0 else np.zeros(POINTS))
    return np.concatenate(parts).astype(np.float32)
