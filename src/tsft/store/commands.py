"""What other processes ask of a run: lines in its `commands.jsonl`, read by the engine that owns it."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from tsft.store.runs import RunFolder


@dataclass(frozen=True)
class Command:
    """One wish. `at` is seconds since the epoch."""

    at: float
    command: str
    by: str = ""


def ask(folder: RunFolder, command: str, by: str = "") -> None:
    """Leave a command ("stop") for the process that owns the run. One short append, so that two askers never mix."""
    line = json.dumps({"at": time.time(), "command": command, "by": by}, ensure_ascii=False) + "\n"
    descriptor = os.open(folder.commands, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode("utf-8"))
    finally:
        os.close(descriptor)


class CommandReader:
    """Gives each command once. `Record.claim` clears what was left for an earlier process."""

    def __init__(self, folder: RunFolder) -> None:
        self._path: Path = folder.commands
        self._offset = 0

    def read(self) -> list[Command]:
        """The commands that came since last time; costs one `stat` when there are none."""
        try:
            if self._path.stat().st_size <= self._offset:
                return []
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = [_command(line) for line in whole.decode("utf-8", errors="replace").splitlines()]
        return [each for each in found if each is not None]


def _command(line: str) -> Command | None:
    try:
        tree = json.loads(line)
        return Command(float(tree["at"]), str(tree["command"]), str(tree.get("by") or ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
