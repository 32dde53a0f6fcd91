"""The section of the Data tab that lists the datasets of the workspace, brings in others and takes one away."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from tsft.data.exporting import HUB, Exported, export, export_to_hub
from tsft.data.importing.bring import KINDS, Arrival, Brought, bring
from tsft.data.overview import Overview, ancestry, overview
from tsft.data.registry import DatasetInfo
from tsft.data.row_files import FORMATS
from tsft.errors import Message, Problem, UserError, message
from tsft.i18n import say, say_all, translate
from tsft.ui import monitor
from tsft.ui.data.datasets_html import BEHAVIOUR, datasets_html, told_html
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.job_box import JobBox, place_job_box, refuse, watch, wire_job_box
from tsft.ui.data.jobs import DONE, Move, ShouldStop
from tsft.ui.data.room import DataRoom
from tsft.ui.downloads import link_html
from tsft.ui.events import BESIDE, PRIVATE, QUEUED
from tsft.ui.words import Words

# So long a list is looked through at once; what is left follows with the clock.
LOOK_SECONDS = 1.0
MORE_SECONDS = 0.2
REFUSED_SHOWN = 8


@dataclass(frozen=True)
class DatasetsSection:
    """more: the clock that goes while a dataset of the list was not looked at yet."""

    files: Any
    path: Any
    bring: Any
    bringing: JobBox
    arrived: Any
    table: Any
    more: Any
    told: Any
    look: Any
    check: Any
    format: Any
    repository: Any
    is_private: Any
    export: Any
    exporting: JobBox
    exported: Any


def place_datasets_section(words: Words) -> DatasetsSection:
    """Lay the section out inside the open tab."""

    def button(name: str, **options: Any) -> Any:
        made = gr.Button(size="md", elem_id=f"data-{name}", **{"min_width": 130, "scale": 0, **options})
        return words.add(made, value=f"page.data.{name}")

    table = gr.HTML(elem_id="data-table", apply_default_css=False, js_on_load=BEHAVIOUR)
    with gr.Row(equal_height=False, elem_id="data-columns"):
        with gr.Column(scale=6, min_width=320):
            told = gr.HTML(elem_id="data-told", apply_default_css=False)
            with gr.Row(elem_classes=["gap-small", "actions"]):
                look, check = button("look"), button("check_it")
            with gr.Row(elem_classes=["gap-small", "actions"], equal_height=False):
                kind = gr.Dropdown([], value=FORMATS[0], interactive=True, elem_id="data-format", min_width=150)
                words.add_made(kind, _format_words)
                repository = gr.Textbox(visible=False, elem_id="data-repository", min_width=180)
                words.add(repository, label="page.data.repository", placeholder="page.data.repository_hint")
                is_private = gr.Checkbox(value=True, visible=False, elem_id="data-private", min_width=140)
                words.add(is_private, label="page.data.private")
                take = button("export")
            exporting = place_job_box(words, "data-export")
            exported = gr.HTML(elem_id="data-exported", apply_default_css=False)
        with gr.Column(scale=5, min_width=320):
            types = [*KINDS, ".zip"]
            files = gr.File(file_count="multiple", file_types=types, height=150, elem_id="data-files")
            words.add(files, label="page.data.files")
            path = gr.Textbox(elem_id="data-path", min_width=200)
            words.add(path, label="page.data.path", info="page.data.path_help", placeholder="page.data.path_hint")
            bring_in = button("bring", variant="primary", scale=1)
            bringing = place_job_box(words, "data-bring")
            arrived = gr.HTML(elem_id="data-arrived", apply_default_css=False)
    more = gr.Timer(MORE_SECONDS, active=False)
    brought = (files, path, bring_in, bringing, arrived)
    return DatasetsSection(
        *brought, table, more, told, look, check, kind, repository, is_private, take, exporting, exported
    )


def wire_datasets_section(section: DatasetsSection, desk: DataDesk, who: Callable[[gr.Request], str]) -> None:
    """The list follows what is there; a click chooses; files come in and go out as jobs."""
    room, language = desk.room, desk.language
    gr.set_static_paths([room.exports])

    def listed(chosen: str | None, chosen_language: str) -> list[Any]:
        found = room.datasets()
        html, is_whole = list_html(room, found, chosen or "", chosen_language, LOOK_SECONDS)
        return [html, gr.Timer(active=not is_whole), chosen_html(found, chosen or "", chosen_language)]

    view = {"fn": listed, "inputs": [desk.which, language], "outputs": [section.table, section.more, section.told]}
    gr.on([desk.section["datasets"].select, desk.relabel["datasets"].click], **view, **PRIVATE)
    desk.which.change(**view, **BESIDE)
    section.more.tick(**view, concurrency_limit=None, trigger_mode="once", **PRIVATE)

    def choose(event: gr.EventData) -> Any:
        return desk.offer(str(event._data.get("dataset", "")))  # with the list: another session may have made it

    section.table.select(choose, None, desk.which, **PRIVATE)
    section.look.click(lambda: desk.open("rows"), None, desk.sections, **PRIVATE)
    section.check.click(lambda: desk.open("check"), None, desk.sections, **PRIVATE)
    _wire_bring(section, desk, who, view)
    _wire_export(section, desk, who)


def list_html(
    room: DataRoom, found: Sequence[DatasetInfo], chosen: str, language: str, seconds: float
) -> tuple[str, bool]:
    """The table, and whether every dataset in it was looked at within so many seconds."""
    until = time.monotonic() + seconds
    overviews: dict[str, Overview] = {}
    usable = [each for each in found if each.problem is None]
    for each in usable:
        if time.monotonic() > until:
            break
        try:
            overviews[each.name] = overview(each, room.folders, room.cache)
        except UserError:
            continue  # the doctor says what is wrong with it; the list shows dashes
    else:
        until = 0.0
    origins = {each.name: ancestry(each) for each in usable}
    return datasets_html(found, overviews, origins, chosen, language), until == 0.0


def chosen_html(found: Sequence[DatasetInfo], name: str, language: str) -> str:
    """What the chosen dataset is made of."""
    dataset = next((each for each in found if each.name == name), None)
    return told_html(dataset, ancestry(dataset) if dataset is not None else None, language)


def arrival_html(arrival: Arrival, language: str) -> str:
    """What arrived, and what did not and why."""
    lines = [say(language, each.message()) for each in arrival.brought]
    told = monitor.said(" ".join(lines))
    refused = [say(language, each) for each in arrival.refused[:REFUSED_SHOWN]]
    if len(arrival.refused) > REFUSED_SHOWN:
        refused.append(translate(language, "page.data.more_refused", count=len(arrival.refused) - REFUSED_SHOWN))
    return told + (monitor.said(" ".join(refused), is_bad=True) if refused else "")


def exported_html(made: Exported, language: str) -> str:
    """Where the export lies, with a link that downloads it."""
    told = translate(language, "page.data.exported", rows=made.rows, left_out=made.left_out)
    if made.path is None:
        return monitor.said(f"{told} {made.url}")
    return f"{monitor.said(told)}<p>{link_html(made.path, language)}</p>"


def bring_all(paths: Sequence[Path], room: DataRoom, by: str, move: Move, should_stop: ShouldStop) -> Arrival:
    """Several things one after another; UserError where nothing of them can be brought in."""
    brought: list[Brought] = []
    refused: list[Message] = []
    problems: list[Problem] = []
    for number, path in enumerate(paths):
        if brought and should_stop():
            refused.append(message("data.import.stopped"))
            break

        def progress(done: int, total: int, before: int = number) -> None:
            move(round(1000 * (before + done / max(1, total))), 1000 * len(paths))

        try:
            arrival = bring(
                path, room.workspace.datasets, room.workspace.tables, room.cache,
                by=by, progress=progress, should_stop=should_stop,
            )  # fmt: skip
        except UserError as error:
            problems += error.problems
            refused += [each.message for each in error.problems]
            continue
        brought += arrival.brought
        refused += arrival.refused
    if not brought:
        raise UserError(*problems)
    return Arrival(tuple(brought), tuple(refused))


def _wire_bring(section: DatasetsSection, desk: DataDesk, who: Callable[[gr.Request], str], view: Any) -> None:
    room, box = desk.room, section.bringing
    wire_job_box(box, room.jobs, desk.language)

    def begin(files: Sequence[str] | None, path: str, language: str, request: gr.Request) -> list[Any]:
        paths = [Path(each) for each in files or ()]
        paths += [Path(path.strip()).expanduser()] if path.strip() else []
        by = who(request)
        if not paths:
            return refuse(monitor.said(translate(language, "page.data.nothing_given"), is_bad=True))
        try:
            job = room.jobs.begin(
                "import", ", ".join(each.name for each in paths),
                lambda move, should_stop: bring_all(paths, room, by, move, should_stop), paths,
            )  # fmt: skip
        except UserError as error:
            return refuse(monitor.said(say_all(language, error), is_bad=True))
        return watch(job, language)

    def end(number: int, chosen: str | None, language: str) -> list[Any]:
        job = room.jobs.get(int(number))
        if job is None or job.state != DONE:
            return [gr.skip()] * 4
        arrival: Arrival = job.result
        names = [each.name for each in arrival.brought if each.kind == "rows"]
        which = desk.offer(names[0] if names else chosen)
        return [arrival_html(arrival, language), which, None, ""]

    inputs = [section.files, section.path, desk.language]
    gr.on([section.bring.click, section.path.submit], begin, inputs, box.watching, **QUEUED)
    outputs = [section.arrived, desk.which, section.files, section.path]
    ended = box.ended.change(end, [box.ended, desk.which, desk.language], outputs, **BESIDE)
    ended.then(**view, **PRIVATE)


def _wire_export(section: DatasetsSection, desk: DataDesk, who: Callable[[gr.Request], str]) -> None:
    room, box = desk.room, section.exporting
    wire_job_box(box, room.jobs, desk.language)

    def begin(
        name: str | None, kind: str, repository: str, private: bool, language: str, request: gr.Request
    ) -> list[Any]:
        by = who(request)

        def work(move: Move, should_stop: ShouldStop) -> Exported:
            options: dict[str, Any] = {"progress": move, "should_stop": should_stop}
            if kind == HUB:
                return export_to_hub(
                    str(name), room.folders, room.cache, repository.strip(), is_private=private, **options
                )
            return export(str(name), room.folders, room.cache, room.exports, kind, by=by, **options)

        if not name:
            return ["", *refuse(monitor.said(translate(language, "page.preview.none"), is_bad=True))]
        try:
            job = room.jobs.begin("export", name, work, (kind, repository, private))
        except UserError as error:
            return ["", *refuse(monitor.said(say_all(language, error), is_bad=True))]
        return ["", *watch(job, language)]

    def end(number: int, language: str) -> Any:
        job = room.jobs.get(int(number))
        return exported_html(job.result, language) if job is not None and job.state == DONE else gr.skip()

    def follow(kind: str) -> list[Any]:
        return [gr.update(visible=kind == HUB)] * 2

    given = [desk.which, section.format, section.repository, section.is_private, desk.language]
    section.format.input(follow, section.format, [section.repository, section.is_private], **PRIVATE)
    section.export.click(begin, given, [section.exported, *box.watching], **QUEUED)
    box.ended.change(end, [box.ended, desk.language], section.exported, **BESIDE)


def _format_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"page.data.format.{each}"), each) for each in (*FORMATS, HUB)]
    return {"label": translate(language, "page.data.format"), "choices": choices}
