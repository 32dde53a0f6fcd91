"""A run and lists in the terminal: a progress bar where there is one, plain lines where there is not."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from tsft.endings import complain
from tsft.i18n import say, translate
from tsft.run.ports import Watched
from tsft.run.state import RunState, seconds_left, steps_per_second

# How often the bar is drawn, and how far apart plain lines of progress are.
DRAW_SECONDS = 0.2
LINE_SECONDS = 10.0
# How often the engine is asked how far something is.
POLL_SECONDS = 0.1
FORCED = 130
# Who asked, when it was the keyboard.
CTRL_C = "Ctrl-C"
# A second Ctrl-C within a second is the first one again: wrappers send it to the group and to the child.
SAME_SIGNAL_SECONDS = 1.0


class Runner(Protocol):
    """What is needed of the engine to follow a run."""

    def stop(self, by: str = "", run_id: str = "") -> bool: ...
    def watched(self) -> Watched | None: ...
    def wait(self) -> RunState | None: ...


def follow(engine: Runner, run_id: str, language: str) -> RunState:
    """Show a run of this process until it ends and return its last state.

    The first Ctrl-C asks it to stop and keep a checkpoint; the second ends the process at once.
    """
    ended = threading.Event()
    states: list[RunState] = []

    def wait() -> None:
        try:
            state = engine.wait()
            states.extend([state] if state is not None else [])
        finally:
            ended.set()

    view = _BarView(language) if sys.stderr.isatty() else _LineView(language)
    interruption = _Interruption(lambda: engine.stop(by=CTRL_C, run_id=run_id), view, language)
    before = {number: signal.signal(number, interruption) for number in (signal.SIGINT, signal.SIGTERM)}
    thread = threading.Thread(target=wait, name="tsft-wait", daemon=True)
    thread.start()
    try:
        with view:
            while not ended.wait(DRAW_SECONDS):
                watched = engine.watched()
                if watched is not None:
                    view.show(watched.read()[1])
            if states:
                view.show(states[0])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return states[0]


def was_interrupted(state: RunState) -> bool:
    """Whether it was Ctrl-C here that asked the run to stop, not somebody elsewhere."""
    return any(each.by == CTRL_C for each in state.commands)


def progress_bar(label: str, unit_bytes: bool = False) -> tuple[Progress, Callable[[int, int], None]]:
    """A bar to enter with `with`, and the function that moves it to (done, total)."""
    amount = "{task.fields[amount]}"
    progress = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn(amount), console=Console(stderr=True))
    task = progress.add_task(label, total=None, amount="")

    def move(done: int, total: int) -> None:
        shown = f"{done / 1e6:,.1f} / {total / 1e6:,.1f} MB" if unit_bytes else f"{done:,} / {total:,}"
        progress.update(task, completed=done, total=total or None, amount=shown)

    return progress, move


class Ending(Protocol):
    """Work of the engine, under way or done; done and total are of its present phase or of all of it."""

    @property
    def is_done(self) -> bool: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...


Followed = TypeVar("Followed", bound=Ending)


def follow_work(read: Callable[[], Followed | None], words_of: Callable[[Followed], tuple[str, str]]) -> Followed:
    """Show how far work is that was begun, until it is done; what it is then.

    words_of: what it does now, which is a line of its own where there is no bar, and what else stands behind it in one.
    """
    shown = ""
    progress, move = progress_bar("")
    with progress if sys.stderr.isatty() else nullcontext():
        while True:
            now = read()
            assert now is not None  # one was begun
            if now.is_done:
                return now
            words, more = words_of(now)
            if words != shown and not sys.stderr.isatty():
                complain(words)
            shown = words
            progress.update(progress.task_ids[0], description=words + more)
            move(now.done, now.total)
            time.sleep(POLL_SECONDS)


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Within it Ctrl-C is a wish to stop."""
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as they need to be; plain text, so that a name with brackets is shown as it is."""
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    console.print(table)


def duration(seconds: float) -> str:
    """1:02:03, or 2:03 below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4g}"


def describe(state: RunState, language: str) -> str:
    """The readings of a run in one line: loss, validation loss, speed, time left."""
    parts = []
    if state.loss.last is not None:
        parts.append(translate(language, "cli.loss", value=number(state.loss.last)))
    if state.validation_loss.last is not None:
        parts.append(translate(language, "cli.validation_loss", value=number(state.validation_loss.last)))
    if state.answer_score.last is not None:
        parts.append(translate(language, "cli.answer_score", percent=f"{100 * state.answer_score.last:.1f}"))
    for name in ("mean_reward", "validation_mean_reward"):
        if name in state.measured and state.measured[name].last is not None:
            parts.append(translate(language, f"cli.{name}", value=number(state.measured[name].last)))
    for name in ("accuracy", "validation_accuracy"):
        if name in state.measured and state.measured[name].last is not None:
            percent = f"{100 * (state.measured[name].last or 0.0):.1f}"
            parts.append(translate(language, f"cli.{name}", percent=percent))
    speed = steps_per_second(state)
    if speed is not None and state.phase == "training":
        parts.append(translate(language, "cli.speed", value=f"{speed:.2f}"))
        left = seconds_left(state)
        if left is not None:
            parts.append(translate(language, "cli.left", value=duration(left)))
    return " · ".join(parts)


class _Interruption:
    """What Ctrl-C does: first a wish, then force."""

    def __init__(
        self, stop: Callable[[], Any], view: "_View", language: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stop = stop
        self._view = view
        self._language = language
        self._clock = clock
        self._asked_at: float | None = None

    def __call__(self, signal_number: int, frame: FrameType | None) -> None:
        now = self._clock()
        if self._asked_at is not None:
            if now - self._asked_at < SAME_SIGNAL_SECONDS:
                return
            self._view.__exit__(None, None, None)
            # Not sys.exit: it would wait for the run's thread. The next start marks the run as interrupted.
            os._exit(FORCED)
        self._asked_at = now
        # A thread: the handler runs between two instructions of this one, which may hold the board's lock.
        threading.Thread(target=self._stop, name="tsft-stop", daemon=True).start()
        self._view.tell(translate(self._language, "cli.stopping"))


class _View(Protocol):
    def __enter__(self) -> "_View": ...
    def __exit__(self, *error: object) -> None: ...
    def show(self, state: RunState) -> None: ...
    def tell(self, text: str) -> None: ...


class _BarView:
    """One bar that follows the phases."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[amount]}"),
            TextColumn("{task.fields[readings]}"),
            console=self._console,
        )
        self._task = self._progress.add_task("", total=None, amount="", readings="")
        self._notes = _Notes(language)

    def __enter__(self) -> "_BarView":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def show(self, state: RunState) -> None:
        for note in self._notes.new(state):
            self.tell(note)
        done, total = _extent(state)
        self._progress.update(
            self._task,
            description=translate(self._language, f"phase.{state.phase}"),
            completed=done,
            total=total or None,
            amount=f"{done:,}/{total:,}" if total else "",
            readings=describe(state, self._language),
        )

    def tell(self, text: str) -> None:
        self._console.print(Text(text))


class _LineView:
    """A line when the phase changes, a validation loss comes, or some seconds of training went by."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._notes = _Notes(language)
        self._shown: tuple[Any, ...] = ()
        self._line_at = 0.0

    def __enter__(self) -> "_LineView":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def show(self, state: RunState) -> None:
        for note in self._notes.new(state):
            self.tell(note)
        mark = (state.phase, state.validation_loss.last, state.measured.get("validation_mean_reward"))
        is_due = time.monotonic() - self._line_at > LINE_SECONDS and state.phase == "training"
        if mark == self._shown and not is_due:
            return
        self._shown, self._line_at = mark, time.monotonic()
        done, total = _extent(state)
        parts = [translate(self._language, f"phase.{state.phase}"), state.subject]
        parts += [f"{done:,}/{total:,}" if total else "", describe(state, self._language)]
        self.tell(" · ".join(part for part in parts if part))

    def tell(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class _Notes:
    """Gives each note of a run once."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._last: object = None

    def new(self, state: RunState) -> list[str]:
        notes = list(state.notes)
        # The state keeps the newest notes only, so their number does not tell which are new; the objects do.
        fresh = next((notes[place + 1 :] for place, note in enumerate(notes) if note is self._last), notes)
        if notes:
            self._last = notes[-1]
        return [say(self._language, note.message) for note in fresh]


def _extent(state: RunState) -> tuple[int, int]:
    """(done, total) of the phase; while training they are steps."""
    return (state.step, state.steps) if state.phase == "training" else (state.done, state.total)
