"""One answer of a model to one row, as it is kept in `predictions.jsonl`, and the same judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.evaluate.scores import Score, score


@dataclass(frozen=True)
class Prediction:
    """row: its number in the dataset. series_key: alike for rows of the same series, which are drawn together.

    label: as the row's meta holds it. answer: the text of the model. reference: the row's own answer, for texts.
    span: range of the series the question is about (see `span_of`), 0 where it is not known.
    """

    row: int
    series_key: str
    label: Mapping[str, Any]
    answer: str
    reference: str = ""
    span: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "series_key": self.series_key,
            "label": dict(self.label),
            "answer": self.answer,
            "reference": self.reference,
            "span": self.span,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Prediction":
        return Prediction(
            row=int(data["row"]),
            series_key=str(data["series_key"]),
            label=data["label"],
            answer=str(data["answer"]),
            reference=str(data.get("reference", "")),
            span=float(data.get("span", 0.0)),
        )


@dataclass(frozen=True)
class Judged:
    """A prediction with its score."""

    prediction: Prediction
    score: Score

    @property
    def task(self) -> str:
        return self.score.task

    @property
    def language(self) -> str:
        return str(self.prediction.label.get("language") or "")

    @property
    def is_prefix_answerable(self) -> bool:
        """Whether the text of the model's prefix gives the answer away."""
        return bool(self.prediction.label.get("prefix_answerable"))


def judge(predictions: Iterable[Prediction]) -> list[Judged]:
    return [Judged(each, score(each.answer, each.label)) for each in predictions]


def span_of(label: Mapping[str, Any], series: Sequence[np.ndarray]) -> float:
    """Range of the series that the question is about; of the widest where it names none."""
    named = (label.get("parameters") or {}).get("series")
    asked = [series[named]] if isinstance(named, int) and 0 <= named < len(series) else series
    return max((float(np.ptp(each)) for each in asked if len(each)), default=0.0)
