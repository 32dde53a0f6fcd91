"""Who works on a run: a process, told apart from a later one that was given the same number."""

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Owner:
    """A process. boot_id changes when the machine starts again; `started` is the process's own (see `_started`).

    host: the machine's name, of a process that keeps a run's files and no record: started by hand or by a scheduler,
    here or elsewhere. "" of one that keeps the record.
    """

    pid: int
    boot_id: str
    started: float
    host: str = ""

    @property
    def is_here(self) -> bool:
        """Whether it is (or was) of this machine since its last start, so that its number says whether it runs."""
        return self.boot_id == _boot_id()


@cache
def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    if path.exists():
        return path.read_text(encoding="ascii").strip()
    return str(int(psutil.boot_time()))


def this_process() -> Owner:
    pid = os.getpid()
    return Owner(pid, _boot_id(), _started(pid) or 0.0)


def host_name() -> str:
    return socket.gethostname()


def is_alive(owner: Owner | None) -> bool:
    """Whether exactly this process still runs; a dead one that nobody has collected yet (a zombie) does not."""
    if owner is None or owner.boot_id != _boot_id():
        return False
    started = _started(owner.pid)
    # psutil's time in seconds moves a little when the clock is set; clock ticks are exact.
    return started is not None and abs(started - owner.started) < 2


def _started(pid: int) -> float | None:
    """When the process began: clock ticks since boot on Linux, seconds since the epoch elsewhere; None when gone."""
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            # The name in brackets may hold blanks; the start time is the 20th field after it.
            return float(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])
        return process.create_time()
    except (psutil.Error, OSError):
        return None
