"""The queue on the page: asked instead of waiting unseen, put in order, and swept."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Served
from tests.browser.test_page import STEP
from tsft.run.answers import Slot

pytestmark = pytest.mark.browser

NAMES = "() => [...document.querySelectorAll('#queue-list li b')].map((each) => each.textContent).join(' ')"
WAITING = f"(names) => ({NAMES})() === names"


def name_run(page: Any, name: str) -> None:
    box = page.locator("#set-output-name textarea, #set-output-name input").first
    box.fill(name)
    box.blur()


def open_fold(page: Any, name: str) -> None:
    page.locator(f"#{name} > button").first.click()


def test_a_second_start_is_asked_and_the_queue_can_be_put_in_order(
    served: Served, open_page: Callable[..., Any]
) -> None:
    served.engine._seconds = 0.5  # the run is in progress for as long as the test looks
    first, second = open_page(), open_page()
    first.click("#start")
    second.wait_for_function(STEP, arg=1)
    open_fold(second, "fold-output")
    name_run(second, "mine")

    second.click("#start")
    second.wait_for_selector("#queue-question #queue-add", state="visible")
    assert served.engine.waiting == []  # nothing waits unseen
    second.click("#queue-not-now")
    second.wait_for_selector("#queue-question", state="hidden")
    second.wait_for_selector("#refusal .box", state="detached")
    second.click("#start")
    second.click("#queue-add")
    for page in (first, second):
        page.wait_for_function(WAITING, arg="mine")
    assert served.engine.queued[0].output.name == "mine"

    open_fold(second, "queue-fold")
    name_run(second, "other")
    second.click("#enqueue")
    second.wait_for_function(WAITING, arg="mine other")
    second.click("#queue-list li:nth-child(2) [data-does=up]")
    second.wait_for_function(WAITING, arg="other mine")
    second.click("#queue-list [data-does=hold]")
    second.wait_for_selector("#queue-list [data-does=go]")
    assert served.engine.is_held
    second.click("#queue-list li:nth-child(1) [data-does=remove]")
    second.wait_for_function(WAITING, arg="mine")
    first.wait_for_function(WAITING, arg="mine")


def test_a_sweep_says_how_many_runs_it_is_and_queues_them(served: Served, open_page: Callable[..., Any]) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    open_fold(page, "queue-fold")
    for number, (words, values) in enumerate([("LoRA rank", "4, 8"), ("Learning rate", "1e-4 3e-4 1e-3")]):
        page.click(f"#sweep-setting-{number} input")
        page.keyboard.type(words)
        page.get_by_role("option", name=words, exact=True).first.click()
        page.fill(f"#sweep-values-{number} textarea, #sweep-values-{number} input", values)
    page.wait_for_function("document.querySelector('#sweep-count').textContent.includes('6')")
    page.click("#sweep-add")
    page.wait_for_function("document.querySelectorAll('#queue-list li').length === 6")
    configs = served.engine.queued
    assert sorted((each.lora.rank, each.optim.learning_rate) for each in configs) == [
        (rank, rate) for rank in (4, 8) for rate in (1e-4, 3e-4, 1e-3)
    ]
    assert len({entry.sweep for entry in served.engine.waiting}) == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_start_and_a_dry_run_that_would_end_a_chat_ask_first(served: Served, open_page: Callable[..., Any]) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    chat = Slot("chat", "builtin", 2_500_000_000)
    served.engine.held = chat
    page.click("#start")
    page.wait_for_selector("#start-yes", state="visible")
    assert "2.5 GB" in page.inner_text("#start-question") and not page.inner_text("#refusal").strip()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("#start-no")
    page.wait_for_selector("#start-question", state="hidden")
    page.click("#dry-run")
    page.wait_for_selector("#dry-run-yes", state="visible")
    page.click("#dry-run-no")
    page.wait_for_selector("#dry-run-question", state="hidden")
    assert served.engine.started == [] and served.engine.examined is None and served.engine.held == chat

    page.click("#start")
    page.click("#start-yes")
    page.wait_for_function(STEP, arg=1)
    page.wait_for_selector("#start-question", state="hidden")
    assert len(served.engine.started) == 1 and served.engine.held.state == "free"
