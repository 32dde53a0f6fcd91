"""The evaluations of one process, one at a time, each on a thread of its own. Loads nothing heavy before the first."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.engine.admission import Admission
from tsft.engine.heavy import heavy
from tsft.errors import UserError, message
from tsft.run.evaluation import ENDED, Evaluation, EvaluationSettings
from tsft.store.database import DatabaseFault
from tsft.store.evaluations import (
    FAILED,
    RUNNING,
    EvaluationFolder,
    evaluation_folder,
    new_evaluation,
    note,
    read_evaluation,
)
from tsft.store.record import Record, busy
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)


class EvaluationDesk:
    """Every method may be called from any thread. when_done: called after each."""

    def __init__(
        self, workspace: Workspace, record: Record, admission: Admission, when_done: Callable[[], None]
    ) -> None:
        self._workspace = workspace
        self._record = record
        self._admission = admission
        self._when_done = when_done
        self._evaluation: Evaluation | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        # After such an error of the accelerator only a new process can use it.
        self.is_poisoned = False

    @property
    def evaluation(self) -> Evaluation | None:
        """The last evaluation, under way or done; one that was asked to stop says so until it has."""
        now = self._evaluation
        is_stopping = now is not None and not now.is_done and self._stop.is_set()
        return replace(now, is_stopped=True) if now is not None and is_stopping else now

    @property
    def is_busy(self) -> bool:
        """Whether one is under way: it holds a model in this process."""
        now = self._evaluation
        return now is not None and not now.is_done

    def refuse_if_busy(self) -> None:
        """Raise UserError `evaluation.busy`, naming how far it is: two models at once may not fit."""
        now = self._evaluation
        if now is not None and not now.is_done:
            name = read_evaluation(evaluation_folder(self._workspace, now.id)).name
            raise UserError(message("evaluation.busy", name=name, done=now.done, total=now.total))

    def begin(self, settings: EvaluationSettings, by: str) -> str:
        """Start one and return the id of its folder at once. UserError with everything that can be seen to be wrong."""
        self.refuse_if_busy()
        plan = heavy("evaluation").evaluation_plan(settings, self._workspace)
        with self._admission.lock:
            self._admission.refuse()
            folder = new_evaluation(self._workspace, settings, plan.names, by, plan.sources)
            self._launch(plan, folder)
        return folder.id

    def resume(self, evaluation_id: str, by: str) -> None:
        """Go on with one that ended early, with the settings it was begun with."""
        self.refuse_if_busy()
        folder = evaluation_folder(self._workspace, evaluation_id)
        info = read_evaluation(folder)
        if info.status == RUNNING:  # in another process
            raise UserError(message("evaluation.in_progress", name=info.name))
        plan = heavy("evaluation").resumed_plan(info, self._workspace)
        with self._admission.lock:
            self._admission.refuse()
            note(folder, status=RUNNING, ended_at=0.0, problems=(), by=by or info.by)
            self._launch(plan, folder)

    def stop(self) -> None:
        """Ask it to stop; it does between two tokens, keeps what was answered, and scores that."""
        self._stop.set()

    def give_up(self) -> None:
        """The same, and wait until it has."""
        with self._admission.lock:  # one that is about to begin has begun by then
            self.stop()
        if self._thread is not None:
            self._thread.join()

    def _launch(self, plan: Any, folder: EvaluationFolder) -> None:
        self._stop = threading.Event()
        self._evaluation = Evaluation(folder.id, plan.settings)
        self._admission.make_room()
        # Not a daemon: torch aborts the process when the interpreter ends under a daemon thread.
        self._thread = threading.Thread(target=self._work, args=(plan, folder), name="tsft-evaluation")
        self._thread.start()

    def _work(self, plan: Any, folder: EvaluationFolder) -> None:
        ending: dict[str, Any] = {}
        status = FAILED
        try:
            running = self._record.active()
            if running is not None:  # of another process: it began in the moment before this did
                raise busy(running)
            ended = heavy("evaluation").evaluate(plan, folder, self._say, self._stop.is_set)
            ending, status = {"is_stopped": ended.is_stopped, "problems": ended.problems}, ended.status
            self.is_poisoned = self.is_poisoned or ended.is_poisoned
        except UserError as error:  # such a run, or a full disk while it was being scored
            ending = {"problems": error.problems}
        except Exception as error:  # noqa: BLE001 (the outermost frame of the thread: shown as a sentence)
            logger.exception("scoring %s failed", folder.id)
            ending = {"problems": heavy("failures").problems_of(error, RunConfig())}
        finally:
            heavy("device").give_memory_back()
            self._end(folder, status, ending)
            self._when_done()

    def _end(self, folder: EvaluationFolder, status: str, ending: dict[str, Any]) -> None:
        problems = tuple(each.message for each in ending.get("problems", ()))
        try:
            note(folder, status=status, ended_at=time.time(), problems=problems)
            self._record.gather_scores()
        except UserError as error:  # the disk is full; the next start tells it as interrupted
            ending["problems"] = (*ending.get("problems", ()), *error.problems)
        except DatabaseFault:  # the folder says what the record lacks
            logger.exception("could not take the scores of %s into the record", folder.id)
        finally:
            self._say(phase=ENDED, is_done=True, eta_seconds=None, **ending)

    def _say(self, **changes: Any) -> None:
        if self._evaluation is not None:
            self._evaluation = replace(self._evaluation, **changes)
