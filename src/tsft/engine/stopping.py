"""Judges evaluations: which step is the best so far, and whether the run has gone on for too long without a better one.

Pure: what is known goes in and comes out again, so that a checkpoint can carry it and a resumed run stops where an
uncut one would.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tsft.config.metrics import Metric
from tsft.config.run_config import RunConfig
from tsft.config.sampled_rules import metric_of


@dataclass(frozen=True)
class Rule:
    """When to stop: after `patience` evaluations in a row that are not better by more than `threshold`; 0 for never."""

    metric: Metric
    patience: int
    threshold: float


@dataclass(frozen=True)
class Judged:
    """What the evaluations so far say.

    best_step, best: the best trained step and its value; step 0 is not among them, there is nothing of it to keep.
    to_beat: the value that counted as an improvement last. failures: evaluations in a row since then.
    """

    best_step: int = 0
    best: float | None = None
    to_beat: float | None = None
    failures: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(tree: Mapping[str, Any]) -> "Judged":
        names = Judged.__dataclass_fields__
        return Judged(**{name: value for name, value in tree.items() if name in names})


def rule_of(config: RunConfig, has_validation: bool) -> Rule:
    """`auto` stops early wherever there is something to judge by."""
    stopping = config.stopping
    stops = has_validation and stopping.early in ("auto", "on")
    return Rule(metric_of(config), stopping.patience if stops else 0, stopping.threshold)


def judge(before: Judged, rule: Rule, step: int, value: float, *, counts: bool = True) -> Judged:
    """With one more evaluation. One that somebody asked for in between can be the best, but uses up no patience.

    A value that is not finite is no improvement.
    """
    after = before
    if step and is_better(rule.metric, value, before.best):
        after = replace(after, best_step=step, best=value)
    if not counts:
        return after
    if is_better(rule.metric, value, before.to_beat, rule.threshold):
        return replace(after, to_beat=value, failures=0)
    return replace(after, failures=before.failures + 1)


def is_better(metric: Metric, value: float, than: float | None, threshold: float = 0.0) -> bool:
    """By more than `threshold`; anything finite is better than nothing."""
    if not math.isfinite(value):
        return False
    if than is None:
        return True
    return than - value > threshold if metric.is_lower_better else value - than > threshold


def is_over(judged: Judged, rule: Rule) -> bool:
    """Whether the patience is used up."""
    return bool(rule.patience) and judged.failures >= rule.patience
