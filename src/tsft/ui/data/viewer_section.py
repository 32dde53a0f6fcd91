"""The section of the Data tab for any row as a picture: which one, filtered by what, and through whose eyes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.config.catalog import BUILTIN
from tsft.data.checks.diagnosis import Diagnosis, last_diagnosis
from tsft.data.checks.findings import KINDS
from tsft.errors import UserError
from tsft.i18n import say, say_all, translate
from tsft.ui import monitor
from tsft.ui.data.checkup import model_choices
from tsft.ui.data.datasets_html import task_word
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.job_box import JobBox, place_job_box, refuse, watch, wire_job_box
from tsft.ui.data.jobs import DONE, Work
from tsft.ui.data.lengths_html import lengths_html
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_source import open_rows
from tsft.ui.data.send_to_label import SendBox, place_send_button, place_send_said, wire_send_box
from tsft.ui.data.viewing import BACK, NEXT, STAY, Asked, Seen, choices, filter_of, seen
from tsft.ui.events import BESIDE, PRIVATE
from tsft.ui.words import Words

LISTS = ("finding", "task", "label")
ENDS = ("points_from", "points_to", "tokens_from", "tokens_to")
NOTHING: dict[str, Any] = {"name": "", "row": 0, "at": 0.0, "filter": None}


@dataclass(frozen=True)
class ViewerSection:
    """The section's controls.

    filters: the lists and numbers by their names. place: {"name", "row", "at", "filter"} as this session sees it last.
    at: of the goto that was followed; filter: what the page put into the filters, until a person does something.
    is_open: whether the section was looked at.
    """

    back: Any
    number: Any
    next: Any
    model: Any
    ids: Any
    where: Any
    note: Any
    check: Any
    fold: Any
    filters: Mapping[str, Any]
    clear: Any
    indexing: JobBox
    row: Any
    lengths_fold: Any
    lengths: Any
    place: Any
    is_open: Any
    send: SendBox

    @property
    def asked(self) -> list[Any]:
        """What says which row is wanted; the handlers take them in this order, after place, goto and dataset."""
        return [self.model, self.ids, *self.filters.values()]

    @property
    def shown(self) -> list[Any]:
        return [self.place, self.number, self.where, self.row, *self.indexing.watching]

    @property
    def offered(self) -> list[Any]:
        """What follows the dataset and its diagnosis."""
        return [self.note, self.check, self.fold, self.lengths_fold, self.lengths, *self.filters.values()]


def place_viewer_section(words: Words) -> ViewerSection:
    """Lay the section out inside the open tab."""
    with gr.Row(elem_id="rows-bar", equal_height=False):
        back = gr.Button(size="md", elem_id="rows-back", scale=0, min_width=90)
        number = gr.Number(1, precision=0, elem_id="rows-number", scale=0, min_width=110)
        following = gr.Button(size="md", elem_id="rows-next", scale=0, min_width=90)
        model = gr.Dropdown([BUILTIN], value=BUILTIN, allow_custom_value=True, elem_id="rows-model", min_width=180)
        ids = gr.Checkbox(False, elem_id="rows-ids", min_width=140)
        words.add(back, value="page.data.rows.back")
        words.add(number, label="page.data.rows.number")
        words.add(following, value="page.data.rows.next")
        words.add(model, label="page.data.rows.model")
        words.add(ids, label="page.data.rows.ids")
        send = place_send_button(words)
    sent = place_send_said()
    where = gr.HTML(elem_id="rows-where", apply_default_css=False)
    with gr.Row(elem_id="rows-unchecked", equal_height=False):
        note = gr.HTML(elem_id="rows-note", apply_default_css=False)
        check = gr.Button(visible=False, elem_id="rows-check", scale=0, min_width=140, size="md")
        words.add(check, value="page.data.rows.check")
    with gr.Accordion(open=False, visible=False, elem_classes=["fold"], elem_id="rows-filter") as fold:
        filters, clear = _place_filters(words)
    words.add(fold, label="page.data.rows.filter")
    indexing = place_job_box(words, "index")
    row = gr.HTML(elem_id="rows-row", apply_default_css=False)
    with gr.Accordion(open=False, visible=False, elem_classes=["fold"], elem_id="rows-lengths") as lengths_fold:
        lengths = gr.HTML(elem_id="rows-histograms", apply_default_css=False)
    words.add(lengths_fold, label="page.data.rows.lengths.title")
    kept = (gr.State(NOTHING), gr.State(False))
    return ViewerSection(
        back, number, following, model, ids, where, note, check, fold, filters, clear, indexing, row, lengths_fold,
        lengths, *kept, SendBox(send, sent),
    )  # fmt: skip


def _place_filters(words: Words) -> tuple[dict[str, Any], Any]:
    filters: dict[str, Any] = {}
    with gr.Row():
        for name in LISTS:
            filters[name] = gr.Dropdown([], value=None, allow_custom_value=True, elem_id=f"rows-{name}", min_width=160)
            words.add(filters[name], label=f"page.data.rows.{name}")
    with gr.Row(equal_height=False):
        for name in ENDS:
            made = gr.Number(None, precision=0, elem_id=f"rows-{name}", min_width=120)
            filters[name] = words.add(made, label=f"page.data.rows.{name}")
        clear = gr.Button(size="md", elem_id="rows-clear", scale=0, min_width=120)
        words.add(clear, value="page.data.rows.clear")
    return filters, clear


def wire_viewer_section(section: ViewerSection, desk: DataDesk, who: Callable[[gr.Request], str]) -> None:
    """What its controls do."""
    viewer, language, filters = Viewer(section, desk), desk.language, section.filters
    wire_job_box(section.indexing, desk.room.jobs, language)
    given = [section.place, desk.goto, desk.which, language, *section.asked]
    for trigger, step in ((section.back.click, BACK), (section.next.click, NEXT)):
        trigger(viewer.step(step), given, section.shown, **PRIVATE)
    jumps = [section.number.submit, section.number.blur]
    gr.on(jumps, viewer.jump, [section.number, *given], section.shown, **PRIVATE)
    chosen = [section.model.input, section.ids.input, *(filters[name].input for name in LISTS)]
    chosen += [filters[name].submit for name in ENDS]
    gr.on(chosen, viewer.step(STAY), given, section.shown, **PRIVATE)
    gr.on([filters[name].blur for name in ENDS], viewer.left, given, section.shown, **PRIVATE)
    cleared = section.clear.click(
        lambda: [*[""] * len(LISTS), *[None] * len(ENDS)], None, [*filters.values()], **PRIVATE
    )
    cleared.then(viewer.step(STAY), given, section.shown, **PRIVATE)
    everything = [*section.offered, *section.shown, section.is_open, section.model]
    desk.section["rows"].select(viewer.opened, given, everything, **PRIVATE)
    desk.which.change(viewer.changed, [section.is_open, *given], everything, **BESIDE)
    desk.goto.change(viewer.opened, given, everything, **BESIDE)
    desk.relabel["rows"].click(viewer.changed, [section.is_open, *given], everything, **PRIVATE)
    section.indexing.ended.change(viewer.indexed, [section.indexing.ended, *given], section.shown, **PRIVATE)
    wire_send_box(section.send, section.place, desk, who)
    section.check.click(lambda: desk.open("check"), None, desk.sections, **PRIVATE)


@dataclass(frozen=True)
class Viewer:
    """The handlers. Each takes (place, goto, dataset, language, *section.asked) and gives updates by component."""

    section: ViewerSection
    desk: DataDesk

    def step(self, step: str) -> Callable[..., dict[Any, Any]]:
        """A handler that goes on, back, or shows the row anew."""

        def handler(place: dict[str, Any], goto: dict[str, Any], name: str | None, language: str, *asked: Any) -> Any:
            return self._show({**place, "filter": None}, name, language, asked, step)

        return handler

    def jump(
        self,
        number: float | None,
        place: dict[str, Any],
        goto: dict[str, Any],
        name: str | None,
        language: str,
        *asked: Any,
    ) -> Any:
        """To a row by its number, to the first for one below 1; the row that is shown already changes nothing."""
        row = max(0, int(number or 1) - 1)
        if row == place["row"] and name == place["name"]:
            return {self.section.place: gr.skip()} if number == row + 1 else {self.section.number: row + 1}
        # A person who types a number wants that row, whatever the filter says.
        return self._show(
            {**place, "row": row, "filter": None}, name, language, (*asked[:2], *[None] * (len(asked) - 2)), STAY
        )

    def left(self, place: dict[str, Any], goto: dict[str, Any], name: str | None, language: str, *asked: Any) -> Any:
        """A bound was left: unchanged it changes nothing, or its answer could undo the click that left it."""
        if _chosen(asked[2:]) == place.get("shown"):
            return {self.section.place: gr.skip()}
        return self.step(STAY)(place, goto, name, language, *asked)

    def opened(
        self, place: dict[str, Any], goto: dict[str, Any], name: str | None, language: str, *asked: Any
    ) -> dict[Any, Any]:
        """The section came to the front, or somebody asked for a row."""
        section = self.section
        updates: dict[Any, Any] = {section.is_open: True}
        updates[section.model] = gr.update(choices=model_choices(self.desk.room, language))
        kept = place.get("filter")
        if goto and goto.get("at", 0.0) > place["at"]:
            place = {"name": name, "row": int(goto["row"]), "at": goto["at"]}
            kept = [str(goto.get("finding") or ""), *[None] * (len(asked) - 3)]
        elif place["name"] != name:
            place = {**place, "name": name, "row": 0}
            kept = [None] * (len(asked) - 2)
        # Two events may lead here at once, and the second was sent before the browser had the filters of the first.
        asked = asked if kept is None else (*asked[:2], *kept)
        place = {**place, "filter": kept}
        updates |= self._offered(name, language, asked)
        return updates | self._show(place, name, language, asked, STAY)

    def changed(self, is_open: bool, *given: Any) -> dict[Any, Any]:
        """Another dataset or another language; nothing is read before the section was looked at."""
        return self.opened(*given) if is_open else {self.section.place: gr.skip()}

    def indexed(self, number: int, place: dict[str, Any], *given: Any) -> dict[Any, Any]:
        job = self.desk.room.jobs.get(int(number))
        if job is None or job.state != DONE or job.name != place["name"]:
            return {self.section.place: gr.skip()}
        return self.step(STAY)(place, *given)

    def _show(
        self, place: dict[str, Any], name: str | None, language: str, asked: tuple[Any, ...], step: str
    ) -> dict[Any, Any]:
        section = self.section
        if not name:
            return {section.row: "", section.where: _quiet(translate(language, "page.data.check.no_dataset"))}
        model, has_ids, *wanted = asked
        filters = filter_of(dict(zip(section.filters, wanted, strict=True)))
        wish = Asked(name, place["row"], filters, model or "", bool(has_ids), language)
        try:
            found = seen(self.desk.room, wish, step)
        except UserError as error:
            refused = monitor.said(say_all(language, error), is_bad=True)
            return {section.row: refused, section.where: "", section.place: {**place, "name": name}}
        updates = {
            section.place: {**place, "name": name, "row": found.row, "shown": _chosen(wanted)},
            section.number: found.row + 1,
            section.where: _quiet(where_text(found, language)),
            section.row: found.html,
        }
        if found.needs_index:
            updates |= zip(section.indexing.watching, self._begin_index(name, language), strict=True)
        return updates

    def _begin_index(self, name: str, language: str) -> list[Any]:
        try:
            return watch(self.desk.room.jobs.begin("index", name, index_work(self.desk.room, name)), language)
        except UserError as error:
            return refuse(monitor.said(say_all(language, error), is_bad=True))

    def _offered(self, name: str | None, language: str, asked: tuple[Any, ...]) -> dict[Any, Any]:
        """What can be filtered by, the histograms, or that the dataset was not checked yet."""
        section, diagnosis = self.section, _diagnosis(self.desk.room, name)
        lists = choices(diagnosis)
        values = dict(zip(section.filters, asked[2:], strict=True))
        updates: dict[Any, Any] = {}
        for each in LISTS:
            labels = [(_label(each, choice, language), choice) for choice in lists[each]]
            every = (translate(language, "page.data.rows.every"), "")
            updates[section.filters[each]] = gr.update(choices=[every, *labels], value=values[each] or "")
        updates |= {section.filters[each]: gr.update(value=values[each]) for each in ENDS}
        is_checked = diagnosis is not None
        note = "" if is_checked or not name else _quiet(translate(language, "page.data.rows.unchecked"))
        updates |= {section.note: note, section.check: gr.update(visible=bool(name) and not is_checked)}
        # The fold is open where somebody asked for the rows of a finding: a filter out of sight would puzzle.
        shown = gr.update(visible=is_checked, open=True) if values["finding"] else gr.update(visible=is_checked)
        updates[section.fold] = shown
        updates |= {section.lengths_fold: gr.update(visible=is_checked)}
        updates[section.lengths] = lengths_html(diagnosis, language) if diagnosis is not None else ""
        return updates


def index_work(room: DataRoom, name: str) -> Work:
    """The index of a large file."""

    def work(move: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        open_rows(room, name).index(move, should_stop)

    return work


def where_text(found: Seen, language: str) -> str:
    """Which row of how many, and which of those that pass the filter."""
    row = f"{found.row + 1:,}"
    if found.rows is None:
        return translate(language, "page.data.rows.where_first", row=row)
    parts = [translate(language, "page.data.rows.where", row=row, rows=f"{found.rows:,}")]
    if found.file:
        parts.append(translate(language, "page.data.rows.where_file", file=found.file, row=f"{found.file_row:,}"))
    if found.place is not None:
        places = {"place": f"{found.place + 1:,}", "matches": f"{found.matches or 0:,}"}
        parts.append(translate(language, "page.data.rows.where_match", **places))
    return " · ".join(parts)


def _diagnosis(room: DataRoom, name: str | None) -> Diagnosis | None:
    try:
        return last_diagnosis(name, room.folders, room.cache) if name else None
    except UserError:
        return None  # the row says why the dataset cannot be read


def _label(of: str, choice: str, language: str) -> str:
    if of == "finding" and choice in KINDS:
        return say(language, KINDS[choice].title)
    return task_word(choice, language) if of == "task" else choice


def _chosen(filters: Sequence[Any]) -> list[Any]:
    """Each filter, None where it is open: an empty list and an empty number are the same."""
    return [None if each in ("", None) else each for each in filters]


def _quiet(sentence: str) -> str:
    return f'<p class="quiet" role="status">{escape(sentence)}</p>'
