"""The fold that shows what the form says now as a command, as JSON and as a script, each with a button to copy it."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.config.preview import command, json_text, script
from tsft.errors import UserError
from tsft.i18n import say_all, translate
from tsft.ui import monitor
from tsft.ui.code_box import place_code
from tsft.ui.context import PageContext
from tsft.ui.events import PRIVATE
from tsft.ui.form import Form
from tsft.ui.words import Words


@dataclass(frozen=True)
class PreviewBox:
    """is_open: nothing is computed for a closed fold."""

    fold: Any
    is_open: Any
    said: Any
    command: Any
    json: Any
    script: Any


def place_preview(words: Words) -> PreviewBox:
    """Lay the fold out; it is filled when it is opened."""
    with gr.Accordion(open=False, elem_classes=["fold"], elem_id="fold-preview") as fold:
        said = gr.HTML(elem_id="preview-said", apply_default_css=False)
        made = {
            name: place_code(words, language, f"page.preview.{name}", f"preview-{name}", lines=12)
            for name, language in (("command", "shell"), ("json", "json"), ("script", "python"))
        }
    words.add(fold, label="page.code.title")
    return PreviewBox(fold, gr.State(False), said, made["command"], made["json"], made["script"])


def wire_preview(box: PreviewBox, form: Form, context: PageContext, language: Any, edited: Any) -> None:
    """Fill the fold when it opens, and again whenever a setting changes while it is open.

    edited: the event after which the page has followed a change of the form.
    """
    shown = [box.said, box.command, box.json, box.script]

    def fill(chosen_language: str, *values: Any) -> list[Any]:
        try:
            config = form.config(values)
        except UserError as error:
            refused = translate(chosen_language, "page.preview.wrong", why=say_all(chosen_language, error))
            return [monitor.said(refused, is_bad=True), "", "", ""]
        place = context.workspace
        return ["", command(config, place), json_text(config), script(config, place)]

    def follow(is_open: bool, chosen_language: str, *values: Any) -> list[Any]:
        return fill(chosen_language, *values) if is_open else [gr.skip()] * len(shown)

    language.input(follow, [box.is_open, language, *form.widgets], shown, **PRIVATE)
    box.fold.expand(lambda: True, None, box.is_open, **PRIVATE)
    box.fold.expand(fill, [language, *form.widgets], shown, **PRIVATE)
    box.fold.collapse(lambda: False, None, box.is_open, **PRIVATE)
    edited.then(follow, [box.is_open, language, *form.widgets], shown, **PRIVATE)
