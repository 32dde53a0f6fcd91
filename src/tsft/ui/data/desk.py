"""What the boxes of the Data tab share: the chosen dataset, the tabs inside the tab, and the row somebody asked for."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.ui.data.room import DataRoom

# The tabs inside the Data tab, in their order.
SECTIONS = ("datasets", "check", "rows", "build", "generate", "label")


@dataclass(frozen=True)
class DataDesk:
    """sections: the `gr.Tabs` inside the tab, section: each `gr.Tab` there by its name.

    relabel: of each section, a hidden button that the page presses when the section is looked at in another language
    than it shows; what a section has drawn in words is drawn again at its click, not at a change of `language`.

    which: the dropdown of datasets (its value is the chosen name); language: the page's. goto: the row to show in the
    section "rows", {"row": index from 0, "at": a number that differs each time}, set together with `which`.
    """

    room: DataRoom
    language: Any
    sections: Any
    section: dict[str, Any]
    relabel: dict[str, Any]
    which: Any
    goto: Any

    def open(self, name: str) -> Any:
        """The update for `sections` that brings one of them to the front."""
        return gr.Tabs(selected=name)

    def offer(self, chosen: str | None) -> Any:
        """The update for `which`: what there is now, and `chosen` if it is there, else the first."""
        names = self.room.usable()
        return gr.update(choices=names, value=chosen if chosen in names else next(iter(names), None))
