"""The questions of a run's rows as people wrote them: turns, raw series and what is right, by the row's index."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.data.encoded_rows import with_system
from tsft.data.examples import Example
from tsft.data.preparation import PreparedData, read_dataset
from tsft.data.readers import ExampleRows
from tsft.engine.job import Job
from tsft.errors import message
from tsft.evaluate.free_text import is_sound


@dataclass(frozen=True)
class Asked:
    """turns: up to the question, with the system prompt; reference: the row's own answer; source: "dataset:row"."""

    source: str
    turns: list[dict[str, str]]
    series: list[np.ndarray]
    reference: str


class Questions:
    """Of rows that were encoded as questions (`MixedRows`), in their order."""

    def __init__(self, job: Job, data: PreparedData, rows: Any) -> None:
        self._job = job
        self._rows = rows
        self._names = [report.name for report in data.report.datasets]
        self._labels: dict[int, dict[str, Any] | None] = {}
        self._examples: dict[str, tuple[ExampleRows, dict[tuple[int, int], int]]] = {}
        self._has_warned = False

    def label(self, index: int) -> dict[str, Any] | None:
        """What is right; None where the row does not say it, or says what cannot be used."""
        if index not in self._labels:
            text = self._rows[index]["label"]
            label = json.loads(text) if text else None
            self._labels[index] = label if is_sound(label) else None
            if text and self._labels[index] is None and not self._has_warned:
                self._has_warned = True
                self._job.note("warning", message("run.unsound_label", source=self.source(index)))
        return self._labels[index]

    def source(self, index: int) -> str:
        name, (_, row) = self._place(index)
        return f"{name}:{row}"

    def at(self, index: int) -> Asked:
        name, place = self._place(index)
        if name not in self._examples:
            job = self._job
            folders = job.workspace.dataset_folders(job.config.data.folder)
            rows, _ = read_dataset(name, folders, job.workspace.cache, max_rows=job.config.data.max_rows)
            places = zip(rows.column("file").tolist(), rows.column("row").tolist(), strict=True)
            self._examples[name] = (rows, {each: number for number, each in enumerate(places)})
        examples, numbers = self._examples[name]
        example: Example = examples[numbers[place]]
        turns = with_system([dict(turn) for turn in example.turns], self._job.config.data.system_prompt)
        reference = "" if example.is_good is False else turns[-1]["content"]
        return Asked(f"{name}:{place[1]}", turns[:-1], example.series, reference)

    def _place(self, index: int) -> tuple[str, tuple[int, int]]:
        """The dataset, and file and row in it."""
        rows = self._rows
        row_set, place = rows.row_sets[rows.datasets[index]], int(rows.indexes[index])
        return self._names[rows.datasets[index]], (int(row_set.column("file")[place]), row_set.source_row(place))
