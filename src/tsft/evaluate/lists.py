"""Answers that are lists: events matched one to one by type and start, names as sets; counts that add up over rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.evaluate.intervals import pairs


@dataclass(frozen=True)
class Matches:
    """hits of what was said and of what is true; sizes: accuracy 0–1 of the size of each matched event that has one."""

    hits: int
    said: int
    true: int
    sizes: tuple[float, ...] = ()

    def row(self) -> list[float]:
        """[hits, said, true, sum of sizes, count of sizes], as the statistics below take them."""
        return [self.hits, self.said, self.true, float(sum(self.sizes)), len(self.sizes)]


def match_events(said: Sequence[Mapping[str, Any]], field: Mapping[str, Any]) -> Matches:
    """Events with type, start and size (None where none was said) against those of the label's field."""
    real, allowed = field["value"], int(field["tolerance"])
    fits = [[a["type"] == b["type"] and abs(a["start"] - b["start"]) <= allowed for b in real] for a in said]
    found = pairs(fits)
    sizes = [
        size_accuracy(said[row]["size"], real[column].get("size"), float(field.get("scale", 1.0)))
        for row, column in found
    ]
    return Matches(len(found), len(said), len(real), tuple(each for each in sizes if each is not None))


def match_names(said: Sequence[str], true: Sequence[str]) -> Matches:
    return Matches(len(set(said) & set(true)), len(set(said)), len(set(true)))


def size_accuracy(said: float | None, true: float | None, scale: float) -> float | None:
    """1 - error over the size, or over the scale of the label where that is larger. None without both."""
    if said is None or true is None:
        return None
    error = abs(said - true)
    return 1.0 if error <= 1e-9 * max(1.0, abs(true)) else max(0.0, 1.0 - error / max(abs(true), scale))


def precision(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[:, 0], sums[:, 1])


def recall(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[:, 0], sums[:, 2])


def f1(sums: np.ndarray) -> np.ndarray:
    """Of the pooled counts; undefined where nothing is true and nothing was said."""
    return _ratio(2 * sums[:, 0], sums[:, 1] + sums[:, 2])


def size_mean(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[:, 3], sums[:, 4])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole)
