"""Which class a row's answer is, and which classes stand out: a model that always says the frequent one scores well.

A class is the row's own label (`meta.label`), a yes or no at the beginning of the answer, or a short answer as it
stands. Numbers are no classes, and neither are answers that hardly ever repeat.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# A class above this share of its task's rows is too many; with fewer rows chance may do it.
LARGEST_SHARE = 0.7
FEWEST_ROWS = 20
_ROWS_PER_CLASS = 3
_CLASSIFIED_SHARE = 0.8
# Names kept: a file whose answers are all different must not fill the memory.
NAMES_KEPT = 2_000
LABEL_LENGTH = 32
_YES = re.compile(r"\s*(?:yes|yeah|true)\b|\s*(?:是的?|有|对|存在)(?=[，。,.\s]|$)", re.IGNORECASE)
_NO = re.compile(r"\s*(?:no|none|false)\b|\s*(?:不是|否|没有|不|不存在|无)(?=[，。,.\s]|$)", re.IGNORECASE)
_NUMERIC = re.compile(r"[\W\d_]*(?:[eE][-+]?\d+)?[\W\d_]*")


def label_of(turns: Sequence[Mapping[str, str]], meta: Mapping[str, Any]) -> str:
    """The class of a row's last answer; "" where it has none."""
    label = meta.get("label")
    if isinstance(label, str) and label.strip():
        return label.strip()[:LABEL_LENGTH]
    answer = turns[-1]["content"]
    for name, pattern in (("yes", _YES), ("no", _NO)):
        if pattern.match(answer):
            return name
    short = answer.strip().strip(".。!！\"'“”").casefold()
    if not short or len(short) > LABEL_LENGTH or "\n" in short or any(letter.isdigit() for letter in short):
        return ""
    return "" if _NUMERIC.fullmatch(short) else short


@dataclass
class Names:
    """Text as small numbers: 0 is no name, -1 any beyond the first NAMES_KEPT."""

    names: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        if not name:
            return 0
        known = self._numbers.get(name)
        if known is not None:
            return known
        if len(self.names) >= NAMES_KEPT:
            return -1
        self.names.append(name)
        self._numbers[name] = len(self.names)
        return len(self.names)


@dataclass(frozen=True)
class Surplus:
    """A class that is too frequent: its task and label numbers, how many of how many rows, and rows to leave out."""

    task: int
    label: int
    count: int
    total: int
    rows: np.ndarray


def surpluses(tasks: np.ndarray, labels: np.ndarray, seed: int = 0) -> list[Surplus]:
    """Every class with more than its share of a task's rows. rows: int64, empty where it is the only class.

    tasks, labels: the numbers of each row (`Names`); a row of label 0 or -1 has no class
    """
    counts = Counter(zip(tasks.tolist(), labels.tolist(), strict=True))
    rows_of = Counter(tasks.tolist())
    found = []
    for task, all_rows in rows_of.items():
        classes = {label: count for (of, label), count in counts.items() if of == task and label > 0}
        total = sum(classes.values())
        is_classification = total >= FEWEST_ROWS and total >= _CLASSIFIED_SHARE * all_rows
        if not is_classification or total < _ROWS_PER_CLASS * len(classes):
            continue
        label, count = max(classes.items(), key=lambda item: item[1])
        if count <= LARGEST_SHARE * total:
            continue
        rows = np.flatnonzero((tasks == task) & (labels == label))
        kept = int(LARGEST_SHARE / (1 - LARGEST_SHARE) * (total - count))
        surplus = np.random.default_rng([seed, task, label]).permutation(rows)[kept:] if len(classes) > 1 else rows[:0]
        found.append(Surplus(task, label, count, total, np.sort(surplus)))
    return found
