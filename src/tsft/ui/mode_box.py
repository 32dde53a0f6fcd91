"""Below the presets: simple or advanced mode, and which settings differ from the preset that the form began with.

In simple mode the advanced settings are not in the page but keep what they hold: the line counts those that differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, differing, setting_by_key, value_of
from tsft.errors import UserError
from tsft.i18n import translate
from tsft.ui.context import PageContext
from tsft.ui.dataset_box import DATASET_KEYS, dataset_choices
from tsft.ui.events import PRIVATE
from tsft.ui.folds import ADVANCED, SIMPLE, folds_around
from tsft.ui.form import Form
from tsft.ui.presets import controls_of, title_of
from tsft.ui.top_bar import TopBar, fetch_update, path_of
from tsft.ui.widgets import element_id, shown, value_words
from tsft.ui.words import Words

ALL = "*"
# A click on "back" of one setting, or of all.
GIVE_BACK = """
element.addEventListener('click', (event) => {
  const back = event.target.closest('[data-back]');
  if (back) trigger('select', { key: back.dataset.back });
});
"""


@dataclass(frozen=True)
class ModeBox:
    """The switch, what this browser keeps of it, and the line with the list behind it."""

    mode: Any
    kept: Any
    differs: Any


def place_mode_box(words: Words) -> ModeBox:
    """Lay the row out."""
    with gr.Row(elem_id="mode-row", elem_classes=["gap-small"], equal_height=False):
        mode = gr.Radio(value=SIMPLE, interactive=True, container=False, elem_id="mode", scale=0, min_width=170)
        words.add_made(mode, _mode_words)
        differs = gr.HTML(elem_id="differs", apply_default_css=False, js_on_load=GIVE_BACK)
    return ModeBox(mode, gr.BrowserState(SIMPLE, storage_key="tsft_mode", secret="tsft"), differs)


def wire_mode_box(box: ModeBox, form: Form, context: PageContext, loaded: Any, top: TopBar) -> None:
    """The line follows the preset; "back" sets one setting, or all. The switch itself is wired with the folds."""

    def follow(mode: str, name: str | None, language: str, *values: Any) -> str:
        return differs_html(form, context, values, name, mode, language)

    def back(name: str | None, language: str, event: gr.EventData, *values: Any) -> list[Any]:
        return given_back(form, context, str(event._data.get("key", "")), name, language, values)

    inputs = [loaded, top.language, *form.widgets]
    loaded.change(follow, [box.mode, *inputs], [box.differs], **PRIVATE)
    box.differs.select(back, inputs, [*form.widgets, top.path, top.fetch], **PRIVATE)


def differs_html(
    form: Form, context: PageContext, values: Sequence[Any], loaded: str | None, mode: str, language: str
) -> str:
    """How many settings differ from the preset, or from the defaults; behind it which, and the way back."""
    base, name = base_of(context, loaded, language)
    found = _differences(form, values, base)
    if not found:
        told = translate(language, "page.differs.none" if name else "page.differs.none_default", name=name)
        return f'<p class="quiet">{escape(told)}</p>'
    hidden = sum(each.facts.is_advanced for each, _ in found) if mode == SIMPLE else 0
    told = translate(
        language, "page.differs.some" if name else "page.differs.some_default", name=name, count=len(found)
    )
    if hidden:
        told = translate(language, "page.differs.hidden", told=told, count=hidden)
    lines = "".join(_line(each, value, base, folds_around(form, each.key), language) for each, value in found)
    whole = escape(translate(language, "page.differs.all"))
    back = f'<button type="button" class="tool" data-back="{ALL}">{whole}</button>'
    return f"<details><summary>{escape(told)}</summary><ul>{lines}</ul>{back}</details>"


def given_back(
    form: Form, context: PageContext, key: str, loaded: str | None, language: str, values: Sequence[Any]
) -> list[Any]:
    """Updates for the form, the path and the fetch button: one setting as in the preset, or all of them."""
    base, _ = base_of(context, loaded, language)
    told = {"model.name": values[form.keys.index("model.name")], "model.hub": values[form.keys.index("model.hub")]}
    if key == ALL:
        controls = controls_of(form, context, base)
        told = {name: value_of(base, name) for name in told}
    elif key in form.keys:
        back = {key: gr.update(value=shown(setting_by_key()[key], value_of(base, key)))}
        if key == "data.folder":
            choices = dataset_choices(context, base.data.folder)
            back |= {each: gr.update(choices=choices) for each in DATASET_KEYS}
        controls = [back.get(each, gr.skip()) for each in form.keys]
        told = {name: value_of(base, name) if name == key else value for name, value in told.items()}
    else:
        return [gr.skip()] * (len(form.keys) + 2)
    name, hub = told.values()
    return [*controls, path_of(name, hub), fetch_update(name, hub, context, language)]


def base_of(context: PageContext, loaded: str | None, language: str) -> tuple[RunConfig, str]:
    """What the form is held against and its title; the defaults and no title where no preset is loaded any more."""
    if not loaded:
        return RunConfig(), ""
    try:
        config = context.load_preset(loaded)
    except UserError:
        try:
            config = context.preset_actions.readable(loaded)[0]  # a preset with unknown settings was loaded in part
        except UserError:
            return RunConfig(), ""  # deleted meanwhile
    return config, title_of(context, loaded, language)


def _differences(form: Form, values: Sequence[Any], base: RunConfig) -> list[tuple[Setting, Any]]:
    """Each setting that differs, and what it is now: as typed where that is no value of its kind."""
    config, problems = form.read(values)
    typed = dict(zip(form.keys, values, strict=True))
    wrong = {each.field: typed[each.field] for each in problems if each.field in typed}
    changed = {key: value_of(config, key) for key in differing(config, base)} | wrong
    return [(each, changed[key]) for key, each in setting_by_key().items() if key in changed]


def _line(setting: Setting, value: Any, base: RunConfig, folds: Sequence[str], language: str) -> str:
    name = escape(translate(language, setting.label_key))
    before = escape(_said(setting, value_of(base, setting.key), language))
    now = escape(_said(setting, value, language))
    back = escape(translate(language, "page.differs.back"))
    told = escape(translate(language, "page.differs.back_of", setting=translate(language, setting.label_key)))
    return (
        f'<li><button type="button" class="to-field" data-field="{element_id(setting.key)}" '
        f'data-folds="{" ".join(folds)}">{name}</button> '
        f"<span>{before} → <b>{now}</b></span> "
        f'<button type="button" class="back" data-back="{setting.key}" aria-label="{told}">{back}</button></li>'
    )


def _said(setting: Setting, value: Any, language: str) -> str:
    try:
        said = value_words(setting, value, language)
    except (TypeError, ValueError):
        said = str(value or "")  # as typed
    return said or translate(language, "page.differs.nothing")


def _mode_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"page.mode.{each}"), each) for each in (SIMPLE, ADVANCED)]
    return {"choices": choices, "label": translate(language, "page.mode.label")}
