"""The dataset box of the Train tab: which datasets, and a look at a few rows with their series drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.errors import UserError
from tsft.i18n import say, say_all, translate
from tsft.ui import monitor
from tsft.ui.context import PageContext, Preview, PreviewRow
from tsft.ui.events import BESIDE, PRIVATE, QUEUED
from tsft.ui.form import Form
from tsft.ui.pictures import extent, picture
from tsft.ui.words import Words

ROWS = 3
# Long answers are cut in the preview; the file has them whole.
TEXT_LENGTH = 1_500
SERIES_SHOWN = 12
PLACEHOLDER = "<ts><ts/>"
# The settings that are chosen among what lies in the data folder.
DATASET_KEYS = ("data.datasets", "data.validation_datasets")
# Until the rows are there, those of before are grey.
WAIT = "(...given) => { document.getElementById('preview')?.classList.add('is-waiting'); return given; }"
DONE = "() => { document.getElementById('preview')?.classList.remove('is-waiting'); }"


@dataclass(frozen=True)
class DatasetBox:
    """The preview's controls. first: the row it begins with, per session."""

    fold: Any
    which: Any
    show: Any
    back: Any
    more: Any
    shown: Any
    first: Any


def place_dataset_box(form: Form, words: Words) -> DatasetBox:
    """The datasets control and, folded away below it, the preview."""
    form.place("data.datasets")
    with gr.Accordion(open=False, elem_classes=["fold"], elem_id="preview-fold") as fold:
        which = words.add(
            gr.Dropdown(choices=[], interactive=True, allow_custom_value=True, elem_id="preview-which"),
            label="page.preview.which",
        )
        with gr.Row(elem_classes=["gap-small"]):
            buttons = [
                words.add(gr.Button(size="md", elem_id=f"preview-{name}", min_width=80), value=f"page.preview.{name}")
                for name in ("show", "back", "more")
            ]
        shown = gr.HTML(elem_id="preview", apply_default_css=False)
        first = gr.State(0)
    words.add(fold, label="page.preview.title")
    show, back, more = buttons
    return DatasetBox(fold, which, show, back, more, shown, first)


def dataset_choices(context: PageContext, own_folder: str) -> list[tuple[str, str]]:
    """What is offered for `DATASET_KEYS`: each dataset with its number of rows, where that is known."""
    found = context.datasets(own_folder or "")
    return [(f"{each.name} ({each.rows:,})" if each.rows else each.name, each.name) for each in found]


def wire_dataset_box(box: DatasetBox, form: Form, context: PageContext, language: Any) -> None:
    """The preview follows the chosen datasets; reading a large one may take a moment, so these events wait in line."""

    def offer(names: Sequence[str] | None, chosen: str | None) -> Any:
        names = list(names or [])
        return gr.update(choices=names, value=chosen if chosen in names else (names[0] if names else None))

    def look(by: int | None) -> Any:
        """A handler that goes `by` rows on, or back to the beginning for None."""

        def handler(name: str | None, start: int, own_folder: str, chosen_language: str) -> tuple[str, int]:
            if not name:
                return monitor.said(translate(chosen_language, "page.preview.none"), is_bad=True), 0
            start = 0 if by is None else max(0, start + by)
            try:
                preview = context.preview(name, own_folder or "", start, ROWS)
            except UserError as error:
                return monitor.said(say_all(chosen_language, error), is_bad=True), 0
            return preview_html(preview, chosen_language), start

        return handler

    def relabel(is_shown: str | None, name: str | None, start: int, own_folder: str, chosen_language: str) -> Any:
        return look(0)(name, start, own_folder, chosen_language)[0] if is_shown else gr.skip()

    form.widget("data.datasets").change(
        offer,
        [form.widget("data.datasets"), box.which],
        box.which,
        **BESIDE,
    )
    inputs = [box.which, box.first, form.widget("data.folder"), language]
    language.input(relabel, [box.shown, *inputs], box.shown, **QUEUED)
    begins = [box.show.click, box.fold.expand, box.which.input]
    for triggers, by in ((begins, None), ([box.back.click], -ROWS), ([box.more.click], ROWS)):
        found = gr.on(triggers, look(by), inputs, [box.shown, box.first], js=WAIT, concurrency_limit=4, **QUEUED)
        found.then(None, js=DONE, **PRIVATE)


def preview_html(preview: Preview, language: str) -> str:
    """A page of rows; all text of the data is escaped."""
    counts = translate(language, "page.preview.counts", rows=preview.total, dropped=preview.dropped)
    remarks = "".join(f"<p>{escape(say(language, each))}</p>" for each in preview.remarks)
    rows = "".join(row_html(row, language) for row in preview.rows)
    if not preview.rows:
        rows = f"<p>{escape(translate(language, 'page.preview.end'))}</p>"
    return f'<div class="box calm" data-rows="{len(preview.rows)}"><p>{escape(counts)}</p>{remarks}</div>{rows}'


def row_html(row: PreviewRow, language: str) -> str:
    """One example: one picture of its series, their names and ranges, then its turns with the placeholders named."""
    title = escape(translate(language, "page.preview.row", row=row.row))
    drawn = row.series[:SERIES_SHOWN]
    captions = [_caption(number, points, language) for number, points in enumerate(drawn, 1)]
    pictures = picture(drawn, "; ".join(captions))
    if captions:
        pictures += '<ol class="captions">' + "".join(f"<li>{each}</li>" for each in captions) + "</ol>"
    if len(row.series) > SERIES_SHOWN:
        pictures += (
            f"<p>{escape(translate(language, 'page.preview.more_series', count=len(row.series) - SERIES_SHOWN))}</p>"
        )
    turns, number = [], 0
    for each in row.turns:
        text, number = _turn(each, number, language)
        turns.append(text)
    return (
        f'<section class="preview-row"><h4>{title}</h4><div class="pictures">{pictures}</div>{"".join(turns)}</section>'
    )


def _caption(number: int, points: Any, language: str) -> str:
    name = translate(language, "page.preview.series", number=number)
    low, high = extent(points)
    return escape(translate(language, "page.preview.extent", name=name, count=len(points), low=low, high=high))


def _turn(turn: Any, number: int, language: str) -> tuple[str, int]:
    """One turn as HTML, and the number of the last series named so far: a placeholder becomes "series 3"."""
    content = str(turn.get("content", ""))
    if len(content) > TEXT_LENGTH:
        content = content[:TEXT_LENGTH] + " …"
    pieces = [escape(piece) for piece in content.split(PLACEHOLDER)]
    text = pieces[0]
    for piece in pieces[1:]:
        number += 1
        chip = escape(translate(language, "page.preview.series", number=number))
        text += f'<span class="series-chip">{chip}</span>{piece}'
    role = turn.get("role", "")
    name = translate(language, f"page.role.{role}") if role in ("system", "user", "assistant") else role
    return f'<p class="turn"><b>{escape(name)}</b>{text}</p>', number
