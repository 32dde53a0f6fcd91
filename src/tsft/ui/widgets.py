"""One control for one setting: which kind, how a value is shown in it, and its words in a language."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import gradio as gr

from tsft.config.schema import Setting
from tsft.errors import Message, Problem
from tsft.i18n import say, translate

# By setting and choice, why it cannot work on this machine.
Limits = Mapping[tuple[str, str], Message]

# Projections that every LLaMA- or Qwen-shaped model has; any other name can be typed.
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def element_id(key: str) -> str:
    """The id of a setting's control in the page: "optim.learning_rate" gives "set-optim-learning_rate"."""
    return "set-" + key.replace(".", "-")


def make_widget(setting: Setting) -> Any:
    """The control, without words, holding the default.

    A decimal number is a text box: it takes 1e-4 as well as 0.0001, and shows what was typed when it is refused. Bounds
    are not given to the control: it would answer in its own words, in one language, one field at a time.
    """
    common: dict[str, Any] = {
        "elem_id": element_id(setting.key),
        "interactive": True,
        "elem_classes": ["setting"],
        "min_width": 120,
    }
    value = shown(setting, setting.default)
    choices = setting.facts.choices
    widget = setting.facts.widget
    if widget in ("model", "checkpoint"):
        return gr.Dropdown(choices=[], value=value, allow_custom_value=True, **common)
    if widget == "datasets" or (setting.is_list and setting.kind is str):
        return gr.Dropdown(
            choices=suggestions(setting), value=value, multiselect=True, allow_custom_value=True, **common
        )
    if choices:
        return gr.Dropdown(choices=list(choices), value=value, **common)
    if setting.kind is bool:
        return gr.Checkbox(value=value, **common)
    if setting.kind is int:
        return gr.Number(value=value, step=1, **common)
    lines = 2 if widget == "json" or setting.name == "system_prompt" else 1
    return gr.Textbox(value=value, lines=lines, max_lines=max(lines, 1) + 2, **common)


def suggestions(setting: Setting) -> list[str]:
    """What a list of free names offers to choose from."""
    return list(PROJECTIONS) if setting.key == "lora.targets" else []


def shown(setting: Setting, value: Any) -> Any:
    """A config's value as the control holds it."""
    if setting.is_list:
        return list(value) if setting.kind is str else ", ".join(plain_number(each) for each in value)
    if setting.kind is float:
        return plain_number(value)
    return value


def plain_number(value: float) -> str:
    """The shortest text that reads back as the same number: 0.0001, 1e-05, 3."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def value_words(setting: Setting, value: Any, language: str) -> str:
    """A value as a person reads it: choices and switches in words, lists with commas."""
    if setting.facts.choices:
        chosen = value if setting.is_list else (value,)
        return ", ".join(translate(language, setting.choice_key(str(each))) for each in chosen)
    if setting.kind is bool:
        return translate(language, "page.yes" if value else "page.no")
    text = shown(setting, value)
    return ", ".join(text) if isinstance(text, list) else str(text)


def words_of(setting: Setting, language: str, limits: Limits = MappingProxyType({})) -> dict[str, Any]:
    """Label (with its unit, where the label does not say it), help, and translated choices.

    A choice that cannot work on this machine is marked; a switch that cannot be turned on has the reason in its help.
    """
    label = translate(language, setting.label_key)
    unit = translate(language, f"unit.{setting.facts.unit}") if setting.facts.unit else ""
    if unit.casefold() not in label.casefold():
        label = translate(language, "page.with_unit", label=label, unit=unit)
    words: dict[str, Any] = {"label": label, "info": translate(language, setting.help_key)}
    if setting.facts.choices:
        words["choices"] = [(_choice_words(setting, each, language, limits), each) for each in setting.facts.choices]
    elif (setting.key, "True") in limits:
        words["info"] += " " + say(language, limits[setting.key, "True"])
    return words


def _choice_words(setting: Setting, choice: str, language: str, limits: Limits) -> str:
    name = translate(language, setting.choice_key(choice))
    return f"{name} · {translate(language, 'page.not_here')}" if (setting.key, choice) in limits else name


def limited(values: Mapping[str, Any], limits: Limits) -> list[Problem]:
    """Which of the chosen values cannot work on this machine, in the words in which Start refuses them."""
    chosen = {key: value if isinstance(value, (list, tuple)) else (value,) for key, value in values.items()}
    return [Problem(key, why) for (key, choice), why in limits.items() if choice in map(str, chosen.get(key, ()))]
