"""The way back from people to a run: a stop wish, from this process or another, that every phase asks for.

A small thread beside the run (`Pulse`) reads wishes left by other processes and writes the heartbeat, so that both go
on while the run sits in one long call.
"""

import threading
import time
from collections.abc import Callable

from tsft.run.board import Board
from tsft.run.events import CommandGiven
from tsft.run.ports import Stopped
from tsft.store.commands import CommandReader
from tsft.store.record import Record
from tsft.store.runs import RunFolder

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0


class Control:
    """Whether the run is to stop. Setting it is said on the board once."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def stop(self, by: str) -> None:
        """Ask the run to stop; asking again changes nothing."""
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
        self._board.say(CommandGiven(time.time(), "stop", by))

    def should_stop(self) -> bool:
        return self._stop.is_set()

    def obey(self) -> None:
        """Raise Stopped when somebody asked for it; every loop of a run calls this."""
        if self._stop.is_set():
            raise Stopped


class Pulse:
    """Heartbeat and foreign wishes, on a thread of its own between `start` and `end`."""

    def __init__(self, record: Record, folder: RunFolder, control: Control, report: Callable[[], None]) -> None:
        self._record = record
        self._folder = folder
        self._control = control
        self._report = report
        self._reader = CommandReader(folder)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="tsft-pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        next_beat = 0.0
        while not self._ended.wait(POLL_SECONDS):
            for wish in self._reader.read():
                if wish.command == "stop":
                    self._control.stop(wish.by)
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + HEARTBEAT_SECONDS
                self._record.heartbeat(self._folder.id)
                self._report()
