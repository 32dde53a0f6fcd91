"""The form of an evaluation: which models on which data, and in a fold how they are asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from tsft.errors import Problem, message
from tsft.evaluate.control_rows import CONTROLS
from tsft.i18n import translate
from tsft.run.evaluation import MODES, PRECISIONS, EvaluationSettings, check_evaluation
from tsft.ui.data.placing import Placing, element
from tsft.ui.words import Words

SECTION = "evaluate"
FOLD = "evaluate-more"
CHOICES = {"mode": MODES, "precision": PRECISIONS}
# In the fold; the others are in view.
HIDDEN = (
    *("measures_loss", "writes_answers", "baselines", "train_datasets", "controls", "control_rows", "point_adjusted"),
    *("batch_size", "max_tokens", "max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed"),
    "precision",
)
WHOLE = ("rows", "control_rows", "batch_size", "max_tokens", "max_new_tokens", "top_k", "seed")
BROKEN = ("temperature", "top_p", "repetition_penalty")
START = EvaluationSettings()


@dataclass(frozen=True)
class EvaluateForm:
    """controls by the name of their setting, in the order in which a handler gets them."""

    controls: Mapping[str, Any]

    @property
    def inputs(self) -> list[Any]:
        return list(self.controls.values())


def place_form(words: Words) -> EvaluateForm:
    """Lay the form out in the open column."""
    placing = Placing(words, SECTION, CHOICES)
    chosen: dict[str, Any] = {"choices": [], "value": [], "multiselect": True, "allow_custom_value": True}
    placing.put("models", gr.Dropdown, **chosen, min_width=260)
    placing.put("with_base", gr.Checkbox, value=START.with_base)
    placing.put("datasets", gr.Dropdown, **chosen, min_width=260)
    with gr.Row(equal_height=False):
        placing.pick("mode", START.mode)
        placing.put("rows", gr.Number, value=START.rows, step=1)
        placing.put("name", gr.Textbox, value="", max_lines=1)
    with gr.Accordion(open=False, elem_id=FOLD, elem_classes=["fold"]) as fold:
        _place_hidden(placing, chosen)
    words.add(fold, label="page.evaluate.more")
    return EvaluateForm({each.name: placing.controls[each.name] for each in fields(START) if each.name != "folder"})


def settings_of(form: EvaluateForm, given: Sequence[Any]) -> tuple[EvaluationSettings, list[Problem]]:
    """What the form says, and what of it is no number at all."""
    told = dict(zip(form.controls, given, strict=True))
    problems: list[Problem] = []
    for name in (*WHOLE, *BROKEN):
        value = told[name]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or (name in WHOLE and value != int(value)):
            problems.append(Problem(name, message("page.evaluate.no_number")))
            told[name] = getattr(START, name)
        else:
            told[name] = int(value) if name in WHOLE else float(value)
    for name in ("models", "datasets", "train_datasets", "controls"):
        told[name] = tuple(str(each) for each in told[name] or ())
    told["name"] = str(told["name"] or "").strip()
    settings = EvaluationSettings(**told)
    return settings, [*problems, *check_evaluation(settings, tuple(CONTROLS))] if problems else []


def field_ids() -> dict[str, str]:
    """The element of every setting that has a control."""
    return {each.name: element(SECTION, each.name) for each in fields(START) if each.name != "folder"}


def _place_hidden(placing: Placing, chosen: Mapping[str, Any]) -> None:
    with gr.Row(equal_height=False):
        for name in ("measures_loss", "writes_answers", "baselines", "point_adjusted"):
            placing.put(name, gr.Checkbox, value=getattr(START, name))
    placing.put("train_datasets", gr.Dropdown, **chosen)
    placing.put("controls", gr.CheckboxGroup, _controls, choices=list(CONTROLS), value=[])
    with gr.Row(equal_height=False):
        for name in ("control_rows", "batch_size", "max_tokens", "max_new_tokens"):
            placing.put(name, gr.Number, value=getattr(START, name), step=1)
    with gr.Row(equal_height=False):
        for name in BROKEN:
            placing.put(name, gr.Number, value=getattr(START, name), step=0.05)
        placing.put("top_k", gr.Number, value=START.top_k, step=1)
    with gr.Row(equal_height=False):
        placing.put("seed", gr.Number, value=START.seed, step=1)
        placing.pick("precision", START.precision)


def _controls(language: str) -> list[tuple[str, str]]:
    return [(translate(language, f"evaluate.control.{each}"), each) for each in CONTROLS]
