"""From a table to rows on the page, and rows that are generated there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Served, workspace_served
from tests.build_fakes import wide

pytestmark = pytest.mark.browser

NAB = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nab"
MACHINE, WINDOWS = NAB / "machine_temperature_system_failure.csv", NAB / "combined_windows.json"
PHONE = {"viewport": {"width": 390, "height": 844}, "locale": "zh-CN"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from workspace_served(tmp_path_factory.mktemp("data"))


def open_section(open_page: Any, name: str, **options: Any) -> Any:
    page = open_page(**options)
    page.click("#tab-data-button")
    page.wait_for_selector("#data-sections > .tab-wrapper button:visible")
    button = page.locator(f"#data-{name}-button:visible")
    if not button.count():
        # Where there is no room the last tabs are in a list.
        page.click("#data-sections > .tab-wrapper .overflow-menu > button")
        places = {"build": -3, "generate": -2}
        page.click(f"#data-sections > .tab-wrapper .overflow-dropdown button >> nth={places[name]}")
    else:
        button.click()
    return page


def bring(page: Any, *files: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("#build-file")
    chooser.value.set_files([str(each) for each in files])
    page.wait_for_selector("#build-looked table.counts")


def rows_of(served: Served, name: str) -> list[dict[str, Any]]:
    path = served.workspace.datasets / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def is_wide(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.skipif(not NAB.is_dir(), reason="the shared data is not here")
def test_the_machine_becomes_training_and_test_rows(open_page: Any, served: Served) -> None:
    page = open_section(open_page, "build")
    bring(page, MACHINE, WINDOWS)
    assert "22,695 rows" in page.inner_text("#build-looked")
    page.fill("#build-columns [data-part=en]", "machine temperature")
    page.fill("#build-columns [data-part=zh]", "机器温度")
    page.fill("#build-columns [data-part=unit]", "°C")
    page.click("#build-tasks label:has-text('counting')")
    page.fill("#set-build-name :is(input, textarea)", "machine")
    page.click("#build-preview")
    page.wait_for_selector(".row-card >> nth=19")
    page.click("#build-build")
    page.wait_for_selector("#build-told .box.good")
    page.wait_for_selector("#build-open:visible")
    assert page.input_value("#data-which input") == "machine-train"
    found = {}
    for split in ("train", "test"):
        rows = rows_of(served, f"machine-{split}")
        metas = [json.loads(row["meta"]) for row in rows]
        assert {each["language"] for each in metas} == {"en", "zh"}
        assert {"anomalies", "rule", "value_at"} <= {each["task"] for each in metas} and any(
            m["is_none"] for m in metas
        )
        assert "count" not in {each["task"] for each in metas}
        assert all(("machine temperature" in row["input"]) != ("机器温度" in row["input"]) for row in rows)
        found[split] = [each["times"] for each in metas]
    assert max(last for _, last in found["train"]) < min(first for first, _ in found["test"])
    page.click("#build-recipe-fold > button")
    page.wait_for_selector("#build-recipe-command:has-text('tsft data build machine ')")
    assert '"count"' not in page.inner_text("#build-recipe-json")
    page.click("#build-open")
    page.wait_for_selector("#data-rows-button[aria-selected=true]")


def test_what_is_wrong_is_told_and_leads_to_its_control(open_page: Any, tmp_path: Path) -> None:
    page = open_section(open_page, "build")
    bring(page, wide(tmp_path, count=1600))
    page.fill("#set-build-window input", "3")
    page.fill("#set-build-name :is(input, textarea)", "")
    page.click("#build-build")
    page.wait_for_selector("#build-problems li:has(button[data-field=set-build-name])")
    page.click("#build-problems button[data-field=set-build-window]")
    page.wait_for_function("document.activeElement.closest('#set-build-window')")


def test_examples_and_a_small_dataset_are_generated(open_page: Any, served: Served) -> None:
    page = open_section(open_page, "generate")
    page.wait_for_selector("#synth-tasks fieldset")
    page.click("#synth-examples")
    page.wait_for_selector(".row-card >> nth=4")
    first = page.inner_text(".row-card >> nth=2")
    page.fill("#synth-number input", "2")
    page.click("#synth-single")
    page.wait_for_function("document.querySelectorAll('.row-card').length == 1")
    assert page.inner_text(".row-card") == first
    page.click("#synth-reseed")
    page.wait_for_function("document.querySelectorAll('.row-card').length == 5")
    page.fill("#set-synth-count input", "40")
    page.fill("#set-synth-name :is(input, textarea)", "small")
    page.click("#synth-generate")
    page.wait_for_selector("#synth-told .box.good")
    assert page.input_value("#data-which input") == "small" and len(rows_of(served, "small")) == 40
    page.click("#synth-measure")
    page.wait_for_selector("#synth-worth table")


@pytest.mark.long
def test_both_sections_fit_on_a_phone_and_speak_chinese(open_page: Any, tmp_path: Path) -> None:
    page = open_section(open_page, "generate", **PHONE)
    page.wait_for_selector("#synth-tasks fieldset")
    page.click("#synth-examples")
    page.wait_for_selector(".row-card >> nth=4")
    assert not is_wide(page) and "趋势" in page.inner_text("#synth-tasks")
    page.click("#data-sections > .tab-wrapper .overflow-menu > button")
    page.click("#data-sections > .tab-wrapper .overflow-dropdown button:has-text('构建')")
    bring(page, wide(tmp_path, count=1600))
    page.click("#build-preview")
    page.wait_for_selector("#build-shown .row-card")
    assert not is_wide(page)
    small = page.evaluate(
        "[...document.querySelectorAll('#builder button:not(.icon-button), #builder .entries label')]"
        ".filter((e) => e.offsetParent && e.getBoundingClientRect().height < 43).map((e) => e.outerHTML.slice(0, 90))"
    )
    assert small == []
