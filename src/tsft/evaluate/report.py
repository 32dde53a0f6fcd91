"""What an evaluation found, as plain data: it is kept as JSON, shown by the page and compared between runs.

Making one is `reporting.py`. Names of metrics are keys for the page's words; shares run from 0 to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tsft.errors import Message
from tsft.evaluate import shapes
from tsft.evaluate.closed import Confusion
from tsft.evaluate.statistics import Difference, Estimate, McNemar

FORMAT = 1


@dataclass(frozen=True)
class Part:
    """Some rows. An unread answer scores 0 and is not right; what share that is stands in `unread`."""

    rows: int
    score: Estimate | None
    right: Estimate | None
    unread: Estimate | None


@dataclass(frozen=True)
class FieldReport:
    """One field of a task's answers with the metrics of its kind; confusion for closed classes only."""

    name: str
    kind: str
    metrics: Mapping[str, Estimate]
    confusion: Confusion | None = None


@dataclass(frozen=True)
class TaskReport:
    """One task. needs_series and prefix_answerable split its rows by whether the prefix gives the answer away.

    false_alarms: of the rows whose right answer is that there is nothing, those where something was said.
    texts: attribute_recall and attribute_precision of answers with several parts; rouge_l, bleu and keyword_f1 of
    free text.
    """

    task: str
    everything: Part
    needs_series: Part
    prefix_answerable: Part
    by_language: Mapping[str, Part]
    false_alarms: Estimate | None
    fields: tuple[FieldReport, ...]
    texts: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelReport:
    """A model or a baseline. Scores over several tasks are means over tasks, however many rows each has."""

    name: str
    is_baseline: bool
    everything: Part
    needs_series: Part
    prefix_answerable: Part
    by_language: Mapping[str, Part]
    tasks: tuple[TaskReport, ...]

    def task(self, name: str) -> TaskReport | None:
        return next((each for each in self.tasks if each.task == name), None)


@dataclass(frozen=True)
class Comparison:
    """Two models on the rows that both answered. task is "" for all tasks."""

    first: str
    second: str
    task: str
    rows: int
    score: Difference | None
    right: McNemar


@dataclass(frozen=True)
class ControlReport:
    """One model under one control, on the same rows before and after; rows that the prefix answers are left out.

    kind: "blind", "permuted" or "perturbed". drop: before minus after. same: share of unchanged choices (permuted).
    majority: what the most frequent answer scores on these rows.
    """

    model: str
    kind: str
    control: str
    rows: int
    before: Estimate | None
    after: Estimate | None
    drop: Difference | None
    same: Estimate | None = None
    majority: Estimate | None = None


@dataclass(frozen=True)
class Report:
    """Everything. verdicts are the sentences at its head."""

    rows: int
    series: int
    models: tuple[ModelReport, ...]
    comparisons: tuple[Comparison, ...] = ()
    controls: tuple[ControlReport, ...] = ()
    verdicts: tuple[Message, ...] = ()

    def model(self, name: str) -> ModelReport | None:
        return next((each for each in self.models if each.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **shapes.to_json(self)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Report":
        return shapes.from_json(Report, data)
