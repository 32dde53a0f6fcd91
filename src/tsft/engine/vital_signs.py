"""The thread of each process of several that says it is alive, and ends the process when it has no business any more:
when whoever started it is gone, or the first process has ended.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tsft.engine.control import Control
from tsft.engine.team import Team
from tsft.errors import UserError
from tsft.store.owner import Owner, host_name, is_alive, this_process
from tsft.store.ranks import Sign, read_signs, write_sign
from tsft.store.runs import RunFolder

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
# So long the others may go on after the first process said that it is done: what they do still has no effect.
LEAVING_SECONDS = 20.0
ABANDONED = 3


class VitalSigns:
    """Of one process, between `start` and `end`. `look` is called every second with the newest sign."""

    def __init__(
        self,
        folder: RunFolder,
        team: Team,
        control: Control,
        step: Callable[[], int],
        supervisor: Owner | None,
        look: Callable[[Sign], None] | None = None,
        leave: Callable[[int], None] = os._exit,
    ) -> None:
        self._folder = folder
        self._team = team
        self._control = control
        self._step = step
        self._supervisor = supervisor
        self._look = look
        self._leave = leave
        now, owner = time.time(), this_process()
        self._lock = threading.Lock()
        self._sign = Sign(team.rank, host_name(), owner.pid, owner.boot_id, owner.started, now, 0, now)
        self._ended = threading.Event()
        self._first_ended_at = 0.0
        self._thread = threading.Thread(target=self._beat, name="tsft-signs", daemon=True)

    def start(self) -> None:
        self.say()
        self._thread.start()

    def end(self, **changes: Any) -> None:
        """The last words; nothing is written after them."""
        self._ended.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        self.say(**changes)

    def say(self, **changes: Any) -> Sign:
        """Write the present sign. A disk that refuses is logged: what matters is the training."""
        with self._lock:
            moves = self._control.moves
            moved_at = time.time() if moves != self._sign.moves else self._sign.moved_at
            now = {"at": time.time(), "moves": moves, "moved_at": moved_at, "step": self._step()}
            self._sign = replace(self._sign, **{**now, **changes})
            try:
                write_sign(self._folder, self._sign)
            except (UserError, OSError) as error:
                logger.warning("could not write a sign of life: %s", error)
            return self._sign

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            sign = self.say()
            if self._supervisor is not None and not is_alive(self._supervisor):
                logger.warning("ending: the process that started this one is gone")
                self._leave(ABANDONED)
            if self._team.rank and self._has_first_left():
                logger.warning("ending: the first process of the run has ended")
                self._leave(ABANDONED)
            if self._look is not None:
                self._look(sign)

    def _has_first_left(self) -> bool:
        first = read_signs(self._folder).get(0)
        if first is None or not (first.is_done or first.failed):
            return False
        self._first_ended_at = self._first_ended_at or time.monotonic()
        return time.monotonic() - self._first_ended_at > LEAVING_SECONDS
