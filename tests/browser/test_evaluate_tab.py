"""The Evaluate tab in Chromium: verdict, wrong answers, a row with its stretches, the label room, files, a phone."""

import csv
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import Served, workspace_served
from tests.evaluation_folders import evaluation, right, shifted
from tests.fakes import FakeEngine
from tsft.data.labelling.inbox import Inbox
from tsft.run.evaluation import EvaluationSettings
from tsft.store.workspace import open_workspace

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
TASKS = {"anomalies": 2, "trend": 1}


def sometimes_late(index: int, row: Any) -> str:
    return shifted(row) if index % 2 else str(row["output"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("evaluated")
    evaluation(open_workspace(folder), {"tuned": right, "base": sometimes_late}, tasks=TASKS, count=30)
    yield from workspace_served(folder)


def open_tab(page: Any) -> None:
    page.click("#tab-evaluate-button")
    page.wait_for_selector("#evaluate-head h2")
    page.wait_for_selector("#evaluate-rows tr[data-row]")


def test_a_report_is_read_its_wrong_answers_found_drawn_sent_on_and_taken_away(served: Served, open_page: Any) -> None:
    page = open_page()
    open_tab(page)
    assert "looks at the series" in page.inner_text(".verdicts")
    assert page.locator("table.overall tr.baseline").count() >= 3
    page.click("details.task[data-task=trend] summary")
    assert page.locator("details.task[data-task=trend] table.confusion:visible").count() >= 2
    page.select_option("[data-filter=model]", "base")
    page.select_option("[data-filter=task]", "anomalies")
    page.select_option("[data-filter=outcome]", "wrong")
    page.wait_for_selector("#evaluate-rows tr[data-row]:has(.outcome.wrong)")
    page.wait_for_function("!document.querySelector('#evaluate-rows .outcome.right')")
    drawn = page.locator("#evaluate-rows tr[data-row]")
    row = next(
        drawn.nth(place) for place in range(drawn.count()) if "none" not in drawn.nth(place).inner_text().split("\n")
    )
    number = int(row.get_attribute("data-row"))
    row.click()
    page.wait_for_selector(f".answer-card[data-row='{number}'] .series-panel[data-drawn]")
    assert row.get_attribute("aria-current") == "true"
    for css in ("truth", "said1", "said2"):
        assert page.locator(f".answer-card .marks .mark.{css}").count() >= 1
        assert page.locator(f".mark-legend .{css}").is_visible()
    page.click(".answer-card [data-do=send]")
    page.wait_for_function("document.querySelector('#evaluate-sent')?.innerText.includes('label room')")
    assert [each.source["row"] for each in Inbox(served.workspace.labels).items()] == [number + 1]
    page.click(".answer-card [data-do=next]")
    page.wait_for_function("(row) => document.querySelector('.answer-card').dataset.row !== row", arg=str(number))
    with page.expect_download() as download:
        page.click("[data-take=answers_csv]")
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len([each for each in rows if not each["control"]]) == 60 and {"right", "wrong"} <= {
        each["outcome"] for each in rows
    }
    page.fill("[data-filter=text]", "no such words anywhere")
    page.press("[data-filter=text]", "Enter")
    page.wait_for_function("document.querySelector('#evaluate-rows')?.innerText.includes('No row')")


def test_problems_stand_at_their_fields_and_progress_outlives_a_reload(served: Served, open_page: Any) -> None:
    engine: FakeEngine = served.engine
    page = open_page()
    open_tab(page)
    page.click("#evaluate-more button.label-wrap")
    page.click("#evaluate-start")
    for name in ("models", "datasets"):
        page.wait_for_selector(f"#set-evaluate-{name}.wrong .field-error")
    page.fill("#set-evaluate-top_p input", "7")
    page.click("#evaluate-start")
    page.wait_for_selector("#set-evaluate-top_p.wrong .field-error")
    assert page.locator("#evaluate-problems li").count() == 3 and engine.evaluation() is None
    page.fill("#set-evaluate-top_p input", "1")
    for name, text in (("models", "builtin"), ("datasets", "sensors")):
        page.fill(f"#set-evaluate-{name} input", text)
        page.get_by_role("option", name=text).first.click()
        page.keyboard.press("Escape")
    page.click("#evaluate-start")
    page.wait_for_selector("#evaluate-progress .bar")
    assert not page.locator(".field-error.of-evaluate").count()
    assert engine.evaluation() is not None and engine.evaluation().settings.datasets == ("sensors",)
    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector("html.tsft-ready", state="attached")
    open_tab(page)
    page.wait_for_selector("#evaluate-progress .bar")
    assert "1 of 4" in page.inner_text("#evaluate-progress")
    page.click("#evaluate-stop")
    page.wait_for_function("document.querySelector('#evaluate-progress')?.innerText.includes('was stopped')")
    page.wait_for_selector("#evaluate-stop", state="hidden")
    assert engine.evaluation().settings == EvaluationSettings(models=("builtin",), datasets=("sensors",))


def test_a_chinese_phone_reads_the_report_and_a_row_without_scrolling_sideways(served: Served, open_page: Any) -> None:
    page = open_page(locale="zh-CN", viewport=PHONE)
    open_tab(page)
    page.wait_for_function("document.querySelector('#evaluate-start')?.innerText.includes('开始评估')")
    page.click("details.task[data-task=trend] summary")
    page.wait_for_selector("details.task[data-task=trend] table.confusion")
    assert "查看了序列" in page.inner_text(".verdicts") and "总分" in page.inner_text("#evaluate-report")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.click("#evaluate-rows tr[data-row] >> nth=0")
    page.wait_for_selector(".answer-card .series-panel[data-drawn]")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert "发送到标注室" in page.inner_text(".answer-card")


def test_preference_rows_are_counted_and_written_from_the_answers_in_view(served: Served, open_page: Any) -> None:
    page = open_page()
    open_tab(page)
    page.click("#evaluate-prefer > button.label-wrap")
    page.wait_for_selector("#set-prefer-margin input")
    page.click("#prefer-count")
    page.wait_for_function("document.querySelector('#prefer-said')?.innerText.includes('pairs from')")
    page.click("#set-prefer-kind input")
    page.get_by_role("option", name="single answers").click()
    page.wait_for_selector("#set-prefer-good input")
    page.wait_for_selector("#set-prefer-margin", state="hidden")
    page.fill("#set-prefer-name textarea, #set-prefer-name input", "judged by scores")
    page.click("#prefer-write")
    page.wait_for_function("document.querySelector('#prefer-said')?.innerText.includes('The Data tab shows')")
    assert (served.workspace.datasets / "judged_by_scores.jsonl").is_file()
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
