"""The label room in Chromium: brush, name, accept by keyboard, draft, save as rows; also on a phone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import PACE_SECONDS, Served
from tests.fakes import FakeEngine
from tsft.data.labelling.inbox import flag
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext
from tsft.ui.data.room import DataRoom
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page

pytestmark = pytest.mark.browser

POINTS = [round(float(np.sin(each / 6)), 4) for each in range(120)]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    workspace = open_workspace(tmp_path_factory.mktemp("labelled"))
    engine = FakeEngine(seconds=PACE_SECONDS)
    room = DataRoom(workspace, engine)
    blocks = build_page(PageContext(engine, str(workspace.root), data=room))
    launched = launch(blocks, Address())
    yield Served(engine, launched.url, workspace)
    room.jobs.close()
    blocks.close(verbose=False)


@pytest.fixture
def inbox(served: Served) -> Path:
    """Four items that wait, nothing decided."""
    file = served.workspace.labels / "inbox.jsonl"
    file.unlink(missing_ok=True)
    for number in range(1, 5):
        turns = [{"role": "user", "content": f"Pump {number} (bar): <ts><ts/>\nWhat happens?"}]
        flag(served.workspace.labels, turns, [POINTS], {"kind": "chat", "name": "builtin"}, note="<b>look</b>")
    return file


def opened(open_page: Callable[..., Any], **options: Any) -> Any:
    page = open_page(**options)
    page.locator("button[role=tab]").filter(has_text="Data").first.click()
    tab = page.locator("#data-label-button")
    page.wait_for_selector("#data-sections .tab-wrapper", state="visible")
    if not tab.is_visible():  # on a phone the last tabs are in a menu
        page.locator("#data-sections > .tab-wrapper .overflow-menu > button").click()
        tab = page.locator("#data-sections > .tab-wrapper .overflow-dropdown button", has_text="Label")
    tab.click()
    page.wait_for_selector("#label-picture .series-panel[data-drawn]")
    return page


def brush(page: Any, begin: float, end: float) -> None:
    box = page.locator("#label-picture svg.plot").bounding_box()
    page.mouse.move(box["x"] + begin * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()


def item_in_view(page: Any, number: int) -> None:
    page.wait_for_function(
        "wanted => document.querySelector('#label-question textarea').value.startsWith(wanted)", arg=f"Pump {number}"
    )


def test_brushed_named_and_accepted_by_keyboard_the_items_become_rows(
    open_page: Callable[..., Any], served: Served, inbox: Path
) -> None:
    page = opened(open_page)
    assert page.locator("#label-head b").all_inner_texts()[0] == "Item 1 of 4"
    assert "<b>look</b>" in page.locator("#label-head").inner_text()

    page.locator("#label-head").click()
    page.keyboard.press("a")
    page.locator("#label-said .box.bad").wait_for()
    brush(page, 0.7, 0.8)
    page.locator("#label-marks [data-drop]").click()
    page.wait_for_function("!document.querySelector('#label-marks .mark-chip')")
    page.locator("#label-list .label-item").nth(2).click()
    item_in_view(page, 3)
    page.locator("#label-list .label-item").nth(0).click()
    item_in_view(page, 1)

    name = page.locator("#label-mark-name input")
    name.fill("my bump")
    name.press("Enter")
    name.press("Tab")
    brush(page, 0.3, 0.5)
    chip = page.locator("#label-marks .mark-chip")
    chip.wait_for()
    first, last = (int(each) for each in chip.inner_text().split("· ")[1].split("–"))
    assert chip.inner_text().startswith("my bump") and 25 < first < 45 < last < 70

    page.locator("#label-mark-last input").fill("60")
    page.locator("#label-mark-change").click()
    page.locator("#label-marks .mark-chip", has_text=f"{first}–60").wait_for()
    page.locator("#label-compute").click()
    page.wait_for_function("document.querySelector('#label-answer textarea').value.includes('-61')")
    assert page.locator("#label-answer textarea").input_value() == f"anomalies: {first}-61"
    page.locator("#label-head").click()
    page.keyboard.press("a")
    item_in_view(page, 2)

    answer = page.locator("#label-answer textarea")
    page.keyboard.press("c")
    page.keyboard.type("a sura")
    assert answer.input_value() == "a sura"
    page.keyboard.press("Control+Enter")
    item_in_view(page, 3)
    page.keyboard.press("r")
    item_in_view(page, 4)
    page.keyboard.press("u")
    item_in_view(page, 3)
    page.keyboard.press("d")
    page.wait_for_function("document.querySelector('#label-answer textarea').value === 'draft 1'")
    page.locator("#label-head").click()
    page.keyboard.press("a")
    item_in_view(page, 4)
    assert "Accepted (1)" in page.locator("#label-state").inner_text()
    assert "Corrected (2)" in page.locator("#label-state").inner_text()

    page.locator("#label-name input, #label-name textarea").fill("seen by hand")
    page.locator("#label-save").click()
    page.wait_for_function("document.querySelector('#data-which input').value === 'seen_by_hand'")
    rows = [json.loads(line) for line in (served.workspace.datasets / "seen_by_hand.jsonl").read_text().splitlines()]
    assert [each["output"] for each in rows] == [f"anomalies: {first}-61", "a sura", "draft 1"]
    meta = json.loads(rows[0]["meta"])
    assert meta["label"]["fields"][0]["value"] == [[first, 61]]
    assert meta["intervals"] == [{"series": 1, "name": "my bump", "start": first, "end": 61}]


@pytest.mark.long
def test_a_phone_shows_all_of_it_without_sideways_scrolling(open_page: Callable[..., Any], inbox: Path) -> None:
    page = opened(open_page, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("accept", "correct", "reject", "skip", "undo"):
        assert page.locator(f"#label-{name}").bounding_box()["height"] >= 44
    page.locator("#label-skip").click()
    item_in_view(page, 2)
