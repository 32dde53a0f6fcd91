"""A file of lines that is only ever added to, by one writer at a time, also among processes; a cut line harms no other.

What the lines mean say `inbox.py` and `preferences/verdicts.py`.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tsft.errors import UserError, message

try:
    import fcntl
except ImportError:  # Windows: there one append of one process at a time must do
    fcntl = None  # type: ignore[assignment]

# Threads of this process wait here; `flock` belongs to the process.
_threads = threading.Lock()


@dataclass(frozen=True)
class Line:
    """One line: its bytes [begin, end) in the file and what it holds."""

    begin: int
    end: int
    data: Mapping[str, Any]


class Journal:
    """Reads what is new since last time, and appends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def has_news(self) -> bool:
        return self._size() != self._offset

    def read_new(self) -> tuple[bool, list[Line]]:
        """Whole lines since last time; True first when the file was begun anew, so that all before is void."""
        is_anew = self._size() < self._offset
        if is_anew:
            self._offset = 0
        if not self._size():
            return is_anew, []
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        lines, place = [], self._offset
        for text in whole.splitlines(keepends=True):
            parsed = _parsed(text)
            if parsed is not None:
                lines.append(Line(place, place + len(text), parsed))
            place += len(text)
        self._offset = place
        return is_anew, lines

    def follow(self, take: Callable[[Line], None], forget: Callable[[], None]) -> None:
        """Hand each new line to `take`, after `forget` where the file was begun anew.

        A line that `take` cannot read (of a newer tsft, or written by hand) is passed over: the others count still.
        """
        if not self.has_news():
            return
        is_anew, lines = self.read_new()
        if is_anew:
            forget()
        for line in lines:
            try:
                take(line)
            except (KeyError, TypeError, ValueError):
                continue

    def at(self, begin: int, end: int) -> Mapping[str, Any]:
        """A line read again."""
        with self.path.open("rb") as file:
            file.seek(begin)
            return _parsed(file.read(end - begin)) or {}

    def append(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Write all of them and let the disk have them; UserError when it refuses, and then none is there."""
        data = b"".join(orjson.dumps(each, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n" for each in entries)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._alone() as descriptor:
                size = os.fstat(descriptor).st_size
                try:
                    _write(descriptor, (b"" if _ends_whole(descriptor, size) else b"\n") + data)
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, size)
                    raise
        except OSError as error:
            why = error.strerror or str(error)
            raise UserError(message("file.not_written", path=str(self.path), why=why)) from error

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @contextmanager
    def _alone(self) -> Iterator[int]:
        with _threads:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                if fcntl is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield descriptor
            finally:
                os.close(descriptor)  # lets the lock go as well


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _ends_whole(descriptor: int, size: int) -> bool:
    if not size:
        return True
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) == b"\n"


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None  # cut off by a crash
    return data if isinstance(data, dict) else None
