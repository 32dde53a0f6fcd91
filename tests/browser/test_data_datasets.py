"""Files are dropped on the page, become datasets, and leave it again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Served, workspace_served

pytestmark = pytest.mark.browser

ROW = {"input": "温度 <ts><ts/> 上升吗？", "output": "是", "timeseries": [[1.0, 2.5, 3.0, 2.0]]}
SENSORS = "timestamp,value\n2024-01-01 00:00:00,1.5\n2024-01-01 00:05:00,2.5\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from workspace_served(tmp_path_factory.mktemp("data"))


def open_data(open_page: Any, **options: Any) -> Any:
    page = open_page(**options)
    page.click("#tab-data-button")
    page.wait_for_selector("#data-table tr[data-dataset=demo]")
    return page


def test_dropped_files_become_a_dataset_and_a_table_and_the_dataset_leaves_again(
    open_page: Any, served: Served, tmp_path: Path
) -> None:
    own, machine = tmp_path / "own.jsonl", tmp_path / "machine.csv"
    own.write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    machine.write_text(SENSORS, encoding="gb18030")
    page = open_data(open_page)
    page.set_input_files("#data-files input[type=file]", [str(own), str(machine)])
    page.wait_for_selector("#data-files :text('machine')")
    page.click("#data-bring")
    page.wait_for_selector("#data-arrived .box")
    assert "Dataset own was added." in page.inner_text("#data-arrived")
    assert "machine.csv is a table of measurements" in page.inner_text("#data-arrived")
    page.wait_for_selector("#data-table tr.chosen[data-dataset=own]")
    assert "Chinese" in page.inner_text("#data-table tr[data-dataset=own]")
    assert "own.jsonl" in page.inner_text("#data-told")
    assert [each.name for each in served.workspace.tables.iterdir()] == ["machine.csv"]

    page.click("#data-export")
    with page.expect_download() as download:
        page.click("#data-exported a")
    assert download.value.suggested_filename == "own.jsonl"
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["output"] == "是"

    page.click("#data-table tr[data-dataset=demo] button")
    page.wait_for_selector("#data-told :text('About demo')")
    page.fill("#data-path textarea, #data-path input", str(tmp_path / "gone.csv"))
    page.click("#data-bring")
    page.wait_for_selector("#data-bring-progress .box.bad")
    assert "gone.csv" in page.inner_text("#data-bring-progress")


@pytest.mark.long
def test_on_a_phone_in_chinese_nothing_is_wider_than_the_screen(open_page: Any) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "locale": "zh-CN", "color_scheme": "dark"}
    page = open_data(open_page, **phone)
    page.wait_for_selector("#data-sections button:text-is('由表格构建')")
    assert "内置" in page.inner_text("#data-table tr[data-dataset=demo]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
