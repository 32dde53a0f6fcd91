"""Asks a run's model the question of a dataset row and shows its answer, as it is written, beside the row's own."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.errors import UserError
from tsft.i18n import say, say_all, translate
from tsft.run.ports import Asked
from tsft.ui import monitor
from tsft.ui.context import PageContext, PreviewRow
from tsft.ui.dataset_box import row_html
from tsft.ui.events import PRIVATE, QUEUED
from tsft.ui.words import Words

# While an answer is written it is looked at this often.
TICK_SECONDS = 0.5


@dataclass(frozen=True)
class AskBox:
    """The controls. number: which question of the engine this session waits for; 0 for none. example: its row."""

    dataset: Any
    row: Any
    ask: Any
    question: Any
    answer: Any
    number: Any
    example: Any
    timer: Any


def place_ask_box(words: Words) -> AskBox:
    """Lay the box out below the chosen run."""
    title = gr.HTML(elem_id="ask-title", apply_default_css=False)
    words.add_made(title, lambda language: {"value": _title(language)})
    with gr.Row(elem_classes=["gap-small"]):
        dataset = gr.Dropdown(
            choices=[], interactive=True, allow_custom_value=True, elem_id="ask-dataset", min_width=120
        )
        words.add(dataset, label="page.ask.dataset")
        row = gr.Number(1, precision=0, interactive=True, elem_id="ask-row", min_width=80)
        words.add(row, label="page.ask.row")
    ask = words.add(gr.Button(elem_id="ask"), value="page.ask.ask")
    question = gr.HTML(elem_id="ask-question", apply_default_css=False)
    answer = gr.HTML(elem_id="ask-answer", apply_default_css=False)
    timer = gr.Timer(TICK_SECONDS, active=False)
    return AskBox(dataset, row, ask, question, answer, gr.State(0), gr.State(None), timer)


def wire_ask_box(box: AskBox, context: PageContext, tab: Any, chosen_run: Any, language: Any) -> None:
    """Offer the datasets when the tab opens; ask; follow the answer until it is done."""

    def offer(dataset: str | None) -> Any:
        names = [each.name for each in context.datasets("")]
        return gr.update(choices=names, value=dataset if dataset in names else next(reversed(names), None))

    def ask(run_id: str, dataset: str | None, row: float | None, chosen_language: str) -> list[Any]:
        try:
            example = _example(context, dataset, 1 if row is None else int(row))
            result = next((each.result for each in context.runs() if each.id == run_id), "")
            if example is None or not result:
                key = "page.ask.no_result" if not result else "page.ask.no_row"
                refused = monitor.said(translate(chosen_language, key), is_bad=True)
                return ["", refused, 0, None, gr.Timer(active=False)]
            turns = [dict(turn) for turn in example.turns if turn["role"] != "assistant"]
            number = context.engine.ask(result, turns, example.series)
        except UserError as error:
            refused = monitor.said(say_all(chosen_language, error), is_bad=True)
            return ["", refused, 0, None, gr.Timer(active=False)]
        waiting = answer_html(Asked(number, result), chosen_language)
        shown = row_html(example, chosen_language)
        return [shown, waiting, number, example, gr.Timer(TICK_SECONDS, active=True)]

    def relabel(number: int, example: PreviewRow | None, chosen_language: str) -> list[Any]:
        """A refusal goes, as its reason is not kept."""
        if example is None:
            return ["", ""]
        return [row_html(example, chosen_language), follow(number, chosen_language)[0]]

    def follow(number: int, chosen_language: str) -> list[Any]:
        asked = context.engine.asked()
        if asked is None or asked.number != number:  # another session has asked since
            given_up = monitor.said(translate(chosen_language, "page.ask.given_up"), is_bad=True)
            return [given_up, gr.Timer(active=False)]
        return [answer_html(asked, chosen_language), gr.Timer(active=False) if asked.is_done else gr.skip()]

    tab.select(offer, [box.dataset], box.dataset, **PRIVATE)
    inputs = [chosen_run, box.dataset, box.row, language]
    outputs = [box.question, box.answer, box.number, box.example, box.timer]
    box.ask.click(ask, inputs, outputs, concurrency_limit=4, **QUEUED)
    language.input(relabel, [box.number, box.example, language], [box.question, box.answer], **PRIVATE)
    box.timer.tick(follow, [box.number, language], [box.answer, box.timer], concurrency_limit=None, **PRIVATE)


def answer_html(asked: Asked, language: str) -> str:
    """The model's answer so far; what it writes is text, never HTML."""
    if asked.problem is not None:
        return monitor.said(say(language, asked.problem), is_bad=True)
    name = escape(translate(language, "page.ask.answer"))
    text = asked.text or ("" if asked.is_done else translate(language, "page.ask.waiting"))
    shown = escape(text) if text.strip() else escape(translate(language, "page.ask.empty"))
    state = "done" if asked.is_done else "writing"
    return f'<div class="box calm" data-answer="{state}"><p class="turn"><b>{name}</b>{shown}</p></div>'


def _example(context: PageContext, dataset: str | None, row: int) -> PreviewRow | None:
    """The row-th usable example of a dataset, counted from 1."""
    if not dataset or row < 1:
        return None
    rows = context.preview(dataset, "", row - 1, 1).rows
    return rows[0] if rows else None


def _title(language: str) -> str:
    title = escape(translate(language, "page.ask.title"))
    return f'<p class="facts-title">{title}</p><p>{escape(translate(language, "page.ask.help"))}</p>'
