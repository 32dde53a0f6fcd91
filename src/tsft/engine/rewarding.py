"""What answers are worth to a run: the verifiable rewards of `tsft.evaluate` and a trained reward model, weighed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.engine.job import Job
from tsft.engine.measures import Sums
from tsft.engine.questions import Questions
from tsft.engine.restore import Fetching, result_folder
from tsft.engine.sampled import reward_weights
from tsft.engine.scoring import Scorer, open_scorer
from tsft.evaluate.rewards import Answer, LengthLimit, verifiable


@dataclass(frozen=True)
class Worth:
    """total: the weighed sum, nan where nothing could be judged. parts: by name, None where the row knows nothing."""

    total: float
    parts: dict[str, float | None]


class Rewarding:
    """Judges answers to the questions of a run's rows. scorer: the reward model, None where there is none."""

    def __init__(self, config: RunConfig, scorer: Scorer | None = None) -> None:
        self._weights = reward_weights(config)
        self._limit = LengthLimit(config.rewards.length_tokens, config.rewards.length_slope)
        self._scorer = scorer

    def worths(
        self, questions: Questions, rows: Sequence[int], texts: Sequence[str], tokens: Sequence[int]
    ) -> list[Worth]:
        """Of an answer to each of the rows; tokens: how many each answer has."""
        names = frozenset(self._weights)
        parts = [
            verifiable(Answer(text, count, questions.label(row)), names, self._limit)
            for row, text, count in zip(rows, texts, tokens, strict=True)
        ]
        if self._scorer is not None:
            for each, score in zip(parts, self._scores(self._scorer, questions, rows, texts), strict=True):
                each["model"] = score
        return [self._worth(each) for each in parts]

    def _worth(self, parts: dict[str, float | None]) -> Worth:
        known = [self._weights[name] * value for name, value in parts.items() if value is not None]
        return Worth(sum(known) if known else math.nan, parts)

    def _scores(self, scorer: Scorer, questions: Questions, rows: Sequence[int], texts: Sequence[str]) -> list[float]:
        asked = {row: questions.at(row) for row in dict.fromkeys(rows)}
        # A template may refuse an answer without a letter.
        answers: list[dict[str, Any]] = [{"role": "assistant", "content": text or " "} for text in texts]
        return scorer.scores(
            [([*asked[row].turns, answer], asked[row].series) for row, answer in zip(rows, answers, strict=True)]
        )


def open_rewarding(job: Job) -> Rewarding:
    """The rewards of a run; loads its reward model. UserError where that is none."""
    config, scorer = job.config, None
    if "model" in reward_weights(config):
        path = result_folder(config.rewards.model, job.workspace)
        job.enter("loading", path.name)
        scorer = open_scorer(path, job.workspace, Fetching(lambda done, total: None, job.control.should_stop))
    return Rewarding(config, scorer)


def sums_of(worths: Sequence[Worth]) -> Sums:
    """The sums of the whole and of each part, over the answers that have it."""
    totals = [each.total for each in worths if not math.isnan(each.total)]
    sums: dict[str, tuple[float, int]] = {"mean_reward": (sum(totals), len(totals))}
    for name in worths[0].parts if worths else ():
        known = [value for each in worths if (value := each.parts[name]) is not None]
        sums[f"{name}_reward"] = (sum(known), len(known))
    return sums
