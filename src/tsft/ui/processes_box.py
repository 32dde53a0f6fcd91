"""Below the settings of several processes: the commands that start the run by hand, and what DeepSpeed is told."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from tsft.config.run_config import RunConfig
from tsft.errors import UserError
from tsft.i18n import say_all, translate
from tsft.run.deepspeed import deepspeed_options
from tsft.run.launch_lines import machine_lines, slurm_script
from tsft.store.launches import write_launch
from tsft.store.workspace import Workspace
from tsft.ui import monitor
from tsft.ui.code_box import place_code
from tsft.ui.context import PageContext
from tsft.ui.events import PRIVATE
from tsft.ui.form import Form
from tsft.ui.words import Words


@dataclass(frozen=True)
class ProcessesBox:
    """Filled by the button; what was filled is hidden again when the form says something else."""

    write: Any
    said: Any
    lines: Any
    slurm: Any
    deepspeed: Any

    @property
    def outputs(self) -> list[Any]:
        return [self.said, self.lines, self.slurm, self.deepspeed]


def place_processes_box(words: Words) -> ProcessesBox:
    """Lay it out inside the open fold."""
    write = words.add(gr.Button(size="sm", elem_id="launch-write"), value="page.launch.write")
    said = gr.HTML(elem_id="launch-said", apply_default_css=False)
    made = {
        name: place_code(words, language, f"launch.{name}", f"launch-{name}", lines=16, visible=False)
        for name, language in (("lines", "shell"), ("slurm", "shell"), ("deepspeed", "json"))
    }
    return ProcessesBox(write, said, made["lines"], made["slurm"], made["deepspeed"])


def wire_processes_box(box: ProcessesBox, form: Form, context: PageContext, language: Any, edited: Any) -> None:
    """edited: the event after which the page has followed a change of the form."""

    def write(chosen_language: str, *values: Any) -> list[Any]:
        config, problems = form.read(values)
        problems = problems or [each for each in context.engine.check(config) if not each.is_warning]
        if problems:
            return _refused(chosen_language, UserError(*problems))
        try:
            return texts_of(config, context.workspace, chosen_language)
        except UserError as error:
            return _refused(chosen_language, error)

    box.write.click(write, [language, *form.widgets], box.outputs, **PRIVATE)
    edited.then(_nothing, None, box.outputs, **PRIVATE)


def texts_of(config: RunConfig, workspace: str, language: str) -> list[Any]:
    """Write the config into the workspace, and the updates that show the commands. UserError when the disk refuses."""
    place = Workspace(Path(workspace))
    path = write_launch(place, config)
    is_deepspeed = config.processes.strategy.startswith("deepspeed")
    told = json.dumps(deepspeed_options(config), indent=2) if is_deepspeed else ""
    return [
        monitor.said(translate(language, "page.launch.written", path=str(path))),
        gr.update(value="\n".join(machine_lines(config, path, place.root)), visible=True),
        gr.update(value=slurm_script(config, path, place.root), visible=True),
        gr.update(value=told, visible=is_deepspeed),
    ]


def _refused(language: str, error: UserError) -> list[Any]:
    return [monitor.said(say_all(language, error), is_bad=True), *_nothing()[1:]]


def _nothing() -> list[Any]:
    return ["", *[gr.update(value="", visible=False)] * 3]
