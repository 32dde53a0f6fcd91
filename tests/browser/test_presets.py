"""Presets on the page: loading with unknown settings, import, export, rename, delete; and the preview."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Served
from tsft.config.codec import from_json
from tsft.i18n import translate
from tsft.store.presets import load_preset

pytestmark = pytest.mark.browser


def choose(page: Any, name: str) -> None:
    page.fill("#preset input", name)
    page.keyboard.press("Enter")


def told(page: Any, words: str) -> None:
    page.wait_for_function("(words) => document.querySelector('#preset-said')?.innerText.includes(words)", arg=words)


def bring(page: Any, path: Path) -> None:
    open_fold(page, "preset-fold")
    with page.expect_file_chooser() as chooser:
        page.click("#preset-import")
    chooser.value.set_files(path)


def open_fold(page: Any, name: str) -> None:
    button = page.locator(f"#{name} > button.label-wrap")
    if "open" not in (button.get_attribute("class") or ""):
        button.click()


# What the fields of a page show, frame by frame.
WATCH = """(ids) => {
  window.seenFields = [];
  const look = () => {
    const now = JSON.stringify(ids.map((id) => document.querySelector(`#${id} :is(input, textarea)`)?.value));
    if (window.seenFields.at(-1) !== now) window.seenFields.push(now);
    requestAnimationFrame(look);
  };
  look();
}"""


def test_a_preset_changes_all_settings_at_once_and_each(open_page: Callable[..., Any], served: Served) -> None:
    wanted = load_preset(served.workspace, "own_anomalies")
    ids = ["set-optim-learning_rate", "set-schedule-epochs", "set-schedule-batch_size", "set-data-cutoff_length"]
    page = open_page()
    page.evaluate(WATCH, ids)
    page.click("#preset input")
    title = translate("en", "preset.own_anomalies.title")
    page.get_by_role("option", name=title, exact=True).click()
    page.click("#preset-load")
    told(page, title)
    page.click("#start")
    page.wait_for_selector("#stop:not([disabled]), #refusal .box")
    assert served.engine.started == [wanted]
    assert len(page.evaluate("window.seenFields")) == 2


def test_a_training_yaml_is_imported_and_says_what_was_left(open_page: Callable[..., Any], tmp_path: Path) -> None:
    page = open_page()
    (tmp_path / "kiln.yaml").write_text("learning_rate: 3e-4\nlora_rank: 5\ndeepspeed: z3.json\n")
    bring(page, tmp_path / "kiln.yaml")
    told(page, "deepspeed")
    assert "lora.rank = 5" in page.inner_text("#preset-said")
    page.click("#preset-load")
    page.wait_for_function("document.querySelector('#set-optim-learning_rate textarea').value === '0.0003'")


def test_unknown_settings_are_named_before_the_rest_is_loaded(open_page: Callable[..., Any], tmp_path: Path) -> None:
    page = open_page()
    (tmp_path / "old.json").write_text(json.dumps({"optim": {"learning_rate": 0.002}, "lora": {"rnk": 3}}))
    bring(page, tmp_path / "old.json")
    told(page, "lora.rnk")
    page.click("#preset-load")
    page.wait_for_selector("#preset-rest", state="visible")
    assert page.input_value("#set-optim-learning_rate textarea") == "0.001"
    page.click("#preset-rest")
    page.wait_for_function("document.querySelector('#set-optim-learning_rate textarea').value === '0.002'")


def test_an_own_preset_is_renamed_exported_and_deleted(open_page: Callable[..., Any], tmp_path: Path) -> None:
    page = open_page()
    choose(page, "mine")
    page.click("#preset-save")
    told(page, "mine")
    open_fold(page, "preset-fold")
    page.fill("#preset-new-name textarea, #preset-new-name input", "yours")
    page.click("#preset-rename")
    told(page, "is now called")
    with page.expect_download() as download:
        page.click("#preset-export")
    assert download.value.suggested_filename == "yours.json"
    download.value.save_as(tmp_path / "yours.json")
    tree = json.loads((tmp_path / "yours.json").read_text())
    assert tree["about"]["name"] == "yours" and from_json(tree).model.name == "builtin"
    page.click("#preset-delete")
    told(page, "again")
    page.click("#preset-delete")
    told(page, "was deleted")


def test_the_preview_follows_the_form(open_page: Callable[..., Any]) -> None:
    page = open_page()
    open_fold(page, "fold-preview")
    shows = "(words) => document.querySelector('#preview-command').innerText.includes(words)"
    page.wait_for_function(shows, arg="tsft train --model.name=builtin")
    page.fill("#set-schedule-batch_size input", "7")
    page.keyboard.press("Tab")
    page.wait_for_function(shows, arg="--schedule.batch_size=7")
    assert page.locator("#preview-script button").count() > 0
