"""The exports of one process, one at a time, each on a thread of its own. Loads nothing heavy before the first."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.engine.admission import Admission
from tsft.engine.heavy import heavy
from tsft.errors import UserError, message
from tsft.run.export import ADAPTER, Exported, ExportSettings
from tsft.run.ports import Stopped
from tsft.store.record import Record
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)


class ExportDesk:
    """Every method may be called from any thread. when_done: called after each."""

    def __init__(
        self, workspace: Workspace, record: Record, admission: Admission, when_done: Callable[[], None]
    ) -> None:
        self._workspace = workspace
        self._record = record
        self._admission = admission
        self._when_done = when_done
        self._exported: Exported | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def exported(self) -> Exported | None:
        """The last export, under way or done."""
        return self._exported

    @property
    def is_heavy(self) -> bool:
        """Whether one is under way that holds a model in this process."""
        now = self._exported
        return now is not None and not now.is_done and now.settings.form != ADAPTER

    def refuse_if_heavy(self) -> None:
        """Raise UserError `export.busy` when a model is being exported: two at once may not fit."""
        if self.is_heavy:
            raise UserError(message("export.busy"))

    def begin(self, settings: ExportSettings) -> int:
        """Start an export and return its number at once. UserError with everything that can be seen to be wrong.

        An adapter alone may go beside a run: it loads no model in this process.
        """
        with self._admission.lock:
            if settings.form != ADAPTER:
                self._admission.refuse()
            is_beside_run = self._record.active() is not None
            if self._exported is not None and not self._exported.is_done:
                raise UserError(message("export.busy"))
            number = self._exported.number + 1 if self._exported is not None else 1
            self._stop = threading.Event()
            export = heavy("export")
            plan = export.export_plan(
                settings, self._workspace, self._record, self._say, self._stop.is_set, is_beside_run
            )
            self._exported = Exported(number, settings)
            if settings.form != ADAPTER:
                self._admission.make_room()
            # Not a daemon: torch aborts the process when the interpreter ends under a daemon thread.
            self._thread = threading.Thread(target=self._work, args=(export, plan), name="tsft-export")
            self._thread.start()
        return number

    def stop(self) -> None:
        """Ask the export to stop; it does so between two files and leaves nothing."""
        self._stop.set()

    def give_up(self) -> None:
        """The same, and wait until it has."""
        with self._admission.lock:  # one that is about to begin has begun by then
            self.stop()
        if self._thread is not None:
            self._thread.join()

    def _work(self, export: Any, plan: Any) -> None:
        ending: dict[str, Any] = {}
        try:
            export.export(plan, lambda: self._exported)
        except Stopped:
            ending = {"is_stopped": True}
        except UserError as error:
            ending = {"problems": error.problems}
        except Exception as error:  # noqa: BLE001 (the outermost frame of the thread: shown as a sentence)
            logger.exception("export of %s failed", plan.settings.result)
            ending = {"problems": heavy("failures").problems_of(error, RunConfig())}
        finally:
            heavy("device").give_memory_back()
            self._say(phase="ended", done=0, total=0, is_done=True, **ending)
            self._when_done()

    def _say(self, **changes: Any) -> None:
        if self._exported is not None:
            self._exported = replace(self._exported, **changes)
