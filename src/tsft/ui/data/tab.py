"""The Data tab: one dataset is chosen at the top; below, a tab for each thing that can be done with datasets."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from tsft.i18n import translate
from tsft.ui.data.builder_section import place_builder_section, wire_builder_section
from tsft.ui.data.datasets_section import place_datasets_section, wire_datasets_section
from tsft.ui.data.desk import SECTIONS, DataDesk
from tsft.ui.data.doctor_section import place_doctor_section, wire_doctor_section
from tsft.ui.data.generator_section import place_generator_section, wire_generator_section
from tsft.ui.data.label_section import place_label_section, wire_label_section
from tsft.ui.data.room import DataRoom
from tsft.ui.data.viewer_section import place_viewer_section, wire_viewer_section
from tsft.ui.events import PRIVATE
from tsft.ui.words import Words

# What is in view is labelled in the page's language; the others once they are looked at (`assets/sections.js`).
LABEL = "() => window.tsft && tsft.labelSection()"
LABELLED = "() => window.tsft && tsft.sectionLabelled('{}')"

PARTS: dict[str, tuple[Callable[[Words], Any], Callable[..., None]]] = {
    "datasets": (place_datasets_section, wire_datasets_section),
    "check": (place_doctor_section, wire_doctor_section),
    "rows": (place_viewer_section, wire_viewer_section),
    "build": (place_builder_section, wire_builder_section),
    "generate": (place_generator_section, wire_generator_section),
    "label": (place_label_section, wire_label_section),
}


def place_data_tab(words: Words, tab: Any, room: DataRoom, language: Any, who: Callable[[gr.Request], str]) -> DataDesk:
    """Lay the tab out inside the open `gr.Tab`, and wire all of it."""
    which = gr.Dropdown([], value=None, interactive=True, elem_id="data-which", min_width=240)
    words.add_made(which, lambda chosen: {"label": translate(chosen, "page.data.which")})
    section, placed, relabel = {}, {}, {}
    own = {name: Words() for name in SECTIONS}
    with gr.Tabs(elem_id="data-sections") as sections:
        for name in SECTIONS:
            with gr.Tab(id=name, elem_id=f"data-{name}") as section[name]:
                placed[name] = PARTS[name][0](own[name])
                relabel[name] = gr.Button(visible="hidden", elem_id=f"data-relabel-{name}")
            words.add(section[name], label=f"page.data.section.{name}")
    desk = DataDesk(room, language, sections, section, relabel, which, gr.State({}))
    tab.select(desk.offer, which, which, **PRIVATE)
    gr.on([tab.select, *(each.select for each in section.values())], None, None, None, js=LABEL, **PRIVATE)
    for name in SECTIONS:
        relabelled = relabel[name].click(own[name].updates, language, own[name].components, **PRIVATE)
        relabelled.then(None, None, None, js=LABELLED.format(name), **PRIVATE)
        PARTS[name][1](placed[name], desk, who)
    return desk
