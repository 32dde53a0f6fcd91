"""Questions as baselines see them, and answers written so that the scorer reads back exactly the given values."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Question:
    """A row of a training or test set: its label and its raw series (float64[L] each)."""

    label: Mapping[str, Any]
    series: tuple[np.ndarray, ...] = ()

    @property
    def task(self) -> str:
        return str(self.label["task"])

    @property
    def fields(self) -> Sequence[Mapping[str, Any]]:
        return list(self.label["fields"])

    @property
    def parameters(self) -> Mapping[str, Any]:
        return dict(self.label.get("parameters") or {})

    @property
    def length(self) -> int:
        """Of the longest series; what the label says where no series are at hand."""
        told = [int(each["length"]) for each in self.fields if "length" in each]
        return max([len(each) for each in self.series] or told or [1])

    def seed(self, seed: int) -> np.random.Generator:
        """The same for the same question and seed, whatever stands around it. The truth takes no part in it."""
        names = [(each["name"], each["kind"]) for each in self.fields]
        text = json.dumps([self.task, names, self.parameters, [len(each) for each in self.series]], sort_keys=True)
        first = zlib.crc32(b"".join(np.ascontiguousarray(each).tobytes() for each in self.series))
        return np.random.default_rng([seed, zlib.crc32(text.encode()), first])


class Baseline(Protocol):
    """Something cheap, fitted on a training set only, that a model has to beat."""

    def answer(self, question: Question) -> str | None:
        """Its answer as text; None where it has nothing to say about such a question."""
        ...


def written(values: Mapping[str, Any]) -> str:
    """Values by field name as the JSON that `parse` reads, in either language."""
    return json.dumps(values, ensure_ascii=False)


def option_keys(field: Mapping[str, Any]) -> list[str]:
    """The values a closed field may take, as its label writes them."""
    return [str(each) for each in field.get("options") or ()]
