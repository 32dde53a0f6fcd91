"""Work of the Data tab that takes longer than a click: on a thread of its own, seen and stopped from any page."""

import itertools
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tsft.errors import Problem, UserError, message
from tsft.log import without_secrets
from tsft.run.ports import Stopped

logger = logging.getLogger(__name__)

Move = Callable[[int, int], None]
ShouldStop = Callable[[], bool]
Work = Callable[[Move, ShouldStop], Any]

RUNNING, DONE, FAILED, STOPPED = "running", "done", "failed", "stopped"
# More at once would only take the cores from each other and from a run.
MOST_AT_ONCE = 2
ENDED_KEPT = 50


@dataclass
class Job:
    """One piece of work. kind: what is done ("check", "build" …); name: to which dataset. result: what it gave.

    asked: with which options, whatever tells two wishes apart.
    """

    number: int
    kind: str
    name: str
    asked: Any = None
    done: int = 0
    total: int = 0
    state: str = RUNNING
    result: Any = None
    problems: Sequence[Problem] = ()
    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0


class Jobs:
    """All jobs of this process."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def begin(self, kind: str, name: str, work: Work, asked: Any = None) -> Job:
        """Start `work(move, should_stop)`, which raises Stopped when it was asked to stop.

        What goes on already, asked for once more with the same options (a second click, another page), is returned.
        UserError when it goes on with other options, or when too much goes on.
        """
        with self._lock:
            going = [each for each in self._jobs.values() if each.state == RUNNING]
            same = next((each for each in going if (each.kind, each.name) == (kind, name)), None)
            if same is not None and same.asked == asked:
                return same
            if same is not None:
                raise UserError(message("page.data.same_going", name=name))
            if len(going) >= MOST_AT_ONCE:
                raise UserError(message("page.data.busy", names=", ".join(each.name for each in going)))
            job = Job(next(self._numbers), kind, name, asked)
            self._jobs[job.number] = job
            self._forget()
        threading.Thread(target=self._run, args=(job, work), name=f"tsft-data-{kind}", daemon=True).start()
        return job

    def get(self, number: int) -> Job | None:
        return self._jobs.get(number)

    def going(self, kind: str) -> Job | None:
        """The newest job of this kind that has not ended."""
        found = [each for each in self._jobs.values() if each.kind == kind and each.state == RUNNING]
        return found[-1] if found else None

    def close(self) -> None:
        """Ask everything to stop."""
        for each in list(self._jobs.values()):
            each.stop.set()

    def _run(self, job: Job, work: Work) -> None:
        def move(done: int, total: int) -> None:
            job.done, job.total = done, total

        try:
            job.result = work(move, job.stop.is_set)
            job.state = DONE
        except Stopped:
            job.state = STOPPED
        except UserError as error:
            job.problems, job.state = error.problems, FAILED
        except Exception as error:  # noqa: BLE001 (the outermost frame of the thread: logged and shown as a sentence)
            logger.exception("%s of %s failed", job.kind, job.name)
            why = without_secrets(f"{type(error).__name__}: {error}")[:300]
            job.problems, job.state = [Problem("", message("page.data.failed", why=why))], FAILED
        finally:
            job.ended.set()

    def _forget(self) -> None:
        """Of those that ended the newest are kept: their results may be large."""
        ended = [number for number, each in self._jobs.items() if each.state != RUNNING]
        for number in ended[:-ENDED_KEPT]:
            del self._jobs[number]
