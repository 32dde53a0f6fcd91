"""The fold below the preset row: what the chosen preset is for, and rename, delete, import and export of own ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from tsft.errors import UserError
from tsft.i18n import say, say_all, translate
from tsft.store.presets import ImportedPreset
from tsft.ui import monitor
from tsft.ui.context import PageContext, PresetChoice
from tsft.ui.downloads import DOWNLOAD, download
from tsft.ui.events import BESIDE, PRIVATE
from tsft.ui.presets import PresetRow, preset_words
from tsft.ui.words import Words


@dataclass(frozen=True)
class PresetBox:
    """The controls. armed: the preset that a second click on Delete deletes. feed: the file to download."""

    about: Any
    new_name: Any
    rename: Any
    delete: Any
    export: Any
    bring: Any
    armed: Any
    feed: Any


def place_preset_box(words: Words, context: PageContext) -> PresetBox:
    """Lay the fold out below the row."""
    with gr.Accordion(open=False, elem_classes=["fold"], elem_id="preset-fold") as fold:
        about = gr.HTML(elem_id="preset-about", apply_default_css=False)
        with gr.Row(elem_classes=["gap-small"], equal_height=False):
            new_name = gr.Textbox(interactive=True, elem_id="preset-new-name", elem_classes=["setting"], min_width=150)
            words.add(new_name, label="page.preset.new_name")
            rename = words.add(gr.Button(size="md", min_width=80, elem_id="preset-rename"), value="page.preset.rename")
            delete = words.add(gr.Button(size="md", min_width=80, elem_id="preset-delete"), value="page.preset.delete")
        with gr.Row(elem_classes=["gap-small"]):
            export = words.add(gr.Button(size="md", min_width=80, elem_id="preset-export"), value="page.preset.export")
            bring = gr.UploadButton(
                size="md", min_width=80, elem_id="preset-import", file_types=[".json", ".yaml", ".yml"]
            )
            words.add(bring, label="page.preset.import")
        feed = gr.Textbox(visible="hidden", elem_id="preset-feed")
    words.add(fold, label="page.preset.more")
    return PresetBox(about, new_name, rename, delete, export, bring, gr.State(""), feed)


def wire_preset_box(box: PresetBox, row: PresetRow, context: PageContext, language: Any) -> None:
    """Every answer stands in the row's own line; after a change the list of names is made anew."""

    def describe(name: str | None, chosen_language: str) -> tuple[str, str]:
        return about_html(context, name or "", chosen_language), ""

    def rename(name: str | None, new_name: str, loaded: str | None, chosen_language: str) -> list[Any]:
        try:
            renamed = context.preset_actions.rename(name or "", new_name or "")
        except UserError as error:
            return [monitor.said(say_all(chosen_language, error), is_bad=True), gr.skip(), gr.skip()]
        done = translate(chosen_language, "page.preset.renamed", name=name, new_name=renamed)
        now_loaded = renamed if loaded == name else gr.skip()
        return [monitor.said(done), _names(context, chosen_language, renamed), now_loaded]

    def delete(name: str | None, armed: str, chosen_language: str) -> list[Any]:
        if not name or armed != name:
            asked = translate(chosen_language, "page.preset.delete_again", name=name or "")
            return [monitor.said(asked), gr.skip(), name or ""]
        try:
            context.preset_actions.delete(name)
        except UserError as error:
            return [monitor.said(say_all(chosen_language, error), is_bad=True), gr.skip(), ""]
        done = translate(chosen_language, "page.preset.deleted", name=name)
        return [monitor.said(done), _names(context, chosen_language, context.first_preset), ""]

    def export(name: str | None, chosen_language: str) -> list[Any]:
        try:
            file_name, text = context.preset_actions.export(name or "")
        except UserError as error:
            return [monitor.said(say_all(chosen_language, error), is_bad=True), ""]
        return [gr.skip(), download(file_name, "application/json", text)]

    def bring(path: str, chosen_language: str) -> list[Any]:
        try:
            imported = context.preset_actions.bring(Path(path))
        except UserError as error:
            return [monitor.said(say_all(chosen_language, error), is_bad=True), gr.skip()]
        html = imported_html(imported, Path(path).name, chosen_language)
        return [html, _names(context, chosen_language, imported.preset.name)]

    def relabel(name: str | None, chosen_language: str) -> tuple[str, str]:
        """What was said of a click stays in its language, so it goes."""
        return about_html(context, name or "", chosen_language), ""

    language.input(relabel, [row.name, language], [box.about, row.said], **PRIVATE)
    row.name.change(describe, [row.name, language], [box.about, box.armed], **BESIDE)
    renaming = [row.name, box.new_name, row.loaded, language]
    box.rename.click(rename, renaming, [row.said, row.name, row.loaded], **PRIVATE)
    box.delete.click(delete, [row.name, box.armed, language], [row.said, row.name, box.armed], **PRIVATE)
    exported = box.export.click(export, [row.name, language], [row.said, box.feed], **PRIVATE)
    exported.then(None, box.feed, js=DOWNLOAD, **PRIVATE)
    box.bring.upload(bring, [box.bring, language], [row.said, row.name], **PRIVATE)


def about_html(context: PageContext, name: str, language: str) -> str:
    """What a preset is for and what it needs."""
    preset = next((each for each in context.presets() if each.name == name), None)
    if preset is None:
        return ""
    texts = [escape(text) for text in _sentences(preset, language)]
    return "".join(f"<p>{text}</p>" for text in texts)


def imported_html(imported: ImportedPreset, file_name: str, language: str) -> str:
    """What was taken over from a file, what in it could not be read, and what was left over and why."""
    name = imported.preset.name
    if not imported.mapped:
        lines = [f"{each.field}: {say(language, each.message)}" for each in imported.problems]
        told = translate(language, "import.saved_own", file=file_name, name=name)
        return monitor.said(told) + _list(lines)
    counts = {"mapped": len(imported.mapped), "left": len(imported.leftovers)}
    told = translate(language, "import.saved", file=file_name, name=name, **counts)
    mapped = [f"{each.source} → {each.key} = {_shown(each.value)}" for each in imported.mapped]
    left = [f"{each.source}: {say(language, each.reason)}" for each in imported.leftovers]
    return monitor.said(told) + _list(mapped) + _list(left)


def _sentences(preset: PresetChoice, language: str) -> Sequence[str]:
    keys = [key for key in (preset.about_key, preset.needs_key) if key]
    return [*(translate(language, key) for key in keys), *([preset.about] if preset.about else [])]


def _names(context: PageContext, language: str, name: str) -> Any:
    return gr.update(choices=preset_words(context, language)["choices"], value=name)


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""


def _shown(value: Any) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, tuple) else str(value)
