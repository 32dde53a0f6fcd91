"""The controls of an export and what they say as settings. Labels and help: `page.export.*`."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from tsft.i18n import LANGUAGES, translate
from tsft.run.export import ADAPTER, DEVICES, DTYPES, FORMS, HUBS, ExportSettings
from tsft.ui.data.placing import Placing, step_title
from tsft.ui.words import Words

SECTION = "export"
CHOICES: dict[str, Sequence[str]] = {"form": FORMS, "dtype": DTYPES, "device": DEVICES, "hub": HUBS}
# What an adapter brings along as it is.
OF_WEIGHTS = ("dtype", "shard_gb")


def place_form(words: Words) -> tuple[dict[str, Any], Any]:
    """Lay the controls out, but for the buttons: each by the name of its setting; and what is told of the form."""
    plain_settings, placing = ExportSettings(""), Placing(words, SECTION, CHOICES)
    step_title(words, SECTION, "what")
    placing.put("result", gr.Dropdown, choices=[], value=None, min_width=280)
    placing.pick("form", plain_settings.form, gr.Radio)
    about = gr.HTML(elem_id="export-about", apply_default_css=False)
    step_title(words, SECTION, "how")
    with gr.Row(elem_classes=["gap-small"]):
        placing.pick("dtype", plain_settings.dtype)
        placing.put("shard_gb", gr.Number, value=plain_settings.shard_gb)
        placing.pick("device", plain_settings.device)
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("name", gr.Textbox, value="", max_lines=1, min_width=200)
        placing.put("language", gr.Dropdown, _languages, choices=[("", ""), *LANGUAGES], value="")
        placing.put("is_zipped", gr.Checkbox, value=False)
    step_title(words, SECTION, "hub")
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("repository", gr.Textbox, value="", max_lines=1, min_width=200)
        placing.pick("hub", plain_settings.hub)
        placing.put("is_public", gr.Checkbox, value=False)
    return placing.controls, about


def settings_of(values: Mapping[str, Any], language: str) -> ExportSettings:
    """What the controls say, unchecked. language: the page's."""
    form, shard = str(values["form"] or ""), values["shard_gb"]
    return ExportSettings(
        result=str(values["result"] or ""),
        form=form,
        dtype="auto" if form == ADAPTER else str(values["dtype"] or ""),
        shard_gb=float(shard) if isinstance(shard, (int, float)) else 0.0,
        device=str(values["device"] or ""),
        name=str(values["name"] or "").strip(),
        is_zipped=bool(values["is_zipped"]),
        repository=str(values["repository"] or "").strip(),
        hub=str(values["hub"] or ""),
        is_public=bool(values["is_public"]),
        language=str(values["language"] or language),
    )


def follow_form(controls: Mapping[str, Any], form: str) -> dict[Any, Any]:
    """An adapter is copied as it was trained: number format and file size are not asked for."""
    return {controls[name]: gr.update(interactive=form != ADAPTER) for name in OF_WEIGHTS}


def device_update(devices: Sequence[str]) -> Any:
    """A choice of one is none."""
    return gr.update(interactive=True) if len(devices) > 1 else gr.update(interactive=False, value=devices[0])


def _languages(language: str) -> list[tuple[str, str]]:
    of_page = translate(language, "page.export.choice.language.page")
    return [(of_page, ""), *((name, code) for code, name in LANGUAGES.items())]
