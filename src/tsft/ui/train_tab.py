"""The Train tab: settings on the left, the run on the right; Start and Stop."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.config.check import check
from tsft.config.schema import setting_by_key
from tsft.errors import Problem, UserError
from tsft.i18n import say, translate
from tsft.ui import monitor
from tsft.ui.command_bar import CommandBar, place_command_bar
from tsft.ui.context import PageContext
from tsft.ui.dataset_box import DatasetBox, place_dataset_box
from tsft.ui.failure_desk import FailureDesk, place_failure_desk
from tsft.ui.folds import FOLDS, folds_around
from tsft.ui.form import Form, sentences_by_field
from tsft.ui.mode_box import ModeBox, place_mode_box
from tsft.ui.preset_box import PresetBox, place_preset_box
from tsft.ui.presets import PresetRow, place_presets
from tsft.ui.preview_box import PreviewBox, place_preview
from tsft.ui.processes_box import ProcessesBox, place_processes_box
from tsft.ui.queue_box import QueueBox, place_queue_box, place_queue_question
from tsft.ui.readiness import ReadinessBox, place_readiness
from tsft.ui.slot_question import SlotQuestion, chat_that_ends, place_slot_question
from tsft.ui.widgets import element_id
from tsft.ui.words import Words

NO_ERRORS = '<div data-errors="{}"></div>'


@dataclass(frozen=True)
class TrainTab:
    """What other parts of the page need of the tab. folds: by name, and whether it is the one for advanced settings."""

    presets: PresetRow
    preset_box: PresetBox
    modes: ModeBox
    preview: PreviewBox
    datasets: DatasetBox
    folds: dict[tuple[str, bool], Any]
    processes: ProcessesBox
    start: Any
    stop: Any
    asking: SlotQuestion
    commands: CommandBar
    queue: QueueBox
    readiness: ReadinessBox
    panel: Any
    announcement: Any
    refusal: Any
    errors: Any
    result: Any
    failure: FailureDesk
    chart_feed: Any
    probes: Any
    gauges: Any
    log: Any


def place_train_tab(form: Form, words: Words, context: PageContext) -> TrainTab:
    """Lay the tab out inside the open `gr.Tab`."""
    with gr.Row(elem_id="columns", equal_height=False):
        with gr.Column(scale=5, elem_id="settings", min_width=320):
            presets = place_presets(words, context)
            preset_box = place_preset_box(words, context)
            modes = place_mode_box(words)
            datasets = _place_basics(form, words)
            folds, processes = _place_folds(form, words)
            preview = place_preview(words)
        with gr.Column(scale=7, elem_id="monitor", min_width=320):
            with gr.Row(elem_classes=["gap-small"]):
                start = words.add(gr.Button(variant="primary", elem_id="start", min_width=110), value="page.start")
                stop = words.add(gr.Button(interactive=False, elem_id="stop", min_width=110), value="page.stop")
            commands = place_command_bar(words)
            refusal = gr.HTML(elem_id="refusal", apply_default_css=False)
            asking = place_slot_question(words, "start")
            question = place_queue_question(words)
            readiness = place_readiness(words)
            result = gr.HTML(elem_id="result", apply_default_css=False)
            failure = place_failure_desk()
            panel = gr.HTML(elem_id="panel", apply_default_css=False)
            gr.HTML('<div class="tsft-chart" data-feed="chart-feed"></div>', elem_id="chart", apply_default_css=False)
            gauges = gr.HTML(elem_id="gauges", apply_default_css=False)
            probes = gr.HTML(elem_id="probes", apply_default_css=False)
            with gr.Accordion(open=True, elem_classes=["fold"], elem_id="log-fold") as log_fold:
                log = gr.HTML(elem_id="log-box", apply_default_css=False, autoscroll=True)
            words.add(log_fold, label="page.log.title")
            queue = place_queue_box(words, question)
            errors = gr.HTML(NO_ERRORS, elem_id="errors-feed", elem_classes=["feed"])
            chart_feed = gr.HTML(elem_id="chart-feed", elem_classes=["feed"])
            announcement = gr.HTML(elem_id="announcement", elem_classes=["unseen"], apply_default_css=False)
    return TrainTab(
        presets,
        preset_box,
        modes,
        preview,
        datasets,
        folds,
        processes,
        start,
        stop,
        asking,
        commands,
        queue,
        readiness,
        panel,
        announcement,
        refusal,
        errors,
        result,
        failure,
        chart_feed,
        probes,
        gauges,
        log,
    )


def _place_basics(form: Form, words: Words) -> DatasetBox:
    """What nearly every run is told: data, then learning rate, epochs, batch size first."""
    box = place_dataset_box(form, words)
    form.place("data.task")
    for row in (
        ("optim.learning_rate", "schedule.epochs", "schedule.batch_size"),
        ("schedule.gradient_accumulation", "data.cutoff_length", "schedule.max_steps"),
        ("data.validation", "data.validation_fraction", "data.validation_datasets"),
    ):
        with gr.Row(elem_classes=["gap-small"], equal_height=False):
            form.place(*row)
    return box


def _place_folds(form: Form, words: Words) -> tuple[dict[tuple[str, bool], Any], ProcessesBox]:
    folds: dict[tuple[str, bool], Any] = {}
    processes: ProcessesBox | None = None
    for name, sections in FOLDS:
        with gr.Accordion(open=False, elem_classes=["fold"], elem_id=f"fold-{name}") as fold:
            form.place_rest(sections, is_advanced=False)
            if form.has_rest(sections, is_advanced=True):
                with gr.Accordion(open=False, elem_classes=["fold"], elem_id=f"more-{name}") as more:
                    form.place_rest(sections, is_advanced=True)
                folds[name, True] = words.add(more, label="page.more")
            if name == "processes":
                processes = place_processes_box(words)
        folds[name, False] = words.add(fold, label=f"section.{name}")
    assert processes is not None  # it is a section of the settings
    return folds, processes


def errors_html(form: Form, problems: Sequence[Problem], language: str, notes: Sequence[Problem] = ()) -> str:
    """The sentences by field for `assets/page.js`, which puts each beside its control.

    A control in a closed fold is not in the page yet: the folds to open come along; none for notes, which can wait.
    """
    wrong = sentences_by_field(each for each in problems if not each.is_warning)
    texts = {
        element_id(key): {
            "text": " ".join(say(language, each) for each in found),
            "folds": folds_around(form, key) if key in wrong else [],
        }
        for key, found in {**sentences_by_field(notes), **wrong}.items()
        if key in form.keys
    }
    return f'<div data-errors="{escape(json.dumps(texts, ensure_ascii=False))}"></div>'


def field_labels(language: str) -> dict[str, str]:
    return {key: translate(language, each.label_key) for key, each in setting_by_key().items()}


def problems_html(problems: Sequence[Problem], language: str) -> str:
    """The summary in the output area."""
    errors = [each for each in problems if not each.is_warning]
    return monitor.refusal(errors, field_labels(language), language)


def start_run(
    form: Form, context: PageContext, by: str, values: Sequence[Any], parent: str = "", *, may_end_chat: bool = False
) -> list[Problem]:
    """Start a run with what is in the form, cloned from `parent`; all problems at once when it was refused.

    Unless `may_end_chat`, one that is sound but would end a chat is not started: that is the only warning returned.
    """
    config, problems = form.read(values)
    if problems:
        return form.problems(values, context.engine.check)
    ends = None if may_end_chat else chat_that_ends(context.engine)
    if ends is not None:
        return [each for each in context.engine.check(config) if not each.is_warning] or [ends]
    try:
        context.engine.start(config, by, parent)
    except UserError as error:
        return list(error.problems)
    return []


def remaining_problems(form: Form, values: Sequence[Any]) -> list[Problem]:
    """What is still wrong with the form, as far as the form alone can tell."""
    return form.problems(values, check)
