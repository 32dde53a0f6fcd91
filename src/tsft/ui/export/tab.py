"""The Export tab: its layout. What it does: `desk.py`."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.i18n import FALLBACK
from tsft.ui.events import PRIVATE
from tsft.ui.export.desk import ExportDesk
from tsft.ui.export.earlier_html import BEHAVIOUR
from tsft.ui.export.form import place_form
from tsft.ui.export.room import ExportRoom
from tsft.ui.words import Words

# Between two looks at an export that goes on.
SECONDS = 0.5


@dataclass(frozen=True)
class ExportTab:
    """The tab's components.

    controls: by the setting. about, token: what is told before. errors: the sentences beside the fields (`page.js`).
    labelled: the language of the labels now; refused: the problems that are shown; seen: how far the export was when
    it was last shown; stopping: the number of the one that was asked to stop; deleting: which one is asked about;
    carded: whose card is shown; is_open: whether this tab is in front.
    """

    words: Words
    tab: Any
    controls: dict[str, Any]
    about: Any
    token: Any
    begin: Any
    stop: Any
    problems: Any
    errors: Any
    progress: Any
    outcome: Any
    card: Any
    earlier: Any
    said: Any
    question: Any
    question_text: Any
    confirm: Any
    cancel: Any
    timer: Any
    labelled: Any
    refused: Any
    seen: Any
    stopping: Any
    deleting: Any
    carded: Any
    is_open: Any


def place_export_tab(tab: Any, room: ExportRoom, language: Any, tabs: Any) -> ExportTab:
    """Lay the tab out inside the open `gr.Tab`, and wire it. tabs: the page's, which say when this one is left."""
    words = Words()
    made: dict[str, Any] = {}
    with gr.Row(elem_id="export-columns", elem_classes=["data-columns"], equal_height=False):
        with gr.Column(scale=6, min_width=320):
            made["controls"], made["about"] = place_form(words)
            made["token"] = _html("token")
        with gr.Column(scale=6, min_width=320, elem_classes=["seen"]):
            made["problems"] = _html("problems")
            with gr.Row(elem_classes=["gap-small"], equal_height=False):
                made["begin"] = _button(words, "begin", variant="primary", min_width=160, scale=2)
                made["stop"] = _button(words, "stop", interactive=False, min_width=100, scale=1)
            made |= {name: _html(name) for name in ("progress", "outcome", "card")}
    made["said"] = _html("said")
    with gr.Row(visible=False, elem_id="export-question", elem_classes=["gap-small"]) as question:
        made["question"], made["question_text"] = question, _html("question-text")
        made["confirm"] = _button(words, "confirm", variant="stop", size="sm", min_width=90)
        made["cancel"] = _button(words, "cancel", size="sm", min_width=90)
    made["earlier"] = gr.HTML(elem_id="export-earlier", apply_default_css=False, js_on_load=BEHAVIOUR)
    made["errors"] = gr.HTML(elem_id="export-errors-feed", elem_classes=["feed"])
    made["timer"] = gr.Timer(SECONDS, active=False)
    made |= {name: gr.State("") for name in ("deleting", "carded")}
    made |= {name: gr.State([]) for name in ("refused", "seen")}
    made |= {"labelled": gr.State(FALLBACK), "stopping": gr.State(0), "is_open": gr.State(False)}
    placed = ExportTab(words, tab, **made)
    # Zips are downloaded from here.
    gr.set_static_paths([room.folder])
    desk = ExportDesk(placed, room, language)
    tabs.select(desk.follow, None, [placed.timer, placed.is_open], **PRIVATE)
    desk.wire()
    return placed


def _html(name: str) -> Any:
    return gr.HTML(elem_id=f"export-{name}", apply_default_css=False)


def _button(words: Words, name: str, **options: Any) -> Any:
    button = gr.Button(elem_id=f"export-{name}", **{"size": "md", **options})
    return words.add(button, value=f"page.export.button.{name}")
