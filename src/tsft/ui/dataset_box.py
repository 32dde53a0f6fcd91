"""The dataset box of the Train tab: which datasets, and a look at a few rows with their series drawn.

A row that is looked at can be pinned as a probe: a question that every evaluation of the next run asks again.
"""

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
PROBE_KEYS = ("probes.source", "probes.pinned")
# A click on the button that pins a row.
PIN = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-pin]');
  if (button) trigger('select', { pin: button.dataset.pin });
});
"""
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
    pinned: Any
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
        pinned = gr.HTML(elem_id="preview-pinned", apply_default_css=False)
        shown = gr.HTML(elem_id="preview", apply_default_css=False, js_on_load=PIN)
        first = gr.State(0)
    words.add(fold, label="page.preview.title")
    show, back, more = buttons
    return DatasetBox(fold, which, show, back, more, pinned, shown, first)


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
            return preview_html(preview, chosen_language, name), start

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
    _wire_pins(box, form, language)


def _wire_pins(box: DatasetBox, form: Form, language: Any) -> None:
    """A row that is pinned joins those of the form, which asks the pinned ones from then on."""

    def pin(chosen_language: str, pinned: Sequence[str] | None, event: gr.EventData) -> list[Any]:
        row = str(event._data.get("pin", ""))
        rows = list(dict.fromkeys([*(pinned or []), row]))
        done = monitor.said(translate(chosen_language, "page.preview.pinned", row=row, count=len(rows)))
        return ["pinned", gr.update(value=rows), done]

    source, pinned = (form.widget(key) for key in PROBE_KEYS)
    box.shown.select(pin, [language, pinned], [source, pinned, box.pinned], **PRIVATE)


def preview_html(preview: Preview, language: str, name: str = "") -> str:
    """A page of rows of the dataset `name`, "" for rows that cannot be pinned; all text of the data is escaped."""
    counts = translate(language, "page.preview.counts", rows=preview.total, dropped=preview.dropped)
    remarks = "".join(f"<p>{escape(say(language, each))}</p>" for each in preview.remarks)
    rows = "".join(row_html(row, language, name) for row in preview.rows)
    if not preview.rows:
        rows = f"<p>{escape(translate(language, 'page.preview.end'))}</p>"
    return f'<div class="box calm" data-rows="{len(preview.rows)}"><p>{escape(counts)}</p>{remarks}</div>{rows}'


def row_html(row: PreviewRow, language: str, name: str = "") -> str:
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
    pin = _pin_button(f"{name}:{row.row}", language) if name and row.series else ""
    body = f'<div class="pictures">{pictures}</div>{"".join(turns)}'
    return f'<section class="preview-row"><h4>{title} {pin}</h4>{body}</section>'


def _pin_button(row: str, language: str) -> str:
    label, about = (escape(translate(language, f"page.preview.{key}")) for key in ("pin", "pin_help"))
    return f'<button type="button" class="tool" data-pin="{escape(row)}" title="{about}">{label}</button>'


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
