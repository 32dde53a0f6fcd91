"""The queue on the Train tab: the question after a Start that came too late, the waiting runs, and small sweeps."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.config.schema import setting_by_key
from tsft.config.sweep import parse_values, sweep_configs, sweepable
from tsft.errors import Problem, UserError
from tsft.i18n import say_all, translate
from tsft.run.ports import QueueEntry
from tsft.ui import monitor
from tsft.ui.context import PageContext
from tsft.ui.events import PRIVATE
from tsft.ui.form import Form
from tsft.ui.words import Words

# What is in the way of a run and ends by itself, and the question whether to wait for it.
BUSY = {
    "engine.busy": "page.queue.question",
    "evaluation.busy": "page.queue.question_evaluation",
    "export.busy": "page.queue.question_export",
}
SWEEP_ROWS = 3
# A click on a button of a waiting run.
CHANGE = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-queue]');
  if (button) trigger('select', { run: button.dataset.queue, does: button.dataset.does });
});
"""


@dataclass(frozen=True)
class Desk:
    """What the queue needs of the page around it.

    problems, refusal: what the last Start was told. parent: the run whose clone is in the form.
    tick: the arguments of a tick after an answer. started: the events of a Start. labels: of the fields, in a language.
    who: the person behind a request.
    """

    form: Form
    context: PageContext
    live: Any
    language: Any
    problems: Any
    refusal: Any
    parent: Any
    tick: dict[str, Any]
    started: Sequence[Any]
    labels: Callable[[str], Mapping[str, str]]
    who: Callable[[gr.Request], str]


@dataclass(frozen=True)
class QueueBox:
    """question: shown when somebody's Start came while a run, an evaluation or an export is in progress."""

    question: Any
    text: Any
    add: Any
    not_now: Any
    said: Any
    waiting: Any
    enqueue: Any
    sweep_settings: list[Any]
    sweep_values: list[Any]
    sweep_count: Any
    sweep_add: Any


def place_queue_question(words: Words) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Right below Start: question, its text, both answers, what was said, and the waiting runs."""
    with gr.Column(visible=False, elem_id="queue-question", elem_classes=["gap-small"]) as question:
        text = gr.HTML(elem_id="queue-text", apply_default_css=False)
        with gr.Row(elem_classes=["gap-small"]):
            add = words.add(gr.Button(size="sm", variant="primary", elem_id="queue-add"), value="page.queue.add")
            not_now = words.add(gr.Button(size="sm", elem_id="queue-not-now"), value="page.queue.not_now")
    said = gr.HTML(elem_id="queue-said", apply_default_css=False)
    waiting = gr.HTML(elem_id="queue-list", apply_default_css=False, js_on_load=CHANGE)
    return question, text, add, not_now, said, waiting


def place_queue_box(words: Words, asked: tuple[Any, Any, Any, Any, Any, Any]) -> QueueBox:
    """The fold with "add to the queue" and the sweep."""
    settings, values = [], []
    with gr.Accordion(open=False, elem_classes=["fold"], elem_id="queue-fold") as fold:
        enqueue = words.add(gr.Button(size="md", elem_id="enqueue"), value="page.queue.enqueue")
        about = gr.HTML(elem_id="sweep-about", apply_default_css=False)
        words.add_made(about, _sweep_words)
        for number in range(SWEEP_ROWS):
            with gr.Row(elem_classes=["gap-small"], equal_height=False):
                setting = gr.Dropdown(
                    [], value=None, interactive=True, elem_id=f"sweep-setting-{number}", min_width=160
                )
                words.add_made(setting, _setting_words)
                typed = gr.Textbox(interactive=True, elem_id=f"sweep-values-{number}", min_width=140)
                words.add(typed, label="page.queue.values", placeholder="page.queue.values_hint")
            settings.append(setting)
            values.append(typed)
        sweep_count = gr.HTML(elem_id="sweep-count", apply_default_css=False)
        sweep_add = words.add(gr.Button(size="md", elem_id="sweep-add"), value="page.queue.sweep_add")
    words.add(fold, label="page.queue.title")
    return QueueBox(*asked, enqueue, settings, values, sweep_count, sweep_add)


def waiting_html(entries: Sequence[QueueEntry], is_held: bool, language: str) -> str:
    """The waiting runs in order, each with up, down and remove; "" when none waits."""
    if not entries:
        return ""
    title = escape(translate(language, "page.queue.waiting", count=len(entries)))
    hold = escape(translate(language, "page.queue.let_go" if is_held else "page.queue.hold"))
    does = "go" if is_held else "hold"
    switch = f'<button type="button" class="tool" data-queue="" data-does="{does}">{hold}</button>'
    how = escape(translate(language, "queue.held" if is_held else "page.queue.by_itself"))
    rows = "".join(_entry(number, entry, len(entries), language) for number, entry in enumerate(entries, 1))
    return f'<div class="box calm queue"><p>{title} {switch}</p><ol>{rows}</ol><p class="quiet">{how}</p></div>'


def wire_queue_box(box: QueueBox, desk: Desk) -> None:
    """Every answer is followed by a tick, which draws the waiting runs anew."""
    form, context, language = desk.form, desk.context, desk.language

    def ask(found: Sequence[Problem], chosen_language: str) -> list[Any]:
        key = next((BUSY[each.message.key] for each in found if each.message.key in BUSY), "")
        text = f"<p>{escape(translate(chosen_language, key))}</p>" if key else ""
        return [gr.update(visible=bool(key)), text, ""]

    def not_now() -> list[Any]:
        return [gr.update(visible=False), "", []]

    def put(chosen_language: str, parent: str, request: gr.Request, *values: Any) -> list[Any]:
        def queue() -> Sequence[str]:
            return context.engine.enqueue([form.config(values)], desk.who(request), parent=parent)

        return answered(queue, chosen_language)

    def put_sweep(chosen_language: str, parent: str, request: gr.Request, *given: Any) -> list[Any]:
        told, values = _told(given), given[2 * SWEEP_ROWS :]

        def queue() -> Sequence[str]:
            configs = sweep_configs(form.config(values), told)
            return context.engine.enqueue(configs, desk.who(request), sweep=", ".join(told), parent=parent)

        return answered(queue, chosen_language)

    def answered(queue: Callable[[], Sequence[str]], chosen_language: str) -> list[Any]:
        """Updates for what was said, the question, and the refusal of the Start that led to it."""
        try:
            count = len(queue())
        except UserError as error:
            return [monitor.refusal(error.problems, desk.labels(chosen_language), chosen_language), *[gr.skip()] * 3]
        desk.live.queue_changed()
        said = monitor.said(translate(chosen_language, "page.queue.added", count=count))
        return [said, gr.update(visible=False), "", []]

    for event in desk.started:
        event.then(ask, [desk.problems, language], [box.question, box.text, box.said], **PRIVATE)
    outputs = [box.said, box.question, desk.refusal, desk.problems]
    given = [language, desk.parent]
    for button in (box.add, box.enqueue):
        button.click(put, [*given, *form.widgets], outputs, **PRIVATE).then(**desk.tick)
    box.not_now.click(not_now, None, [box.question, desk.refusal, desk.problems], **PRIVATE)
    swept = [*box.sweep_settings, *box.sweep_values]
    box.sweep_add.click(put_sweep, [*given, *swept, *form.widgets], outputs, **PRIVATE).then(**desk.tick)
    _wire_count(box, swept, language)
    _wire_changes(box, desk)


def _wire_count(box: QueueBox, swept: Sequence[Any], language: Any) -> None:
    """How many runs the sweep would be, told while it is typed."""

    def count(chosen_language: str, *given: Any) -> str:
        told = _told(given)
        runs = math.prod(len(values) for values in told.values()) if told else 0
        return f"<p>{escape(translate(chosen_language, 'page.queue.sweep_count', count=runs))}</p>" if runs else ""

    changed = [each.change for each in swept]
    gr.on(changed, count, [language, *swept], [box.sweep_count], trigger_mode="always_last", **PRIVATE)


def _wire_changes(box: QueueBox, desk: Desk) -> None:
    """The buttons of the waiting runs."""
    context = desk.context

    def change(chosen_language: str, request: gr.Request, event: gr.EventData) -> str:
        run, does = str(event._data.get("run", "")), str(event._data.get("does", ""))
        try:
            _change(context, run, does, desk.who(request))
        except UserError as error:
            return monitor.said(say_all(chosen_language, error), is_bad=True)
        finally:
            desk.live.queue_changed()
        return ""

    box.waiting.select(change, [desk.language], [box.said], **PRIVATE).then(**desk.tick)


def _told(given: Sequence[Any]) -> dict[str, list[str]]:
    """The values by setting, from the sweep's settings followed by its lines of values; empty rows are left out."""
    keys, typed = given[:SWEEP_ROWS], given[SWEEP_ROWS : 2 * SWEEP_ROWS]
    return {key: parse_values(text) for key, text in zip(keys, typed, strict=True) if key and text and text.strip()}


def _change(context: PageContext, run: str, does: str, by: str) -> None:
    engine = context.engine
    if does in ("hold", "go"):
        engine.hold_queue(does == "hold", by)
        return
    place = next((number for number, entry in enumerate(engine.queue(), 1) if entry.run_id == run), 1)
    if does == "remove":
        engine.remove(run)
    elif does in ("up", "down"):
        engine.move(run, max(1, place + (1 if does == "down" else -1)))


def _entry(number: int, entry: QueueEntry, count: int, language: str) -> str:
    told = ", ".join(each for each in (entry.model, *entry.datasets, entry.by) if each)
    buttons = "".join(
        f'<button type="button" class="tool" data-queue="{escape(entry.run_id)}" data-does="{does}"'
        f'{"" if can else " disabled"} aria-label="{escape(label)}">{sign}</button>'
        for does, sign, can, label in (
            ("up", "↑", number > 1, translate(language, "page.queue.up", name=entry.name)),
            ("down", "↓", number < count, translate(language, "page.queue.down", name=entry.name)),
            ("remove", "×", True, translate(language, "page.queue.remove", name=entry.name)),
        )
    )
    return f"<li><b>{escape(entry.name)}</b> <small>{escape(told)}</small> <span>{buttons}</span></li>"


def _setting_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, setting_by_key()[key].label_key), key) for key in sweepable()]
    return {"label": translate(language, "page.queue.setting"), "choices": choices}


def _sweep_words(language: str) -> dict[str, Any]:
    return {"value": f"<p>{escape(translate(language, 'page.queue.sweep_help'))}</p>"}
