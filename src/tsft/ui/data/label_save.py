"""Finished items become a dataset, which is then the chosen one: plain rows, or what was corrected as preferences."""

from typing import Any

import gradio as gr

from tsft.data.labelling.rows import Saved, save_rows, unsaved
from tsft.data.preferences.corrections import Corrections
from tsft.data.preferences.ranking import KINDS as PREFERENCES
from tsft.data.preferences.writing import Written, write_kept
from tsft.errors import UserError, message
from tsft.i18n import say, say_all, translate
from tsft.ui import monitor
from tsft.ui.data.job_box import refuse, watch
from tsft.ui.data.jobs import Move, ShouldStop
from tsft.ui.data.label_items import Looking, Shower, Updates
from tsft.ui.events import BESIDE, PRIVATE

KIND = "label_save"
ROWS = "rows"
# What the rows of the new dataset are.
FORMS = (ROWS, *PREFERENCES)


def wire_save(section: Any, desk: Any, who: Any) -> None:
    """The button, and what follows when the rows are written."""
    room, box = desk.room, section.job
    shower = Shower(section, room.inbox)

    def save(name: str, form: str, again: bool, language: str, request: gr.Request) -> list[Any]:
        by = who(request)

        def work(move: Move, should_stop: ShouldStop) -> Saved | Written:
            if form != ROWS:
                corrections, target = Corrections(room.inbox), room.workspace.datasets
                return write_kept(corrections, form, name.strip(), target, room.cache, by=by)
            total = len(unsaved(room.inbox))
            move(0, total)
            return save_rows(room.inbox, name.strip(), room.workspace.datasets, room.cache, by, again)

        try:
            if not name.strip():
                raise UserError(message("page.data.label.no_name"))
            job = room.jobs.begin(KIND, name.strip(), work, (form, again))
        except UserError as error:
            return refuse(monitor.said(say_all(language, error), is_bad=True))
        return watch(job, language)

    def ended(number: int, looking: Looking, state: str, first: int, language: str) -> Updates:
        job = room.jobs.get(int(number))
        if job is None or job.kind != KIND or not isinstance(job.result, (Saved, Written)):
            return {section.said: gr.skip()}
        return {
            **shower.listed(state, first, looking.id, language),
            section.said: told_html(job.result, language),
            desk.which: desk.offer(job.result.name),
        }

    section.save.click(
        save, [section.save_name, section.save_form, section.again, desk.language], box.watching, **PRIVATE
    )
    inputs = [box.ended, section.looking, section.state, section.first, desk.language]
    outputs = [section.state, section.list, section.said, desk.which]
    box.ended.change(ended, inputs, outputs, **BESIDE)


def told_html(saved: Saved | Written, language: str) -> str:
    """What was written, and what was left out."""
    if isinstance(saved, Written):
        lines = [say(language, each) for each in saved.messages()]
        return monitor.told("calm", [*lines, translate(language, "page.prefer.next", name=saved.name)])
    told = translate(language, "page.data.label.saved", count=saved.rows, name=saved.name)
    for _, why in saved.left_out[:1]:
        left = translate(language, "page.data.label.left_out", count=len(saved.left_out), why=say(language, why))
        told = f"{told} {left}"
    return monitor.said(told)
