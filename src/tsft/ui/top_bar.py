"""The top bar: language, model, hub, path, tuning type, what to continue from, precision, quantising; and fetching."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.config.catalog import BASE_MODELS, BUILTIN, SMOLLM2, base_model
from tsft.i18n import FALLBACK, LANGUAGES, translate
from tsft.run.ports import Fetch
from tsft.ui.context import PageContext
from tsft.ui.form import Form
from tsft.ui.notices import place_notify_button
from tsft.ui.result_words import result_words
from tsft.ui.words import Words

# The settings that name a result of another run, each with its word for none.
RESULT_KEYS = {"model.continue_from": "page.continue.none", "rewards.model": "page.rewards.none"}


@dataclass(frozen=True)
class TopBar:
    """path: where the model comes from; it shows what the name means, and takes a folder or a hub id."""

    language: Any
    path: Any
    fetch: Any
    fetches: Any


def place_top_bar(form: Form, words: Words) -> TopBar:
    """The controls that belong to every tab, in one row that wraps on narrow screens."""
    with gr.Row(elem_id="header", elem_classes=["gap-small"], equal_height=False):
        brand = gr.HTML(elem_id="brand", apply_default_css=False)
        words.add_made(brand, lambda chosen: {"value": _brand(chosen)})
        fetches = gr.HTML(elem_id="fetches", apply_default_css=False)
        place_notify_button(words)
        fetch = gr.Button(size="sm", elem_id="fetch", visible="hidden", scale=0)
        language = gr.Dropdown(
            choices=[(name, code) for code, name in LANGUAGES.items()],
            value=FALLBACK,
            interactive=True,
            filterable=False,
            container=False,
            elem_id="language",
            scale=0,
        )
        words.add(language, label="page.language")
    with gr.Row(elem_id="top-bar", elem_classes=["gap-small"], equal_height=False):
        form.place("model.name", "model.hub")
        path = gr.Textbox(interactive=True, elem_id="path", max_lines=1, min_width=120, elem_classes=["setting"])
        words.add(path, label="page.path", info="page.path_help")
        form.place("tuning.method", "model.continue_from", "model.precision", "quantization.method")
    return TopBar(language, path, fetch, fetches)


def model_words(language: str) -> dict[str, Any]:
    """Words of the model control: the catalogue with a phrase for each."""
    choices = [
        (f"{each.name} · {translate(language, f'model_catalog.{each.name}')}", each.name) for each in BASE_MODELS
    ]
    return {"choices": choices}


def result_choices(context: PageContext, language: str, key: str = "model.continue_from") -> list[tuple[str, str]]:
    """What of earlier runs one of RESULT_KEYS can be, and first of all nothing."""
    found = [(result_words(each, language), each.name) for each in context.results()]
    return [(translate(language, RESULT_KEYS[key]), ""), *found]


def path_of(name: str, hub: str) -> str:
    """Where a model comes from, as the path box shows it: a hub id, the typed folder, nothing for the built-in one."""
    model = base_model(name or "")
    if model is None:
        return name or ""
    return model.modelscope if hub == "modelscope" else model.huggingface


def offered(name: str, hub: str, context: PageContext, fetches: Mapping[str, Fetch]) -> str:
    """The model whose fetching from the chosen hub is offered now: the chosen one, or SmolLM2 beside the built-in one.

    "" for none: it is on its way, or here as a run with this hub would look for it.
    """
    wanted = SMOLLM2 if name in ("", BUILTIN) else name
    on_its_way = wanted in fetches and not fetches[wanted].is_done and fetches[wanted].problem is None
    if base_model(wanted) is None or on_its_way or context.is_here(wanted, hub):
        return ""
    return wanted


def fetch_update(name: str, hub: str, context: PageContext, language: str) -> Any:
    """The button that fetches a model: its words, or hidden where there is nothing to fetch."""
    wanted = offered(name, hub, context, context.engine.fetches())
    if not wanted:
        return gr.update(visible="hidden")
    return gr.update(visible=True, value=translate(language, "page.fetch.button", name=wanted))


def _brand(language: str) -> str:
    return f'<p class="brand">tsft<small>{translate(language, "page.tagline")}</small></p>'
