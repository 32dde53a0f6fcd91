"""The button that sends the row in view to the label room."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.data.labelling.sources import item_of
from tsft.data.view import view_row
from tsft.errors import UserError
from tsft.i18n import say_all, translate
from tsft.ui import monitor
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_source import is_ready, open_rows
from tsft.ui.events import PRIVATE
from tsft.ui.words import Words


@dataclass(frozen=True)
class SendBox:
    """The button, and what it says once it has done it."""

    button: Any
    said: Any


def place_send_button(words: Words) -> Any:
    return words.add(gr.Button(size="md", elem_id="rows-send", scale=0, min_width=150), value="page.data.label.send")


def place_send_said() -> Any:
    return gr.HTML(elem_id="rows-sent", apply_default_css=False)


def send_row(room: DataRoom, name: str, row: int, by: str = "") -> bool:
    """Put a row (from 0) of a dataset into the inbox; False when it lies there already."""
    rows = open_rows(room, name)
    found = rows.row(row) if is_ready(rows) else rows.first(row + 1)[row]
    source = {"kind": "viewer", "name": name, "row": row + 1}
    return bool(room.inbox.add([item_of(view_row(found), source)], by))


def wire_send_box(box: SendBox, place: Any, desk: DataDesk, who: Callable[[gr.Request], str]) -> None:
    """place: the viewer's state with the dataset and the row in view."""

    def send(now: dict[str, Any], language: str, request: gr.Request) -> str:
        if not now.get("name"):
            return monitor.said(translate(language, "page.data.label.no_dataset"), is_bad=True)
        try:
            is_new = send_row(desk.room, str(now["name"]), int(now["row"]), who(request))
        except UserError as error:
            return monitor.said(say_all(language, error), is_bad=True)
        key = "page.data.label.sent_row" if is_new else "page.data.label.sent_before"
        return monitor.said(translate(language, key, row=int(now["row"]) + 1))

    box.button.click(send, [place, desk.language], box.said, **PRIVATE)
