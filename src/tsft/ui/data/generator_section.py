"""The section of the Data tab for generated rows: its layout. What it does: `generator_desk`."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.data.recipe_files import RECIPE_SUFFIX
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.generator_desk import GeneratorDesk
from tsft.ui.data.generator_form import CHOICES, place_generator_form
from tsft.ui.data.job_box import JobBox, place_job_box
from tsft.ui.data.placing import Placing, RecipeForm, step_title
from tsft.ui.data.recipe_box import RecipeBox, place_recipe_box
from tsft.ui.words import Words


@dataclass(frozen=True)
class GeneratorSection:
    """The section's controls.

    shown: example rows, showing: which ones (numbers); worth: what the text alone scores; told: what was written.
    made, measured: the jobs of `told` and `worth`.
    """

    form: RecipeForm
    recipes: Any
    recipe_file: Any
    examples: Any
    reseed: Any
    number: Any
    single: Any
    measure: Any
    generate: Any
    replaces: Any
    open: Any
    problems: Any
    told: Any
    worth: Any
    shown: Any
    recipe: RecipeBox
    job: JobBox
    measuring: JobBox
    showing: Any
    made: Any
    measured: Any


def place_generator_section(words: Words) -> GeneratorSection:
    """Lay the section out inside the open tab: settings on the left, what comes of them on the right."""
    made: dict[str, Any] = {}
    with gr.Row(elem_id="generator", elem_classes=["data-columns"], equal_height=False):
        with gr.Column(scale=6, min_width=320):
            form = place_generator_form(words)
            step_title(words, "synth", "recipe")
            made |= _place_recipes(words)
        with gr.Column(scale=7, min_width=320, elem_classes=["seen"]):
            step_title(words, "synth", "examples")
            made |= _place_examples(words)
            step_title(words, "synth", "generate")
            named = Placing(words, "synth", CHOICES)
            with gr.Row(elem_classes=["gap-small"], equal_height=False):
                named.put("name", gr.Textbox, value="generated", max_lines=1)
                made["replaces"] = gr.Checkbox(
                    value=False, interactive=True, elem_id="synth-replaces", elem_classes=["setting"], min_width=150
                )
            words.add(made["replaces"], label="page.data.replaces")
            with gr.Row(elem_classes=["gap-small"]):
                made["measure"] = _button(words, "measure")
                made["generate"] = _button(words, "generate", "primary")
            made["problems"] = gr.HTML(elem_id="synth-problems", apply_default_css=False)
            made["job"], made["measuring"] = place_job_box(words, "synth"), place_job_box(words, "worth")
            made["told"] = gr.HTML(elem_id="synth-told", apply_default_css=False)
            made["open"] = gr.Button(size="md", visible=False, elem_id="synth-open")
            words.add(made["open"], value="page.data.open_rows")
            made["worth"] = gr.HTML(elem_id="synth-worth", apply_default_css=False)
            made["recipe"] = place_recipe_box(words, "synth-recipe")
            made["shown"] = gr.HTML(elem_id="synth-shown", apply_default_css=False)
    form = RecipeForm({**form.controls, **named.controls}, form.entries)
    return GeneratorSection(form=form, showing=gr.State(()), made=gr.State(0), measured=gr.State(0), **made)


def wire_generator_section(section: GeneratorSection, desk: DataDesk, who: Any) -> None:
    """What its controls do."""
    GeneratorDesk(section, desk, who).wire()


def _place_recipes(words: Words) -> dict[str, Any]:
    with gr.Row(elem_classes=["gap-small"], equal_height=False):
        recipes = gr.Dropdown([], value=None, allow_custom_value=True, interactive=True, elem_id="synth-recipes")
        file = gr.UploadButton(
            size="md", min_width=150, elem_id="synth-recipe-file", file_types=[".json", RECIPE_SUFFIX]
        )
    words.add(recipes, label="page.synth.recipes")
    words.add(file, label="page.build.recipe_file")
    return {"recipes": recipes, "recipe_file": file}


def _place_examples(words: Words) -> dict[str, Any]:
    with gr.Row(elem_classes=["gap-small"]):
        buttons = {name: _button(words, name) for name in ("examples", "reseed")}
    with gr.Row(elem_classes=["gap-small"], equal_height=False):
        number = gr.Number(0, step=1, interactive=True, elem_id="synth-number", elem_classes=["setting"], min_width=120)
        words.add(number, label="page.synth.number", info="page.synth.help.number")
        buttons["single"] = _button(words, "single")
    return {**buttons, "number": number}


def _button(words: Words, name: str, variant: Any = "secondary") -> Any:
    button = gr.Button(size="md", variant=variant, min_width=110, elem_id=f"synth-{name}")
    return words.add(button, value=f"page.synth.button.{name}")
