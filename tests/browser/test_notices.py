"""Browser notifications: after the visitor's own consent, only while the page is hidden, once for each news."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Served
from tsft.errors import message
from tsft.run.board import Board
from tsft.run.events import Finished, PhaseChanged, RunStarted

pytestmark = pytest.mark.browser

# Headless Chromium shows no notifications: what would be shown is kept instead.
STAND_IN = """
window.shown = [];
window.isAway = false;
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (Notification.permission = "granted"); }
  constructor(title, options) { window.shown.push([title, options.body, options.tag]); }
};
Object.defineProperty(document, "hidden", { get: () => window.isAway });
"""


def play(served: Served, run_id: str) -> None:
    """A run from its beginning to its end, said at once."""
    now = time.time()
    board = Board()
    board.say(RunStarted(now, run_id, "<i>mine</i>"))
    board.say(PhaseChanged(now, "training"))
    board.say(Finished(now, "finished", 20, "", message("page.idle")))
    served.engine.board = board


def test_news_come_after_consent_and_only_to_a_hidden_page(
    browser: Any, served: Served, open_page: Callable[..., Any]
) -> None:
    context = browser.new_context(locale="en-US", viewport={"width": 390, "height": 844})
    context.add_init_script(STAND_IN)
    page = open_page(context=context)
    button = page.locator("#notify button")
    assert button.get_attribute("aria-pressed") == "false"

    def end_of(run_id: str) -> list[list[str]]:
        play(served, run_id)
        page.wait_for_function(f"() => [...tsft.notices.told].some((key) => key.startsWith('{run_id}:'))")
        return page.evaluate("() => window.shown")

    page.evaluate("window.isAway = true")
    assert end_of("run-1") == []  # nobody has agreed
    button.click()
    page.wait_for_selector('#notify button[aria-pressed="true"]')
    page.evaluate("window.isAway = false")
    assert end_of("run-2") == []  # the page is looked at
    page.evaluate("window.isAway = true")
    told = end_of("run-3")
    assert [(title, body) for title, body, _ in told] == [("tsft", "“<i>mine</i>” is finished after 20 steps.")]
    button.click()
    page.wait_for_selector('#notify button[aria-pressed="false"]')
    assert len(end_of("run-4")) == 1  # switched off again
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
