"""Which item a session looks at: the list, one item after another, and the decisions about them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.data.labelling.answers import label_of
from tsft.data.labelling.inbox import Inbox
from tsft.data.labelling.items import ACCEPTED, CORRECTED, OPEN, REJECTED, STATES, Edit, Item, Mark
from tsft.data.labelling.rows import objections, remarks
from tsft.data.tasks.event_types import EVENT_TYPES
from tsft.errors import UserError, message
from tsft.i18n import say, say_all, translate
from tsft.ui import monitor
from tsft.ui.data import label_html
from tsft.ui.data.series_html import title_of
from tsft.ui.events import PRIVATE

Updates = dict[Any, Any]
# Decisions of one session that can be taken back.
UNDOS = 100


@dataclass(frozen=True)
class Looking:
    """What one session has before it. id: "" for nothing; seen: the state it saw the item in; picked: a mark, or -1.

    shown: what stood in the boxes and on the series when the item came into view.
    """

    id: str = ""
    seen: str = OPEN
    marks: tuple[Mark, ...] = ()
    picked: int = -1
    computed: Any = None
    shown: Edit | None = None

    def edit(self, question: str | None, answer: str | None) -> Edit:
        """With the texts as they stand in their boxes. A computed label stays while answer and marks are the same."""
        said = answer or ""
        computed = self.computed or {}
        return Edit(question or "", said, self.marks, computed if label_of(computed, said, self.marks) else {})


class Shower:
    """Makes the updates that show things; knows the section's controls and the inbox."""

    def __init__(self, section: Any, inbox: Inbox) -> None:
        self.section = section
        self.inbox = inbox

    def listed(self, state: str, first: int, chosen: str, language: str) -> Updates:
        """The list and how many there are in each state. first -1: the page with the chosen item."""
        section, counts = self.section, self.inbox.counts()
        found = self.inbox.items(state)
        places = [place for place, each in enumerate(found) if each.id == chosen]
        if first < 0:
            first = places[0] // label_html.LISTED * label_html.LISTED if places else 0
        first = first if first < len(found) else 0
        totals = {**counts, "": sum(counts.values())}
        choices = [
            (translate(language, f"page.data.label.count.{each or 'all'}", count=f"{totals[each]:,}"), each)
            for each in (*STATES, "")
        ]
        return {
            section.state: gr.update(choices=choices, value=state),
            section.list: label_html.list_html(found, first, chosen, language),
        }

    def item(self, item_id: str, language: str) -> Updates:
        """Everything about one item as it stands; with "" the place is empty."""
        section = self.section
        if not item_id:
            return {section.looking: Looking(), section.room: gr.update(visible=False)}
        item = self.inbox.get(item_id)
        looking = Looking(item.id, item.summary.state, item.edit.marks, -1, dict(item.edit.computed), item.edit)
        views = label_html.views_of(item)
        ids = [each.id for each in self.inbox.items()]
        return {
            section.room: gr.update(visible=True),
            section.head: label_html.head_html(item, ids.index(item.id) + 1, len(ids), language),
            section.question: item.edit.question,
            section.answer: item.edit.answer,
            section.with_question: gr.update(value=item.given.source.get("kind") == "table"),
            section.series: gr.update(
                choices=[(title_of(each, language), each.number) for each in views],
                value=1 if views else None,
                visible=len(views) > 1,
            ),
            **self.drafted(item, item.edit.answer, language),
            **self.marked(item, looking, language),
            **self.doctored(item, item.edit, language),
        }

    def marked(self, item: Item, looking: Looking, language: str) -> Updates:
        """The drawing, the marks, and the numbers of the picked one."""
        section = self.section
        mark = looking.marks[looking.picked] if 0 <= looking.picked < len(looking.marks) else None
        found: Updates = {
            section.looking: looking,
            section.picture: label_html.drawing_html(item, looking.marks, looking.picked, language),
            section.chips: label_html.marks_html(item, looking.marks, looking.picked, language),
            section.change: gr.update(visible=mark is not None),
            section.start: mark.first if mark else None,
            section.end: mark.last if mark else None,
            section.name: gr.update(choices=self.names(language)),
        }
        if mark is not None:
            found[section.name] = gr.update(choices=self.names(language), value=mark.name or None)
            if len(item.series) > 1:
                found[section.series] = gr.update(value=mark.series + 1)
        return found

    def drafted(self, item: Item, answer: str, language: str) -> Updates:
        differs = item.draft is not None and item.draft.text != answer
        shown = label_html.draft_html(item, language) if differs or item.draft is None else ""
        if item.draft is not None and not differs:
            shown = monitor.said(translate(language, "page.data.label.drafted", model=item.draft.model))
        return {self.section.draft: shown, self.section.take: gr.update(visible=differs)}

    def doctored(self, item: Item, edit: Edit, language: str) -> Updates:
        """What the doctor would say; nothing of an answer that nobody has written yet."""
        found = remarks(item, edit) if edit.answer.strip() else []
        return {self.section.doctor: label_html.findings_html(found, language)}

    def names(self, language: str) -> list[tuple[str, str]]:
        """Own names first, the newest at the top, then the event types."""
        own = [(each, each) for each in self.inbox.names()]
        return [*own, *((label_html.type_words(each.key, language), each.key) for each in EVENT_TYPES)]

    def went_on(self, item_id: str, state: str, told: str, language: str) -> Updates:
        """Another item is in view after a decision; the list shows the page it is on."""
        listed = self.listed(state, -1, item_id, language)
        return {**self.item(item_id, language), **listed, **self.told(told), self.section.first: -1}

    def told(self, sentence: str, is_bad: bool = False) -> Updates:
        return {self.section.said: monitor.said(sentence, is_bad=is_bad)}


def guarded(section: Any, language: str, work: Callable[[], Updates]) -> Updates:
    """What `work` gives, or why it could not be done."""
    try:
        return work()
    except UserError as error:
        return {section.said: monitor.said(say_all(language, error), is_bad=True)}


def wire_items(section: Any, desk: Any, who: Callable[[gr.Request], str]) -> None:
    """List, choice, texts, decisions, and the words of all of it."""
    shower = Shower(section, desk.room.inbox)
    _wire_list(section, desk, shower)
    _wire_choice(section, desk, who, shower)
    _wire_decisions(section, desk, who, shower)


def _wire_list(section: Any, desk: Any, shower: Shower) -> None:
    inbox = shower.inbox

    def opened(looking: Looking, state: str, model: str | None, language: str) -> Updates:
        def work() -> Updates:
            found = {each.id for each in inbox.items()}
            item_id = looking.id if looking.id in found else inbox.next_open()
            models = desk.room.models()
            chosen = model if model in models else next(iter(models), None)
            return {
                **shower.listed(state, -1, item_id, language),
                **shower.item(item_id, language),
                section.model: gr.update(choices=models, value=chosen),
                section.first: -1,
                # Who reads the page in Chinese labels in Chinese, until something else is chosen.
                section.language: gr.skip() if looking.id else "zh" if language == "zh" else "en",
            }

        return guarded(section, language, work)

    def filtered(looking: Looking, state: str, language: str) -> Updates:
        return guarded(section, language, lambda: {**shower.listed(state, -1, looking.id, language), section.first: -1})

    def turned(looking: Looking, state: str, language: str, event: gr.EventData) -> Updates:
        first = int(event._data.get("first", 0))
        return {**shower.listed(state, first, looking.id, language), section.first: first}

    given = [section.looking, section.state, section.model, desk.language]
    gr.on([desk.section["label"].select, desk.relabel["label"].click], opened, given, section.shown, **PRIVATE)
    section.state.input(filtered, [section.looking, section.state, desk.language], section.shown, **PRIVATE)
    section.list.edit(turned, [section.looking, section.state, desk.language], section.shown, **PRIVATE)


def _wire_choice(section: Any, desk: Any, who: Callable[[gr.Request], str], shower: Shower) -> None:
    inbox = shower.inbox

    def chosen(
        looking: Looking,
        question: str,
        answer: str,
        state: str,
        first: int,
        language: str,
        request: gr.Request,
        event: gr.EventData,
    ) -> Updates:
        def work() -> Updates:
            item_id = str(event._data.get("item", ""))
            told = ""
            try:
                keep(inbox, looking, question, answer, who(request))
            except UserError as error:  # somebody was quicker: their decision stands, and this session goes on
                told = say_all(language, error)
            listed = shower.listed(state, first, item_id, language)
            return {**shower.item(item_id, language), **listed, **shower.told(told, is_bad=bool(told))}

        return guarded(section, language, work)

    def blurred(looking: Looking, question: str, answer: str, language: str, request: gr.Request) -> Updates:
        def work() -> Updates:
            if not looking.id:
                return {section.said: gr.skip()}
            keep(inbox, looking, question, answer, who(request))
            item = inbox.get(looking.id)
            edit = looking.edit(question, answer)
            return {**shower.doctored(item, edit, language), **shower.drafted(item, answer or "", language)}

        return guarded(section, language, work)

    present = [section.looking, section.question, section.answer]
    section.list.select(chosen, [*present, section.state, section.first, desk.language], section.shown, **PRIVATE)
    outputs = [section.doctor, section.draft, section.take, section.said]
    gr.on([section.question.blur, section.answer.blur], blurred, [*present, desk.language], outputs, **PRIVATE)


def keep(inbox: Inbox, looking: Looking, question: str, answer: str, by: str) -> None:
    """What this session has changed in the boxes and on the series goes into the inbox.

    What it only looked at stays: meanwhile a model may have answered, or somebody else. UserError where somebody has
    decided it.
    """
    edit = looking.edit(question, answer)
    item = next((each for each in inbox.items() if each.id == looking.id), None)
    if item is None or edit == looking.shown:
        return
    if item.state != looking.seen:
        raise UserError(message("label.decided", by=item.by or "-"))
    inbox.write(looking.id, edit, by)


def _wire_decisions(section: Any, desk: Any, who: Callable[[gr.Request], str], shower: Shower) -> None:
    inbox = shower.inbox

    def decide(name: str) -> Any:
        def decided(
            looking: Looking,
            question: str,
            answer: str,
            state: str,
            before: list[tuple[str, str]],
            language: str,
            request: gr.Request,
        ) -> Updates:
            def work() -> Updates:
                if not looking.id:
                    return {section.said: gr.skip()}
                told, is_done = _decide(inbox, name, looking, looking.edit(question, answer), who(request), language)
                if not is_done:
                    return shower.told(told, is_bad=True)
                now = inbox.get(looking.id).summary.state
                kept = before if name == "skip" else [*before[-UNDOS:], (looking.id, now)]
                following = inbox.next_open(looking.id)
                told = told if following else f"{told} {translate(language, 'page.data.label.all_done')}"
                return {**shower.went_on(following or looking.id, state, told, language), section.decided: kept}

            return guarded(section, language, work)

        return decided

    def undo(state: str, before: list[tuple[str, str]], language: str, request: gr.Request) -> Updates:
        def work() -> Updates:
            if not before:
                return shower.told(translate(language, "page.data.label.nothing_to_undo"))
            item_id, decided = before[-1]
            inbox.decide(item_id, OPEN, who(request), seen=decided)
            told = translate(language, "page.data.label.undone")
            return {**shower.went_on(item_id, state, told, language), section.decided: before[:-1]}

        return guarded(section, language, work)

    inputs = [section.looking, section.question, section.answer, section.state, section.decided, desk.language]
    for name in ("accept", "correct", "reject", "skip"):
        section.decide[name].click(decide(name), inputs, section.shown, **PRIVATE)
    section.decide["undo"].click(undo, [section.state, section.decided, desk.language], section.shown, **PRIVATE)


def _decide(inbox: Inbox, name: str, looking: Looking, edit: Edit, by: str, language: str) -> tuple[str, bool]:
    """Do it, and say so; False with the reason where it cannot be."""
    item = inbox.get(looking.id)
    if name == "skip":
        inbox.write(looking.id, edit, by)
        return translate(language, "page.data.label.did.skip"), True
    if name == "reject":
        inbox.decide(looking.id, REJECTED, by, edit, looking.seen)
        return translate(language, "page.data.label.did.reject"), True
    found = objections(item, edit)
    if found:
        return " ".join(say(language, each) for each in found), False
    is_touched = item.is_touched(edit)
    if name == "correct" and not is_touched:
        return translate(language, "page.data.label.nothing_corrected"), False
    inbox.decide(looking.id, CORRECTED if is_touched else ACCEPTED, by, edit, looking.seen)
    return translate(language, f"page.data.label.did.{'correct' if is_touched else 'accept'}"), True
