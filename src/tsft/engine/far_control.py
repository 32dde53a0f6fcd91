"""The wishes for a run whose processes are others: they go through its folder; only the end by force is done here."""

import threading
import time

from tsft.engine.control import Control, asked_for
from tsft.run.board import Board
from tsft.run.events import COMMANDS, CommandGiven, Noted
from tsft.store.commands import ask
from tsft.store.runs import RunFolder


class FarControl(Control):
    """Of one run. The first of its processes reads the wishes and says them on the board."""

    def __init__(self, board: Board, folder: RunFolder) -> None:
        super().__init__(board)
        self._folder = folder
        self._force = threading.Event()

    @property
    def is_forced(self) -> bool:
        """Whether the processes are to be ended at once."""
        return self._force.is_set()

    def give(self, command: str, by: str = "") -> None:
        if command == "force_stop":
            self.hear(command, by)
        elif command in COMMANDS:
            ask(self._folder, command, by)

    def hear(self, command: str, by: str) -> None:
        """What another process asked for; the first of the run's own hears all but this one."""
        if command != "force_stop" or self._force.is_set():
            return
        self._board.say(CommandGiven(time.time(), command, by))
        self._board.say(Noted(time.time(), "info", asked_for(command, by)))
        self._force.set()
