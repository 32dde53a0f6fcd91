"""Asks before a run takes the place of a model that is loaded for a chat: which model, and how much it holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from tsft.errors import Problem, message
from tsft.i18n import say, translate
from tsft.run.ports import EnginePort
from tsft.ui.chat.models import model_words
from tsft.ui.context import PageContext
from tsft.ui.events import PRIVATE
from tsft.ui.readings import size
from tsft.ui.words import Words

# States of the slot in which somebody's chat, whoever's it is, has the model.
OF_CHAT = ("loading", "chat")
_PREFIX = "page.frees."


@dataclass(frozen=True)
class SlotQuestion:
    """question: shown until somebody answers with `yes` or `no`."""

    question: Any
    text: Any
    yes: Any
    no: Any


def place_slot_question(words: Words, name: str) -> SlotQuestion:
    """Lay it out; `name` begins the ids of its controls."""
    with gr.Column(visible=False, elem_id=f"{name}-question", elem_classes=["gap-small"]) as question:
        text = gr.HTML(elem_id=f"{name}-question-text", apply_default_css=False)
        with gr.Row(elem_classes=["gap-small"]):
            yes = words.add(gr.Button(size="sm", variant="primary", elem_id=f"{name}-yes"), value="page.frees.yes")
            no = words.add(gr.Button(size="sm", elem_id=f"{name}-no"), value="page.queue.not_now")
    return SlotQuestion(question, text, yes, no)


def chat_that_ends(engine: EnginePort) -> Problem | None:
    """The chat that a run would end now, as a warning; None where no model is loaded for one."""
    slot = engine.slot()
    if slot.state not in OF_CHAT:
        return None
    told = message(f"{_PREFIX}{slot.state}", model=slot.model, size=size(slot.memory_bytes))
    return Problem("", told, is_warning=True)


def question_text(ends: Problem, does: str, context: PageContext, language: str) -> str:
    """What ends, and whether to begin nevertheless. does: "start" or "dry_run"."""
    values = dict(ends.message.values)
    values["model"] = model_words(str(values["model"]), context.results(), language)
    return f"{say(language, replace(ends.message, values=values))} {translate(language, f'page.frees.ask.{does}')}"


def wire_slot_question(
    box: SlotQuestion, events: Sequence[Any], problems: Any, context: PageContext, language: Any, does: str
) -> None:
    """After each of the events `problems` says whether to ask; what `yes` does is wired where the events are."""

    def ask(found: Sequence[Problem], chosen_language: str) -> list[Any]:
        ends = next((each for each in found if each.message.key.startswith(_PREFIX)), None)
        if ends is None:
            return [gr.update(visible=False), ""]
        text = question_text(ends, does, context, chosen_language)
        return [gr.update(visible=True), f'<p role="alert">{escape(text)}</p>']

    def no() -> list[Any]:
        return [gr.update(visible=False), "", []]

    shown = [box.question, box.text]
    for event in events:
        event.then(ask, [problems, language], shown, **PRIVATE)
    language.input(ask, [problems, language], shown, **PRIVATE)
    box.no.click(no, None, [*shown, problems], **PRIVATE)
