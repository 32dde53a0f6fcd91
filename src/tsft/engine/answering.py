"""Answers questions with one model on a thread of its own: for a chat, for drafts in the label room, for a single row.

One set of questions, or one attribution, at a time; both share the model. When they have to wait for a run or give way
to it is `errands.py`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.engine.attributing import Attributing
from tsft.engine.beside import AnswerProcess, answer_from, ask_order
from tsft.engine.errands import Errand, Machine, refuse_second
from tsft.engine.model_slot import ModelSlot, model_name
from tsft.errors import Problem, UserError, message
from tsft.model.answer import Sampling, answer_streaming
from tsft.model.loading import Loaded
from tsft.run.answers import (
    ENDED,
    WRITING,
    Answer,
    Answering,
    AnswerOptions,
    Attribution,
    Question,
    Slot,
    Tell,
)
from tsft.run.ports import Asked
from tsft.store.workspace import Workspace

Clock = Callable[[], float]


class AnswerDesk:
    """The questions of this process, one set after another. Every method may be called from any thread.

    refuse: raises UserError when no model may be loaded now, because a run has the machine.
    """

    def __init__(self, workspace: Workspace, refuse: Callable[[], None], spares_memory: bool = False) -> None:
        self._lock = threading.Lock()
        self._machine = Machine(ModelSlot(workspace, spares_memory), AnswerProcess(workspace.root), refuse)
        self._round: _Round | None = None
        self._attributing: Attributing | None = None
        self._errand: Errand | None = None

    @property
    def answering(self) -> Answering | None:
        found = self._round
        holds = self._machine.slot.is_full or self._machine.process.is_alive
        return None if found is None else replace(found.answering, holds_model=holds)

    @property
    def is_poisoned(self) -> bool:
        """Whether a question ended in an error of the accelerator that only a new process gets over."""
        return self._machine.poison.is_set()

    @property
    def attribution(self) -> Attribution | None:
        return self._attributing.attribution if self._attributing is not None else None

    @property
    def slot(self) -> Slot:
        """What is in the place for a model, as far as this desk has it."""
        errand, held = self._errand, self._machine.slot
        model, size = held.model, held.memory_bytes
        if model:
            return Slot("chat", model, size)
        return Slot("loading", errand.model) if errand is not None and errand.is_inside else Slot("free")

    @property
    def process_id(self) -> int:
        """Of the process beside a run, 0 when there is none."""
        return self._machine.process.id

    def begin(
        self,
        config: RunConfig,
        questions: Sequence[Question],
        options: AnswerOptions,
        tell: Tell | None,
        gives_way: bool = False,
    ) -> int:
        """Ask, and return the number at once. UserError `engine.answering` while others are asked that do not give way.

        gives_way: these may be given up for the next ones. An attribution always is.
        """
        with self._lock:
            self._end_before()
            number = self._round.answering.number + 1 if self._round is not None else 1
            asked = Answering(number, model_name(config), len(questions))
            self._round = _Round(asked, config, questions, options, tell, gives_way)
            self._begin(self._round)
        return number

    def begin_attribution(
        self, config: RunConfig, question: Question, answer: str, part: tuple[int, int], options: AnswerOptions
    ) -> int:
        """Begin to weigh the patches; the one before is given up. UserError as `begin`."""
        with self._lock:
            self._end_before()
            number = self._attributing.attribution.number + 1 if self._attributing is not None else 1
            self._attributing = Attributing(Attribution(number), config, question, answer, part, options)
            self._begin(self._attributing)
        return number

    def stop(self, number: int = 0) -> bool:
        """Ask the questions of this number (0: whichever there are) to end; False where none go on."""
        found, errand = self._round, self._errand
        if found is None or errand is None or found.answering.is_done or number not in (0, found.answering.number):
            return False
        errand.stop()
        return True

    def stop_attribution(self) -> None:
        found, errand = self._attributing, self._errand
        if found is not None and errand is not None and not found.attribution.is_done:
            errand.stop()

    def make_way(self) -> None:
        """For a run: end what is here unless it waits or goes beside, and wait until the model's memory is free."""
        errand = self._errand
        if errand is not None:
            errand.make_way()
        self._machine.slot.empty()

    def give_up(self) -> None:
        """End all that goes on, here and beside, and wait until the memory of the model is free again."""
        errand = self._errand
        if errand is not None:
            errand.give_up()
        self._machine.slot.empty()
        self._machine.process.end()

    def wait(self, timeout_seconds: float) -> bool:
        """Whether what was begun last has ended by then."""
        return self._errand is None or self._errand.join(timeout_seconds)

    def _begin(self, task: "_Round | Attributing") -> None:
        self._errand = Errand(task, self._machine)
        self._errand.begin()

    def _end_before(self) -> None:
        found, errand = self._round, self._errand
        if found is not None and not found.answering.is_done and not found.gives_way:
            now = found.answering
            raise refuse_second(now.model, now.done, now.total)
        if errand is not None:
            errand.give_up()


def asked_of(answering: Answering) -> Asked:
    """A single question in the form of `EnginePort.asked`."""
    answer = answering.answer or Answer(0)
    problem = answering.problem.message if answering.problem is not None else answer.problem
    return Asked(answering.number, answering.model, answer.text, answering.is_done, problem)


@dataclass
class _Round:
    """Some questions that are asked together: a task of an errand."""

    answering: Answering
    config: RunConfig
    questions: Sequence[Question]
    options: AnswerOptions
    tell: Tell | None
    gives_way: bool
    clock: Clock = field(default=time.monotonic)

    def enter(self, phase: str, *, is_beside: bool = False) -> None:
        if (phase, is_beside) != (self.answering.phase, self.answering.is_beside):
            self.answering = replace(self.answering, phase=phase, is_beside=is_beside)

    def work(self, loaded: Loaded, obey: Callable[[], None], should_stop: Callable[[], bool]) -> None:
        """Ask one after another; after a run in between, on from the first that is not answered."""
        self.answering = replace(self.answering, phase=WRITING)
        for index in range(self.answering.done, len(self.questions)):
            obey()
            answered = self._answered(loaded, index, should_stop)
            if answered.problem is None:
                obey()  # an answer that was cut off is none
            self._say(replace(answered, is_done=True))
            self.answering = replace(self.answering, done=index + 1)

    def work_beside(self, process: AnswerProcess, should_stop: Callable[[], bool]) -> None:
        first = self.answering.done

        def hear(said: Any) -> None:
            told = answer_from(said["answer"])
            told = replace(told, index=told.index + first)
            self.answering = replace(self.answering, phase=WRITING)
            self._say(told)
            if told.is_done:
                self.answering = replace(self.answering, done=told.index + 1)

        process.run(ask_order(self.config, self.questions[first:], self.options), hear, should_stop)

    def end(self, *, is_stopped: bool, problem: Problem | None) -> None:
        self.answering = replace(self.answering, phase=ENDED, is_done=True, is_stopped=is_stopped, problem=problem)

    def _answered(self, loaded: Loaded, index: int, should_stop: Callable[[], bool]) -> Answer:
        """The answer, said as it grows. One that cannot be asked is told; the others are asked all the same."""
        question, written, tokens = self.questions[index], Answer(index), _Tokens()
        self._say(written)
        began = self.clock()
        turns = [dict(turn) for turn in question.turns]
        try:
            prompt = len(loaded.processor.prompt(turns, question.series).input_ids)
            _refuse_long(prompt, loaded.model)
            written = replace(written, prompt_tokens=prompt)
            pieces = answer_streaming(
                loaded.model,
                loaded.processor,
                turns,
                question.series,
                sampling=_sampling(self.options),
                should_stop=should_stop,
                hear=tokens,
            )
            for piece in pieces:
                seconds = self.clock() - began
                written = replace(written, text=written.text + piece, seconds=seconds, tokens=tokens.count)
                self._say(written)
        except UserError as error:
            return replace(written, problem=error.message)
        is_cut = tokens.count >= self.options.max_new_tokens and tokens.last not in _ends(loaded.model)
        return replace(written, seconds=self.clock() - began, tokens=tokens.count, is_cut=is_cut)

    def _say(self, answer: Answer) -> None:
        self.answering = replace(self.answering, answer=answer)
        if self.tell is not None:
            self.tell(answer)


@dataclass
class _Tokens:
    """Counts what a model writes."""

    count: int = 0
    last: int = -1

    def __call__(self, token: int) -> None:
        self.count += 1
        self.last = token


def _refuse_long(tokens: int, model: Any) -> None:
    """Raise UserError where the prompt is longer than the model reads: attention would take the machine's memory."""
    limit = getattr(model.config, "max_position_embeddings", None)
    if limit and tokens > limit:
        raise UserError(message("engine.prompt_too_long", tokens=f"{tokens:,}", limit=f"{limit:,}"))


def _ends(model: Any) -> tuple[int, ...]:
    """The tokens that end an answer."""
    ids = model.generation_config.eos_token_id
    return tuple(ids) if isinstance(ids, list | tuple) else (ids,)


def _sampling(options: AnswerOptions) -> Sampling:
    names = ("max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed")
    return Sampling(**{name: getattr(options, name) for name in names})
