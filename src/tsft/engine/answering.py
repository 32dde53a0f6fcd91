"""Answers questions with one model on a thread of its own: for a chat, for drafts in the label room, for a single row.

One model is held at a time. A run goes first: the engine gives the questions up before it begins, and refuses new ones
while it goes on.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tsft.config.run_config import RunConfig
from tsft.engine.device import choose_precision, give_memory_back, use_threads
from tsft.engine.failures import failure_of
from tsft.engine.restore import Fetching, base_folder, model_changes, new_encoder, open_result, result_folder
from tsft.engine.sources import model_folder, watched_loading
from tsft.errors import Problem, UserError, message
from tsft.model.answer import Sampling, answer_streaming
from tsft.model.loading import Loaded, load
from tsft.run.answers import ENDED, WRITING, Answer, Answering, AnswerOptions, Question, Tell
from tsft.run.ports import Asked, Stopped
from tsft.store.app_settings import thread_limit
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)


class AnswerDesk:
    """The questions of this process, one set after another. Every method may be called from any thread.

    refuse: raises UserError when no model may be loaded now, because a run has the machine.
    """

    def __init__(self, workspace: Workspace, refuse: Callable[[], None]) -> None:
        self._workspace = workspace
        self._refuse = refuse
        self._lock = threading.Lock()
        self._round: _Round | None = None
        self._slot = _Slot(workspace)

    @property
    def answering(self) -> Answering | None:
        found = self._round
        return None if found is None else replace(found.answering, holds_model=self._slot.is_full)

    def begin(
        self,
        config: RunConfig,
        questions: Sequence[Question],
        options: AnswerOptions,
        tell: Tell | None,
        gives_way: bool = False,
    ) -> int:
        """Ask, and return the number at once. UserError `engine.answering` while others are asked that do not give way.

        gives_way: these may be given up for the next ones.
        """
        with self._lock:
            before = self._round
            if before is not None and not before.answering.is_done:
                if not before.gives_way:
                    now = before.answering
                    raise UserError(message("engine.answering", model=now.model, done=now.done, total=now.total))
                before.give_up()
            number = before.answering.number + 1 if before is not None else 1
            asked = Answering(number, model_name(config), len(questions))
            self._round = _Round(asked, config, questions, options, tell, gives_way, self._slot, self._refuse)
            self._round.begin()
        return number

    def stop(self, number: int = 0) -> bool:
        """Ask the questions of this number (0: whichever there are) to end; False where none go on."""
        found = self._round
        if found is None or found.answering.is_done or number not in (0, found.answering.number):
            return False
        found.stop()
        return True

    def give_up(self) -> None:
        """End what goes on, and wait until the memory of the model is free again."""
        found = self._round
        if found is not None:
            found.give_up()
        self._slot.empty()


def model_name(config: RunConfig) -> str:
    """What a person calls the model of a config: the result it goes on from, else its base."""
    return config.model.continue_from or config.model.name


def asked_of(answering: Answering) -> Asked:
    """A single question in the form of `EnginePort.asked`."""
    answer = answering.answer or Answer(0)
    problem = answering.problem.message if answering.problem is not None else answer.problem
    return Asked(answering.number, answering.model, answer.text, answering.is_done, problem)


class _Slot:
    """The place for one loaded model."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._held: tuple[RunConfig, Loaded] | None = None

    @property
    def is_full(self) -> bool:
        return self._held is not None

    def model_of(self, config: RunConfig, obey: Callable[[], None], should_stop: Callable[[], bool]) -> Loaded:
        """The config's model, loaded unless it is the one that is held; any other is let go first."""
        # Of all settings only these change which model it is.
        key = RunConfig(model=config.model, encoder=config.encoder)
        if self._held is not None and self._held[0] == key:
            return self._held[1]
        self.empty()
        fetching = Fetching(lambda done, total: obey(), should_stop)
        with watched_loading(lambda done, total: None, obey):
            loaded = loaded_model(key, self.workspace, fetching)
        self._held = (key, loaded)
        return loaded

    def empty(self) -> None:
        if self._held is not None:
            self._held = None
            give_memory_back()


@dataclass
class _Round:
    """Some questions that are asked together."""

    answering: Answering
    config: RunConfig
    questions: Sequence[Question]
    options: AnswerOptions
    tell: Tell | None
    gives_way: bool
    slot: _Slot
    refuse: Callable[[], None]

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        # Not a daemon: torch aborts the process when the interpreter ends under a daemon thread.
        self._thread = threading.Thread(target=self._work, name="tsft-answers")

    def begin(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def give_up(self) -> None:
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        problem = None
        try:
            self._ask_all()
        except Stopped:
            self.answering = replace(self.answering, is_stopped=True)
        except UserError as error:
            problem = error.problems[0]
        except Exception as error:  # noqa: BLE001 (the outermost frame of the thread: logged and shown as a sentence)
            logger.exception("answering with %s failed", self.answering.model)
            problem = Problem("", failure_of(error, self.config).message)
        finally:
            if problem is not None or not self.options.keeps_model:
                self.slot.empty()
            self.answering = replace(self.answering, phase=ENDED, is_done=True, problem=problem)

    def _obey(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _ask_all(self) -> None:
        self._obey()
        self.refuse()  # a run may have begun since it was asked
        use_threads(thread_limit(self.slot.workspace, self.config.schedule.threads))
        loaded = self.slot.model_of(self.config, self._obey, self._stop.is_set)
        self.answering = replace(self.answering, phase=WRITING)
        for index, question in enumerate(self.questions):
            self._obey()
            self._say(self._answered(loaded, index, question))
            self.answering = replace(self.answering, done=index + 1)

    def _answered(self, loaded: Loaded, index: int, question: Question) -> Answer:
        """The whole answer, said as it grows. One that cannot be asked is told; the others are asked all the same."""
        written = Answer(index)
        self._say(written)
        try:
            pieces = answer_streaming(
                loaded.model,
                loaded.processor,
                [dict(turn) for turn in question.turns],
                question.series,
                sampling=_sampling(self.options),
                should_stop=self._stop.is_set,
            )
            for piece in pieces:
                written = replace(written, text=written.text + piece)
                self._say(written)
        except UserError as error:
            return replace(written, is_done=True, problem=error.message)
        self._obey()  # an answer that was cut off is none
        return replace(written, is_done=True)

    def _say(self, answer: Answer) -> None:
        self.answering = replace(self.answering, answer=answer)
        if self.tell is not None:
            self.tell(answer)


def loaded_model(config: RunConfig, workspace: Workspace, fetching: Fetching) -> Loaded:
    """The model on its device, all of it in the number format that suits that."""
    settings = config.model
    earlier = result_folder(settings.continue_from, workspace) if settings.continue_from else None
    source = earlier or model_folder(settings, workspace, fetching.progress, fetching.should_stop)
    dtype = choose_precision(config, _weights_bytes(base_folder(source, workspace, fetching))).frozen
    if earlier is not None:
        loaded = open_result(earlier, workspace, dtype, fetching, attention=settings.attention)
    else:
        encoder, changes = new_encoder(config), model_changes(config)
        loaded = load(source, dtype=dtype, attention=settings.attention, new_encoder=encoder, changes=changes)
    model: Any = loaded.model
    model.to("cuda" if torch.cuda.is_available() else "cpu", dtype).eval()
    return loaded


def _weights_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _sampling(options: AnswerOptions) -> Sampling:
    names = ("max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed")
    return Sampling(**{name: getattr(options, name) for name in names})
