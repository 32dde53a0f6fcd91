"""Logging in: a wrong password is refused with a sentence, the right one opens the page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import WAIT_MS
from tests.fakes import FakeEngine
from tsft.access import Accounts, Door
from tsft.store import presets
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext
from tsft.ui.launch import Address, Entry, launch
from tsft.ui.page import build_page

pytestmark = pytest.mark.browser

ACCOUNTS = Accounts({"anna": "correct horse", "bob": "staple-staple"})


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[str, FakeEngine]]:
    """The address of a page behind a login."""
    workspace, engine = open_workspace(tmp_path), FakeEngine(seconds=0.05)
    context = PageContext(engine, load_preset=lambda name: presets.load_preset(workspace, name))
    launched = launch(build_page(context), Address(), Entry(door=Door(ACCOUNTS)))
    yield launched.url, engine
    engine.stop()
    engine.join()
    launched.blocks.close(verbose=False)


def log_in(page: Any, name: str, password: str) -> None:
    page.locator("input").nth(0).fill(name)
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button").last.click()


def test_a_wrong_password_is_refused_with_a_sentence_and_the_right_one_opens(
    browser: Any, locked: tuple[str, FakeEngine]
) -> None:
    url, engine = locked
    context = browser.new_context(locale="en-US", viewport={"width": 390, "height": 844})
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_selector("input[type=password]")
    assert page.locator("#start").count() == 0
    log_in(page, "anna", "staple-staple")
    page.wait_for_selector(".creds")
    assert "ncorrect" in page.locator(".creds").inner_text()
    log_in(page, "anna", "correct horse")
    page.wait_for_selector("html.tsft-ready", state="attached")
    page.locator("#start").click()
    page.wait_for_selector('.panel[data-status="running"]')
    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector('.panel[data-status="running"], .panel[data-status="finished"]')
    context.close()
    assert engine.board is not None and engine.board.state.run_id
