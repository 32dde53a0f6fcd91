"""The live view: what a tick of the page's timer sends, made once per revision and language and shared by all pages."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsft.i18n import say
from tsft.run.ports import Fetch, QueueEntry
from tsft.run.state import RunState
from tsft.ui import monitor
from tsft.ui.charts import chart_payload
from tsft.ui.command_bar import shown_buttons
from tsft.ui.context import PageContext
from tsft.ui.drawn_box import drawn_html
from tsft.ui.notices import notice_mark
from tsft.ui.probes_box import gauges_html, probes_html
from tsft.ui.queue_box import waiting_html

# Seconds between ticks: each tick costs about 2 ms of server time, which training could use.
RUNNING_SECONDS, SHARED_SECONDS, IDLE_SECONDS = 1.0, 2.0, 3.0
# Between the click on Start and the first step a page is watched most closely, and nothing is trained yet.
PREPARING_SECONDS = 0.5
MANY_PAGES = 3
# A tick with its request costs 14 ms: fifty pages every two seconds would take a third of a core from the training.
TICKS_PER_SECOND, LONGEST_SECONDS = 10.0, 5.0
# How long it is said that a model has arrived.
FETCHED_SECONDS = 60.0
# A page that has not asked for so long is closed or hidden.
PAGE_SECONDS = 8.0
KEPT = 32
QUEUE_SECONDS = 0.5


@dataclass(frozen=True)
class View:
    """Everything the output area shows at one moment in one language. Equal parts are not sent twice."""

    panel: str
    announcement: str
    chart: str
    log: str
    result: str
    fetches: str
    queue: str
    probes: str
    gauges: str
    commands: tuple[tuple[str, bool], ...]
    is_active: bool
    is_stopping: bool
    is_preparing: bool
    run_id: str

    def parts(self) -> dict[str, Any]:
        """What a page remembers to tell which part changed: hashes, for the texts are long."""
        names = ("panel", "announcement", "chart", "log", "result", "fetches", "queue", "probes", "gauges", "commands")
        parts = {name: hash(getattr(self, name)) for name in names}
        return {**parts, "buttons": (self.is_active, self.is_stopping, self.is_preparing)}


class Live:
    """Makes views and counts the pages that look. One for all sessions; any thread may ask."""

    def __init__(self, context: PageContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Any, ...], str] = OrderedDict()
        self._pages: dict[str, float] = {}
        self._fetched_at: dict[str, float] = {}
        self._waiting: tuple[float, Sequence[QueueEntry], bool] = (float("-inf"), (), False)

    def view(self, language: str) -> View:
        """The run in progress (or the last one) as it is now."""
        watched = self._context.engine.watched()
        revision, state = watched.read() if watched is not None else (0, RunState())
        key = (state.run_id, revision, state.updated_at, language)
        return View(
            panel=self._made("panel", key, lambda: monitor.panel(state, language)),
            announcement=monitor.announcement(state, language)
            + notice_mark(state, language, self._context.plateau_evaluations()),
            chart=self._made("chart", key, lambda: chart_payload(state, language)),
            log=self._made("log", _log_key(state, language), lambda: monitor.log(state.notes, language)),
            result=self._made("result", key, lambda: self._result(state, language)),
            probes=self._made("probes", _probes_key(state, language), lambda: self._probes(state, language)),
            gauges=gauges_html(self._context.engine.gauges(), language),
            fetches=self._fetches(self._context.engine.fetches(), language) + self._app_notes(language),
            queue=self._queue(language),
            commands=shown_buttons(state),
            is_active=state.is_active,
            is_stopping=state.status == "stopping",
            is_preparing=state.status == "preparing",
            run_id=state.run_id,
        )

    def seen(self, page: str) -> None:
        """Remember that a page looks."""
        now = self._clock()
        with self._lock:
            self._pages[page] = now
            if len(self._pages) > 64:
                self._pages = {each: at for each, at in self._pages.items() if now - at < PAGE_SECONDS}

    def left(self, page: str) -> None:
        """Forget a page that was closed."""
        with self._lock:
            self._pages.pop(page, None)

    def interval_seconds(self, is_active: bool, is_preparing: bool = False) -> float:
        """How long a page should wait until it asks again."""
        if not is_active:
            return IDLE_SECONDS
        now = self._clock()
        with self._lock:
            looking = sum(now - at < PAGE_SECONDS for at in self._pages.values())
        if looking >= MANY_PAGES:
            return min(LONGEST_SECONDS, max(SHARED_SECONDS, looking / TICKS_PER_SECOND))
        return PREPARING_SECONDS if is_preparing else RUNNING_SECONDS

    def queue_changed(self) -> None:
        """Somebody changed the queue here: ask for it at the next look."""
        with self._lock:
            self._waiting = (float("-inf"), (), False)

    def _fetches(self, fetches: Mapping[str, Fetch], language: str) -> str:
        """The downloads; one that arrived is told of for a minute from when a page first saw it."""
        now = self._clock()
        with self._lock:
            done = {name: self._fetched_at.get(name, now) for name, each in fetches.items() if each.is_done}
            self._fetched_at = done
        shown = {name: each for name, each in fetches.items() if now - done.get(name, now) < FETCHED_SECONDS}
        return monitor.fetching(shown, language)

    def _result(self, state: RunState, language: str) -> str:
        if state.failure is None:
            return monitor.result(state, language)
        rows = self._context.shown_rows(state.run_id, "failed") if state.failure.rows else ()
        return monitor.result(state, language, rows, self._context.log_tail(state.run_id))

    def _probes(self, state: RunState, language: str) -> str:
        shown = self._context.shown_rows
        drawn = drawn_html(state, shown(state.run_id, "drawn"), language) if state.drawn else ""
        return drawn + (probes_html(state, shown(state.run_id, "probes"), language) if state.probes else "")

    def _queue(self, language: str) -> str:
        """The waiting runs; the record is asked at most once in QUEUE_SECONDS, whoever looks."""
        now = self._clock()
        with self._lock:
            if now - self._waiting[0] >= QUEUE_SECONDS:
                engine = self._context.engine
                self._waiting = (now, engine.queue(), engine.is_queue_held())
            _, entries, is_held = self._waiting
        return waiting_html(entries, is_held, language)

    def _app_notes(self, language: str) -> str:
        return "".join(monitor.said(say(language, each), is_bad=True) for each in self._context.app_notes())

    def _made(self, part: str, key: tuple[Any, ...], make: Callable[[], str]) -> str:
        """The kept text of a part, or a new one. Made under the lock: five pages asking at once make it once."""
        with self._lock:
            kept = self._kept.get((part, *key))
            if kept is None:
                kept = self._kept[(part, *key)] = make()
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return kept


def _log_key(state: RunState, language: str) -> tuple[Any, ...]:
    last = state.notes[-1].at if state.notes else 0.0
    return (state.run_id, len(state.notes), last, language)


def _probes_key(state: RunState, language: str) -> tuple[Any, ...]:
    last = state.samples[-1].at if state.samples else 0.0
    drawn = state.drawn[-1].at if state.drawn else 0.0
    return (state.run_id, len(state.probes), len(state.samples), last, drawn, language)
