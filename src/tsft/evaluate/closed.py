"""Answers out of a closed set of classes: confusion matrix with support, accuracy and macro F1; unread ones apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.evaluate.statistics import Statistic


@dataclass(frozen=True)
class Confusion:
    """counts[true][said], both in the order of `classes`; unread[true] are the answers that could not be read."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    unread: tuple[int, ...]

    @property
    def support(self) -> tuple[int, ...]:
        """Rows of each true class, unread ones included."""
        return tuple(sum(row) + missing for row, missing in zip(self.counts, self.unread, strict=True))


def class_name(value: Any) -> str:
    """One value of a closed field as the name of its class."""
    if value is None:
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def confusion(true: Sequence[str], said: Sequence[str | None]) -> Confusion:
    """From pairs; None is an answer that could not be read. Classes: those of the truth, then those only said."""
    classes = tuple(dict.fromkeys([*sorted(set(true)), *sorted({each for each in said if each is not None})]))
    place = {each: index for index, each in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes) + 1), dtype=int)
    for right, answer in zip(true, said, strict=True):
        counts[place[right], len(classes) if answer is None else place[answer]] += 1
    return Confusion(classes, tuple(tuple(row[:-1]) for row in counts.tolist()), tuple(counts[:, -1].tolist()))


def accuracy(found: Confusion) -> float | None:
    """Share of right answers; an unread one is not right. None without rows."""
    total = sum(found.support)
    return sum(found.counts[index][index] for index in range(len(found.classes))) / total if total else None


def macro_f1(found: Confusion) -> float | None:
    """Mean F1 of the classes that occur in the truth; an unread answer is a miss of its class."""
    if not found.classes:
        return None
    cells = [[*row, missing] for row, missing in zip(found.counts, found.unread, strict=True)]
    return float(macro_f1_of(len(found.classes))(np.array(cells, dtype=float).reshape(1, -1))[0])


def one_hot(true: Sequence[str], said: Sequence[str | None], classes: Sequence[str]) -> np.ndarray:
    """float[n, C * (C + 1)]: the cell of each row in the confusion matrix, the last column for unread ones."""
    place = {each: index for index, each in enumerate(classes)}
    width = len(classes) + 1
    rows = np.zeros((len(true), len(classes) * width))
    for number, (right, answer) in enumerate(zip(true, said, strict=True)):
        rows[number, place[right] * width + (len(classes) if answer is None else place[answer])] = 1.0
    return rows


def macro_f1_of(count: int) -> Statistic:
    """Macro F1 as a statistic of the sums of `one_hot` over `count` classes."""

    def statistic(sums: np.ndarray) -> np.ndarray:
        table = sums.reshape(len(sums), count, count + 1)
        support, said = table.sum(axis=2), table[:, :, :-1].sum(axis=1)
        hits = np.einsum("bcc->bc", table[:, :, :-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            f1 = np.where(support > 0, 2 * hits / (support + said), 0.0)
            return np.asarray(f1.sum(axis=1) / (support > 0).sum(axis=1))

    return statistic
