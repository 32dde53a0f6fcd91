"""Probes: a few fixed questions that a run answers before training and at every evaluation, so that change is seen.

Chooses them from the validation rows or the pinned ones, and asks them as one batch, greedily. Training does not
notice: the caller (the trainer's evaluation) restores mode and random numbers.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.config.probe_rules import readable_pins
from tsft.data.budget import Budget, fit
from tsft.data.encoded_rows import with_system
from tsft.data.examples import PLACEHOLDER, Example, RowRefused
from tsft.data.lookup import Place, find_examples
from tsft.data.preparation import PreparedData
from tsft.engine.job import Job
from tsft.errors import UserError, message
from tsft.model.answer import Sampling, answer_many
from tsft.model.processor import SeriesProcessor
from tsft.run.events import Probe, ProbesPinned, SampleShown
from tsft.store.shown_rows import ShownRow, write_rows

logger = logging.getLogger(__name__)

# What a model without any training babbles can be long; more than this nobody reads in a table.
ANSWER_LENGTH = 4_000


@dataclass(frozen=True)
class Question:
    """One probe ready to be asked: turns that end with the question, and series within the run's budget."""

    turns: list[dict[str, str]]
    series: list[np.ndarray]


class Probing:
    """The probes of one run. `ask` is called within an evaluation: model in evaluation mode, no gradients."""

    def __init__(self, job: Job, processor: SeriesProcessor, questions: Sequence[Question]) -> None:
        self._job = job
        self._processor = processor
        self._questions = questions

    def ask(self, model: Any, step: int) -> None:
        """Say every answer after `step`. Raises Stopped, at most a token late, when the run is asked to stop."""
        settings, control = self._job.config, self._job.control
        sampling = Sampling(max_new_tokens=settings.probes.max_tokens)
        size = settings.schedule.eval_batch_size
        for first in range(0, len(self._questions), size):
            control.obey()
            batch = [(each.turns, each.series) for each in self._questions[first : first + size]]
            answers = answer_many(model, self._processor, batch, sampling=sampling, should_stop=control.should_stop)
            control.obey()
            for number, text in enumerate(answers, first + 1):
                self._job.board.say(SampleShown(time.time(), step, number, text.strip()[:ANSWER_LENGTH]))


def choose_probes(job: Job, processor: SeriesProcessor, data: PreparedData) -> Probing | None:
    """The probes of the run, said on the board and written to be shown; None when there are none."""
    if job.config.probes.source == "off":
        return None
    shown: list[ShownRow] = []
    probes: list[Probe] = []
    questions: list[Question] = []
    for source, asked, example in _candidates(job, data):
        if example is None:
            job.note("warning", message("probe.no_row", source=source))
            continue
        turns, expected = _asked(example, asked)
        question = _fitted(job, processor, turns, example.series)
        if question is None:
            job.note("warning", message("probe.does_not_fit", source=source))
            continue
        questions.append(question)
        probes.append(Probe(source, turns[-1]["content"], expected))
        shown.append(shown_row(source, turns, example.series))
    if not questions:
        job.note("warning", message("probe.none"))
        return None
    write_rows(job.folder.probes, shown)
    job.board.say(ProbesPinned(time.time(), tuple(probes)))
    return Probing(job, processor, questions)


def shown_row(source: str, turns: Sequence[dict[str, str]], series: Sequence[np.ndarray]) -> ShownRow:
    """A row as it is kept to be shown."""
    points = tuple(tuple(float(each) if math.isfinite(each) else None for each in values) for values in series)
    return ShownRow(source, tuple(dict(turn) for turn in turns), points)


def _candidates(job: Job, data: PreparedData) -> list[tuple[str, str, Example | None]]:
    """(source, own question or "", example) for each probe that is wanted."""
    if job.config.probes.source == "pinned":
        pins = readable_pins(job.config.probes.pinned)
        found = [_examples(job, pin.dataset, [(None, pin.row)])[0] for pin in pins]
        return [(pin.source, pin.question, example) for pin, example in zip(pins, found, strict=True)]
    rows = data.evaluation
    if rows is None:
        return []
    return [
        (source, "", example)
        for source, example in source_rows(job, data, rows, range(len(rows)), job.config.probes.count)
    ]


def source_rows(
    job: Job, data: PreparedData, rows: Any, indexes: Sequence[int], most: int
) -> list[tuple[str, Example | None]]:
    """The first `most` different source rows behind rows of a plan: "dataset:row" and the raw example."""
    names = [report.name for report in data.report.datasets]
    places: dict[tuple[str, Place], None] = {}
    for index in indexes:
        if len(places) == most:
            break
        row_set, place = rows.row_sets[rows.datasets[index]], int(rows.indexes[index])
        file_index = int(row_set.column("file")[place])
        places[names[rows.datasets[index]], (file_index, row_set.source_row(place))] = None
    return [(f"{name}:{place[1]}", _examples(job, name, [place])[0]) for name, place in places]


def _examples(job: Job, name: str, places: Sequence[Place]) -> list[Example | None]:
    folders = job.workspace.dataset_folders(job.config.data.folder)
    try:
        return find_examples(name, folders, job.workspace.cache, places, job.config.data.max_rows)
    except UserError as error:
        logger.warning("could not read rows of %s again: %s", name, error)
        return [None] * len(places)


def _asked(example: Example, own_question: str) -> tuple[list[dict[str, str]], str]:
    """The turns up to the question, and the answer that the data gives. An own question stands alone."""
    if own_question:
        marks = "" if own_question.count(PLACEHOLDER) == len(example.series) else PLACEHOLDER * len(example.series)
        return [{"role": "user", "content": f"{marks}\n{own_question}" if marks else own_question}], ""
    turns = [dict(turn) for turn in example.turns]
    answered = [number for number, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not answered:
        return turns, ""
    # An answer that was judged bad is not one to expect.
    expected = "" if example.is_good is False else turns[answered[-1]]["content"]
    return turns[: answered[-1]], expected


def _fitted(
    job: Job, processor: SeriesProcessor, turns: list[dict[str, str]], series: list[np.ndarray]
) -> Question | None:
    """The question within the length that the run trains with; None when it cannot be asked."""
    settings = job.config.data
    if not turns or turns[-1]["role"] != "user":
        return None
    whole = with_system(turns, settings.system_prompt)
    try:
        row = fit(whole, series, processor, Budget(settings.cutoff_length, settings.overlong, "everything"))
        processor.prompt(row.turns, row.series)
    except (RowRefused, UserError) as error:
        logger.warning("left a probe out: %s", error)
        return None
    return Question(row.turns, row.series)
