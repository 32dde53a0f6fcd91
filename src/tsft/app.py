"""The one place that wires workspace, record, engine and page, serves it, and ends it well."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tsft.engine.engine import Engine
from tsft.i18n import FALLBACK, translate
from tsft.store.record import Record
from tsft.store.workspace import open_workspace
from tsft.ui.launch import DEFAULT_PORT, Address, Launched, generated_password, launch
from tsft.ui.page import build_page
from tsft.ui.workspace import page_context

logger = logging.getLogger(__name__)

# A second Ctrl-C within a second is the first one again: wrappers send it to the group and to the child.
SAME_SIGNAL_SECONDS = 1.0
SAVE_SECONDS = 60.0
FORCED = 130

Announce = Callable[[str], None]


def serve(
    workspace: Path | None = None,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    share: bool = False,
    auth: tuple[str, str] | None = None,
    no_auth: bool = False,
    root_path: str = "",
    language: str = FALLBACK,
    announce: Announce | None = None,
) -> None:
    """Serve the page until the process is told to end; then the run saves and the process exits at once.

    The default port gives way to the next free one when it is taken; another is taken as it is. `announce` gets the
    few lines a person must see: the address, the password, a share link that did not come.
    """
    announce = announce or _write_line
    opened = open_workspace(workspace)
    record = Record(opened)
    record.sweep()
    engine = Engine(opened, record)
    address = _address(host, port, share, auth, no_auth, root_path)
    launched = launch(build_page(page_context(engine, opened, record)), address)
    has_to_end = _catch_signals()
    _announce(announce, launched, address, is_generated=auth is None, language=language)
    # Only now: torch and transformers take seconds, and the page can be read meanwhile.
    threading.Thread(target=_warm_up, args=(engine,), name="tsft-warm-up", daemon=True).start()
    engine.serve_queue()
    # In slices: on some systems a wait without an end lets no signal through.
    while not has_to_end.wait(0.5):
        pass
    announce(translate(language, "app.closing"))
    has_saved = engine.close(SAVE_SECONDS)
    if not has_saved:
        logger.warning("stopped waiting for the run after %.0f s", SAVE_SECONDS)
    launched.blocks.close(verbose=False)
    record.close()
    _exit(0 if has_saved else 1)


def _address(host: str, port: int, share: bool, auth: tuple[str, str] | None, no_auth: bool, root_path: str) -> Address:
    """Anything that others can reach gets a password, unless it was said to do without."""
    chosen = 0 if port == DEFAULT_PORT else port
    address = Address(host, chosen, share, auth, root_path)
    if auth is None and not no_auth and not address.is_local:
        return Address(host, chosen, share, generated_password(), root_path)
    return address


def _announce(announce: Announce, launched: Launched, address: Address, is_generated: bool, language: str) -> None:
    if address.auth is not None and is_generated:
        name, password = address.auth
        announce(translate(language, "app.password", name=name, password=password))
    if address.share and launched.share_url:
        announce(translate(language, "app.share", url=launched.share_url))
    if address.share and not launched.share_url:
        announce(translate(language, "app.no_share", url=launched.url))
    announce(translate(language, "app.ready", url=launched.url))


def _warm_up(engine: Engine) -> None:
    began = time.monotonic()
    engine.warm_up()
    logger.info("loaded torch and transformers in %.1f s", time.monotonic() - began)


def _catch_signals() -> threading.Event:
    """An event that the first SIGINT or SIGTERM sets; a later one ends the process there and then."""
    asked = threading.Event()
    first_at = 0.0

    def on_signal(*_: object) -> None:
        nonlocal first_at
        now = time.monotonic()
        if first_at and now - first_at > SAME_SIGNAL_SECONDS:
            os._exit(FORCED)
        first_at = first_at or now
        asked.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return asked


def _exit(code: int) -> None:
    """Leave without the interpreter's own end, which takes seconds with torch loaded; all is on disk by now."""
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)


def _write_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
