"""The Export tab in Chromium over scripted phases; `test_export_real.py` has a real model."""

import dataclasses
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import Served, workspace_served
from tests.export_folders import TEST, base_model, export_folder, trained
from tsft.errors import Problem, message
from tsft.run.export import carried

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from workspace_served(tmp_path_factory.mktemp("export"))


@pytest.fixture
def with_a_run(served: Served) -> Served:
    if not list(served.workspace.runs.iterdir()):
        base_model(served.workspace)
        trained(served.workspace)
    return served


def open_export(open_page: Any, **options: Any) -> Any:
    page = open_page(**options)
    page.evaluate("document.getElementById('tab-export-button').click()")  # a phone folds the last tabs away
    page.wait_for_selector("#export-about .told")
    return page


def move(served: Served, **changes: Any) -> None:
    assert served.engine.exporting is not None
    served.engine.exporting = dataclasses.replace(served.engine.exporting, **changes)


def test_an_export_is_followed_through_a_reload_to_its_self_test_and_downloaded(
    open_page: Any, with_a_run: Served
) -> None:
    served = with_a_run
    page = open_export(open_page)
    page.fill("#set-export-shard_gb input", "5000")
    page.fill("#set-export-repository input, #set-export-repository textarea", "nobody")
    page.click("#export-begin")
    page.wait_for_selector("#set-export-shard_gb .field-error")
    page.wait_for_selector("#set-export-repository.wrong")
    assert page.locator("#export-problems li").count() == 2
    page.click("#export-problems .to-field >> nth=0")
    assert page.evaluate("document.activeElement.closest('.setting').id") == "set-export-shard_gb"

    page.fill("#set-export-shard_gb input", "5")
    page.fill("#set-export-repository input, #set-export-repository textarea", "")
    page.check("#set-export-is_zipped input")
    page.wait_for_selector("#export-about :text('pump-merged.zip')")
    page.click("#export-begin")
    page.wait_for_selector("#export-progress [data-phase=preparing]")
    assert page.locator(".field-error").count() == 0
    move(served, phase="writing", subject="model.safetensors", done=1, total=4, unit="files")
    page.wait_for_selector("#export-progress [data-phase=writing] [aria-valuenow='25']")

    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector("html.tsft-ready", state="attached")
    page.click("#tab-export-button")
    page.wait_for_selector("#export-progress [data-phase=writing]")
    assert page.is_disabled("#export-begin")
    archive = export_folder(served.workspace, "pump-merged", is_zipped=True)
    move(
        served, phase="ended", is_done=True, path=str(archive), size_bytes=archive.stat().st_size, test=TEST,
        notes=carried("merged", str(archive.with_suffix(""))),
    )  # fmt: skip
    page.wait_for_selector("#export-outcome [data-test=agrees]")
    assert "# pump-merged <b>card</b>" in page.inner_text("#export-card pre")
    assert "vllm serve" in page.inner_text("#export-outcome .command code")
    with page.expect_download() as download:
        page.click("#export-outcome a.download")
    assert zipfile.is_zipfile(download.value.path()) and download.value.suggested_filename == "pump-merged.zip"

    page.click("#export-earlier [data-does=delete]")
    page.click("#export-question #export-confirm")
    page.wait_for_selector("#export-said .box")
    page.wait_for_selector("#export-earlier .quiet")
    assert not archive.exists()


def test_a_stop_and_a_failure_leave_the_tab_ready_for_the_next(open_page: Any, with_a_run: Served) -> None:
    page = open_export(open_page)
    page.click("#export-begin")
    page.click("#export-stop:not([disabled])")
    page.wait_for_selector("#export-outcome .box.calm")
    page.wait_for_selector("#export-begin:not([disabled])")
    page.click("#export-begin")
    page.wait_for_selector("#export-progress .box")
    refused = message("export.disagrees", why=message("export.busy").to_json())
    move(with_a_run, phase="ended", is_done=True, problems=(Problem("", refused),))
    page.wait_for_selector("#export-outcome .box.bad")
    page.wait_for_selector("#export-begin:not([disabled])")


@pytest.mark.long
def test_on_a_phone_in_chinese_the_tab_is_whole_and_nothing_is_wider_than_the_screen(
    open_page: Any, with_a_run: Served
) -> None:
    export_folder(with_a_run.workspace, "a-very-long-name-" * 4)
    phone = {"viewport": {"width": 390, "height": 844}, "locale": "zh-CN", "color_scheme": "dark"}
    page = open_export(open_page, **phone)
    page.wait_for_selector("#export-begin:text-is('导出')")
    page.click("#set-export-form label:has-text('仅适配器')")
    page.wait_for_selector("#set-export-dtype input[disabled]")
    assert "适配器" in page.inner_text("#export-about")
    page.click("#export-earlier [data-does=card]")
    page.wait_for_selector("#export-card pre")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
