"""The button that fills in the answer that follows from the marks, with its question where that is wanted."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from tsft.data.labelling.answers import Wanted, answer_from
from tsft.ui.data.label_items import Looking, Shower, Updates, guarded
from tsft.ui.events import PRIVATE


def wire_answers(section: Any, desk: Any, who: Callable[[gr.Request], str]) -> None:
    """Computed by the tasks' own functions; nothing is invented."""
    outputs = [section.looking, section.question, section.answer, section.draft, section.take, section.doctor]
    outputs.append(section.said)
    _wire_compute(section, desk, who, outputs)
    _wire_take(section, desk, who, outputs)


def _wire_compute(section: Any, desk: Any, who: Callable[[gr.Request], str], outputs: list[Any]) -> None:
    inbox = desk.room.inbox
    shower = Shower(section, inbox)

    def compute(
        looking: Looking,
        question: str,
        kind: str,
        answer_language: str,
        style: str,
        series: int | None,
        with_question: bool,
        language: str,
        request: gr.Request,
    ) -> Updates:
        def work() -> Updates:
            item = inbox.get(looking.id)
            wanted = Wanted(kind, answer_language, style, int(series or 1) - 1)
            computed = answer_from(item.series, looking.marks, wanted, item.id)
            changed = replace(looking, computed=computed.to_json())
            asked = computed.question if with_question else question
            edit = changed.edit(asked, computed.answer)
            inbox.write(looking.id, edit, who(request))
            return {
                section.looking: changed,
                section.question: asked,
                section.answer: computed.answer,
                **shower.drafted(item, computed.answer, language),
                **shower.doctored(item, edit, language),
                **shower.told(""),
            }

        return guarded(section, language, work)

    chosen = [section.kind, section.language, section.style, section.series, section.with_question]
    section.compute.click(compute, [section.looking, section.question, *chosen, desk.language], outputs, **PRIVATE)


def _wire_take(section: Any, desk: Any, who: Callable[[gr.Request], str], outputs: list[Any]) -> None:
    inbox = desk.room.inbox
    shower = Shower(section, inbox)

    def take(looking: Looking, question: str, language: str, request: gr.Request) -> Updates:
        """The draft becomes the answer."""

        def work() -> Updates:
            item = inbox.get(looking.id)
            text = item.draft.text if item.draft is not None else item.edit.answer
            edit = looking.edit(question, text)
            inbox.write(looking.id, edit, who(request))
            shown = {**shower.drafted(item, text, language), **shower.doctored(item, edit, language)}
            return {section.answer: text, **shown}

        return guarded(section, language, work)

    section.take.click(take, [section.looking, section.question, desk.language], outputs, **PRIVATE)
