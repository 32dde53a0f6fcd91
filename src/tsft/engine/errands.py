"""Work that needs a model beside a run, on a thread of its own: waits for the machine, loads, works, gives it back.

A run goes first. It asks an errand to make way before it begins; what then becomes of the errand is for its own options
to say: it ends, it waits until the run is over and begins again, or it goes on in a process of its own.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tsft.config.run_config import RunConfig
from tsft.engine.beside import AnswerProcess
from tsft.engine.device import use_threads
from tsft.engine.failures import failure_of, is_poisoned
from tsft.engine.model_slot import ModelSlot, model_name
from tsft.engine.side_work import FOR_GOOD
from tsft.errors import Problem, UserError, message
from tsft.model.loading import Loaded
from tsft.run.answers import CPU, LOADING, REFUSE, WAITING, AnswerOptions
from tsft.run.ports import Stopped
from tsft.store.app_settings import thread_limit

logger = logging.getLogger(__name__)

# How often a waiting errand looks whether the run is over: a question to the record, under a millisecond.
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Machine:
    """What the errands of one engine share. refuse: raises UserError while no model may be loaded in this process.

    poison: set after an error of the accelerator that only a new process gets over.
    """

    slot: ModelSlot
    process: AnswerProcess
    refuse: Callable[[], None]
    poison: threading.Event = field(default_factory=threading.Event)


class Task(Protocol):
    """What an errand is for. Its methods are called on the errand's thread; `obey` raises Stopped."""

    @property
    def config(self) -> RunConfig: ...
    @property
    def options(self) -> AnswerOptions: ...
    def enter(self, phase: str, *, is_beside: bool = False) -> None:
        """WAITING or LOADING; what comes after the task says itself."""
        ...

    def work(self, loaded: Loaded, obey: Callable[[], None], should_stop: Callable[[], bool]) -> None: ...
    def work_beside(self, process: AnswerProcess, should_stop: Callable[[], bool]) -> None: ...
    def end(self, *, is_stopped: bool, problem: Problem | None) -> None: ...


class Errand:
    """One task on its thread. Every method but the private ones may be called from any other thread."""

    def __init__(self, task: Task, machine: Machine) -> None:
        self._task = task
        self._machine = machine
        self._stop = threading.Event()
        self._has_to_yield = threading.Event()
        # Set while it neither holds nor loads the model of this process.
        self._is_out = threading.Event()
        self._is_out.set()
        # Set once the thread can be waited for: another one may want this errand to end in the moment it begins.
        self._has_begun = threading.Event()
        # Not a daemon: torch aborts the process when the interpreter ends under a daemon thread.
        self._thread = threading.Thread(target=self._work, name="tsft-answers")

    @property
    def model(self) -> str:
        return model_name(self._task.config)

    @property
    def is_inside(self) -> bool:
        """Whether it has the place for a model in this process: loading, or at work."""
        return not self._is_out.is_set()

    def begin(self) -> None:
        try:
            self._thread.start()
        finally:
            self._has_begun.set()

    def stop(self) -> None:
        """Ask it to end between two tokens."""
        self._stop.set()

    def give_up(self) -> None:
        """The same, and wait until it has."""
        self._stop.set()
        self.join()

    def join(self, timeout_seconds: float | None = None) -> bool:
        """Wait for its end; whether it has ended."""
        if threading.current_thread() is not self._thread:
            self._has_begun.wait()
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def make_way(self) -> None:
        """Let a run have the machine, and wait until it can. One on the CPU in its own process goes on."""
        if self._task.options.beside == REFUSE:
            self.give_up()
            return
        self._has_to_yield.set()
        if threading.current_thread() is not self._thread:
            self._is_out.wait()

    def _work(self) -> None:
        problem, is_stopped = None, False
        try:
            self._do()
        except Stopped:
            is_stopped = True
        except UserError as error:
            problem = error.problems[0]
        except Exception as error:  # noqa: BLE001 (the outermost frame of the thread: logged and shown as a sentence)
            logger.exception("answering with %s failed", self.model)
            problem = Problem("", failure_of(error, self._task.config).message)
            if is_poisoned(error):
                self._machine.poison.set()
        finally:
            if problem is not None or not self._task.options.keeps_model:
                self._machine.slot.empty()
                self._machine.process.end()
            self._is_out.set()
            self._task.end(is_stopped=is_stopped, problem=problem)

    def _do(self) -> None:
        is_beside = False
        while True:
            if self._stop.is_set():
                raise Stopped
            if not is_beside and self._is_admitted():
                if self._does_here():
                    return
                is_beside = self._task.options.beside == CPU
            elif self._task.options.beside == CPU:
                self._task.enter(LOADING, is_beside=True)
                self._task.work_beside(self._machine.process, self._stop.is_set)
                return
            else:
                self._task.enter(WAITING)
                self._stop.wait(POLL_SECONDS)

    def _is_admitted(self) -> bool:
        """Whether a model may be loaded here now. Raises the refusal where the errand neither waits nor goes beside."""
        try:
            self._machine.refuse()
        except UserError as error:
            if self._task.options.beside == REFUSE or error.message.key in FOR_GOOD:
                raise
            return False
        return True

    def _does_here(self) -> bool:
        """Do it with the model of this process; False when a run came and it made way."""
        self._is_out.clear()
        has_made_way = False
        try:
            self._task.enter(LOADING)
            self._work_here()
        except Stopped:
            if self._stop.is_set():
                raise
            has_made_way = True
        if has_made_way:  # only now: while it is handled the error keeps the frames that hold the model
            self._machine.slot.empty()
            self._has_to_yield.clear()
            self._is_out.set()
        return not has_made_way

    def _work_here(self) -> None:
        slot, config = self._machine.slot, self._task.config
        self._obey()
        use_threads(thread_limit(slot.workspace, config.schedule.threads))
        loaded = slot.model_of(config, self._obey, self._should_stop)
        self._task.work(loaded, self._obey, self._should_stop)

    def _should_stop(self) -> bool:
        return self._stop.is_set() or self._has_to_yield.is_set()

    def _obey(self) -> None:
        if self._should_stop():
            raise Stopped


def refuse_second(model: str, done: int, total: int) -> UserError:
    """Why no other questions are taken now."""
    return UserError(message("engine.answering", model=model, done=done, total=total))
