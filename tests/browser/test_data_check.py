"""The Data tab's doctor and viewer in Chromium: check, waive, fix a copy; rows by steps, jumps and filters; zoom."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.test_main_job import visiting
from tests.data_fakes import write_lines
from tests.fakes import FakeEngine
from tests.test_data_diagnosis import changed, good, walk
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.context import PageContext
from tsft.ui.data.room import DataRoom
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page

pytestmark = pytest.mark.browser

FROM_TO = (
    "() => { const { from, to } = document.querySelector('.series-panel').dataset; return [Number(from), Number(to)]; }"
)
ROW = "(wanted) => document.querySelector('#rows-row article')?.dataset.row === wanted"
PHONE = {"width": 390, "height": 844}


def faulty() -> list[Any]:
    rows: list[Any] = [
        {**good(seed), "meta": json.dumps({"task": "odd" if seed % 2 else "even"})} for seed in range(30)
    ]
    rows[4] = changed(4, timeseries=[[1.0, None, 2.5, 3.0]])
    rows[6] = changed(6, timeseries=[[5.0] * 40])
    rows[8] = changed(8, output="The shift is at points 10-20 <b>and</b> at point 400.")
    rows[29] = rows[0]
    return rows


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Workspace]]:
    workspace = open_workspace(tmp_path_factory.mktemp("data"))
    workspace.datasets.mkdir(parents=True, exist_ok=True)
    write_lines(workspace.datasets / "faulty.jsonl", faulty())
    write_lines(workspace.datasets / "long.jsonl", [{**good(50), "timeseries": [walk(50, 3_000), walk(51, 3_000)]}])
    engine = FakeEngine()
    context = PageContext(engine, str(workspace.root), presets=list, data=DataRoom(workspace, engine))
    launched = launch(build_page(context), Address())
    yield launched.url, workspace
    launched.blocks.close(verbose=False)


def open_section(page: Any, dataset: str, section: str) -> None:
    page.click("#tab-data-button")
    page.wait_for_function("document.querySelector('#data-which input')?.value")
    if page.input_value("#data-which input") != dataset:
        page.click("#data-which input")
        page.get_by_role("option", name=dataset, exact=True).click()
    page.click(f"#data-{section}-button")


def wait_row(page: Any, index: int) -> None:
    page.wait_for_function(ROW, arg=str(index))


@pytest.mark.long
def test_a_dataset_is_checked_waived_repaired_and_the_copy_is_chosen(
    served: tuple[str, Workspace], browser: Any
) -> None:
    url, workspace = served
    with visiting(browser) as visit:
        page = visit(url)
        open_section(page, "faulty", "check")
        page.wait_for_selector("#check-report .quiet")
        page.click("#check-start")
        page.wait_for_selector("#check-report .doctor[data-ready='0']")
        kinds = page.eval_on_selector_all(".finding", "all => all.map(each => each.dataset.kind)")
        assert kinds == ["value_null", "constant", "duplicate", "quoted_position"]
        assert "Rows with errors: 1" in page.inner_text("#check-report .box")
        assert page.locator(".finding[data-kind=constant] .picture").count() == 1
        page.click(".finding[data-kind=constant] [data-waive]")
        page.wait_for_selector(".finding.waived[data-kind=constant] [data-unwaive]")
        page.select_option(".finding[data-kind=quoted_position] select", "")
        page.wait_for_function(
            "document.querySelector('.finding[data-kind=quoted_position] .fix-help').innerText.includes('unchanged')"
        )
        page.select_option(".finding[data-kind=constant] select", "")
        page.fill("#check-name input, #check-name textarea", "mended")
        page.click("#check-fix")
        page.wait_for_selector("#check-copied [data-copy=mended]")
        page.wait_for_function("document.querySelector('#data-which input').value === 'mended'")
        # The choice is another dataset now, which nobody has checked.
        page.wait_for_selector("#check-report:not(:has(.doctor))")
        kept = [json.loads(line) for line in (workspace.datasets / "mended.jsonl").read_text().splitlines()]
        assert (
            len(kept) == 29
            and kept[4]["timeseries"] == [[1.0, 1.75, 2.5, 3.0]]
            and kept[8]["output"] == faulty()[8]["output"]
        )
        page.click("#check-start")
        page.wait_for_selector(".finding[data-kind=constant]:not(.waived)")
        assert page.locator(".finding.error").count() == 0


def test_rows_are_looked_at_one_after_another_filtered_and_through_the_models_eyes(
    served: tuple[str, Workspace], browser: Any
) -> None:
    with visiting(browser) as visit:
        page = visit(served[0])
        open_section(page, "faulty", "check")
        page.wait_for_selector("#check-report .doctor, #check-report .quiet")
        if not page.locator("#check-report .doctor").count():
            page.click("#check-start")
        page.click(".finding[data-kind=value_null] .example")
        wait_row(page, 4)
        assert "null" in page.inner_text(".row-findings") and page.locator(".series-panel .gap-area").count() == 1
        page.click("#rows-next")
        wait_row(page, 5)
        # As the stand-in for a model spells it.
        answer = "".join(chr(10 + ord(letter) % 90) for letter in "Walk 5 of its own.")
        assert page.text_content(".pieces .piece.trained") == answer
        page.fill("#rows-number input", "9")
        page.press("#rows-number input", "Enter")
        wait_row(page, 8)
        assert page.locator(".row-texts mark.answer").inner_text() == "points 10-20"
        assert page.locator(".row-texts mark.wrong").inner_text() == "point 400"
        assert page.locator(".marks .mark.answer").count() == 1 and page.locator(".row-texts .turn b").count() == 2
        page.check("#rows-ids input")
        page.wait_for_selector(".piece.token small")
        # The drawing is there again after the row's text was sent anew.
        page.wait_for_selector(".series-panel .mark.answer", state="attached")
        page.click("#rows-filter button.label-wrap")
        page.click("#rows-task input")
        page.get_by_role("option", name="odd", exact=True).click()
        wait_row(page, 9)
        page.click("#rows-next")
        wait_row(page, 11)
        assert "that pass the filter" in page.inner_text("#rows-where")
        page.click("#data-check-button")
        page.click(".finding[data-kind=duplicate] [data-show]")
        wait_row(page, 29)
        assert "1 of 1" in page.inner_text("#rows-where")
        page.click("#rows-lengths button.label-wrap")
        page.wait_for_selector("#rows-histograms figure >> nth=1")


def test_a_drawing_is_zoomed_moved_and_read_by_keys_wheel_and_hand(served: tuple[str, Workspace], browser: Any) -> None:
    with visiting(browser) as visit:
        page = visit(served[0])
        open_section(page, "long", "rows")
        page.wait_for_selector(".series-panel[data-drawn]")
        assert page.is_visible("#rows-check") and page.is_hidden("#rows-filter")
        drawn = int(page.get_attribute(".series-panel", "data-drawn"))
        assert drawn <= 2 * page.locator(".series-panel svg.plot").first.bounding_box()["width"] + 4
        frame = page.locator(".series-frame").first
        frame.focus()
        page.keyboard.press("+")
        page.keyboard.press("+")
        first, last = page.evaluate(FROM_TO)
        assert 0 < first < last < 2_999
        page.keyboard.press("Shift+ArrowRight")
        assert page.evaluate(FROM_TO)[0] > first
        page.keyboard.press("ArrowRight")
        said = page.locator(".series-said").all_inner_texts()
        assert all(each.startswith("point ") for each in said) and len(said) == 2
        box = frame.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
        page.mouse.wheel(0, 300)
        wide = page.evaluate(FROM_TO)
        assert wide[1] - wide[0] > last - first
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2 + 80, box["y"] + 60, steps=3)
        page.mouse.up()
        assert page.evaluate(FROM_TO)[0] < wide[0]
        page.keyboard.press("0")
        assert page.evaluate(FROM_TO) == [0, 2_999]
        page.set_viewport_size(PHONE)
        for section in ("check", "rows"):
            page.evaluate("(section) => document.getElementById(`data-${section}-button`).click()", section)
            page.wait_for_selector(f"#data-{section}", state="visible")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
