"""The fold that shows a recipe as a command and as JSON, each with a button that copies it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.i18n import translate
from tsft.ui.words import Words


@dataclass(frozen=True)
class RecipeBox:
    """name: the element that holds it."""

    name: str
    shown: Any


def place_recipe_box(words: Words, name: str) -> RecipeBox:
    """The fold, open: it is what a person takes along."""
    with gr.Accordion(open=False, elem_classes=["fold"], elem_id=f"{name}-fold") as fold:
        shown = gr.HTML(elem_id=name, apply_default_css=False)
    words.add(fold, label="page.data.recipe")
    return RecipeBox(name, shown)


def recipe_html(box: str, command: str, recipe: Mapping[str, Any], language: str) -> str:
    """Both texts with their buttons. box: the name of the box."""
    pieces = (("command", command), ("json", json.dumps(recipe, ensure_ascii=False, indent=1)))
    return "".join(_piece(f"{box}-{name}", name, text, language) for name, text in pieces)


def _piece(element: str, name: str, text: str, language: str) -> str:
    title, copy, done = (
        escape(translate(language, key))
        for key in (f"page.data.recipe_{name}", "page.preview.copy", "page.data.copied")
    )
    return (
        f'<div class="code"><p>{title} <button type="button" class="tool" data-copies="{element}" data-done="{done}">'
        f'{copy}</button></p><pre id="{element}" tabindex="0">{escape(text)}</pre></div>'
    )
