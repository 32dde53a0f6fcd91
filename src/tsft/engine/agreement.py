"""What people wish of a run of several processes: the first process hears it, and all do it at the same micro-batch."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tsft.engine.control import ENDING, Control
from tsft.engine.team import Team
from tsft.run.board import Board
from tsft.run.events import COMMANDS
from tsft.run.ports import Stopped

# A paused run says so often that it is still there.
BEAT_SECONDS = 2.0


class AgreedControl(Control):
    """Until `together` each process goes its own way and only the first hears of wishes; from then on `obey` is a
    meeting: every process must come to it, as often as the others.
    """

    def __init__(self, board: Board, team: Team) -> None:
        super().__init__(board)
        self._team = team
        self._agreed: set[str] = set()
        self._is_together = False
        # What ends the processes at once when that is asked for, with who asked; None where somebody else does it.
        self.force: Callable[[str], None] | None = None

    def hear(self, command: str, by: str) -> None:
        if command != "force_stop":
            super().hear(command, by)
        elif self.force is not None:
            self.force(by)

    @property
    def _known(self) -> set[str]:
        return self._agreed if self._is_together else self._wishes

    def together(self) -> None:
        """From now on all obey at once."""
        self._team.wait()
        self._is_together = True

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Within it the first process works alone, and hears for itself, while the others wait elsewhere."""
        before, self._is_together = self._is_together, False
        try:
            yield
        finally:
            self._is_together = before

    def should_stop(self) -> bool:
        if not self._is_together:
            return super().should_stop()
        self.moves += 1
        return self.is_stopping

    def obey(self) -> None:
        if not self._is_together:
            super().obey()
            return
        self.moves += 1
        self._agree()
        if "pause" in self._agreed and not self.is_stopping:
            self._pause_together()
        if self.is_stopping:
            raise Stopped
        self._do_wishes()

    def done(self, command: str) -> None:
        self._agreed.discard(command)
        super().done(command)

    def _agree(self) -> None:
        with self._changed:
            mask = sum(1 << place for place, command in enumerate(COMMANDS) if command in self._wishes)
        mask = self._team.number(mask)
        self._agreed = {command for place, command in enumerate(COMMANDS) if mask >> place & 1}

    def _pause_together(self) -> None:
        state, began, tried = self._board.state, time.monotonic(), set[str]()
        self._say_paused()
        while "pause" in self._agreed and not self.is_stopping:
            fresh = (self._agreed - tried) & self._handlers.keys()
            if fresh:
                tried |= self._agreed
                self._do_wishes(back_to=self._say_paused)
            if self._team.is_first:
                self._wait_for_news()
            self.moves += 1
            self._agree()
        self._paused_seconds += time.monotonic() - began
        self._back_to(state.phase, state.subject, state.done, state.total, state.unit)

    def _wait_for_news(self) -> None:
        """Until somebody wishes something else than before, or it is time for a sign of life."""
        before = set(self._agreed)

        def has_news() -> bool:
            return self._wishes != before or any(command in self._wishes for command in ENDING)

        with self._changed:
            self._changed.wait_for(has_news, BEAT_SECONDS)
