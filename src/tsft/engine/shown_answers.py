"""Shows now and then what a run writes to one of its questions, and what each answer is worth."""

import math
import time
from collections import deque
from collections.abc import Sequence

from tsft.engine.job import Job
from tsft.engine.probes import ANSWER_LENGTH, shown_row
from tsft.engine.questions import Questions
from tsft.engine.rollouts import Written
from tsft.engine.sampled import answers_a_question
from tsft.run.events import AnswersDrawn, DrawnAnswer
from tsft.run.state import DRAWN
from tsft.store.shown_rows import ShownRow, read_rows, write_rows

# Of the answers to one question; more nobody compares.
MOST_ANSWERS = 16


class ShownAnswers:
    """Of one run. Says `AnswersDrawn`, and keeps the question's series in the run's folder for the page."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._every = job.config.sampling.show_steps
        self._shown_at = 0
        self._count = answers_a_question(job.config)
        self._kept: deque[ShownRow] = deque(read_rows(job.folder.drawn), maxlen=DRAWN)

    def show(self, step: int, questions: Questions, written: Sequence[Written]) -> None:
        """The answers to the first question of `step`, where this step's are shown; the first step's always are."""
        # A step that was to be shown may have learnt from the answers of an earlier one: then the next is.
        if not self._every or (step != 1 and step // self._every <= self._shown_at // self._every):
            return
        self._shown_at = step
        one = written[0]
        asked = questions.at(one.rows[0])
        self._kept.append(shown_row(asked.source, asked.turns, asked.series))
        write_rows(self._job.folder.drawn, list(self._kept))
        answers = tuple(
            DrawnAnswer(
                text[:ANSWER_LENGTH],
                None if math.isnan(worth.total) else worth.total,
                tuple((name, value) for name, value in worth.parts.items() if value is not None),
            )
            for text, worth in list(zip(one.texts, one.worths, strict=True))[: min(self._count, MOST_ANSWERS)]
        )
        told = AnswersDrawn(time.time(), step, asked.source, asked.turns[-1]["content"], asked.reference, answers)
        self._job.board.say(told)
