"""How items come into the inbox from this tab: rows of the chosen dataset, or windows of a table that is uploaded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from tsft.data.builder.columns import guess_roles
from tsft.data.builder.recipe import LEAST_POINTS, BuildRecipe
from tsft.data.builder.tables import KINDS as TABLES
from tsft.data.builder.tables import read_table
from tsft.data.checks.diagnosis import last_diagnosis
from tsft.data.checks.findings import KINDS
from tsft.data.labelling.answers import Wanted
from tsft.data.labelling.inbox import Inbox
from tsft.data.labelling.items import NewItem
from tsft.data.labelling.sources import RowChoice, rows_of, windows_from
from tsft.errors import UserError, message
from tsft.i18n import say, say_all, translate
from tsft.ui import monitor
from tsft.ui.bounds import refuse_too_small
from tsft.ui.data.job_box import refuse, watch
from tsft.ui.data.jobs import Move, ShouldStop, Work
from tsft.ui.data.label_items import Looking, Shower, Updates, guarded
from tsft.ui.events import BESIDE, PRIVATE
from tsft.ui.words import Words

KIND = "collect"


@dataclass(frozen=True)
class Collected:
    """found: items of the source; added: those that did not lie in the inbox yet."""

    found: int
    added: int


@dataclass(frozen=True)
class FillBox:
    """The controls of both ways in."""

    fold: Any
    first: Any
    last: Any
    finding: Any
    add_rows: Any
    file: Any
    columns: Any
    window: Any
    stride: Any
    most: Any
    question: Any
    add_windows: Any


def place_fill_box(words: Words) -> FillBox:
    """A fold that is open as long as there is nothing to look at."""
    with gr.Accordion(open=False, elem_id="label-fill") as fold, gr.Row(elem_classes=["label-way"]):
        rows = _place_rows(words)
        table = _place_table(words)
    words.add(fold, label="page.data.label.fill")
    return FillBox(fold=fold, **rows, **table)


def collecting(make: Callable[[Move, ShouldStop], list[NewItem]], inbox: Inbox, by: str) -> Work:
    """The work of a job: items are made, and put into the inbox all together."""

    def work(move: Move, should_stop: ShouldStop) -> Collected:
        items = make(move, should_stop)
        return Collected(len(items), len(inbox.add(items, by)))

    return work


def wire_fill_box(section: Any, desk: Any, who: Any) -> None:
    """Both buttons, the columns of an uploaded table, and what follows when items have come."""
    _wire_rows(section, desk, who)
    _wire_table(section, desk, who)
    room, box = desk.room, section.job
    shower = Shower(section, room.inbox)

    def ended(number: int, looking: Looking, state: str, language: str) -> Updates:
        job = room.jobs.get(int(number))
        if job is None or job.kind != KIND or not isinstance(job.result, Collected):
            return {section.said: gr.skip()}
        found = job.result
        key = "page.data.label.collected" if found.added == found.found else "page.data.label.collected_some"
        told = translate(language, key, added=found.added, found=found.found)

        def work() -> Updates:
            item_id = looking.id or room.inbox.next_open()
            shown = {} if looking.id else shower.item(item_id, language)
            return {**shown, **shower.listed(state, -1, item_id, language), **shower.told(told)}

        return guarded(section, language, work)

    inputs = [box.ended, section.looking, section.state, desk.language]
    box.ended.change(ended, inputs, section.shown, **BESIDE)


def _place_rows(words: Words) -> dict[str, Any]:
    with gr.Column(min_width=280):
        title = gr.HTML(apply_default_css=False, elem_id="label-rows-title")
        words.add_made(title, lambda language: {"value": _title(language, "rows")})
        with gr.Row(elem_classes=["gap-small"]):
            first = gr.Number(1, precision=0, interactive=True, elem_id="label-first", min_width=90)
            words.add(first, label="page.data.label.first_row")
            last = gr.Number(0, precision=0, interactive=True, elem_id="label-last", min_width=90)
            words.add(last, label="page.data.label.last_row", info="page.data.label.last_row_help")
        finding = gr.Dropdown([""], value="", interactive=True, elem_id="label-finding", min_width=160)
        words.add_made(finding, lambda language: {"label": translate(language, "page.data.label.finding")})
        add = words.add(gr.Button(elem_id="label-add-rows", size="md"), value="page.data.label.add_rows")
    return {"first": first, "last": last, "finding": finding, "add_rows": add}


def _place_table(words: Words) -> dict[str, Any]:
    with gr.Column(min_width=280):
        title = gr.HTML(apply_default_css=False, elem_id="label-table-title")
        words.add_made(title, lambda language: {"value": _title(language, "table")})
        file = gr.File(file_types=list(TABLES), file_count="single", elem_id="label-file", height=110)
        words.add(file, label="page.data.label.file")
        columns = gr.Dropdown([], multiselect=True, interactive=True, elem_id="label-columns", min_width=160)
        words.add(columns, label="page.data.label.columns")
        with gr.Row(elem_classes=["gap-small"]):
            numbers = {}
            for name, value in (("window", 256), ("stride", 0), ("most", 200)):
                numbers[name] = gr.Number(value, precision=0, interactive=True, elem_id=f"label-{name}", min_width=90)
                words.add(numbers[name], label=f"page.data.label.{name}", info=f"page.data.label.{name}_help")
        question = gr.Textbox(lines=1, interactive=True, elem_id="label-ask", min_width=160)
        words.add(question, label="page.data.label.ask", placeholder="page.data.label.ask_help")
        add = words.add(gr.Button(elem_id="label-add-windows", size="md"), value="page.data.label.add_windows")
    return {"file": file, "columns": columns, **numbers, "question": question, "add_windows": add}


def _title(language: str, way: str) -> str:
    return f'<p class="facts-title">{translate(language, f"page.data.label.way.{way}")}</p>'


def _wire_rows(section: Any, desk: Any, who: Any) -> None:
    fill, room = section.fill, desk.room

    def offered(which: str | None, chosen: str, language: str) -> Any:
        """The findings that the doctor has made in this dataset; all kinds where it was not asked yet."""
        try:
            known = last_diagnosis(which, room.folders, room.cache) if which else None
        except UserError:
            known = None
        kinds = [each.kind for each in known.report.findings] if known is not None else list(KINDS)
        choices = [(translate(language, "page.data.label.any_row"), "")]
        choices += [(say(language, KINDS[kind].title), kind) for kind in kinds]
        return gr.update(choices=choices, value=chosen if chosen in kinds else "")

    def add(
        which: str | None, first: float | None, last: float | None, finding: str, language: str, request: gr.Request
    ) -> list[Any]:
        choice = RowChoice(which or "", int(first or 1), int(last or 0), finding or "")

        def make(move: Move, should_stop: ShouldStop) -> list[NewItem]:
            return rows_of(choice, room.folders, room.cache, move, should_stop)

        try:
            if not which:
                raise UserError(message("page.data.label.no_dataset"))
            refuse_too_small(language, ("page.data.label.first_row", first, 1), ("page.data.label.last_row", last, 0))
            job = room.jobs.begin(KIND, which, collecting(make, room.inbox, who(request)), choice)
        except UserError as error:
            return refuse(monitor.said(say_all(language, error), is_bad=True))
        return watch(job, language)

    asked = [desk.which, fill.finding, desk.language]
    gr.on(
        [desk.section["label"].select, fill.fold.expand, desk.relabel["label"].click],
        offered,
        asked,
        fill.finding,
        **PRIVATE,
    )
    inputs = [desk.which, fill.first, fill.last, fill.finding, desk.language]
    fill.add_rows.click(add, inputs, section.job.watching, **PRIVATE)


def _wire_table(section: Any, desk: Any, who: Any) -> None:
    fill, room = section.fill, desk.room

    def uploaded(file: str | None, language: str) -> list[Any]:
        if not file:
            return [gr.update(choices=[], value=[]), ""]
        try:
            table = read_table(Path(file))
            roles = guess_roles(table)
        except UserError as error:
            return [gr.update(choices=[], value=[]), monitor.said(say_all(language, error), is_bad=True)]
        return [gr.update(choices=list(table.columns), value=list(roles.values)), ""]

    def add(
        file: str | None,
        columns: list[str],
        window: float | None,
        stride: float | None,
        most: float | None,
        question: str,
        answer_language: str,
        style: str,
        language: str,
        request: gr.Request,
    ) -> list[Any]:
        def make(move: Move, should_stop: ShouldStop) -> list[NewItem]:
            recipe = BuildRecipe(
                sources=(str(file),), values=tuple(columns or ()), window=int(window or 0), stride=int(stride or 0)
            )
            wanted = Wanted(language=answer_language, style=style)
            return windows_from(recipe, wanted, question or "", most=int(most or 1))

        asked = (file, columns, window, stride, most, question, answer_language, style)
        try:
            if not file:
                raise UserError(message("page.data.label.no_file"))
            numbers = (("window", window, LEAST_POINTS), ("stride", stride, 0), ("most", most, 1))
            refuse_too_small(language, *((f"page.data.label.{name}", value, least) for name, value, least in numbers))
            job = room.jobs.begin(KIND, Path(file).name, collecting(make, room.inbox, who(request)), asked)
        except UserError as error:
            return refuse(monitor.said(say_all(language, error), is_bad=True))
        return watch(job, language)

    fill.file.change(uploaded, [fill.file, desk.language], [fill.columns, section.said], **PRIVATE)
    numbers = [fill.window, fill.stride, fill.most, fill.question]
    asked = [section.language, section.style, desk.language]
    fill.add_windows.click(add, [fill.file, fill.columns, *numbers, *asked], section.job.watching, **PRIVATE)
