"""Sends one piece of news as JSON to an address, again after failures, on a thread of its own."""

import json
import logging
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tsft import __version__

logger = logging.getLogger(__name__)

# News that wait while the address does not answer; more than a night of runs makes.
MOST_WAITING = 100
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0


@dataclass(frozen=True)
class Letter:
    """What goes where. token: sent as a bearer token, "" for none. url and token never appear in its text."""

    url: str
    body: Mapping[str, Any]
    token: str = ""
    timeout_seconds: float = 5.0
    tries: int = 4

    def __repr__(self) -> str:
        return f"Letter({self.body.get('event')} of {self.body.get('run')})"


class Post:
    """Takes letters at once and sends them one after another. `pause` may be given by a test."""

    def __init__(self, pause: Callable[[float], bool] | None = None) -> None:
        self._letters: queue.Queue[Letter | None] = queue.Queue(MOST_WAITING)
        self._closing = threading.Event()
        self._pause = pause or self._closing.wait
        self._thread = threading.Thread(target=self._work, name="tsft-webhook", daemon=True)
        self._thread.start()

    def put(self, letter: Letter) -> bool:
        """Never waits. False when too many letters wait already: this one is dropped and that is logged."""
        try:
            self._letters.put_nowait(letter)
        except queue.Full:
            logger.warning("dropped %r: %d letters wait for the webhook", letter, MOST_WAITING)
            return False
        return True

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Send what waits if that is quick, then end."""
        self._letters.put(None) if not self._letters.full() else None
        self._thread.join(timeout_seconds)
        self._closing.set()

    def _work(self) -> None:
        while (letter := self._letters.get()) is not None and not self._closing.is_set():
            self._deliver(letter)

    def _deliver(self, letter: Letter) -> None:
        seconds = FIRST_PAUSE_SECONDS
        for number in range(1, letter.tries + 1):
            try:
                send(letter)
            except (OSError, ValueError) as error:
                # The kind of error, not its text: that may hold the address, which may be a secret.
                logger.warning("try %d of %d to tell the webhook failed: %s", number, letter.tries, _shown(error))
            else:
                logger.info("told the webhook: %r", letter)
                return
            if number < letter.tries and self._pause(seconds):
                return
            seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)


def send(letter: Letter) -> None:
    """One try. Raises OSError when the address does not answer with success, ValueError when it is none."""
    if urlsplit(letter.url).scheme not in ("http", "https"):
        raise ValueError("the address of the webhook must begin with http:// or https://")
    data = json.dumps(letter.body, ensure_ascii=False, allow_nan=False).encode("utf-8")
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"tsft/{__version__}"}
    if letter.token:
        headers["Authorization"] = f"Bearer {letter.token}"
    request = urllib.request.Request(letter.url, data, headers, method="POST")
    with _opener.open(request, timeout=letter.timeout_seconds) as answer:
        answer.read(1)


def _shown(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    return type(getattr(error, "reason", None) or error).__name__


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to an address nobody has chosen."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)
