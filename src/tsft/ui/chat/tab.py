"""The Chat tab: which control is answered by which handler. Begin reading here."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from tsft.ui.chat.attaching import Attaching
from tsft.ui.chat.conversation import Conversation
from tsft.ui.chat.desk import ChatDesk, Updates
from tsft.ui.chat.layout import place_chat
from tsft.ui.chat.talk import Talks
from tsft.ui.chat.verdict_box import wire_verdict_box
from tsft.ui.context import PageContext
from tsft.ui.data.desk import DataDesk
from tsft.ui.events import PRIVATE, QUEUED
from tsft.ui.words import Words

# The browser's own name for the conversation goes in for the hidden box's.
# With every handler: one that comes before the tab was opened once belongs to the same conversation.
WITH_TOKEN = "(...given) => { given[0] = window.tsft.chat.token(); return given; }"
WITH_DRAWING = (
    "(...given) => { given[0] = window.tsft.chat.token(); given[3] = window.tsft.chat.drawn(); return given; }"
)
# Whoever types on while the question is taken keeps what is typed.
WITHOUT_SENT = "(typed, sent) => (sent && typed === sent ? '' : typed)"
AS_OWN: dict[str, Any] = {**PRIVATE, "js": WITH_TOKEN}


def place_chat_tab(
    tab: Any, tabs: Any, context: PageContext, data: DataDesk, language: Any, who: Callable[[gr.Request], str]
) -> ChatDesk:
    """Lay the tab out inside the open `gr.Tab`, and wire all of it. data: the Data tab, where rows go."""
    words = Words()
    desk = ChatDesk(place_chat(words), context, data.room, Talks(), language, who)
    _wire_opening(desk, tab, tabs, words)
    _wire_conversation(desk)
    _wire_attaching(desk)
    wire_verdict_box(desk.parts.verdicts, desk.room, language, who)
    # One after the other: a tab that is shown for the first time begins with its first section.
    shown = desk.parts.open.click(lambda: gr.Tabs(selected="data"), None, tabs, **PRIVATE)
    shown.then(lambda: data.open("label"), None, data.sections, **PRIVATE)
    return desk


def _wire_opening(desk: ChatDesk, tab: Any, tabs: Any, words: Words) -> None:
    """What there is to ask, and the conversation of before; the clock goes while the tab is open."""
    parts = desk.parts

    def opened(
        request: gr.Request, token: str, model: str | None, language: str, dataset: str | None, beside: str
    ) -> Updates:
        offers = desk.offers(model, dataset, language)
        chosen = model or offers[parts.model]["value"]
        shown = desk.show(desk.talk(token, request), chosen, language)
        return {parts.token: token, **offers, **shown, **desk.slot(beside, language)}

    def follow(event: gr.EventData) -> Any:
        return gr.Timer(active=True) if event._data.get("id") == tab.id else gr.Timer(active=False)

    given = [*desk.given, parts.attach.dataset, parts.beside]
    outputs = [parts.token, *desk.offered, *desk.shown]
    tab.select(opened, given, outputs, **AS_OWN)
    tabs.select(follow, None, parts.timer, **PRIVATE)
    relabelled = parts.relabel.click(words.updates, desk.language, words.components, **PRIVATE)
    relabelled.then(opened, given, outputs, **AS_OWN)

    def chosen(request: gr.Request, token: str, model: str | None, language: str, beside: str) -> Updates:
        return {**desk.show(desk.talk(token, request), model, language), **desk.slot(beside, language)}

    gr.on([parts.model.input, parts.beside.input], chosen, [*desk.given, parts.beside], desk.shown, **AS_OWN)


def _wire_conversation(desk: ChatDesk) -> None:
    parts, given, sampling = desk.parts, desk.given, desk.parts.sampling
    do = Conversation(desk)
    shown, with_question = desk.shown, [parts.question, *desk.shown]
    how = [parts.beside, sampling.both, *sampling.inputs]
    asks = [parts.ask.click, parts.question.submit]
    taken = gr.on(asks, do.ask, [*given, parts.question, *how], [parts.sent, *shown], **AS_OWN)
    taken.success(None, [parts.question, parts.sent], parts.question, js=WITHOUT_SENT, **PRIVATE)
    parts.again.click(do.again, [*given, *how], shown, **AS_OWN)
    change = parts.change
    changing = [change.kind, change.strength, change.series, parts.beside, *sampling.inputs]
    change.ask.click(do.ask_changed, [*given, *changing], shown, **AS_OWN)
    parts.stop.click(do.stop, given, shown, **AS_OWN)
    parts.edit.click(do.edit, given, with_question, **AS_OWN)
    parts.clear.click(do.clear, given, with_question, **AS_OWN)
    parts.free.click(do.free, [*given, parts.beside], shown, js=WITH_TOKEN, **QUEUED)
    acting = [*given, parts.beside, *sampling.inputs]
    for box in (parts.turns, parts.doing):
        box.select(do.act, acting, [parts.correction, *shown], **AS_OWN)
    parts.save.click(do.save, [*given, parts.correction], shown, **AS_OWN)
    parts.cancel.click(do.cancel, given, shown, **AS_OWN)
    parts.timer.tick(
        do.tick,
        [*given, parts.beside, parts.seen],
        [parts.doing, *shown],
        concurrency_limit=None,
        trigger_mode="once",
        **AS_OWN,
    )


def _wire_attaching(desk: ChatDesk) -> None:
    parts, box, given = desk.parts, desk.parts.attach, desk.given
    do = Attaching(desk)
    brought = [box.picking, box.columns, box.first, box.last, box.table, parts.said, parts.open]
    box.file.upload(do.bring, [*given, box.file], brought, js=WITH_TOKEN, **QUEUED)
    for name, handler, inputs in (
        ("table", do.table, [box.columns, box.first, box.last]),
        ("paste", do.paste, [box.paste, box.name]),
        ("row", do.row, [box.dataset, box.row, parts.question]),
        ("generate", do.generate, [box.kind, box.seed, box.points, parts.question]),
    ):
        box.buttons[name].click(handler, [*given, *inputs], do.outputs, **AS_OWN)
    box.buttons["draw"].click(do.draw, [*given, box.drawn, box.name], do.outputs, js=WITH_DRAWING, **PRIVATE)
    parts.attached.select(do.remove, given, do.outputs, **AS_OWN)
