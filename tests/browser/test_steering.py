"""Runs steered from the page: paused and gone on with, ended early, queued, and by two people at once."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.test_main_job import load_preset, save_preset, serving, visiting, workspace
from tests.browser.test_page import STATUS, STEP
from tests.engine_runs import losses
from tests.fakes import FakeEngine, plain_script
from tsft.access import Accounts, Door
from tsft.config.catalog import BUILTIN
from tsft.config.metrics import METRICS
from tsft.config.run_config import DataSettings, ModelSettings, OutputSettings, RunConfig
from tsft.engine.stopping import Judged, Rule, is_over, judge
from tsft.run.board import read_events, replay
from tsft.run.events import CommandGiven, CommandObeyed, Evaluated, Event, Progressed
from tsft.store.record import Record
from tsft.store.runs import RunInfo, usable_checkpoints
from tsft.store.workspace import Workspace
from tsft.ui.context import DatasetChoice, PageContext
from tsft.ui.launch import Address, Entry, launch
from tsft.ui.page import build_page

__all__ = ["workspace"]
pytestmark = pytest.mark.browser

PENDING_GONE = "() => document.querySelectorAll('#panel .pending').length === 0"


def preset(workspace: Workspace, name: str, **values: Any) -> None:
    shared = {
        "model__name": "builtin", "data__datasets": ("demo",), "data__max_rows": 40, "data__cutoff_length": 400,
        "schedule__gradient_accumulation": 2, "schedule__threads": 1, "lora__dropout": 0.1, "output__name": name,
    }  # fmt: skip
    save_preset(workspace, name, **{**shared, **values})


def events_of(run: RunInfo) -> list[Event]:
    return list(read_events(run.folder.events))


def newest(workspace: Workspace) -> RunInfo:
    return Record(workspace).list_runs()[0]


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what the workspace shows and a page may show too late or not at all."""
    deadline = time.monotonic() + 180
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def ended(workspace: Workspace, count: int) -> None:
    """Wait until so many runs have finished: a short one may be over before a page shows that it runs."""
    until(lambda: [run.status for run in Record(workspace).list_runs()] == ["finished"] * count)


def start(page: Any, name: str) -> None:
    load_preset(page, name)
    page.click("#start")


@pytest.mark.long
def test_a_paused_run_is_looked_around_in_and_goes_on_to_the_curve_of_an_unpaused_one(
    workspace: Workspace, browser: Any
) -> None:
    preset(workspace, "steered", schedule__max_steps=14, output__eval_steps=7)
    with serving(workspace) as url, visiting(browser) as visit:
        page = visit(url)
        start(page, "steered")
        page.wait_for_function(STEP, arg=3)
        page.click("#command-pause")
        page.wait_for_function(STATUS, arg="paused")
        page.get_by_role("tab", name="Runs").click()
        page.wait_for_selector("#runs-table tr")
        page.get_by_role("tab", name="Train").click()
        page.click("#command-checkpoint")
        until(lambda: bool(usable_checkpoints(newest(workspace).folder)))
        page.wait_for_function(PENDING_GONE)
        assert usable_checkpoints(newest(workspace).folder)[0].step == replay(newest(workspace).folder.events).step
        page.click("#command-continue")
        page.wait_for_function(STATUS, arg="finished")
        page.click("#start")
        ended(workspace, 2)
    plain, paused = Record(workspace).list_runs()[:2]
    given = [event.command for event in events_of(paused) if isinstance(event, CommandGiven)]
    assert given == ["pause", "checkpoint", "continue"]
    assert losses(events_of(paused)) == losses(events_of(plain))


@pytest.mark.long
def test_a_run_that_gets_worse_ends_early_at_the_right_step_with_its_best_weights(
    workspace: Workspace, browser: Any
) -> None:
    preset(
        workspace, "worse", schedule__max_steps=60, output__eval_steps=1, stopping__patience=3,
        optim__learning_rate=0.5, schedule__scheduler="constant", data__max_rows=20,
    )  # fmt: skip
    with serving(workspace) as url, visiting(browser) as visit:
        page = visit(url)
        start(page, "worse")
        page.wait_for_function(STATUS, arg="finished")
        assert "Ended early at step" in page.inner_text("#result")
        assert page.locator("#chart .dots .best").count() == 1
        marked = float(page.text_content("#chart .best-label").split()[-1])
    run = newest(workspace)
    judged, over_at = Judged(), 0
    rule = Rule(METRICS["validation_loss"], 3, 0.0)
    for event in events_of(run):
        if isinstance(event, Evaluated) and not over_at:
            judged = judge(judged, rule, event.step, float("nan") if event.loss is None else event.loss)
            over_at = event.step if is_over(judged, rule) else 0
    state = replay(run.folder.events)
    assert 0 < over_at == state.step < 60
    assert state.finish is not None and (state.finish.result_step or state.step) == judged.best_step == state.best_step
    assert state.best_loss is not None and marked == pytest.approx(state.best_loss, rel=1e-3)
    assert judged.best_step in {each.step for each in usable_checkpoints(run.folder)}


def test_two_browsers_steer_one_run_and_discarding_asks_first(workspace: Workspace, browser: Any) -> None:
    preset(workspace, "shared", schedule__max_steps=5_000)
    with serving(workspace) as url, visiting(browser) as visit:
        first, second = visit(url), visit(url)
        start(first, "shared")
        second.wait_for_function(STEP, arg=2)
        second.click("#command-pause")
        for page in (first, second):
            page.wait_for_function(STATUS, arg="paused")
        first.click("#command-continue")
        for page in (first, second):
            page.wait_for_function(STATUS, arg="running")
        second.click("#command-discard")
        second.wait_for_selector("#discard-question", state="visible")
        second.click("#discard-cancel")
        second.wait_for_selector("#discard-question", state="hidden")
        first.click("#command-discard")
        first.click("#discard-confirm")
        for page in (first, second):
            page.wait_for_function(STATUS, arg="stopped")
            page.wait_for_selector("#command-pause", state="hidden")
        assert "discarded" in second.inner_text("#result")
    run = newest(workspace)
    assert run.status == "stopped" and run.result == "" and usable_checkpoints(run.folder) == []
    given = [event.command for event in events_of(run) if isinstance(event, CommandGiven)]
    assert given == ["pause", "continue", "discard"]
    assert [event.command for event in events_of(run) if isinstance(event, CommandObeyed)] == ["pause", "continue"]


@pytest.mark.long
def test_of_a_queue_of_three_the_others_run_when_the_one_in_the_middle_fails(
    workspace: Workspace, browser: Any
) -> None:
    preset(workspace, "swept", schedule__max_steps=2)
    with serving(workspace) as url, visiting(browser) as visit:
        page = visit(url)
        load_preset(page, "swept")
        page.click("#queue-fold > button")
        page.click("#sweep-setting-0 input")
        page.get_by_role("option", name="Length limit", exact=True).click()
        page.fill("#sweep-values-0 textarea, #sweep-values-0 input", "400, 16, 390")  # no row fits into 16 tokens
        page.click("#sweep-add")
        page.wait_for_selector("#queue-said .box")
        deadline = time.monotonic() + 300
        while [run.status for run in runs_in_order(workspace)] != ["finished", "failed", "finished"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        page.get_by_role("tab", name="Runs").click()
        page.wait_for_selector("#runs-table .pill.failed")
        page.click("#runs-table tr:has(.pill.failed) .name button")
        page.wait_for_selector("#run-summary .box.bad")
        page.click(".compare-sweep")
        page.wait_for_function("document.querySelectorAll('#compared thead th').length === 4")
    assert [run.step for run in runs_in_order(workspace)] == [2, 0, 2]


def runs_in_order(workspace: Workspace) -> list[RunInfo]:
    return Record(workspace).list_runs(sort="created")


PEOPLE = {"ada": "first secret"}


def without_end(config: RunConfig) -> Iterator[Event]:
    """A run that trains a few steps and then takes its time until it is stopped."""
    yield from itertools.islice(plain_script(config), 20)
    while True:
        yield Progressed(time.time(), 5, 60, "steps")


@pytest.fixture
def guarded() -> Iterator[tuple[FakeEngine, str]]:
    """A page behind a password over the fake engine."""
    engine = FakeEngine(without_end, seconds=0.05)
    first = RunConfig(
        model=ModelSettings(name=BUILTIN), data=DataSettings(datasets=("demo",)), output=OutputSettings(name="of ada")
    )
    context = PageContext(engine, datasets=lambda folder: [DatasetChoice("demo", 120)], load_preset=lambda name: first)
    launched = launch(build_page(context), Address(), Entry(door=Door(Accounts(PEOPLE))))
    yield engine, launched.url
    engine.stop()
    engine.join()
    launched.blocks.close(verbose=False)


def signed_in(browser: Any, url: str, name: str) -> Any:
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    answer = context.request.post(f"{url}/login", form={"username": name, "password": PEOPLE[name]})
    assert answer.ok
    page = context.new_page()
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_selector("html.tsft-ready", state="attached")
    return page


def test_a_second_start_asks_whether_to_queue_and_who_asked_is_shown_to_both(
    guarded: tuple[FakeEngine, str], browser: Any
) -> None:
    engine, url = guarded
    first, second = signed_in(browser, url, "ada"), signed_in(browser, url, "ada")
    first.click("#start")
    for page in (first, second):
        page.wait_for_function(STEP, arg=2)
    second.click("#start")
    second.wait_for_selector("#queue-question", state="visible")
    second.click("#queue-not-now")
    second.wait_for_selector("#queue-question", state="hidden")
    second.wait_for_selector("#refusal .box", state="hidden")
    assert engine.waiting == []
    second.click("#start")
    second.wait_for_selector("#queue-question", state="visible")
    second.click("#queue-add")
    for page in (first, second):
        page.wait_for_selector("#queue-list li")
        assert "of ada builtin, demo, ada" in page.inner_text("#queue-list li")
    first.click("#command-checkpoint")
    for page in (first, second):
        page.wait_for_selector("#panel .pending")
        assert page.inner_text("#panel .pending") == "Asked for, not done yet: Checkpoint now (by ada)"
    second.click("#queue-list [data-does=remove]")
    first.wait_for_selector("#queue-list li", state="detached")
    for page in (first, second):
        page.context.close()
