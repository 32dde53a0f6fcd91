"""Answers to some validation rows at every evaluation of a run, scored by their labels: what `answer_score` is.

The same scores as of a whole evaluation (`engine/evaluation.py`), without intervals. Training does not notice: the
trainer restores mode and random numbers.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.config.metrics import ANSWER_SCORE
from tsft.data.budget import Budget, fit
from tsft.data.checks.quality import meta_of
from tsft.data.doctor import check_record
from tsft.data.encoded_rows import with_system
from tsft.data.examples import RowRefused
from tsft.data.preparation import PreparedData
from tsft.data.readers import Source
from tsft.data.registry import find_dataset
from tsft.data.row_access import LocatedRow, RowAccess
from tsft.engine.job import PROGRESS_SECONDS, Job
from tsft.errors import Problem, UserError, message
from tsft.evaluate.field_reports import Drawing
from tsft.evaluate.free_text import is_sound
from tsft.evaluate.predictions import Prediction
from tsft.evaluate.reporting import make_report
from tsft.model.answer import Sampling, answer_many
from tsft.model.processor import SeriesProcessor
from tsft.run.events import Progressed


@dataclass(frozen=True)
class LabelledQuestion:
    """A validation row ready to be asked: turns that end with the question, raw series, and what is right."""

    turns: Sequence[dict[str, str]]
    series: Sequence[np.ndarray]
    label: dict[str, Any]
    reference: str


class ScoredAnswers:
    """The questions of one run. `score` is called within an evaluation: model in evaluation mode, no gradients."""

    def __init__(self, job: Job, processor: SeriesProcessor, questions: Sequence[LabelledQuestion]) -> None:
        self._job = job
        self._processor = processor
        self._questions = questions

    def score(self, model: Any) -> float:
        """The mean over tasks, 0 to 1. Raises Stopped, at most a token late, when the run is asked to stop."""
        control, size = self._job.control, self._job.config.schedule.eval_batch_size
        sampling = Sampling(max_new_tokens=self._job.config.stopping.answer_tokens)
        predictions: list[Prediction] = []
        said_at = 0.0
        for first in range(0, len(self._questions), size):
            control.obey()
            if time.monotonic() - said_at > PROGRESS_SECONDS:
                said_at = time.monotonic()
                self._job.board.say(Progressed(time.time(), first, len(self._questions), "rows"))
            batch = self._questions[first : first + size]
            asked = [(each.turns, each.series) for each in batch]
            texts = answer_many(model, self._processor, asked, sampling=sampling, should_stop=control.should_stop)
            control.obey()
            predictions += [
                Prediction(first + place, str(first + place), each.label, text.strip(), each.reference)
                for place, (each, text) in enumerate(zip(batch, texts, strict=True))
            ]
        report = make_report({"": predictions}, drawing=Drawing(resamples=0)).models[0]
        assert report.everything.score is not None  # there is at least one question
        return report.everything.score.value


def choose_answers(job: Job, processor: SeriesProcessor, data: PreparedData) -> ScoredAnswers | None:
    """The rows that are answered at every evaluation, drawn by the run's seed; None where that is off.

    UserError where the run is judged by them and no validation row has a label; otherwise that is a warning.
    """
    stopping = job.config.stopping
    if not stopping.answered_rows:
        return None
    questions: list[LabelledQuestion] = []
    for located in _drawn(job, data):
        question = _question(job, processor, located)
        questions += [question] if question is not None else []
        if len(questions) == stopping.answered_rows:
            break
    if questions:
        return ScoredAnswers(job, processor, questions)
    if stopping.metric == ANSWER_SCORE:
        raise UserError(Problem("stopping.metric", message("run.no_labels")))
    job.note("warning", message("run.no_labels"))
    return None


def _drawn(job: Job, data: PreparedData) -> Iterator[LocatedRow]:
    """The raw validation rows in an order drawn by the run's seed."""
    rows = data.evaluation
    if rows is None:
        return
    names = [report.name for report in data.report.datasets]
    accesses: dict[str, RowAccess] = {}
    for index in np.random.default_rng(job.config.schedule.seed).permutation(len(rows)).tolist():
        job.control.obey()
        row_set, place = rows.row_sets[rows.datasets[index]], int(rows.indexes[index])
        name = names[rows.datasets[index]]
        if name not in accesses:
            accesses[name] = _access(job, name)
        located = accesses[name].at(int(row_set.column("file")[place]), row_set.source_row(place))
        if located is not None:
            yield located


def _access(job: Job, name: str) -> RowAccess:
    workspace = job.workspace
    dataset = find_dataset(name, workspace.dataset_folders(job.config.data.folder), workspace.cache)
    access = RowAccess(Source(dataset.name, dataset.files, dataset.mapping), workspace.cache)
    access.index(should_stop=job.control.should_stop)
    return access


def _question(job: Job, processor: SeriesProcessor, located: LocatedRow) -> LabelledQuestion | None:
    """The row as it is asked; None where it has no label, or is trained on only after it was shortened."""
    record, data = located.raw.record, job.config.data
    label = meta_of(record or {}).get("label")
    if record is None or not is_sound(label):
        return None
    try:
        row = check_record(record, located.mapping)
        fit(with_system(row.turns, data.system_prompt), row.series, processor, Budget(data.cutoff_length, "drop"))
    except RowRefused:
        return None
    last = max(number for number, turn in enumerate(row.turns) if turn["role"] == "assistant")
    if row.is_good is False:  # what it gives is no answer to expect
        return None
    turns = with_system(row.turns[:last], data.system_prompt)
    return LabelledQuestion(turns, row.series, label, row.turns[last]["content"])
