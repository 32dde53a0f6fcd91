"""The row that loads and saves presets. Loading sets every control at once; nothing else fires on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.config.run_config import RunConfig
from tsft.errors import UserError
from tsft.i18n import say, say_all, translate
from tsft.ui import monitor
from tsft.ui.context import PageContext
from tsft.ui.dataset_box import DATASET_KEYS, dataset_choices
from tsft.ui.events import BESIDE, PRIVATE
from tsft.ui.form import Form
from tsft.ui.words import Words


@dataclass(frozen=True)
class PresetRow:
    """The controls of the row; `said` shows what came of a click.

    rest: loads what can be read of a preset, after what cannot has been said. loaded: the preset in the form, kept by
    the browser as the form itself is.
    """

    name: Any
    load: Any
    save: Any
    said: Any
    rest: Any
    loaded: Any


def place_presets(words: Words, context: PageContext) -> PresetRow:
    """A dropdown that also takes a new name, Load and Save."""
    with gr.Row(elem_classes=["gap-small"], elem_id="preset-row", equal_height=False):
        name = gr.Dropdown(
            choices=[],
            value=context.first_preset,
            allow_custom_value=True,
            interactive=True,
            elem_id="preset",
            elem_classes=["setting"],
            min_width=150,
        )
        words.add_made(name, lambda language: preset_words(context, language))
        load = words.add(gr.Button(size="md", min_width=80, elem_id="preset-load"), value="page.preset.load")
        save = words.add(gr.Button(size="md", min_width=80, elem_id="preset-save"), value="page.preset.save")
    said = gr.HTML(elem_id="preset-said", apply_default_css=False)
    rest = gr.Button(size="md", visible=False, elem_id="preset-rest")
    words.add(rest, value="page.preset.rest")
    loaded = gr.BrowserState("", storage_key="tsft_preset", secret="tsft")
    return PresetRow(name, load, save, said, rest, loaded)


def wire_presets(
    row: PresetRow,
    form: Form,
    context: PageContext,
    language: Any,
    more_outputs: Sequence[Any],
    more_updates: Callable[[RunConfig, str, str], list[Any]],
    mode: Any,
) -> None:
    """`more_updates(config, language, mode)`: what else follows a config, for `more_outputs` (path, old errors)."""

    outputs = [row.said, row.rest, row.loaded, *form.widgets, *more_outputs]

    def put_in(name: str, config: RunConfig, language: str, mode: str) -> list[Any]:
        done = translate(language, "page.preset.loaded", name=title_of(context, name, language))
        hidden = gr.update(visible=False)
        controls = controls_of(form, context, config)
        return [monitor.said(done), hidden, name, *controls, *more_updates(config, language, mode)]

    def load(name: str, chosen_language: str, chosen_mode: str) -> list[Any]:
        try:
            return put_in(name, context.load_preset(name or ""), chosen_language, chosen_mode)
        except UserError as error:
            sentence = monitor.said(_all_named(error, chosen_language), is_bad=True)
            # Single settings that are unknown or wrong: the rest is there for the asking.
            has_rest = all(each.field for each in error.problems)
            return [sentence, gr.update(visible=has_rest), *(gr.skip() for _ in outputs[2:])]

    def load_rest(name: str, chosen_language: str, chosen_mode: str) -> list[Any]:
        try:
            return put_in(name, context.preset_actions.readable(name or "")[0], chosen_language, chosen_mode)
        except UserError as error:
            sentence = monitor.said(_all_named(error, chosen_language), is_bad=True)
            return [sentence, gr.update(visible=False), *(gr.skip() for _ in outputs[2:])]

    def save(name: str, chosen_language: str, *values: Any) -> tuple[str, Any, Any]:
        try:
            saved = context.save_preset(name or "", form.config(values))
        except UserError as error:
            return monitor.said(say_all(chosen_language, error), is_bad=True), gr.skip(), gr.skip()
        choices = preset_words(context, chosen_language)["choices"]
        done = translate(chosen_language, "page.preset.saved", name=saved)
        return monitor.said(done), gr.update(choices=choices, value=saved), saved

    row.load.click(load, [row.name, language, mode], outputs, **PRIVATE)
    row.rest.click(load_rest, [row.name, language, mode], outputs, **PRIVATE)
    row.name.change(lambda: gr.update(visible=False), None, row.rest, **BESIDE)
    row.save.click(save, [row.name, language, *form.widgets], [row.said, row.name, row.loaded], **PRIVATE)


def controls_of(form: Form, context: PageContext, config: RunConfig) -> list[Any]:
    """Every control set to a config; the datasets are chosen among those of its own data folder."""
    updates = dict(zip(form.keys, form.updates(config), strict=True))
    choices = dataset_choices(context, config.data.folder)
    return [{**update, "choices": choices} if key in DATASET_KEYS else update for key, update in updates.items()]


def preset_words(context: PageContext, language: str) -> dict[str, Any]:
    """The names to choose from, with their titles, and the words of the control."""
    choices = [
        (translate(language, each.title_key) if each.title_key else each.name, each.name) for each in context.presets()
    ]
    return {
        "choices": choices,
        "label": translate(language, "page.preset.label"),
        "info": translate(language, "page.preset.help"),
    }


def title_of(context: PageContext, name: str, language: str) -> str:
    """A preset as the list calls it."""
    return next((label for label, value in preset_words(context, language)["choices"] if value == name), name)


def _all_named(error: UserError, language: str) -> str:
    """Every sentence of an error, each setting by its name."""
    if not all(each.field for each in error.problems):
        return say_all(language, error)
    return " ".join(f"{each.field}: {say(language, each.message)}" for each in error.problems)
