"""What one run has in its hands, and how it tells of progress without flooding the record."""

import math
import time
from dataclasses import dataclass, field

from tsft.config.run_config import RunConfig, ScheduleSettings
from tsft.engine.control import Control
from tsft.engine.team import ALONE, Team
from tsft.errors import Message
from tsft.run.board import Board
from tsft.run.events import Noted, PhaseChanged, Progressed
from tsft.store.runs import Checkpoint, RunFolder
from tsft.store.workspace import Workspace

# A progress event at most so often: it moves the bar, and each one is a line on disk.
PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class Job:
    """One run to do: what was asked, where it is written, whom it tells and whom it obeys.

    resume_from: the checkpoint to go on from, None for a fresh start. is_handed_on: it was made by another run.
    team: the processes that do it together; in all but the first the board reaches nobody.
    """

    config: RunConfig
    folder: RunFolder
    name: str
    workspace: Workspace
    board: Board
    control: Control
    resume_from: Checkpoint | None = None
    is_handed_on: bool = False
    team: Team = ALONE
    began_at: float = field(default_factory=time.time)

    def note(self, level: str, told: Message) -> None:
        """A line in the page's log. level: info, warning or error."""
        self.board.say(Noted(time.time(), level, told))

    def enter(self, phase: str, subject: str = "") -> None:
        """A new phase begins; what people wish is done first."""
        self.control.obey()
        self.board.say(PhaseChanged(time.time(), phase, subject))


class ProgressTeller:
    """Says the phase when it or its subject changes, and progress within it now and then. Obeys stop wishes."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._now: tuple[str, str] = ("", "")
        self._said_at = 0.0

    def tell(self, phase: str, subject: str, done: int, total: int, unit: str) -> None:
        self._job.control.obey()
        if (phase, subject) != self._now:
            self._now, self._said_at = (phase, subject), 0.0
            self._job.enter(phase, subject)
        now = time.monotonic()
        if now - self._said_at >= PROGRESS_SECONDS or done == total:
            self._said_at = now
            self._job.board.say(Progressed(time.time(), done, total, unit))


def planned_steps(schedule: ScheduleSettings, rows: int) -> tuple[int, float]:
    """Optimizer steps of a whole run over so many rows (or packs), and how many epochs they are."""
    batches = -(-rows // schedule.batch_size)
    steps_an_epoch = max(1, -(-batches // schedule.gradient_accumulation))
    if schedule.max_steps:
        return schedule.max_steps, schedule.max_steps / steps_an_epoch
    return math.ceil(schedule.epochs * steps_an_epoch), schedule.epochs
