"""The way back from people to a run: what they ask for, from this process or another, that every phase asks about.

A run's own thread calls `obey` or `should_stop` in every loop; both wait while the run is paused. A small thread beside
the run (`Pulse`) reads wishes left by other processes and writes the heartbeat, so that both go on while the run waits
or sits in one long call.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from tsft.config.run_config import RunConfig
from tsft.engine.team import is_launched
from tsft.errors import Message, UserError, message
from tsft.run.board import Board
from tsft.run.events import COMMANDS, CommandGiven, CommandObeyed, Noted, PhaseChanged, Progressed
from tsft.run.ports import Stopped
from tsft.store.commands import CommandReader
from tsft.store.runs import RunFolder

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0
# The commands that end the run at once; after one of them nothing else is taken.
ENDING = ("stop", "discard")

Obey = Callable[[], None]


class Control:
    """What people asked of one run and is not done yet. Each wish is said on the board once, with who asked."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._giving = threading.RLock()
        self._changed = threading.Condition()
        self._wishes: set[str] = set()
        self._saying: set[str] = set()
        self._is_waiting = False
        self._handlers: dict[str, Obey] = {}
        self._paused_seconds = 0.0
        # Grows with each look for wishes: a run in which it stands still does nothing, or hangs.
        self.moves = 0

    @property
    def _known(self) -> set[str]:
        """The wishes that count now."""
        return self._wishes

    # -- from any thread ---------------------------------------------------------------------------------------------

    def give(self, command: str, by: str = "") -> None:
        """Ask for one of COMMANDS. What is already asked for, or has no meaning now, changes nothing.

        Nothing here can end a thread by force: that is for `engine/launching.py`.
        """
        with self._giving:
            if command not in COMMANDS or not self._has_meaning(command):
                return
            # Said first: the run may obey at once, and "obeyed" must not come before "asked for".
            self._saying.add(command)
            self._board.say(CommandGiven(time.time(), command, by))
            self._board.say(Noted(time.time(), "info", asked_for(command, by)))
            self._saying.discard(command)
            with self._changed:
                if command == "continue":
                    self._wishes.discard("pause")
                else:
                    self._wishes.add(command)
                self._changed.notify_all()
        if command == "continue":
            self._say_obeyed("pause")
            self._say_obeyed("continue")

    def hear(self, command: str, by: str) -> None:
        """A wish that another process left in the run's folder."""
        self.give(command, by)

    def stop(self, by: str) -> None:
        """Ask the run to stop and keep what it learnt; asking again changes nothing."""
        self.give("stop", by)

    @property
    def is_stopping(self) -> bool:
        """Whether the run is to end now. Never waits."""
        return any(command in self._known for command in ENDING)

    @property
    def is_discarding(self) -> bool:
        """Whether nothing of this attempt is to be kept."""
        return "discard" in self._known

    @property
    def stops_after_epoch(self) -> bool:
        return "stop_after_epoch" in self._known

    @property
    def status(self) -> str:
        """The run's status as it stands on the board."""
        return self._board.state.status

    @property
    def paused_seconds(self) -> float:
        """How long the run has waited in all."""
        return self._paused_seconds

    # -- from the run's own threads ----------------------------------------------------------------------------------

    def should_stop(self) -> bool:
        """Whether the run is to end; waits first while it is paused."""
        self.moves += 1
        self._wait_while_paused()
        return self.is_stopping

    def obey(self) -> None:
        """Wait while paused, do what is wished and can be done here, raise Stopped when somebody asked for it."""
        self.moves += 1
        self._wait_while_paused()
        if self.is_stopping:
            raise Stopped
        self._do_wishes()

    def handle(self, handlers: dict[str, Obey]) -> None:
        """From now on these functions do what is wished. Each says `done` once it has; until then the wish stays."""
        self._handlers = handlers

    def is_wished(self, command: str) -> bool:
        return command in self._known

    def together(self) -> None:
        """From now on all processes of the run obey at once; nothing to do for one."""

    def apart(self) -> AbstractContextManager[None]:
        """Within it this process works alone while the others of the run wait."""
        return nullcontext()

    def done(self, command: str) -> None:
        """What was asked for is done, or a note says why it is not."""
        with self._changed:
            self._wishes.discard(command)
        self._say_obeyed(command)

    def note(self, level: str, told: Message) -> None:
        """A line in the page's log. level: info, warning or error."""
        self._board.say(Noted(time.time(), level, told))

    def _has_meaning(self, command: str) -> bool:
        if command == "force_stop" or any(each in self._wishes for each in ENDING):
            return False
        if command == "continue":
            return "pause" in self._wishes
        # Whoever hears of it on the board may ask for it again.
        return command not in self._wishes | self._saying

    def _wait_while_paused(self) -> None:
        """Threads that come while another one waits (a download has several) wait too, and say nothing."""
        with self._changed:
            if "pause" not in self._wishes or self.is_stopping:
                return
            if self._is_waiting:
                self._changed.wait_for(lambda: not self._is_waiting)
                return
            self._is_waiting = True
        state = self._board.state
        began = time.monotonic()
        try:
            self._say_paused()
            tried: set[str] = set()
            while self._is_to_wait(tried):
                tried |= self._wishes
                self._do_wishes(back_to=self._say_paused)
        finally:
            with self._changed:
                self._paused_seconds += time.monotonic() - began
                self._is_waiting = False
                self._changed.notify_all()
        self._back_to(state.phase, state.subject, state.done, state.total, state.unit)

    def _say_paused(self) -> None:
        self._board.say(PhaseChanged(time.time(), "paused"))
        self._say_obeyed("pause")

    def _say_obeyed(self, command: str) -> None:
        if any(each.command == command for each in self._board.state.pending):
            self._board.say(CommandObeyed(time.time(), command))

    def _is_to_wait(self, tried: set[str]) -> bool:
        """Wait until something new is wished that can be done here; False when the pause is over."""

        def has_news() -> bool:
            fresh = (self._wishes - tried) & self._handlers.keys()
            return "pause" not in self._wishes or self.is_stopping or bool(fresh)

        with self._changed:
            self._changed.wait_for(has_news)
            return "pause" in self._wishes and not self.is_stopping

    def _do_wishes(self, back_to: Callable[[], None] | None = None) -> None:
        """Do what is wished and can be done now, then say the phase again from which it was called."""
        for command, handler in tuple(self._handlers.items()):
            if command not in self._known:
                continue
            state = self._board.state
            handler()
            if back_to is not None:
                back_to()
            elif self._board.state.phase != state.phase:
                self._back_to(state.phase, state.subject, state.done, state.total, state.unit)

    def _back_to(self, phase: str, subject: str, done: int, total: int, unit: str) -> None:
        self._board.say(PhaseChanged(time.time(), phase, subject))
        if total and phase != "training":
            self._board.say(Progressed(time.time(), done, total, unit))


class Beating(Protocol):
    """What writes a heartbeat: the record, or a run that is started by hand, whose folder is all there is."""

    def heartbeat(self, run_id: str) -> None: ...


class Pulse:
    """Heartbeat and foreign wishes, on a thread of its own between `start` and `end`."""

    def __init__(self, record: Beating, folder: RunFolder, control: Control, report: Callable[[], None]) -> None:
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
        next_beat, reported = 0.0, ""
        while not self._ended.wait(POLL_SECONDS):
            for wish in self._reader.read():
                self._control.hear(wish.command, wish.by)
            status = self._control.status
            if time.monotonic() >= next_beat or status != reported:
                next_beat, reported = time.monotonic() + HEARTBEAT_SECONDS, status
                self._record.heartbeat(self._folder.id)
                self._report()


def refuse_impossible(command: str, config: RunConfig, name: str) -> None:
    """Raise UserError for what the run called `name` can never do; ValueError for what is no command at all."""
    if command not in COMMANDS:
        raise ValueError(command)
    if command == "force_stop" and not is_launched(config):
        raise UserError(message("command.no_processes", name=name))
    if command == "evaluate" and config.data.validation == "none":
        raise UserError(message("command.no_validation", name=name))


def asked_for(command: str, by: str) -> Message:
    """The line in the log: what was asked for, and by whom where that is known."""
    what = message(f"command.{command}").to_json()  # as it is read back from `events.jsonl`
    return message("command.given_by", what=what, by=by) if by else message("command.given", what=what)
