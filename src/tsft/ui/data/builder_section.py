"""The section of the Data tab for tables to rows: its layout. What it does: `builder_desk`."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.data.builder.tables import KINDS
from tsft.data.recipe_files import RECIPE_SUFFIX
from tsft.ui.data import builder_form
from tsft.ui.data.builder_desk import BuilderDesk
from tsft.ui.data.builder_form import CHOICES
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.job_box import JobBox, place_job_box
from tsft.ui.data.placing import Placing, RecipeForm, step_title
from tsft.ui.data.recipe_box import RecipeBox, place_recipe_box
from tsft.ui.words import Words


@dataclass(frozen=True)
class BuilderSection:
    """The section's controls.

    looked: the table and what would be built; problems: what is wrong; shown: the rows of the preview; told: what was
    built. window_for: the table for which a window was guessed.
    """

    form: RecipeForm
    brought: Any
    recipes: Any
    recipe_file: Any
    looked: Any
    look: Any
    preview: Any
    build: Any
    replaces: Any
    open: Any
    problems: Any
    shown: Any
    told: Any
    recipe: RecipeBox
    job: JobBox
    built: Any


def place_builder_section(words: Words) -> BuilderSection:
    """Lay the section out inside the open tab: settings on the left, what they mean for the table on the right."""
    placing = Placing(words, "build", CHOICES)
    made: dict[str, Any] = {}
    with gr.Row(elem_id="builder", elem_classes=["data-columns"], equal_height=False):
        with gr.Column(scale=6, min_width=320):
            step_title(words, "build", "table")
            made["brought"] = gr.UploadButton(
                file_count="multiple", file_types=list(KINDS), elem_id="build-file", elem_classes=["drops"]
            )
            words.add(made["brought"], label="page.build.file")
            builder_form.place_sources(placing)
            with gr.Row(elem_classes=["gap-small"], equal_height=False):
                made["recipes"] = gr.Dropdown(
                    [], interactive=True, elem_id="build-recipes", min_width=170, value=None, allow_custom_value=True
                )
                made["recipe_file"] = gr.UploadButton(
                    size="md", min_width=150, elem_id="build-recipe-file", file_types=[".json", RECIPE_SUFFIX]
                )
            words.add(made["recipes"], label="page.build.recipes")
            words.add(made["recipe_file"], label="page.build.recipe_file")
            step_title(words, "build", "columns")
            columns = builder_form.place_columns(placing)
            step_title(words, "build", "windows")
            builder_form.place_windows(placing)
            step_title(words, "build", "questions")
            tasks, styles = builder_form.place_questions(placing)
            step_title(words, "build", "splits")
            builder_form.place_splits(placing)
        with gr.Column(scale=7, min_width=320, elem_classes=["seen"]):
            made["looked"] = gr.HTML(elem_id="build-looked", apply_default_css=False)
            step_title(words, "build", "build")
            with gr.Row(elem_classes=["gap-small"], equal_height=False):
                placing.put("name", gr.Textbox, value="", max_lines=1)
                made["replaces"] = gr.Checkbox(
                    value=False, interactive=True, elem_id="build-replaces", elem_classes=["setting"], min_width=150
                )
            words.add(made["replaces"], label="page.data.replaces")
            with gr.Row(elem_classes=["gap-small"]):
                for name, variant in (("look", "secondary"), ("preview", "secondary"), ("build", "primary")):
                    button = gr.Button(size="md", variant=variant, min_width=110, elem_id=f"build-{name}")  # type: ignore[arg-type]
                    made[name] = words.add(button, value=f"page.build.button.{name}")
            made["problems"] = gr.HTML(elem_id="build-problems", apply_default_css=False)
            job = place_job_box(words, "build")
            made["told"] = gr.HTML(elem_id="build-told", apply_default_css=False)
            made["open"] = words.add(
                gr.Button(size="md", visible=False, elem_id="build-open"), value="page.data.open_rows"
            )
            recipe = place_recipe_box(words, "build-recipe")
            made["shown"] = gr.HTML(elem_id="build-shown", apply_default_css=False)
    form = RecipeForm(placing.controls, {"tasks": tasks, "styles": styles, "columns": columns})
    return BuilderSection(form=form, recipe=recipe, job=job, built=gr.State(0), **made)


def wire_builder_section(section: BuilderSection, desk: DataDesk, who: Any) -> None:
    """What its controls do."""
    BuilderDesk(section, desk, who).wire()
