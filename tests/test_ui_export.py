"""The Export tab without a browser: its handlers are called with what its controls hold."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from tests.export_folders import TEST, base_model, export_folder, trained
from tests.fakes import FakeEngine
from tsft.errors import Problem, message
from tsft.i18n import LANGUAGES
from tsft.run.export import FORMS, PHASES, Exported, ExportSettings, SelfTest
from tsft.store.exports import list_exports
from tsft.store.workspace import open_workspace
from tsft.ui.export.about_html import about_html, token_html
from tsft.ui.export.desk import ExportDesk
from tsft.ui.export.earlier_html import MOST_SHOWN, earlier_html, verdict
from tsft.ui.export.progress_html import card_html, outcome_html, progress_html
from tsft.ui.export.room import ExportRoom
from tsft.ui.export.tab import place_export_tab


class Sheet:
    """A session: what the tab's components hold, changed by hand and by the answers of handlers."""

    def __init__(self, desk: ExportDesk) -> None:
        self.desk, self.at = desk, desk.at
        self.held: dict[Any, Any] = {each: each.value for each in desk.at.controls.values()}
        self.properties: dict[Any, dict[str, Any]] = {}

    def put(self, **values: Any) -> "Sheet":
        for name, value in values.items():
            self.held[self.at.controls[name]] = value
        return self

    def take(self, updates: dict[Any, Any]) -> "Sheet":
        for each, update in updates.items():
            if isinstance(update, dict) and update.get("__type__") == "update":
                self.properties.setdefault(each, {}).update(update)
                if "value" in update:
                    self.held[each] = update["value"]
            else:
                self.held[each] = update
        return self

    def given(self) -> list[Any]:
        return [self.held[each] for each in self.at.controls.values()]

    def open(self, language: str = "en") -> "Sheet":
        states = [self.held.get(each, each.value) for each in (self.at.refused, self.at.stopping, self.at.carded)]
        labelled = self.held.get(self.at.labelled, self.at.labelled.value)
        return self.take(self.desk.opened(labelled, *states, language, *self.given()))

    def begin(self, language: str = "en") -> "Sheet":
        return self.take(self.desk.begin(language, *self.given()))

    def tick(self, language: str = "en") -> "Sheet":
        stopping = self.held.get(self.at.stopping, 0)
        return self.take(self.desk.tick(self.held.get(self.at.seen, []), stopping, language))

    def html(self, name: str) -> str:
        return str(self.held.get(getattr(self.at, name)) or "")

    def is_on(self, name: str) -> bool:
        return bool(self.properties[getattr(self.at, name)]["interactive"])

    def ticks(self) -> bool:
        return bool(self.held[self.at.timer].active)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def desk(tmp_path: Path, engine: FakeEngine) -> Iterator[ExportDesk]:
    """The tab over a workspace with one run and its base."""
    workspace = open_workspace(tmp_path / "workspace")
    base_model(workspace)
    trained(workspace)
    room = ExportRoom(workspace, engine, {"HF_TOKEN": "hf_secretsecretsecret"})
    with gr.Blocks():
        language = gr.Textbox()
        with gr.Tabs() as tabs, gr.Tab(id="export") as tab:
            placed = place_export_tab(tab, room, language, tabs)
    yield ExportDesk(placed, room, language)


@pytest.fixture
def sheet(desk: ExportDesk) -> Sheet:
    return Sheet(desk).open()


def event(**data: Any) -> Any:
    return SimpleNamespace(_data=data)


def test_results_are_offered_by_run_step_and_loss_and_the_newest_is_chosen(desk: ExportDesk, sheet: Sheet) -> None:
    control = desk.at.controls["result"]
    (choice,) = sheet.properties[control]["choices"]
    assert choice == ("pump · adapter · step 0 · loss –", "runs/pump-1/adapter")
    assert sheet.held[control] == "runs/pump-1/adapter"
    trained(desk.room.workspace, "a second")
    answer = desk.opened("en", [], 0, "", "en", *sheet.given())
    assert "value" not in answer[control]  # what was chosen stays, also what is chosen before this answer comes
    assert sheet.take(answer).held[control] == "runs/pump-1/adapter" and len(answer[control]["choices"]) == 2


def test_without_a_result_the_tab_says_to_train_first(desk: ExportDesk) -> None:
    shutil.rmtree(desk.room.workspace.runs / "pump-1")
    assert "Train one first" in Sheet(desk).open().html("said")


@pytest.mark.parametrize("form", FORMS)
def test_each_form_says_what_it_is_and_what_others_make_of_it_before_anything_is_done(sheet: Sheet, form: str) -> None:
    sheet.take(sheet.desk.changed("en", *sheet.put(form=form).given()))
    told = sheet.html("about")
    assert "GGUF" in told and "vLLM" in told and "tsft" in told
    assert ("data-copies" in told) == (form != "adapter")
    assert form == "adapter" or f"exports/pump-{form}" in told
    assert sheet.properties[sheet.at.controls["dtype"]]["interactive"] == (form != "adapter")


def test_a_name_with_blanks_stands_in_the_command_as_one_word(desk: ExportDesk) -> None:
    settings = ExportSettings("runs/pump-1/adapter", form="hf", name="my model")
    html = about_html(settings, desk.room.outlook(settings), ("cpu", "cuda"), "en")
    assert "my-model~" in html and "series_encoder" in html and "CUDA" not in html


def test_where_there_is_no_cuda_the_device_is_off_and_the_page_says_why(sheet: Sheet) -> None:
    device = sheet.properties[sheet.at.controls["device"]]
    assert device["interactive"] is False and device["value"] == "cpu"
    assert "no CUDA device" in sheet.html("about")


def test_the_page_says_whether_there_is_a_token_and_never_shows_it(sheet: Sheet) -> None:
    assert "HF_TOKEN, which is set" in sheet.html("token") and "hf_secret" not in sheet.html("token")
    missing = token_html(ExportSettings("r", hub="modelscope", repository="a/b"), {"HF_TOKEN": "x"}, "en")
    assert "MODELSCOPE_API_TOKEN" in missing and 'class="token bad"' in missing


def test_size_and_free_disk_are_told_beforehand_or_that_they_are_not_known(desk: ExportDesk, sheet: Sheet) -> None:
    assert "About 2.2 kB" in sheet.html("about") and "free" in sheet.html("about")
    short = dataclasses.replace(desk.room.outlook(ExportSettings("runs/pump-1/adapter")), free_bytes=10)
    assert "does not fit" in about_html(ExportSettings("r"), short, ("cpu",), "en")
    unknown = dataclasses.replace(short, bytes=None, needed_bytes=None)
    assert "not on this machine" in about_html(ExportSettings("r"), unknown, ("cpu",), "en")


def test_everything_wrong_stands_at_its_field_at_once(engine: FakeEngine, sheet: Sheet) -> None:
    engine.refused_export = [Problem("folder", message("export.no_room", path="/x", needed_gib="9", free_gib="1"))]
    sheet.put(shard_gb=None, repository="no owner <b>").begin()
    told, fields = sheet.html("problems"), sheet.html("errors")
    assert told.count("<li>") == 3 and "&lt;b&gt;" in told and "<b>" not in told.replace("<strong>", "")
    for name in ("shard_gb", "repository", "name"):  # the page has no folder: what is wrong with it stands at the name
        assert f'data-field="set-export-{name}"' in told and f"set-export-{name}" in fields
    assert engine.exporting is None and sheet.is_on("begin")
    assert "仓库" in sheet.open("zh").html("problems")
    engine.refused_export = ()
    assert sheet.put(shard_gb=5, repository="").begin("zh").html("problems") == ""
    assert "set-export" not in sheet.html("errors")


def test_a_page_exports_only_what_is_in_the_list(engine: FakeEngine, sheet: Sheet) -> None:
    sheet.put(result="/etc").begin()
    assert "set-export-result" in sheet.html("errors") and engine.exporting is None


def test_what_the_controls_say_is_what_is_exported(engine: FakeEngine, sheet: Sheet) -> None:
    sheet.put(form="hf", dtype="float16", shard_gb=2, name=" mine ", is_zipped=True, language="ja")
    sheet.put(repository="me/mine", hub="modelscope", is_public=True).begin("ko")
    assert engine.exporting is not None
    assert engine.exporting.settings == ExportSettings(
        "runs/pump-1/adapter", "hf", "float16", 2.0, "cpu", "mine", "", True, "me/mine", "modelscope", True, "ja"
    )
    engine.exporting = None
    sheet.put(form="adapter", language="").begin("ko")
    assert engine.exporting is not None
    now = engine.exporting.settings  # an adapter is copied as it is; the card is in the page's language
    assert (now.dtype, now.language) == ("auto", "ko")


def test_the_phases_are_followed_and_the_clock_stops_with_the_end(
    desk: ExportDesk, engine: FakeEngine, sheet: Sheet
) -> None:
    assert not sheet.ticks()
    sheet.begin()
    assert sheet.ticks() and not sheet.is_on("begin") and sheet.is_on("stop")
    assert engine.exporting is not None
    for phase in PHASES[:-1]:
        engine.exporting = dataclasses.replace(engine.exporting, phase=phase, subject=f"<{phase}>", done=1, total=4)
        sheet.tick()
        assert f'data-phase="{phase}"' in sheet.html("progress") and f"&lt;{phase}&gt;" in sheet.html("progress")
        assert 'aria-valuenow="25"' in sheet.html("progress") and sheet.html("outcome") == ""
    assert list(sheet.desk.tick(sheet.held[sheet.at.seen], 0, "en")) == [sheet.at.seen]  # nothing moved
    path = export_folder(desk.room.workspace, "pump-merged", is_zipped=True)
    engine.exporting = dataclasses.replace(
        engine.exporting, phase="ended", is_done=True, path=str(path), size_bytes=16_600_000, test=TEST,
        notes=(message("export.carried.merged_vllm", command="vllm serve x"),),
    )  # fmt: skip
    sheet.tick()
    assert not sheet.ticks() and sheet.is_on("begin") and not sheet.is_on("stop") and sheet.html("progress") == ""
    told = sheet.html("outcome")
    assert 'data-test="agrees"' in told and "2.0e-06" in told and "4 of 4 answers" in told
    assert str(path) in told and "16.6 MB" in told and 'class="download"' in told and "vllm serve x" in told
    assert "# pump-merged &lt;b&gt;card&lt;/b&gt;" in sheet.html("card")
    assert 'data-export="pump-merged.zip"' in sheet.html("earlier")


def test_a_page_that_is_opened_anew_finds_what_goes_on_and_what_came_out(
    desk: ExportDesk, engine: FakeEngine, sheet: Sheet
) -> None:
    sheet.begin()
    fresh = Sheet(desk).open("ru")
    assert fresh.ticks() and 'data-phase="preparing"' in fresh.html("progress") and not fresh.is_on("begin")
    assert fresh.properties[fresh.at.begin]["value"] == "Экспортировать"
    engine.stop_export()
    again = Sheet(desk).open()
    assert not again.ticks() and "half-written" in again.html("outcome")


def test_stop_is_asked_once_and_said(desk: ExportDesk, engine: FakeEngine, sheet: Sheet) -> None:
    sheet.begin()
    going = engine.exporting
    sheet.take(desk.stop("en"))
    assert engine.exporting is not None and engine.exporting.is_stopped
    engine.exporting = going  # it has not heard yet
    sheet.take({sheet.at.seen: []}).tick()
    assert "Stopping at the next file" in sheet.html("progress") and not sheet.is_on("stop")
    sheet.take(desk.begin("en", *sheet.given()))
    assert sheet.is_on("stop")  # another one can be stopped again


def test_a_second_export_is_refused_and_the_first_one_is_shown(engine: FakeEngine, sheet: Sheet) -> None:
    engine.exporting = Exported(3, ExportSettings("runs/other/adapter"), "writing")
    engine.refused_export = [Problem("", message("export.busy"))]
    sheet.begin()
    assert "being exported" in sheet.html("problems") and 'data-phase="writing"' in sheet.html("progress")
    assert sheet.ticks()


def test_an_export_that_fails_in_its_course_says_why_at_the_field(engine: FakeEngine, sheet: Sheet) -> None:
    sheet.begin()
    assert engine.exporting is not None
    problem = Problem("folder", message("export.no_room", path="/x", needed_gib="9", free_gib="1"))
    engine.exporting = dataclasses.replace(engine.exporting, is_done=True, problems=(problem,))
    sheet.tick()
    assert 'class="box bad"' in sheet.html("outcome") and "9 GiB" in sheet.html("outcome")
    assert "set-export-name" in sheet.html("errors") and sheet.is_on("begin")


def test_a_disagreement_is_red_and_tells_its_figures() -> None:
    wrong = SelfTest(3, 1, 0.5)
    now = Exported(1, ExportSettings("r"), is_done=True, test=wrong, problems=(Problem("", message("export.busy")),))
    html = outcome_html(now, "en")
    assert 'data-test="disagrees"' in html and 'class="box bad"' in html and "5.0e-01" in html and "good" not in html
    assert "disagrees" in verdict(wrong, "en") and "not recorded" in verdict(None, "en")


def test_an_export_whose_push_failed_is_whole_and_says_so(tmp_path: Path) -> None:
    refused = message("export.hub_refused", hub="Hugging Face", name="a/b", reason="403 <b>")
    now = Exported(
        1, ExportSettings("r"), is_done=True, path=str(tmp_path), test=TEST, problems=(Problem("", refused),)
    )
    html = outcome_html(now, "en")
    assert 'data-test="agrees"' in html and str(tmp_path) in html and "403 &lt;b&gt;" in html
    stopped = dataclasses.replace(now, problems=(), is_stopped=True)
    assert "The export itself is whole" in outcome_html(stopped, "en")


def test_a_card_is_shown_and_an_export_deleted_after_a_question_only(
    desk: ExportDesk, engine: FakeEngine, sheet: Sheet
) -> None:
    path = export_folder(desk.room.workspace, "one")
    export_folder(desk.room.workspace, "two")
    sheet.open().take(desk.chosen(event(does="card", name="one"), "en"))
    assert "# one &lt;b&gt;" in sheet.html("card") and sheet.held[sheet.at.carded] == "one"
    sheet.take(desk.chosen(event(does="delete", name="one"), "en"))
    assert sheet.properties[sheet.at.question]["visible"] and "“one”" in sheet.html("question_text") and path.exists()
    sheet.take(desk.asked_no())
    assert path.exists() and not sheet.properties[sheet.at.question]["visible"]
    engine.exporting = Exported(1, ExportSettings("r"), "uploading", path=str(path))
    sheet.take(desk.delete("one", "one", "en"))
    assert path.exists() and "box bad" in sheet.html("said")  # it goes to a hub at this moment
    engine.exporting = dataclasses.replace(engine.exporting, is_done=True)
    sheet.take(desk.delete("one", "one", "en"))
    assert not path.exists() and sheet.html("card") == "" and sheet.html("outcome") == ""
    assert 'data-export="two"' in sheet.html("earlier") and 'data-export="one"' not in sheet.html("earlier")
    sheet.take(desk.delete("../runs", "", "en"))
    assert "box bad" in sheet.html("said") and (desk.room.workspace.runs / "pump-1").is_dir()


def test_earlier_exports_tell_what_is_recorded_and_what_is_not(desk: ExportDesk) -> None:
    export_folder(desk.room.workspace, "known", "hf", is_zipped=True)
    export_folder(desk.room.workspace, "old <b>", test=None)
    found = list_exports(desk.room.workspace)
    for language in LANGUAGES:
        html = earlier_html(found, language)
        assert "old &lt;b&gt;" in html and "<b>" not in html
        assert html.count('data-does="delete"') == 2 and html.count('class="download"') == 1
    assert "not recorded" in earlier_html(found, "en") and "agrees on 4 rows" in earlier_html(found, "en")
    many = [dataclasses.replace(found[0], name=str(n)) for n in range(MOST_SHOWN + 7)]
    assert earlier_html(many, "en").count("<tr data-export") == MOST_SHOWN and "7 older" in earlier_html(many, "en")
    assert "Nothing has been exported" in earlier_html([], "en")


def test_what_goes_on_shows_bytes_as_sizes_and_a_striped_bar_where_no_end_is_known() -> None:
    now = Exported(1, ExportSettings("r"), "downloading", done=2_000_000, total=8_000_000, unit="bytes")
    assert "2.0 MB / 8.0 MB" in progress_html(now, False, "en")
    assert "bar unknown" in progress_html(dataclasses.replace(now, total=0), False, "en")
    assert progress_html(dataclasses.replace(now, is_done=True), False, "en") == progress_html(None, False, "en") == ""
    assert "no model card" in card_html("x", " ", "en")


def test_another_language_reaches_the_tab_when_it_is_open_and_else_when_it_opens(desk: ExportDesk) -> None:
    closed = desk.spoken(False, "en", [], 0, "", "ja", *Sheet(desk).given())
    assert list(closed) == [desk.at.labelled]
    sheet = Sheet(desk).open("ja")
    assert sheet.properties[desk.at.begin]["value"] == "エクスポート" and sheet.held[desk.at.labelled] == "ja"
    assert desk.at.controls["form"] in sheet.properties
    assert desk.at.controls["form"] not in Sheet(desk).take({desk.at.labelled: "ja"}).open("ja").properties


def test_the_clock_goes_only_while_the_tab_is_in_front(desk: ExportDesk, engine: FakeEngine, sheet: Sheet) -> None:
    sheet.begin()
    timer, is_open = desk.follow(event(id="runs"))
    assert not timer.active and not is_open
    timer, is_open = desk.follow(event(id="export"))
    assert timer.active and is_open
    engine.stop_export()
    assert not desk.follow(event(id="export"))[0].active
