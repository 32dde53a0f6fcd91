"""The builder's controls and what they say as a recipe, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from tsft.data.builder.columns import ANOMALY, CLASS, LONG, WIDE, name_and_unit
from tsft.data.builder.recipe import BY, GAPS, HOW, BuildRecipe
from tsft.data.builder.rows import shown_name
from tsft.data.builder.sheets import NO_COLUMN
from tsft.data.tasks.words import LANGUAGES
from tsft.ui.data.entries import EntriesBox, place_entries, texts_of, weights_of
from tsft.ui.data.placing import Placing, chinese_share, languages_of, whole

# Columns of one role each, and the controls that hold a choice of a closed list.
ROLE_KEYS = ("time", "series", "group", "label")
CHOICES = {"layout": (WIDE, LONG), "label_kind": (ANOMALY, CLASS), "resample_how": HOW, "gaps": GAPS, "split_by": BY}
NUMBERS = (
    *("resample_seconds", "gap_points", "window", "stride", "per_row"),
    *("questions", "rows", "none_share", "validation", "test", "seed"),
)
LISTS = ("sources", "values")
ZONES = (
    *("UTC", "Europe/London", "Europe/Berlin", "Europe/Moscow", "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo"),
    *("Asia/Seoul", "Australia/Sydney", "America/New_York", "America/Chicago", "America/Los_Angeles"),
)
# The tables of small controls, by the entries of the recipe they hold.
TASKS, STYLES, COLUMNS = "tasks", "styles", "columns"


def place_sources(placing: Placing) -> None:
    placing.put("sources", gr.Dropdown, choices=[], value=[], multiselect=True, allow_custom_value=True)
    placing.put("intervals", gr.Dropdown, choices=[""], value="", allow_custom_value=True)


def place_columns(placing: Placing) -> EntriesBox:
    """What each column is."""
    column: dict[str, Any] = {"choices": [], "value": "", "allow_custom_value": True}
    with gr.Row(elem_classes=["gap-small"]):
        placing.pick("layout", WIDE)
        placing.put("time", gr.Dropdown, **column)
        placing.put("time_format", gr.Textbox, value="")
        placing.put("time_zone", gr.Dropdown, choices=list(ZONES), value="UTC", allow_custom_value=True)
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("values", gr.Dropdown, choices=[], value=[], multiselect=True, allow_custom_value=True)
        placing.put("series", gr.Dropdown, **column)
        placing.put("group", gr.Dropdown, **column)
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("label", gr.Dropdown, **column)
        placing.pick("label_kind", ANOMALY)
        placing.put("normal", gr.Textbox, value="")
    return place_entries("build-columns")


def place_windows(placing: Placing) -> None:
    plain = BuildRecipe()
    with gr.Row(elem_classes=["gap-small"]):
        for name in ("window", "stride", "per_row"):
            placing.put(name, gr.Number, value=getattr(plain, name), step=1)
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("resample_seconds", gr.Number, value=0)
        placing.pick("resample_how", plain.resample_how)
        placing.pick("gaps", plain.gaps)
        placing.put("gap_points", gr.Number, value=plain.gap_points, step=1)


def place_questions(placing: Placing) -> tuple[EntriesBox, EntriesBox]:
    plain = BuildRecipe()
    tasks, styles = place_entries("build-tasks"), place_entries("build-styles")
    share: dict[str, Any] = {"minimum": 0, "maximum": 1, "step": 0.05, "buttons": []}
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("chinese", gr.Slider, value=0.5, **share)
        placing.put("none_share", gr.Slider, value=plain.none_share, **share)
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("questions", gr.Number, value=plain.questions)
        placing.put("rows", gr.Number, value=plain.rows, step=1)
        placing.put("balance", gr.Checkbox, value=plain.balance)
    with gr.Row(elem_classes=["gap-small"]):
        for each in LANGUAGES:
            placing.put(f"context_{each}", gr.Textbox, value="")
    return tasks, styles


def place_splits(placing: Placing) -> None:
    plain = BuildRecipe()
    share: dict[str, Any] = {"minimum": 0, "maximum": 0.9, "step": 0.05, "buttons": []}
    with gr.Row(elem_classes=["gap-small"]):
        placing.pick("split_by", plain.split_by, gr.Radio)
        placing.put("seed", gr.Number, value=plain.seed, step=1)
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("validation", gr.Slider, value=plain.validation, **share)
        placing.put("test", gr.Slider, value=plain.test, **share)


def recipe_of(values: Mapping[str, Any]) -> BuildRecipe:
    """What the controls say, unchecked: what is wrong in it `check_recipe` names, field by field."""
    given: dict[str, Any] = {name: tuple(values[name] or ()) for name in LISTS}
    for name in ("intervals", "time_format", "time_zone", *ROLE_KEYS, *CHOICES):
        given[name] = str(values[name] or "").strip()
    # What has no meaning beside the other choices is left out of recipe and command.
    given["label_kind"] = given["label_kind"] if given["label"] not in ("", NO_COLUMN) else ""
    given["series"] = given["series"] if given["layout"] == LONG else ""
    for name in NUMBERS:
        given[name] = whole(values[name])
    for name in ("resample_seconds", "questions", "none_share", "validation", "test"):
        given[name] = float(given[name]) if isinstance(given[name], int) else given[name]
    names, units = _names_and_units(values[COLUMNS])
    context = {each: str(values[f"context_{each}"] or "").strip() for each in LANGUAGES}
    return BuildRecipe(
        normal=tuple(part.strip() for part in str(values["normal"] or "").split(",") if part.strip()),
        names=names,
        units=units,
        context={each: text for each, text in context.items() if text},
        tasks=weights_of(values[TASKS]),
        styles=weights_of(values[STYLES]),
        languages=languages_of(values["chinese"]),
        balance=bool(values["balance"]),
        **given,
    )


def form_values(recipe: BuildRecipe) -> dict[str, Any]:
    """What the controls show for a recipe; tables and the dataset's name are left out."""
    found = {name: getattr(recipe, name) for name in (*CHOICES, *NUMBERS, "time_format", "time_zone", "balance")}
    found |= {name: list(getattr(recipe, name)) for name in LISTS} | {"intervals": recipe.intervals}
    found |= {name: getattr(recipe, name) or NO_COLUMN for name in ROLE_KEYS}
    found["layout"], found["label_kind"] = recipe.layout or WIDE, recipe.label_kind or ANOMALY
    found |= {f"context_{each}": recipe.context.get(each, "") for each in LANGUAGES}
    return found | {"normal": ", ".join(recipe.normal), "chinese": chinese_share(recipe.languages)}


def column_texts(recipe: BuildRecipe, columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """By column: its names and its unit as they will be used."""
    found = {}
    for column in columns:
        (english, unit), (chinese, _) = (shown_name(recipe, column, each) for each in LANGUAGES)
        found[column] = {"en": english, "zh": chinese, "unit": unit}
    return found


def _names_and_units(feed: str) -> tuple[dict[str, Any], dict[str, str]]:
    """By column, where they are not what the column's heading says."""
    names, units = {}, {}
    for column, told in texts_of(feed).items():
        plain, unit = name_and_unit(column)
        given = {each: told.get(each, plain) for each in LANGUAGES}
        if set(given.values()) != {plain}:
            names[column] = given
        if told.get("unit", "") != unit:
            units[column] = told.get("unit", "")
    return names, units


def without_guesses(recipe: BuildRecipe) -> BuildRecipe:
    """The recipe for another table: which column is what is to be found anew."""
    empty: dict[str, Any] = {name: "" for name in (*ROLE_KEYS, "layout", "time_format", "label_kind")}
    return replace(recipe, values=(), names={}, units={}, tasks={}, **empty)
