"""A page over the fake engine in Chromium. Skipped where Playwright or Chromium is missing."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import FakeEngine
from tsft.run.state import RunState
from tsft.store import presets
from tsft.store.workspace import open_workspace
from tsft.ui.context import CheckpointRow, DatasetChoice, PageContext, Preview, PreviewRow, RunRow
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page
from tsft.ui.workspace import preset_actions, preset_choice

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


@dataclass
class Served:
    """A running page: its engine, its address."""

    engine: FakeEngine
    url: str


@dataclass
class Watcher:
    """What a browser page said and asked for."""

    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def _preview(name: str, folder: str, first: int, count: int) -> Preview:
    turns = [{"role": "user", "content": "<b>99</b> <ts><ts/>"}, {"role": "assistant", "content": "1"}]
    rows = [PreviewRow(first + index + 1, turns, [np.arange(40.0) % 7]) for index in range(count)]
    return Preview(rows, 120, 3)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    engine = FakeEngine(seconds=0.05)
    workspace = open_workspace(tmp_path)
    listed = [RunRow("r1", "7", "interrupted", "builtin", ("demo",), "lora", 20, 60, 1.2, 1.4, 1e9, 1000, "", "/r1")]
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
        run_state=lambda run_id: engine.board.state if engine.board else RunState(run_id=run_id, status="interrupted"),
        run_config=lambda run_id: presets.load_preset(workspace, "first_run"),
        run_checkpoints=lambda run_id: [CheckpointRow(20, 1.4, 1000, "/r1/c")],
    )
    blocks = build_page(context)
    launched = launch(blocks, Address())
    yield Served(engine, launched.url)
    engine.stop()
    engine.join()
    blocks.close(verbose=False)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no Chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any, served: Served) -> Iterator[Callable[..., Any]]:
    """Opens the page in a browser of its own; in the end nothing may have been complained about or asked of others."""
    contexts, watchers = [], []

    def opened(url: str = "", context: Any = None, **options: Any) -> Any:
        context = context or browser.new_context(
            **{"locale": "en-US", "viewport": {"width": 1280, "height": 800}, **options}
        )
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        watcher = Watcher()
        watchers.append(watcher)
        page = context.new_page()
        page.on(
            "console", lambda said: watcher.console.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: watcher.console.append(str(error)))
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
    for context in dict.fromkeys(contexts):
        context.close()
    assert [text for each in watchers for text in each.console] == []
    assert [url for each in watchers for url in each.foreign] == []
