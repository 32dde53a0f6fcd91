"""Controls of a recipe's form: each with label and help from the locales, kept by the name of its entry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.i18n import translate
from tsft.ui.data.entries import EntriesBox
from tsft.ui.words import Words


class Placing:
    """Makes controls. section: first part of their ids and of their words ("build", "synth"); choices: closed lists."""

    def __init__(self, words: Words, section: str, choices: Mapping[str, Sequence[str]]) -> None:
        self.words, self.section = words, section
        self._choices = choices
        self.controls: dict[str, Any] = {}

    def put(self, name: str, make: Any, worded: Callable[[str], Any] | None = None, **given: Any) -> Any:
        """A control with its label and its help. worded: its choices in a language."""
        about: dict[str, Any] = {"interactive": True, "min_width": 130, **given}
        control = make(elem_id=element(self.section, name), elem_classes=["setting"], **about)

        def made(language: str) -> dict[str, Any]:
            label = field_label(self.section, name, language)
            told = {"label": label, "info": translate(language, f"page.{self.section}.help.{name}")}
            return told | ({"choices": worded(language)} if worded else {})

        self.controls[name] = self.words.add_made(control, made)
        return control

    def pick(self, name: str, value: Any, make: Any = gr.Dropdown) -> Any:
        """One (or several) of a closed list."""

        def choices(language: str) -> list[tuple[str, str]]:
            section = self.section
            return [(translate(language, f"page.{section}.choice.{name}.{each}"), each) for each in self._choices[name]]

        return self.put(name, make, choices, choices=list(self._choices[name]), value=value)


@dataclass(frozen=True)
class RecipeForm:
    """controls by entry of the recipe, with "chinese" (the share of rows in Chinese) and "name" (of the dataset)."""

    controls: dict[str, Any]
    entries: dict[str, EntriesBox]

    @property
    def inputs(self) -> list[Any]:
        """What a handler is to get, in the order of `values`."""
        return [*self.controls.values(), *(each.feed for each in self.entries.values())]

    def values(self, given: Sequence[Any]) -> dict[str, Any]:
        """What a handler got, by name."""
        return dict(zip([*self.controls, *self.entries], given, strict=True))


def element(section: str, name: str) -> str:
    """The id of a control, as the way from a problem to its field goes."""
    return f"set-{section}-{name}"


def field_label(section: str, name: str, language: str) -> str:
    return translate(language, f"page.{section}.{name}")


def step_title(words: Words, section: str, name: str) -> None:
    """The heading of a part of a form."""
    box = gr.HTML(apply_default_css=False, elem_classes=["step-title"])
    words.add(box, value=f"page.{section}.title.{name}")


def languages_of(share: Any) -> dict[str, float]:
    """Weights of the languages for a share of Chinese; {} for both alike."""
    if not isinstance(share, (int, float)) or share == 0.5:
        return {}
    return {name: round(weight, 4) for name, weight in (("en", 1 - share), ("zh", share)) if weight > 0}


def chinese_share(languages: Mapping[str, float]) -> float:
    total = sum(languages.values())
    return round(languages.get("zh", 0.0) / total, 4) if total else 0.5


def whole(value: Any) -> Any:
    """A number of the page: whole where it is one, text where there is none, so that the check names it."""
    if value is None:
        return ""
    return int(value) if isinstance(value, float) and value.is_integer() else value
