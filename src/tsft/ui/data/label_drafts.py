"""Drafts: a model answers one open item or all of them, as a job that can be stopped; what is there stays."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.config.catalog import base_model
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.data.labelling.inbox import Inbox
from tsft.data.labelling.items import OPEN, answer_of
from tsft.errors import Message, UserError, message
from tsft.i18n import say, say_all, translate
from tsft.run.answers import Answer, Answering, AnswerOptions, Question
from tsft.run.ports import EnginePort, Stopped
from tsft.ui import monitor
from tsft.ui.data.job_box import refuse, watch
from tsft.ui.data.jobs import Move, ShouldStop, Work
from tsft.ui.data.label_items import Looking, Shower, Updates, guarded, keep
from tsft.ui.events import BESIDE, PRIVATE

KIND = "draft"
POLL_SECONDS = 0.1
OPTIONS = AnswerOptions(max_new_tokens=512)


@dataclass(frozen=True)
class Drafted:
    """How many answers were drafted, and why some were not. is_stopped: somebody ended it early."""

    count: int
    failed: tuple[Message, ...] = ()
    is_stopped: bool = False


def config_of(model: str) -> RunConfig:
    """A base model by its name, or what a run left."""
    is_base = base_model(model) is not None
    return RunConfig(model=ModelSettings(name=model) if is_base else ModelSettings(continue_from=model))


def drafting(engine: EnginePort, inbox: Inbox, ids: Sequence[str], model: str, by: str) -> Work:
    """The work of a job: every item is answered by the model, and each answer is kept as soon as it is whole."""

    def work(move: Move, should_stop: ShouldStop) -> Drafted:
        items = [inbox.get(each) for each in ids]
        failed: list[Message] = []
        written: list[str] = []

        def tell(answer: Answer) -> None:
            if answer.problem is not None:
                failed.append(answer.problem)
            elif answer.is_done:
                item = items[answer.index]
                inbox.draft(item.id, answer.text.strip(), model, by, item.edit.question)
                written.append(item.id)

        questions = [Question(each.questions(), [one.points for one in each.series]) for each in items]
        number = engine.answer(config_of(model), questions, OPTIONS, tell)
        ended = _wait(engine, number, move, should_stop)
        if ended is not None and ended.problem is not None:
            raise UserError(ended.problem)
        is_stopped = should_stop()
        if (ended is None or ended.is_stopped) and not is_stopped:
            raise UserError(message("page.data.label.run_first", count=len(written)))
        if is_stopped and not written:
            raise Stopped
        if failed and not written:
            raise UserError(failed[0])
        return Drafted(len(written), tuple(failed), is_stopped)

    return work


def _wait(engine: EnginePort, number: int, move: Move, should_stop: ShouldStop) -> Answering | None:
    """How it stands once it is over; None where other questions have taken its place."""
    while True:
        now = engine.answering()
        if now is None or now.number != number:
            return None
        move(now.done, now.total)
        if now.is_done:
            return now
        if should_stop():
            engine.stop_answering(number)
        time.sleep(POLL_SECONDS)


def wire_drafts(section: Any, desk: Any, who: Any) -> None:
    """Both buttons, and what follows when a job has ended."""
    room, box = desk.room, section.job
    shower = Shower(section, room.inbox)

    def begin(ids: Sequence[str], model: str | None, by: str, language: str) -> list[Any]:
        try:
            if not model:
                raise UserError(message("page.data.label.no_model"))
            if not ids:
                raise UserError(message("page.data.label.nothing_open"))
            job = room.jobs.begin(KIND, model, drafting(room.engine, room.inbox, ids, model, by), tuple(ids))
        except UserError as error:
            return refuse(monitor.said(say_all(language, error), is_bad=True))
        return watch(job, language)

    def one(
        looking: Looking, question: str, answer: str, model: str | None, language: str, request: gr.Request
    ) -> list[Any]:
        try:
            keep(room.inbox, looking, question, answer, who(request))
        except UserError as error:
            return refuse(monitor.said(say_all(language, error), is_bad=True))
        return begin([looking.id] if looking.id else [], model, who(request), language)

    def every(model: str | None, language: str, request: gr.Request) -> list[Any]:
        """All open items that nobody and no model has answered yet."""
        ids = [each.id for each in room.inbox.items(OPEN) if not each.has_draft]
        return begin(ids, model, who(request), language)

    def ended(number: int, looking: Looking, answer: str, state: str, first: int, language: str) -> Updates:
        job = room.jobs.get(int(number))
        if job is None or job.kind != KIND:
            return {section.said: gr.skip()}

        def work() -> Updates:
            found = shower.listed(state, first, looking.id, language)
            if isinstance(job.result, Drafted):
                found |= shower.told(_told(job.result, language))
            return {**found, **_shown(shower, looking, answer, language)}

        return guarded(section, language, work)

    present = [section.looking, section.question, section.answer]
    section.draft_one.click(one, [*present, section.model, desk.language], box.watching, **PRIVATE)
    section.draft_all.click(every, [section.model, desk.language], box.watching, **PRIVATE)
    inputs = [box.ended, section.looking, section.answer, section.state, section.first, desk.language]
    outputs = [section.state, section.list, section.said, section.answer, section.draft, section.take, section.doctor]
    box.ended.change(ended, inputs, outputs, **BESIDE)


def _told(drafted: Drafted, language: str) -> str:
    told = translate(language, "page.data.label.drafts_done", count=drafted.count)
    if drafted.failed:
        why = say(language, drafted.failed[0])
        told = f"{told} {translate(language, 'page.data.label.drafts_failed', count=len(drafted.failed), why=why)}"
    return told


def _shown(shower: Shower, looking: Looking, answer: str, language: str) -> Updates:
    """The draft of the item in view: in the answer's box, unless somebody has written there."""
    if not looking.id:
        return {}
    item = shower.inbox.get(looking.id)
    if item.draft is None:
        return {}
    is_free = not (answer or "").strip() or answer == answer_of(item.given.turns)
    text = item.draft.text if is_free else answer
    section = shower.section
    found: Updates = {section.answer: text} if is_free else {}
    edit = looking.edit(item.edit.question, text)
    return {**found, **shower.drafted(item, text, language), **shower.doctored(item, edit, language)}
