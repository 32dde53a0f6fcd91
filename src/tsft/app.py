"""The one place that wires workspace, record, engine and page, serves it, and ends it well."""

import dataclasses
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from tsft.access import Accounts, Door, accounts_from, generated_account, others_can_read
from tsft.api.application import PREFIX, Branch, make_api
from tsft.api.chat_completions import CHAT_PREFIX, make_chat_api
from tsft.api.chat_models import ChatModels
from tsft.api.gate import Gate
from tsft.api.health import Examiner
from tsft.api.service import Service
from tsft.engine.engine import Engine
from tsft.i18n import FALLBACK, say, translate
from tsft.notify.watcher import Watcher
from tsft.notify.webhook import Post
from tsft.run.state import RunState
from tsft.store.app_settings import SettingsFile, with_defaults
from tsft.store.record import Record
from tsft.store.run_states import RunStates
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.context import PageContext
from tsft.ui.launch import (
    DEFAULT_PORT,
    Address,
    Entry,
    Launched,
    launch,
    limit_uploads,
    session_user,
)
from tsft.ui.page import build_page
from tsft.ui.workspace import page_context

logger = logging.getLogger(__name__)

# A second Ctrl-C within a second is the first one again: wrappers send it to the group and to the child.
SAME_SIGNAL_SECONDS = 1.0
SAVE_SECONDS = 60.0
FORCED = 130
USER = "tsft"
# Ended runs that are looked at for news: more than end within two seconds.
RECENT_RUNS = 20

Announce = Callable[[str], None]


def serve(
    workspace: Path | None = None,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    share: bool = False,
    auth: str = "",
    no_auth: bool = False,
    root_path: str = "",
    language: str = FALLBACK,
    announce: Announce | None = None,
) -> None:
    """Serve the page until the process is told to end; then the run saves and the process exits at once.

    The default port gives way to the next free one when it is taken; another is taken as it is. auth: a file of
    accounts, "" to look into the environment. `announce` gets the few lines a person must see.
    """
    announce = announce or _write_line
    opened = open_workspace(workspace)
    settings = SettingsFile(opened)
    address = Address(host, 0 if port == DEFAULT_PORT else port, share, root_path)
    accounts, is_generated = _accounts(address, auth, no_auth, announce, language)
    record = Record(opened)
    record.sweep()
    engine = Engine(opened, record)
    blocks = build_page(_context(engine, opened, record, settings))
    door = Door(accounts) if accounts is not None else None
    launched = launch(blocks, address, _entry(blocks, door, Service(engine, opened, record, settings)))
    settings.listen(lambda changed: limit_uploads(blocks, changed.limits.upload_mb))
    post = Post()
    watcher = _watcher(engine, record, settings, post)
    watcher.start()
    engine.serve_queue()
    has_to_end = _catch_signals()
    _announce(announce, launched, address, accounts if is_generated else None, settings, language)
    # Only now: torch and transformers take seconds, and the page can be read meanwhile.
    threading.Thread(target=_warm_up, args=(engine,), name="tsft-warm-up", daemon=True).start()
    # In slices: on some systems a wait without an end lets no signal through.
    while not has_to_end.wait(0.5):
        pass
    announce(translate(language, "app.closing"))
    has_saved = engine.close(SAVE_SECONDS)
    if not has_saved:
        logger.warning("stopped waiting for the run after %.0f s", SAVE_SECONDS)
    launched.blocks.close(verbose=False)
    watcher.end()
    post.close()
    record.close()
    _exit(0 if has_saved else 1)


def _accounts(
    address: Address, auth: str, no_auth: bool, announce: Announce, language: str
) -> tuple[Accounts | None, bool]:
    """Who may log in, and whether that was made up here: what others can reach gets a password unless told not to."""
    accounts, path = accounts_from(auth, os.environ)
    if path is not None and others_can_read(path):
        announce(translate(language, "access.open_file", path=str(path)))
    if accounts is None and not no_auth and not address.is_local:
        return generated_account(USER), True
    return accounts, False


def _context(engine: Engine, workspace: Workspace, record: Record, settings: SettingsFile) -> PageContext:
    return dataclasses.replace(
        page_context(engine, workspace, record),
        default_language=lambda: settings.current().defaults.language,
        with_defaults=lambda config: with_defaults(config, settings.current().defaults),
        plateau_evaluations=lambda: settings.current().notify.plateau_evaluations,
        app_notes=settings.notes,
    )


def _entry(blocks: Any, door: Door | None, service: Service) -> Entry:
    """The login, the good host names and the REST interface in front of the page."""
    settings = service.settings
    gate = Gate(door, lambda cookies: session_user(blocks, cookies))
    examiner = Examiner(service.engine, service.workspace, service.record, settings)
    models = ChatModels(service.engine, service.record, settings)
    branches = {
        PREFIX: make_api(service, gate, examiner),
        CHAT_PREFIX: make_chat_api(service.engine, models, gate),
    }
    return Entry(
        door=door,
        hosts=lambda: settings.current().server.hosts,
        upload_mb=settings.current().limits.upload_mb,
        in_front=(Middleware(Branch, branches=branches),),
    )


def _watcher(engine: Engine, record: Record, settings: SettingsFile, post: Post) -> Watcher:
    def present() -> RunState | None:
        watched = engine.watched()
        return watched.read()[1] if watched is not None else None

    states = RunStates()

    def state_of(run_id: str) -> RunState:
        return states.of(record.get(run_id))

    return Watcher(settings, lambda: record.list_runs(limit=RECENT_RUNS), state_of, present, post.put)


def _announce(
    announce: Announce,
    launched: Launched,
    address: Address,
    generated: Accounts | None,
    settings: SettingsFile,
    language: str,
) -> None:
    for name, password in generated.passwords.items() if generated is not None else ():
        announce(translate(language, "app.password", name=name, password=password))
    if address.share and launched.share_url:
        announce(translate(language, "app.share", url=launched.share_url))
    if address.share and not launched.share_url:
        announce(translate(language, "app.no_share", url=launched.url))
    for note in settings.notes():
        announce(say(language, note))
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
