"""The fold of the Chat tab that tells how many answers were judged, and makes a dataset of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.data.preferences.ranking import KINDS, PAIRS
from tsft.data.preferences.writing import Written, write_kept
from tsft.errors import UserError
from tsft.i18n import say, translate
from tsft.ui import monitor
from tsft.ui.data.room import DataRoom
from tsft.ui.events import QUEUED
from tsft.ui.words import Words

NAME = "chat-verdicts"


@dataclass(frozen=True)
class VerdictBox:
    fold: Any
    counts: Any
    kind: Any
    name: Any
    make: Any
    said: Any


def place_verdict_box(words: Words) -> VerdictBox:
    """Counts above, what to make of them below."""
    with gr.Accordion(open=False, elem_id="chat-verdicts", elem_classes=["fold"]) as fold:
        counts = gr.HTML(elem_id="chat-verdict-counts", apply_default_css=False)
        kind = gr.Dropdown(list(KINDS), value=PAIRS, interactive=True, elem_id="chat-verdict-kind")
        words.add_made(kind, _kind_words)
        name = gr.Textbox(NAME, max_lines=1, interactive=True, elem_id="chat-verdict-name")
        words.add(name, label="page.prefer.name", info="page.prefer.help.name")
        make = gr.Button(size="md", elem_id="chat-verdict-make")
        words.add(make, value="page.chat.verdict.make")
        said = gr.HTML(elem_id="chat-verdict-said", apply_default_css=False)
    words.add(fold, label="page.chat.verdict.title")
    return VerdictBox(fold, counts, kind, name, make, said)


def wire_verdict_box(box: VerdictBox, room: DataRoom, language: Any, who: Callable[[gr.Request], str]) -> None:
    def make(kind: str, name: str, spoken: str, request: gr.Request) -> str:
        try:
            written = made(room, kind, name or "", who(request))
        except UserError as error:
            return monitor.told("bad", [say(spoken, each.message) for each in error.problems])
        lines = [say(spoken, each) for each in written.messages()]
        return monitor.told("calm", [*lines, translate(spoken, "page.prefer.next", name=written.name)])

    box.make.click(make, [box.kind, box.name, language], box.said, **QUEUED)


def made(room: DataRoom, kind: str, name: str, by: str) -> Written:
    """A dataset of what people said so far. UserError where it gives no row, or the name is taken."""
    return write_kept(room.verdicts, kind, name, room.workspace.datasets, room.cache, by=by)


def counts_html(counts: Mapping[str, int], language: str) -> str:
    """How many answers were judged, and how many rows that gives."""
    if not counts["questions"]:
        return f'<p class="quiet">{escape(translate(language, "page.chat.verdict.none"))}</p>'
    judged = translate(
        language, "page.chat.verdict.counts", **{name: counts[name] for name in ("good", "bad", "better")}
    )
    rows = translate(language, "page.chat.verdict.rows", pairs=counts["pairs"], judged=counts["judged"])
    return f'<p>{escape(judged)}</p><p class="quiet">{escape(rows)}</p>'


def _kind_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"page.prefer.choice.kind.{each}"), each) for each in KINDS]
    return {
        "label": translate(language, "page.prefer.kind"),
        "info": translate(language, "page.chat.verdict.kind_help"),
        "choices": choices,
    }
