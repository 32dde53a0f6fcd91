"""What a model has to beat: cheap answers fitted on a training set, and what answering without the series is worth."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.evaluate.answers import Baseline, Question
from tsft.evaluate.detectors import all_anomalous, fit_spectral_residual, fit_three_sigma
from tsft.evaluate.guesses import fit_majority, fit_random
from tsft.evaluate.neighbours import fit_nearest
from tsft.evaluate.scores import score_field

# In the order in which they are shown.
BASELINES = ("majority", "random", "three_sigma", "spectral_residual", "all_anomalous", "nearest")


def fit_baselines(train: Sequence[Question], seed: int = 0) -> dict[str, Baseline]:
    """Every baseline by its name, fitted on the training rows alone. A test row must never be among them."""
    return {
        "majority": fit_majority(train),
        "random": fit_random(train, seed),
        "three_sigma": fit_three_sigma(train),
        "spectral_residual": fit_spectral_residual(train),
        "all_anomalous": all_anomalous(),
        "nearest": fit_nearest(train),
    }


@dataclass(frozen=True)
class TextOnly:
    """Of one task: rows, the score of always giving the most frequent answer, its share, and the prefix's share.

    answer: the most frequent value of the main field as JSON. prefix_share: rows whose answer the prefix gives away.
    none_share: rows whose right answer is that there is nothing.
    """

    task: str
    count: int
    answer: str
    share: float
    score: float
    prefix_share: float
    none_share: float


def text_only(labels: Iterable[Mapping[str, Any]]) -> dict[str, TextOnly]:
    """By task: the best that can be had without the series, told from the labels. Scores mean nothing below it."""
    by_task: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for label in labels:
        by_task[label["task"]].append(label)
    return {task: _text_only(task, rows) for task, rows in sorted(by_task.items())}


def _text_only(task: str, labels: Sequence[Mapping[str, Any]]) -> TextOnly:
    by_wording: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for label in labels:
        by_wording[label["wording"]].append(label["fields"][0])
    values = []
    for fields in by_wording.values():
        guess = json.loads(_most_frequent(fields)[0])
        values += [score_field(guess, each).value for each in fields]
    main = [label["fields"][0] for label in labels]
    answer, count = _most_frequent(main)
    return TextOnly(
        task=task,
        count=len(labels),
        answer=answer,
        share=count / len(labels),
        score=float(np.mean(values)),
        prefix_share=float(np.mean([bool(label["prefix_answerable"]) for label in labels])),
        none_share=float(np.mean([bool(label["is_none"]) for label in labels])),
    )


def _most_frequent(fields: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    counts = Counter(json.dumps(each["value"], ensure_ascii=False, sort_keys=True) for each in fields)
    return max(counts.items(), key=lambda pair: (pair[1], pair[0]))
