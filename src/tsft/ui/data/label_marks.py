"""Stretches on the series of an item: brushed, typed as numbers, named, changed and taken away; kept at once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from tsft.data.labelling.items import Mark, checked_mark
from tsft.errors import UserError, message
from tsft.i18n import translate
from tsft.ui.data.label_items import Looking, Shower, Updates, guarded
from tsft.ui.events import PRIVATE


def wire_marks(section: Any, desk: Any, who: Callable[[gr.Request], str]) -> None:
    """Every change is drawn and written to the inbox."""
    does = _Marking(section, desk, who)
    outputs = [section.looking, section.picture, section.chips, section.change, section.start, section.end]
    outputs += [section.name, section.series, section.said]
    present = [section.looking, section.question, section.answer, section.name]
    numbers = [section.series, section.start, section.end, desk.language]
    section.picture.edit(does.brushed, [*present, desk.language], outputs, **PRIVATE)
    section.add.click(does.added, [*present, *numbers], outputs, **PRIVATE)
    section.change.click(does.changed, [*present, *numbers], outputs, **PRIVATE)
    section.name.input(does.renamed, [*present, desk.language], outputs, **PRIVATE)
    section.chips.select(does.picked, [section.looking, desk.language], outputs, **PRIVATE)
    section.chips.edit(does.dropped, [*present, desk.language], outputs, **PRIVATE)


class _Marking:
    """The handlers. Each is given what the session looks at, both texts, and the name that stands in its box."""

    def __init__(self, section: Any, desk: Any, who: Callable[[gr.Request], str]) -> None:
        self.section = section
        self.inbox = desk.room.inbox
        self.shower = Shower(section, desk.room.inbox)
        self.who = who

    def brushed(
        self,
        looking: Looking,
        question: str,
        answer: str,
        name: str | None,
        language: str,
        request: gr.Request,
        event: gr.EventData,
    ) -> Updates:
        """A stretch that was dragged over is a new mark under the name that stands there."""
        told = event._data
        # In the drawing series are numbered from 1.
        mark = Mark(int(told["series"]) - 1, int(told["first"]), int(told["last"]), name or "")
        marks = [*looking.marks, mark]
        return self._put(looking, (question, answer), marks, len(marks) - 1, request, language)

    def added(
        self,
        looking: Looking,
        question: str,
        answer: str,
        name: str | None,
        series: int | None,
        first: float | None,
        last: float | None,
        language: str,
        request: gr.Request,
    ) -> Updates:
        marks = [*looking.marks, _typed(name, series, first, last)]
        return self._put(looking, (question, answer), marks, len(marks) - 1, request, language)

    def changed(
        self,
        looking: Looking,
        question: str,
        answer: str,
        name: str | None,
        series: int | None,
        first: float | None,
        last: float | None,
        language: str,
        request: gr.Request,
    ) -> Updates:
        marks: list[Mark | None] = [*looking.marks]
        marks[looking.picked : looking.picked + 1] = [_typed(name, series, first, last)]
        return self._put(looking, (question, answer), marks, looking.picked, request, language)

    def renamed(
        self, looking: Looking, question: str, answer: str, name: str | None, language: str, request: gr.Request
    ) -> Updates:
        """The name goes to the mark that is picked, and to those that are brushed from now on."""
        if not 0 <= looking.picked < len(looking.marks):
            return {self.section.said: gr.skip()}
        marks = [*looking.marks]
        marks[looking.picked] = replace(marks[looking.picked], name=name or "")
        return self._put(looking, (question, answer), marks, looking.picked, request, language)

    def picked(self, looking: Looking, language: str, event: gr.EventData) -> Updates:
        """A second click on a mark lets it go."""
        index = int(event._data.get("mark", -1))
        now = replace(looking, picked=-1 if index == looking.picked else index)
        return guarded(self.section, language, lambda: self.shower.marked(self.inbox.get(looking.id), now, language))

    def dropped(
        self,
        looking: Looking,
        question: str,
        answer: str,
        name: str | None,
        language: str,
        request: gr.Request,
        event: gr.EventData,
    ) -> Updates:
        index = int(event._data.get("drop", -1))
        marks = [each for place, each in enumerate(looking.marks) if place != index]
        return self._put(looking, (question, answer), marks, -1, request, language)

    def _put(
        self,
        looking: Looking,
        texts: tuple[str, str],
        marks: Sequence[Mark | None],
        picked: int,
        request: gr.Request,
        language: str,
    ) -> Updates:
        def work() -> Updates:
            item = self.inbox.get(looking.id)
            known = [each for each in marks if each is not None]
            if len(known) < len(marks):
                raise UserError(message("page.data.label.no_numbers"))
            checked = [checked_mark(item.series, each) for each in known]
            # The same stretch under the same name is one mark.
            different = tuple(dict.fromkeys(checked))
            now_picked = different.index(checked[picked]) if picked >= 0 else -1
            changed = replace(looking, marks=different, picked=now_picked)
            edit = changed.edit(*texts)
            self.inbox.write(looking.id, edit, self.who(request))
            was_computed = bool(looking.edit(*texts).computed)
            told = translate(language, "page.data.label.stale") if was_computed and not edit.computed else ""
            return {**self.shower.marked(item, changed, language), **self.shower.told(told)}

        return guarded(self.section, language, work)


def _typed(name: str | None, series: int | None, first: float | None, last: float | None) -> Mark | None:
    """The mark whose numbers stand in the boxes; None where one of them is empty."""
    if first is None or last is None:
        return None
    return Mark(int(series or 1) - 1, int(first), int(last), name or "")
