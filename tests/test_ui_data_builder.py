"""The builder of the Data tab: what it shows of a table, what is wrong all at once, and what it writes."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.build_fakes import hours, wave, wide
from tests.data_desks import Sheet, desk_of, finished
from tsft.build_commands import recipe_of as recipe_of_flags
from tsft.data.builder.recipe import BuildRecipe, read_recipe
from tsft.data.builder.tables import read_table
from tsft.flags import command_parser
from tsft.ui.data import builder_form
from tsft.ui.data.builder_desk import BuilderDesk
from tsft.ui.data.builder_section import place_builder_section
from tsft.ui.data.entries import Choice, texts_of, weights_feed, weights_html, weights_of
from tsft.ui.data.held_tables import held_tables, hold_table


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return desk_of(tmp_path_factory.mktemp("desk"), place_builder_section, BuilderDesk)


def brought(desk: Any, *paths: Path) -> Sheet:
    """The form after these files were dropped."""
    sheet = Sheet(desk)
    sheet.take(desk.bring([str(each) for each in paths], sheet.value("sources"), sheet.value("intervals")))
    return sheet.take(desk.look_anew("en", *sheet.given()))


# -- the table ---------------------------------------------------------------------------------------------------------


def test_a_dropped_table_is_kept_and_its_columns_are_guessed(desk: Any, tmp_path: Path) -> None:
    sheet = brought(desk, wide(tmp_path))
    assert Path(sheet.value("sources")[0]).parent == desk.desk.room.workspace.tables
    told = {name: sheet.value(name) for name in ("time", "label", "group", "layout", "values", "name")}
    assert told == {
        "time": "time",
        "label": "anomaly",
        "group": "-",
        "layout": "wide",
        "name": "plant",
        "values": ["temperature (°C)", "flow"],
    }
    assert texts_of(sheet.value("columns"))["temperature (°C)"]["unit"] == "°C"
    shown = sheet.seen[desk.at.looked]
    assert "400 rows" in shown and "<img" in shown and "Shaded" in shown
    assert sheet.seen[desk.at.problems] == ""


def test_a_file_of_stretches_beside_the_table_is_taken_for_what_it_is(desk: Any, tmp_path: Path) -> None:
    table = wide(tmp_path)
    stretches = tmp_path / "windows.json"
    stretches.write_text(json.dumps({table.name: [[hours(200)[20], hours(200)[40]]]}), encoding="utf-8")
    sheet = brought(desk, table, stretches)
    assert Path(sheet.value("intervals")).name == "windows.json"
    assert [Path(each).name for each in sheet.value("sources")] == ["plant.csv"]


def test_stretches_stay_for_a_table_that_comes_after_them_and_go_with_the_table_they_came_with(
    desk: Any, tmp_path: Path
) -> None:
    stretches, table = tmp_path / "marks.json", wide(tmp_path, name="first.csv")
    stretches.write_text(json.dumps([[hours(200)[20], hours(200)[40]]]), encoding="utf-8")
    kept = desk.bring([str(stretches)], [], "")[desk.controls["intervals"]]["value"]
    assert Path(kept).name == "marks.json"
    assert desk.bring([str(table)], [], kept)[desk.controls["intervals"]]["value"] == kept
    other = wide(tmp_path, name="second.csv", count=300)
    assert desk.bring([str(other)], ["first.csv"], kept)[desk.controls["intervals"]]["value"] == ""


def test_the_same_file_is_kept_once_and_another_of_its_name_beside_it(tmp_path: Path) -> None:
    folder, first, second = tmp_path / "tables", tmp_path / "a", tmp_path / "b"
    for where, text in ((first, "x\n1\n"), (second, "x\n2\n")):
        where.mkdir()
        (where / "t.csv").write_text(text, encoding="utf-8")
    assert hold_table(folder, first / "t.csv") == hold_table(folder, first / "t.csv") == folder / "t.csv"
    assert hold_table(folder, second / "t.csv") == folder / "t-2.csv"
    assert {name for name, _ in held_tables(folder)} == {"t.csv", "t-2.csv"}


def test_tasks_without_truth_stand_below_with_their_reason(desk: Any, tmp_path: Path) -> None:
    sheet = brought(desk, wide(tmp_path))
    shown = sheet.seen[desk.at.form.entries["tasks"].shown]
    offered, refused = shown.split("<details")
    assert 'data-key="anomalies"' in offered and 'data-key="lag"' in offered
    assert "data-key" not in refused and "which series belong together" in refused


def test_a_look_leaves_typed_names_and_weights_alone(desk: Any, tmp_path: Path) -> None:
    sheet = brought(desk, wide(tmp_path)).put(window=64)
    boxes = [box.shown for box in desk.at.form.entries.values()]
    again = desk.look_beside("en", *sheet.given())
    assert not set(boxes) & set(again) and "rows" in again[desk.at.looked]
    assert set(boxes) <= set(desk.look_again("zh", *sheet.given()))


def test_short_recordings_get_a_window_that_fits(desk: Any, tmp_path: Path) -> None:
    lines = ["machine,time,value,class"]
    for machine in "abcdefgh":
        kind = "odd" if machine in "aceg" else "even"
        points = zip(hours(48), wave(48, ord(machine)), strict=True)
        lines += [f"{machine},{time},{value},{kind}" for time, value in points]
    path = tmp_path / "short.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sheet = brought(desk, path)
    assert (sheet.value("window"), sheet.value("split_by")) == (48, "group") and sheet.seen[desk.at.problems] == ""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_text_of_a_table_is_never_html(desk: Any, tmp_path: Path, language: str) -> None:
    sheet = brought(desk, wide(tmp_path, **{"<b>bold</b>": wave(400, 3)})).put(window=32, per_row=1)
    shown = sheet.take(desk.look(language, *sheet.given())).seen
    rows = desk.preview(language, *sheet.given())[desk.at.shown]
    assert "<b>bold" not in str(shown[desk.at.looked]) + rows + str(shown[desk.at.recipe.shown])
    assert rows.count('class="row-card"') == 20 and rows.count("<img") == 20


# -- what is wrong -----------------------------------------------------------------------------------------------------


def test_all_that_is_wrong_is_told_at_once_each_with_its_control(desk: Any, tmp_path: Path) -> None:
    sheet = brought(desk, wide(tmp_path)).put(window=3, none_share=2.0, seed=None, resample_how="mode", name="")
    told = desk.build("en", False, None, *sheet.given())[desk.at.problems]
    for name in ("window", "none_share", "seed", "resample_how", "name"):
        assert f'data-field="set-build-{name}"' in told, name
    assert "5 things" in told


def test_no_task_at_all_and_a_weight_that_is_no_number_are_refused(desk: Any, tmp_path: Path) -> None:
    sheet = brought(desk, wide(tmp_path))
    for entry in ({"on": False, "weight": "1"}, {"on": True, "weight": "many"}):
        sheet.put(tasks=json.dumps({"rule": entry}))
        assert "weights of tasks" in desk.preview("en", *sheet.given())[desk.at.problems]


def test_a_path_that_is_no_table_is_named(desk: Any, tmp_path: Path) -> None:
    sheet = Sheet(desk).put(sources=[str(tmp_path / "nowhere.csv")])
    assert "nowhere.csv" in desk.look_anew("en", *sheet.given())[desk.at.problems]


# -- building ----------------------------------------------------------------------------------------------------------


def test_what_is_built_is_told_chosen_and_offered_to_be_opened(desk: Any, tmp_path: Path) -> None:
    sheet = brought(desk, wide(tmp_path)).put(window=64, name="plant", questions=2)
    desk.build("en", False, None, *sheet.given())
    job = finished(desk, "build")
    after = desk.ended(job.number, "en")
    assert after[desk.desk.which]["value"] == "plant-train" and after[desk.at.open]["visible"]
    assert "plant-train.jsonl" in after[desk.at.told]
    opened = desk.open()
    assert opened[desk.desk.goto]["row"] == 0
    assert {each.name for each in desk.desk.room.datasets()} >= {"plant-train", "plant-test"}
    assert {name for name, _ in after[desk.at.recipes]["choices"]} >= {"plant-test.jsonl", "plant-train.jsonl"}
    desk.build("en", False, None, *sheet.given())
    again = finished(desk, "build")
    assert again.problems and desk.ended(again.number, "en") == {desk.at.built: 0}


def test_the_recipe_that_is_shown_is_the_one_that_is_built(desk: Any, tmp_path: Path) -> None:
    names = json.dumps({"flow": {"en": "flow", "zh": "流量", "unit": "L/s"}})
    sheet = brought(desk, wide(tmp_path)).put(
        window=64, columns=names, chinese=0.25, name="plant", context_en="A plant."
    )
    recipe = builder_form.recipe_of(desk.at.form.values(sheet.given()))
    assert recipe.names == {"flow": {"en": "flow", "zh": "流量"}} and recipe.units["flow"] == "L/s"
    assert recipe.languages == {"en": 0.75, "zh": 0.25} and recipe.context == {"en": "A plant."}
    line = desk._recipe_html(recipe, "plant", "en").split('tabindex="0">')[1].split("</pre>")[0]
    words = shlex.split(line.replace("&quot;", '"').replace("&#x27;", "'"))[1:]
    assert recipe_of_flags(command_parser("en").parse_args(words)) == recipe


def test_a_recipe_of_before_is_run_on_new_data(desk: Any, tmp_path: Path) -> None:
    tasks = json.dumps({"rule": {"on": True, "weight": "2"}, "count": {"on": False, "weight": "1"}})
    sheet = brought(desk, wide(tmp_path)).put(window=64, name="rules", chinese=1.0, tasks=tasks)
    desk.build("en", False, None, *sheet.given())
    finished(desk, "build")
    path = dict(desk._recipes())["rules-train.jsonl"]
    new = wide(tmp_path, name="june.csv", count=300)
    other = brought(desk, new)
    other.take(desk.load(path, "en", other.value("sources"), other.value("intervals")))
    recipe = builder_form.recipe_of(desk.at.form.values(other.given()))
    assert Path(recipe.sources[0]).name == "june.csv" and recipe.window == 64 and recipe.languages == {"zh": 1.0}
    assert recipe.tasks == {"rule": 2.0}
    empty = Sheet(desk)
    empty.take(desk.load(path, "en", [], ""))
    assert builder_form.recipe_of(desk.at.form.values(empty.given())).sources == read_recipe(Path(path)).sources


def test_a_file_that_is_no_recipe_is_refused(desk: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[1]", encoding="utf-8")
    assert "not a recipe" in desk.load(str(path), "en", [], "")[desk.at.problems]


def test_a_form_says_what_a_recipe_says() -> None:
    recipe = BuildRecipe(sources=("a.csv",), values=("x",), label="l", label_kind="class", split_by="group", rows=9)
    shown = builder_form.form_values(recipe)
    assert (shown["label"], shown["group"], shown["split_by"], shown["rows"]) == ("l", "-", "group", 9)


# -- the small tables --------------------------------------------------------------------------------------------------


def test_weights_come_back_as_they_were_shown() -> None:
    choices = [Choice("a", "A"), Choice("b", "B"), Choice("c", "C", "no truth")]
    for weights in ({}, {"a": 1.0}, {"a": 0.5, "b": 2.0}):
        assert weights_of(weights_feed(choices, weights)) == weights
    assert weights_of(json.dumps({"a": {"on": True, "weight": "3"}, "b": {"on": True, "weight": "3"}})) == {}
    assert 'value="0.5"' in weights_html("t", choices, {"a": 0.5}, "en")


def test_a_table_that_was_brought_reads_as_it_did(desk: Any, tmp_path: Path) -> None:
    path = wide(tmp_path)
    held = hold_table(desk.desk.room.workspace.tables, path)
    assert read_table(held).columns == read_table(path).columns
