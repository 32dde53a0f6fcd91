"""The queue at work: puts runs into it, and starts the next one whenever nothing runs, on a thread of its own.

Only a process that serves starts runs from it (`serve`, or `tsft queue run` one after another). Two of them never start
the same run: `Record.claim` gives it to one. Waiting runs outlive every process; after a restart the queue goes on by
itself. A run that was cut off is not begun again by itself, so a run that ends the process cannot do so for ever.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from tsft.config.run_config import RunConfig
from tsft.engine.onward import make_child, onward
from tsft.errors import Problem, UserError, message
from tsft.run.board import Board, mend_cut_line, replay
from tsft.run.events import Failed, Noted, RunStarted
from tsft.run.ports import QueueEntry
from tsft.run.state import RunState
from tsft.store.record import Record
from tsft.store.runs import RunInfo

logger = logging.getLogger(__name__)

# How soon a run that another process queued is seen; each look is one small query.
POLL_SECONDS = 1.0
# After a fault of the record or the disk: no need to say so every second.
FAULT_SECONDS = 30.0


class RunQueue:
    """`begin` starts a waiting run, `is_free` says whether this process could run one now."""

    def __init__(
        self,
        record: Record,
        check: Callable[[RunConfig], list[Problem]],
        begin: Callable[[RunInfo], None],
        is_free: Callable[[], bool],
    ) -> None:
        self._record = record
        self._check = check
        self._begin = begin
        self._is_free = is_free
        self._wake = threading.Event()
        self._is_ended = False
        self._thread: threading.Thread | None = None

    def add(self, configs: Sequence[RunConfig], by: str, sweep: str, parent: str) -> list[str]:
        """See `EnginePort.enqueue`."""
        self._refuse_wrong(configs)
        self._record.queue.refuse_if_full(len(configs))
        if sweep:
            sweep = f"{time.strftime('%Y%m%d-%H%M%S')} {sweep}"  # the same settings may be gone through twice
        origin = "cloned" if parent else ""
        runs = [self._record.create_run(config, by, parent=parent, origin=origin, sweep=sweep) for config in configs]
        for run in runs:
            self._record.queue.add(run.id, by)
        self._wake.set()
        return [run.id for run in runs]

    def add_resume(self, run_id: str, by: str, checkpoint_step: int, epochs: float) -> str:
        """See `EnginePort.enqueue_resume`."""
        plan = onward(self._record.find(run_id), checkpoint_step, epochs)
        self._refuse_wrong([plan.config])
        self._record.queue.refuse_if_full()
        run = plan.run if plan.is_same else make_child(self._record, plan, by)[0]
        self._record.queue.add(run.id, by, plan.checkpoint.step)
        self._wake.set()
        return run.id

    def entries(self) -> list[QueueEntry]:
        """See `EnginePort.queue`."""
        return [
            QueueEntry(
                run.id, run.name, run.model, run.datasets, run.queued_by, run.created_at, run.queued_step, run.sweep
            )
            for run in self._record.waiting()
        ]

    def hold(self, is_held: bool, by: str) -> None:
        self._record.queue.hold(is_held, by)
        self._wake.set()

    def start_next(self) -> str:
        """Begin the run whose turn it is; its id, "" when none waits or something is in the way."""
        waiting = self._record.queue.ids()
        if not waiting or not self._is_free() or self._record.queue.is_held or self._record.active() is not None:
            return ""
        try:
            self._begin(self._record.get(waiting[0]))
        except UserError as error:  # somebody else was quicker: with this run, or with another one
            logger.info("did not start %s: %s", waiting[0], error)
            return ""
        return waiting[0]

    def serve(self) -> None:
        """Start runs as their turn comes, until `close`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="tsft-queue", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look now: a run ended, or one was queued."""
        self._wake.set()

    def close(self) -> None:
        """Start nothing any more."""
        self._is_ended = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _refuse_wrong(self, configs: Sequence[RunConfig]) -> None:
        """Raise UserError with every problem; what is wrong with all runs of a sweep is said once."""
        problems: list[Problem] = []
        for config in configs:
            problems += [each for each in self._check(config) if not each.is_warning and each not in problems]
        if problems:
            raise UserError(*problems)

    def _work(self) -> None:
        seconds = POLL_SECONDS
        while not self._is_ended:
            try:
                if self.start_next():
                    self._wake.set()  # it may have been refused at once, and then the next one has its turn
                seconds = POLL_SECONDS
            except Exception:  # noqa: BLE001 (the outermost frame of the thread: logged, and tried again)
                logger.exception("could not start the next run of the queue")
                seconds = FAULT_SECONDS
            self._wake.wait(seconds)
            self._wake.clear()


def tell_refused(run: RunInfo, error: UserError) -> RunState:
    """Say in a run's events that it could not be started when its turn came, with every reason; its state then."""
    mend_cut_line(run.folder.events)
    board = Board(run.folder.events, replay(run.folder.events))
    board.say(RunStarted(time.time(), run.id, run.name, run.queued_step, run.queued_by))
    for problem in error.problems[1:]:
        board.say(Noted(time.time(), "error", problem.message))
    fields = tuple(problem.field for problem in error.problems if problem.field)
    board.say(Failed(time.time(), "settings", error.message, message("queue.refused_advice"), settings=fields))
    return board.state
