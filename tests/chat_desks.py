"""The Chat tab's desk over an engine that answers word by word, for tests of its handlers."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np

from tests.chat_fakes import ChatEngine
from tsft.run.answers import AnswerOptions
from tsft.store.workspace import open_workspace
from tsft.ui.chat import asking
from tsft.ui.chat.desk import ChatDesk
from tsft.ui.chat.layout import place_chat
from tsft.ui.chat.models import config_of
from tsft.ui.chat.talk import Attached, Talk, Talks
from tsft.ui.chat.turns_html import Look
from tsft.ui.context import PageContext, ResultChoice
from tsft.ui.data.room import DataRoom
from tsft.ui.words import Words

RESULT = "runs/a/adapter"
SAW = Attached(np.arange(40.0) % 7, "flow", "l/s")
# What the controls say of how an answer is written.
SAMPLING = ("", None, 0, 1, 0, 1, None)


def chat_context(engine: ChatEngine, folder: Path) -> PageContext:
    """One result beside the base models, in a workspace of its own."""
    room = DataRoom(open_workspace(folder), engine)
    results = [ResultChoice(RESULT, "pumps", "adapter", 60, 1.25)]
    return PageContext(engine, str(folder), data=room, results=lambda: results)


def chat_desk(context: PageContext) -> ChatDesk:
    assert context.data is not None
    with gr.Blocks(analytics_enabled=False):
        parts = place_chat(Words())
        language = gr.Textbox()
    return ChatDesk(parts, context, context.data, Talks(), language, lambda request: "ann")


def session(name: str = "s1") -> Any:
    return SimpleNamespace(session_hash=name, username=None)


def talked(engine: ChatEngine, context: PageContext, *questions: str, series: Sequence[Attached] = (SAW,)) -> Talk:
    """A conversation in which these questions were answered; the first one brought the series."""
    talk = Talk()
    talk.attach(series)
    for question in questions:
        asking.ask_new(engine, talk, question, config_of(context, RESULT), AnswerOptions(), "")
        engine.finish()
        asking.follow(engine, talk)
    return talk


def look(**more: Any) -> Look:
    return Look("en", lambda name: name, **more)
