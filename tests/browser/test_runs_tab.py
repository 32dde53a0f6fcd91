"""The Runs tab over a real record of scripted runs: looked through, compared, described, gone on with, reported."""

import csv
import dataclasses
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_main_job import visiting
from tests.engine_runs import small
from tests.fakes import FakeEngine, plain_script
from tests.store_fakes import write_checkpoint
from tsft.errors import message
from tsft.run.events import Event, Finished, PhaseChanged, RunStarted, StepLogged, to_line
from tsft.store.record import Record
from tsft.store.runs import RunInfo
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page
from tsft.ui.run_source import RunSource

pytestmark = pytest.mark.browser

CHART = "(wanted) => document.querySelector('#run-chart .tsft-chart')?.dataset.points === wanted"
COMPARED = "(wanted) => document.querySelector('#compared-chart .tsft-chart')?.dataset.runs === wanted"
CELL = "([run, words]) => document.querySelector(`tr[data-run='${run}'] .status`)?.innerText.includes(words)"


@dataclasses.dataclass
class Tab:
    """The page, its engine and record, and the three runs that are listed: two of a sweep, and one in progress."""

    url: str
    engine: FakeEngine
    record: Record
    slow: RunInfo
    fast: RunInfo
    going: RunInfo


def say(run: RunInfo, *events: Event) -> None:
    with run.folder.events.open("a", encoding="utf-8") as file:
        file.writelines(to_line(each) + "\n" for each in events)


def over(record: Record, name: str, **changes: Any) -> RunInfo:
    """A run of a sweep that finished after 60 steps, with checkpoints at 30 and 60."""
    config = small(output__name=name, **changes)
    run = record.create_run(config, by="ada", sweep="learning rate")
    end = Finished(3.0, "finished", 60, "", message("run.stopped", step=60))
    say(run, RunStarted(1.0, run.id, name, by="ada"), *plain_script(config), end)
    for step, loss in ((30, 2.2), (60, 1.9)):
        write_checkpoint(run.folder, step, loss)
    record.update(run.id, status="finished", step=60, steps=60, score=1.9, started_at=1e9, ended_at=1e9 + 60)
    return record.get(run.id)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    workspace = open_workspace(tmp_path_factory.mktemp("runs"))
    record, engine = Record(workspace), FakeEngine()
    runs = [over(record, name, optim__learning_rate=rate) for name, rate in (("slow", 1e-4), ("fast", 1e-3))]
    going = record.create_run(small(output__name="going on", lora__rank=8))
    record.claim(going.id)
    say(going, RunStarted(1.0, going.id, "going on"), PhaseChanged(1.0, "training"))
    record.update(going.id, status="running", steps=90)
    context = PageContext(engine, str(workspace.root), run_actions=RunSource(workspace, record).actions())
    launched = launch(build_page(context), Address())
    yield Tab(launched.url, engine, record, *runs, record.get(going.id))
    launched.blocks.close(verbose=False)


def open_runs(page: Any) -> None:
    page.click("#tab-runs-button")
    page.wait_for_selector("#runs-table tr.chosen")


def choose(page: Any, run: RunInfo) -> None:
    page.click(f"#runs-table tr[data-run='{run.id}'] .name button")
    page.wait_for_selector(f"#runs-table tr.chosen[data-run='{run.id}']")


def test_two_runs_are_overlaid_with_only_the_settings_in_which_they_differ(tab: Tab, browser: Any) -> None:
    with visiting(browser) as visit:
        page = visit(tab.url)
        open_runs(page)
        for run in (tab.slow, tab.fast):
            page.check(f"#runs-table tr[data-run='{run.id}'] .mark input")
        page.click("#runs-compare:not([disabled])")
        page.wait_for_function(COMPARED, arg="2")
        rows = page.eval_on_selector_all("#compared tbody tr", "rows => rows.map(row => row.innerText.split('\\t'))")
        assert rows == [["Best score", "1.9", "1.9"], ["Learning rate", "0.0001", "0.001"]]
        hidden = page.locator("#compared-chart .runs-legend button", has_text="slow")
        hidden.click()
        assert hidden.get_attribute("aria-pressed") == "false"
        page.click("#runs-clear")
        page.wait_for_selector("#comparison", state="hidden")
        choose(page, tab.fast)
        page.click(".compare-sweep")
        page.wait_for_selector("#comparison", state="visible")
        assert page.locator("#runs-table .mark input:checked").count() == 2


def test_the_curve_is_read_zoomed_and_put_on_another_axis(tab: Tab, browser: Any) -> None:
    with visiting(browser) as visit:
        page = visit(tab.url)
        open_runs(page)
        choose(page, tab.fast)
        page.wait_for_function(CHART, arg="60")
        assert page.locator("#run-chart .dots .best").count() == 1
        assert page.text_content("#run-chart .best-label").startswith("Best")
        page.locator("#run-chart svg.plot").first.scroll_into_view_if_needed()
        box = page.locator("#run-chart svg.plot").first.bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 2, middle)
        assert "Validation" in page.inner_text("#run-chart .tip")
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=3)
        page.mouse.up()
        page.wait_for_selector("#run-chart .reset", state="visible")
        page.click("#run-chart .reset")
        page.wait_for_selector("#run-chart .reset", state="hidden")
        page.click("#run-chart .log-scale")
        assert page.get_attribute("#run-chart .log-scale", "aria-pressed") == "true"
        page.select_option("#run-chart select.axis", "tokens")
        assert "40k" in page.text_content("#run-chart svg.plot >> nth=0")


def test_a_run_is_found_named_resumed_extended_and_cloned(tab: Tab, browser: Any) -> None:
    with visiting(browser) as visit:
        page = visit(tab.url)
        open_runs(page)
        page.fill("#runs-search textarea, #runs-search input", "slow")
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelectorAll('#runs-table tbody tr').length === 1")
        choose(page, tab.slow)
        page.fill("#run-notes textarea", "too slow <b>by far</b>")
        page.fill("#run-tags textarea, #run-tags input", "first, kept")
        page.click("#run-save")
        page.wait_for_selector("#runs-table .tag >> nth=1")
        assert "by far</b>" in page.inner_text("#runs-table td.notes")
        page.click("#run-checkpoint input")
        page.get_by_role("option", name=re.compile("Step 30")).click()
        page.click("#resume")
        page.wait_for_selector("#runs-said .box")
        page.fill("#run-epochs input", "2")
        page.click("#run-extend")
        page.wait_for_function("document.querySelector('#runs-said')?.innerText.includes('longer')")
        assert tab.engine.resumed_from == [(30, 0.0), (60, 2.0)]
        page.click("#run-clone")
        page.wait_for_selector("#start", state="visible")
        page.wait_for_function("document.querySelector('#set-optim-learning_rate textarea').value === '0.0001'")
        page.click("#start")
        page.wait_for_selector("#panel .panel")
        assert tab.engine.parents == [tab.slow.id]


def test_an_open_list_follows_a_run_without_disturbing_its_reader(tab: Tab, browser: Any) -> None:
    with visiting(browser) as visit:
        page = visit(tab.url)
        open_runs(page)
        choose(page, tab.going)
        mark = page.locator(f"#runs-table tr[data-run='{tab.going.id}'] .mark input")
        mark.check()
        page.fill("#run-notes textarea", "half a sent")
        say(tab.going, StepLogged(2.0, 41, 0.1, 3.0, 1e-4, 1.0))
        tab.record.update(tab.going.id, step=41)
        page.wait_for_function(CELL, arg=[tab.going.id, "41 / 90"])
        page.wait_for_function(CHART, arg="1")
        say(tab.going, *(StepLogged(3.0, 42 + more, 0.1, math.nextafter(3.0, 4.0), 1e-4, 1.0) for more in range(2)))
        page.wait_for_function(CHART, arg="3")  # a curve that is flat but for its last digit has an axis, too
        assert page.locator("#run-chart svg.plot").first.locator("text").count() > 2
        assert mark.is_checked() and page.input_value("#run-notes textarea") == "half a sent"


def test_a_run_is_downloaded_as_report_table_and_config_and_deleted_after_a_question(
    tab: Tab, browser: Any, tmp_path: Path
) -> None:
    gone = over(tab.record, "to be deleted")
    with visiting(browser) as visit:
        page = visit(tab.url)
        open_runs(page)
        choose(page, gone)
        files = {kind: tmp_path / kind for kind in ("report", "metrics", "config")}
        for kind, path in files.items():
            with page.expect_download() as waiting:
                page.click(f"#run-{kind}")
            waiting.value.save_as(path)
        page.click("#run-delete")
        page.wait_for_selector("#run-question", state="visible")
        assert re.search(r"to be deleted.*\d kB", page.inner_text("#run-question"))
        page.click("#run-cancel")
        page.wait_for_selector("#run-question", state="hidden")
        assert gone.folder.path.is_dir()
        page.click("#run-delete")
        page.click("#run-confirm")
        page.wait_for_selector(f"#runs-table tr[data-run='{gone.id}']", state="detached")
    assert not gone.folder.path.exists()
    assert len(list(csv.DictReader(files["metrics"].open()))) == 60
    assert json.loads(files["config"].read_text())["output"]["name"] == "to be deleted"
    report = files["report"].rename(tmp_path / "report.html")
    context = browser.new_context(offline=True)
    offline = context.new_page()
    refused: list[str] = []
    offline.on("console", lambda said: refused.append(said.text))
    offline.goto(report.as_uri())
    offline.wait_for_function("document.querySelector('.tsft-chart')?.dataset.points === '60'")
    assert offline.inner_text("h1") == "to be deleted" and offline.locator(".curve.raw").count() == 1
    context.close()
    assert refused == []
