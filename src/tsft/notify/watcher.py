"""Looks at the record and the run in progress every few seconds and posts what is new. Runs know nothing of it."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from tsft.errors import UserError
from tsft.i18n import FALLBACK, say
from tsft.notify.webhook import Letter
from tsft.run.notices import ENDS, Notice, notice_of
from tsft.run.outline import outline
from tsft.run.state import RunState
from tsft.store.app_settings import SettingsFile
from tsft.store.runs import RunInfo

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
REMEMBERED = 256


class Watcher:
    """One for a process. Tells each piece of news once; what ended before this process began is not news."""

    def __init__(
        self,
        settings: SettingsFile,
        recent_runs: Callable[[], Sequence[RunInfo]],
        state_of: Callable[[str], RunState],
        present_state: Callable[[], RunState | None],
        put: Callable[[Letter], Any],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._recent_runs = recent_runs
        self._state_of = state_of
        self._present_state = present_state
        self._put = put
        self._began = clock()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._ending = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._work, name="tsft-watcher", daemon=True).start()

    def end(self) -> None:
        """Look a last time and stop."""
        self._ending.set()
        self.look()

    def look(self) -> None:
        """Post what is new; costs one `stat` when no webhook is set."""
        url, token = self._settings.webhook()
        if not url:
            return
        for run in self._recent_runs():
            key = f"looked at {run.id} {run.status} {run.ended_at:.3f}"
            if run.status in ENDS and run.ended_at >= self._began and self._is_new(key):
                self._tell(self._state_of(run.id), run.status, url, token)
        present = self._present_state()
        if present is not None and present.is_active:
            self._tell(present, present.status, url, token)

    def _tell(self, state: RunState, status: str, url: str, token: str) -> None:
        notify = self._settings.current().notify
        notice = notice_of(state, notify.plateau_evaluations)
        if notice is None or notice.kind not in notify.occasions or not self._is_new(notice.key):
            return
        language = self._settings.current().defaults.language or FALLBACK
        body = letter_body(notice, state, status, language)
        self._put(Letter(url, body, token, notify.webhook_timeout_seconds, notify.webhook_tries))

    def _is_new(self, key: str) -> bool:
        if key in self._told:
            return False
        self._told[key] = None
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return True

    def _work(self) -> None:
        while not self._ending.wait(LOOK_SECONDS):
            try:
                self.look()
            except (UserError, OSError) as error:
                logger.warning("could not look for news of runs: %s", error)


def letter_body(notice: Notice, state: RunState, status: str, language: str) -> dict[str, Any]:
    """What leaves the machine: the run's name and how it stands; no setting, path, row or text of data."""
    facts = outline(state)
    shared = ("name", "step", "steps", "loss", "validation_loss", "best_step", "best_loss", "ended_at")
    told = say(language, notice.sentence)
    # "text" is what Slack and Mattermost show; the rest is for programs.
    return {
        "event": notice.kind,
        "text": told,
        "run": facts["run"],
        "status": status,
        **{name: facts[name] for name in shared},
    }
