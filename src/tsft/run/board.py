"""The board a run writes its events on: the live state for any number of readers, and the file that outlives them.

`say` never waits for a reader. One writer (the run's thread), many readers (page ticks, the command line).
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tsft.run.events import Event, from_line, to_line
from tsft.run.state import RunState, reduce

logger = logging.getLogger(__name__)


class Board:
    """The state of one run and its `events.jsonl`. `revision` grows by one with each event."""

    def __init__(self, path: Path | None = None, state: RunState | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._state = state or RunState()
        self._revision = 0
        self._listeners: list[Callable[[Event], None]] = []
        self._unwritten: list[str] = []

    def say(self, event: Event) -> None:
        """Take an event in: first to disk (flushed, so that a killed process loses nothing), then into the state.

        A disk that refuses (full, gone) ends nothing here: what it did not take is written before the next event.
        """
        with self._lock:
            if self._path is not None:
                self._write(self._path, to_line(event))
            self._state = reduce(self._state, event)
            self._revision += 1
        for listener in self._listeners:
            listener(event)

    def _write(self, path: Path, line: str) -> None:
        self._unwritten.append(line)
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{each}\n" for each in self._unwritten))
            self._unwritten.clear()
        except OSError as error:
            logger.warning("could not write %s: %s; %d lines wait", path.name, error, len(self._unwritten))

    def read(self) -> tuple[int, RunState]:
        """The revision and the state that belongs to it."""
        with self._lock:
            return self._revision, self._state

    @property
    def state(self) -> RunState:
        return self.read()[1]

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with each further event, on the run's thread: it must be quick (the command line's bar)."""
        self._listeners.append(listener)


class SharedBoard(Board):
    """The board of a run whose events other processes write, too: what counts is the file, read again and again."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._follower = Follower(path)
        self.take_in()

    def say(self, event: Event) -> None:
        with self._lock:
            assert self._path is not None
            self._write(self._path, to_line(event))
        self.take_in()

    def take_in(self) -> None:
        """Hear what was written since last time; listeners are told of each event once."""
        with self._lock:
            events = self._follower.new_events()
            for event in events:
                self._state = reduce(self._state, event)
                self._revision += 1
        for event in events:
            for listener in self._listeners:
                listener(event)


def read_events(path: Path) -> Iterator[Event]:
    """The events of a file in order. A last line cut off by a crash, or a line of a newer tsft, is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            event = _event_or_none(line)
            if event is not None:
                yield event


def replay(path: Path) -> RunState:
    """The state that a run's events add up to."""
    state = RunState()
    for event in read_events(path):
        state = reduce(state, event)
    return state


class Follower:
    """Follows a run that another process writes: reads only what was added to its `events.jsonl` since last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self._revision = 0
        self._state = RunState()
        self._lock = threading.Lock()

    def read(self) -> tuple[int, RunState]:
        """Like `Board.read`, after taking in the new lines."""
        with self._lock:
            for event in self.new_events():
                self._state = reduce(self._state, event)
                self._revision += 1
            return self._revision, self._state

    def new_events(self) -> list[Event]:
        """What was added; not taken into the state."""
        found = (_event_or_none(line) for line in self._new_lines())
        return [event for event in found if event is not None]

    def _new_lines(self) -> list[str]:
        if not self._path.exists() or os.path.getsize(self._path) == self._offset:
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", errors="replace") for line in lines]


def mend_cut_line(path: Path) -> None:
    """End a last line that a crash cut off, so that what is written next starts on a line of its own."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _event_or_none(line: str) -> Event | None:
    try:
        return from_line(line)
    except ValueError:
        return None
