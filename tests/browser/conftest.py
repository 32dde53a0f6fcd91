"""A page over the fake engine in Chromium. Skipped where Playwright or Chromium is missing.

One server and a browser context of each kind serve all tests: a page that opens where its scripts are at hand already
opens twice as fast. Before each test the engine, the presets and what the browsers remember are as new.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cards import READY
from tests.fakes import FakeEngine
from tsft.run.state import RunState
from tsft.store import presets
from tsft.store.record import Record
from tsft.store.shown_rows import ShownRow
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.context import DatasetChoice, PageContext, Preview, PreviewRow
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page
from tsft.ui.run_rows import CheckpointRow, RunActions, RunPage, RunRow, RunTold
from tsft.ui.workspace import page_context, preset_actions, preset_choice

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
ARGUMENTS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 30_000
# Between two events of the scripted run: fast enough to end soon, slow enough to be looked at.
PACE_SECONDS = 0.01
# Gradio's own client warns so of the stream in which an upload tells how far it is.
OF_UPLOADS = "Method not implemented."
HOME = {"locale": "en-US", "viewport": {"width": 1280, "height": 800}}


@dataclass
class Served:
    """A running page: its engine, its address, its workspace."""

    engine: FakeEngine
    url: str
    workspace: Workspace


@dataclass
class Watcher:
    """What a browser page said and asked for."""

    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def _preview(name: str, folder: str, first: int, count: int) -> Preview:
    turns = [{"role": "user", "content": "<b>99</b> <ts><ts/>"}, {"role": "assistant", "content": "1"}]
    rows = [PreviewRow(first + index + 1, turns, [np.arange(40.0) % 7]) for index in range(count)]
    return Preview(rows, 120, 3)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    tmp_path = tmp_path_factory.mktemp("served")
    engine = FakeEngine(seconds=PACE_SECONDS)
    engine.card = READY
    workspace = open_workspace(tmp_path)
    listed = [
        RunRow(
            "r1", "7", "interrupted", "builtin", ("demo",), "lora", 20, 60, 1.2, 1.4, 1e9, 1000, "/r1/adapter", "/r1"
        )
    ]

    def told(run_id: str) -> RunTold:
        state = engine.board.state if engine.board else RunState(run_id=run_id, status="interrupted")
        config = presets.load_preset(workspace, "first_run")
        return RunTold(listed[0], state, config, [CheckpointRow(20, 1.4, 1000, "/r1/c")])

    context = PageContext(
        engine,
        str(tmp_path),
        datasets=lambda folder: [DatasetChoice("demo", 120)],
        preview=_preview,
        is_here=lambda name, hub: name == "builtin",
        presets=lambda: [preset_choice(each) for each in presets.list_presets(workspace)],
        preset_actions=preset_actions(workspace),
        load_preset=lambda name: presets.load_preset(workspace, name),
        save_preset=lambda name, config: presets.save_preset(workspace, name, config, overwrite=True).name,
        runs=lambda: listed,
        shown_rows=lambda run_id, kind: [ShownRow("demo:1", (), ((1.0, None, 3.0),))] if kind == "failed" else (),
        log_tail=lambda run_id: "ERROR ran out of <b>memory</b>",
        debug_bundle=lambda run_id: (f"tsft-{run_id}-debug.zip", b"PK-packed"),
        run_actions=RunActions(find=lambda query: RunPage(listed, len(listed), ()), told=told),
    )
    blocks = build_page(context)
    launched = launch(blocks, Address())
    yield Served(engine, launched.url, workspace)
    engine.stop()
    engine.join()
    blocks.close(verbose=False)


def workspace_served(folder: Path) -> Iterator[Served]:
    """The page over a whole workspace in a folder, as the program has it but for the engine."""
    workspace, engine = open_workspace(folder), FakeEngine()
    launched = launch(build_page(page_context(engine, workspace, Record(workspace))), Address())
    yield Served(engine, launched.url, workspace)
    launched.blocks.close(verbose=False)


@pytest.fixture
def served(server: Served) -> Served:
    """The page as new: nothing runs or was started, no presets but the shipped ones."""
    server.engine.reset(PACE_SECONDS)
    for file in server.workspace.presets.glob("*.json"):
        file.unlink()
    return server


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no Chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def contexts(browser: Any) -> Iterator[dict[str, list[Any]]]:
    """The browser contexts opened so far, by their kind. A context is a browser of its own to the page."""
    opened: dict[str, list[Any]] = {}
    yield opened
    for each in itertools.chain(*opened.values()):
        each.close()


@pytest.fixture
def open_page(browser: Any, served: Served, contexts: dict[str, list[Any]]) -> Iterator[Callable[..., Any]]:
    """Opens the page in a browser of its own; in the end nothing may have been complained about or asked of others."""
    used, watchers = [], []

    def fresh_context(options: dict[str, Any]) -> Any:
        kind = contexts.setdefault(repr(sorted(options.items())), [])
        context = next((each for each in kind if each not in used), None)
        if context is None:
            context = browser.new_context(**options)
            context.set_default_timeout(WAIT_MS)
            kind.append(context)
        context.clear_cookies()
        page = context.new_page()
        page.goto(f"{served.url}/favicon.ico")
        page.evaluate("localStorage.clear()")
        page.close()
        used.append(context)
        return context

    def opened(url: str = "", context: Any = None, **options: Any) -> Any:
        context = context or fresh_context({**HOME, **options})
        watcher = Watcher()
        watchers.append(watcher)
        page = context.new_page()
        page.on(
            "console", lambda said: watcher.console.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: watcher.console.append(error.stack or str(error)))
        page.on(
            "request",
            lambda sent: (
                None if sent.url.startswith((served.url, "data:", "blob:")) else watcher.foreign.append(sent.url)
            ),
        )
        page.goto(url or served.url, wait_until="domcontentloaded")
        page.wait_for_selector("html.tsft-ready", state="attached")
        return page

    yield opened
    for page in [page for context in used for page in context.pages]:
        page.close()
    assert [text for each in watchers for text in each.console if text != OF_UPLOADS] == []
    assert [url for each in watchers for url in each.foreign] == []
