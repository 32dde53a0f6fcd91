"""Looks at a config before it starts, on a thread of its own: the readiness card, and on request a dry run.

One look at a time; a new one, a question or a start gives the present one up.
"""

import tempfile
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import psutil
import torch

from tsft.config.run_config import RunConfig
from tsft.engine.control import Control
from tsft.engine.device import give_memory_back
from tsft.engine.failures import problems_of
from tsft.engine.job import Job
from tsft.engine.model_rules import model_problems
from tsft.engine.preparing import prepared_rows
from tsft.engine.readiness import SketchBook, make_card
from tsft.engine.recipe import rehearse
from tsft.engine.rehearsal import MemoryPeak, micro_batches, own_share, rehearsed
from tsft.errors import Message, Problem, UserError, message
from tsft.run.board import Board
from tsft.run.ports import Stopped
from tsft.run.readiness import Examined, Readiness, TimeEstimate, Trial
from tsft.store.record import Record
from tsft.store.runs import RunFolder
from tsft.store.workspace import Workspace


class Examiner:
    """The looks of this process, one after another. Every method may be called from any thread."""

    def __init__(self, workspace: Workspace, record: Record) -> None:
        self._book = SketchBook(workspace)
        self._record = record
        self._lock = threading.Lock()
        self._look: _Look | None = None
        self._process_bytes = 0

    def knows(self, config: RunConfig) -> bool:
        """Whether a look at this config would load no model."""
        return self._book.knows(config)

    def model_problems(self, config: RunConfig, found: Iterable[Problem]) -> list[Problem]:
        """What the model itself says against a config of which `found` is known to be wrong."""
        return model_problems(config, self._book, found)

    def begin(self, config: RunConfig, *, is_trial: bool, is_idle: bool) -> int:
        """Start a look and return its number at once. is_idle: whether nothing else is loaded in this process."""
        self.give_up()
        with self._lock:
            if is_idle or not self._process_bytes:
                self._process_bytes = psutil.Process().memory_info().rss
            number = self._look.examined.number + 1 if self._look is not None else 1
            self._look = _Look(config, Examined(number, is_trial), self._book, self._record, self._process_bytes)
            self._look.begin()
        return number

    def give_up(self) -> None:
        """End the present look and wait until its memory is free again."""
        look = self._look
        if look is not None:
            look.give_up()

    @property
    def examined(self) -> Examined | None:
        look = self._look
        return look.examined if look is not None else None


class _Look:
    """One look. Its board is in memory only: nothing of it reaches the record of runs."""

    def __init__(
        self, config: RunConfig, examined: Examined, book: SketchBook, record: Record, process_bytes: int
    ) -> None:
        self._config = config
        self._examined = examined
        self._book = book
        self._record = record
        self._process_bytes = process_bytes
        self._board = Board()
        self._control = Control(self._board)
        # Not a daemon: torch aborts the process when the interpreter ends under a daemon thread.
        self._thread = threading.Thread(target=self._work, name="tsft-examine")

    @property
    def examined(self) -> Examined:
        examined, state = self._examined, self._board.state
        if examined.is_done:
            return examined
        return replace(
            examined,
            phase=state.phase,
            subject=state.subject,
            done=state.done,
            total=state.total,
            unit=state.unit,
        )

    def begin(self) -> None:
        self._thread.start()

    def give_up(self) -> None:
        self._control.stop("")
        self._thread.join()

    def _work(self) -> None:
        problems: tuple[Problem, ...] = ()
        try:
            with tempfile.TemporaryDirectory(prefix="dry-run-", dir=self._book.workspace.cache) as folder:
                self._do(Path(folder))
        except Stopped:
            self._examined = replace(self._examined, readiness=None, trial=None)
        except UserError as error:
            problems = error.problems
        except Exception as error:  # noqa: BLE001 (the outermost frame of the thread: shown as a sentence)
            problems = problems_of(error, self._config)
        finally:
            give_memory_back()
            self._examined = replace(self._examined, is_done=True, phase="ended", problems=problems)

    def _do(self, folder: Path) -> None:
        job = Job(self._config, RunFolder(folder), folder.name, self._book.workspace, self._board, self._control)
        job.enter("loading", self._config.model.name)
        processor = self._book.of(self._config).processor
        data = prepared_rows(job, processor)
        self._control.obey()
        card = make_card(self._config, self._book, data, self._record, self._process_bytes)
        self._examined = replace(self._examined, readiness=card)
        if self._examined.is_trial:
            del data
            trial = self._rehearse(job, card)
            time = TimeEstimate(trial.seconds_a_step * card.steps, trial.seconds_a_step, "trial")
            self._examined = replace(self._examined, trial=trial, readiness=replace(card, time=time))

    def _rehearse(self, job: Job, card: Readiness) -> Trial:
        memory = card.memory
        if not memory.fits and not torch.cuda.is_available():
            # A GPU says so when it is full; the system ends the whole process, this page included.
            raise UserError(_too_large(memory.total_bytes, memory.available_bytes))
        own = own_share(self._config)
        with MemoryPeak() as peak:
            seconds = rehearse(replace(job, config=rehearsed(own)))
        a_step = min(seconds) * own.schedule.gradient_accumulation / micro_batches(own)
        return Trial(peak.bytes, a_step, len(seconds))


def _too_large(need: int, available: int) -> Message:
    return message("readiness.trial_too_large", need=need // 1024**2, available=available // 1024**2)
