"""The settings form, made from the schema: its controls, their values as a config and back, and what is hidden when."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import gradio as gr

from tsft.config import codec
from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, is_active, setting_by_key, settings, value_of, with_values
from tsft.errors import Message, Problem, UserError, message, raise_if_any
from tsft.ui.widgets import Limits, make_widget, shown, words_of
from tsft.ui.words import Words


class Form:
    """The controls of one page, by setting, built piece by piece inside its layout; `widgets` keeps the order."""

    def __init__(self, words: Words, limits: Callable[[], Limits] = dict) -> None:
        self._words = words
        self._limits = limits
        self._made: dict[str, Any] = {}
        self._rest: dict[Sequence[str], list[str]] = {}

    def place(self, *keys: str) -> None:
        """Create the controls of these settings here, in this order."""
        for key in keys:
            setting = setting_by_key()[key]
            widget = make_widget(setting)
            widget.visible = _visibility(is_active(RunConfig(), setting))
            self._made[key] = self._words.add_made(widget, partial(self._words_of, setting))

    def _words_of(self, setting: Setting, language: str) -> dict[str, Any]:
        return words_of(setting, language, self._limits())

    def choosing(self) -> list[str]:
        """The settings of which this machine may not be able to do every choice."""
        chosen = [setting_by_key()[key] for key in self._made]
        return [each.key for each in chosen if each.facts.choices or each.kind is bool]

    def marks(self, language: str) -> list[Any]:
        """Updates for the controls of `choosing()`: their words, with what this machine cannot do; nothing for ""."""
        if not language:
            return [gr.skip()] * len(self.choosing())
        return [gr.update(**self._words_of(setting_by_key()[key], language)) for key in self.choosing()]

    def place_rest(self, sections: Sequence[str], is_advanced: bool) -> None:
        """Create the controls of these sections that are not placed yet, in rows of up to three."""
        for row in _rows(self._unplaced(sections, is_advanced)):
            self._rest.setdefault(sections, []).extend(each.key for each in row)
            with gr.Row(elem_classes=["gap-small"], equal_height=False):
                self.place(*(each.key for each in row))

    def has_rest(self, sections: Sequence[str], is_advanced: bool) -> bool:
        """Whether `place_rest` would create anything."""
        return bool(self._unplaced(sections, is_advanced))

    def is_among_rest(self, sections: Sequence[str], key: str) -> bool:
        """Whether `place_rest` created the control of a setting for these sections."""
        return key in self._rest.get(sections, ())

    def is_rest_active(self, sections: Sequence[str], config: RunConfig, is_advanced: bool) -> bool:
        """Whether anything of this kind that `place_rest` created for these sections has a meaning in a config."""
        found = (setting_by_key()[key] for key in self._rest.get(sections, ()))
        return any(is_active(config, each) for each in found if each.facts.is_advanced == is_advanced)

    def _unplaced(self, sections: Sequence[str], is_advanced: bool) -> list[Setting]:
        found = [each for each in settings() if each.section in sections and each.key not in self._made]
        return [each for each in found if each.facts.is_advanced == is_advanced]

    def widget(self, key: str) -> Any:
        return self._made[key]

    @property
    def keys(self) -> list[str]:
        return list(self._made)

    @property
    def widgets(self) -> list[Any]:
        return list(self._made.values())

    def controlling(self) -> list[str]:
        """The settings on which it depends whether others are shown."""
        return sorted({each.facts.when[0] for each in settings() if each.facts.when})

    def read(self, values: Sequence[Any]) -> tuple[RunConfig, list[Problem]]:
        """The config in the controls' values, and what is not of its kind; such a field stays at its default."""
        flat = {key: "" if value is None else value for key, value in zip(self._made, values, strict=True)}
        try:
            return codec.from_flat(flat), []
        except UserError as error:
            problems = [_without_empty_quotes(each) for each in error.problems]
        wrong = {each.field for each in problems}
        return codec.from_flat({key: value for key, value in flat.items() if key not in wrong}), problems

    def config(self, values: Sequence[Any]) -> RunConfig:
        """The config in the controls' values. Raises UserError with every value that is not of its kind."""
        config, problems = self.read(values)
        raise_if_any(problems)
        return config

    def problems(self, values: Sequence[Any], examine: Callable[[RunConfig], Iterable[Problem]]) -> list[Problem]:
        """Everything that is wrong at once: what is not of its kind, and what `examine` finds in the other fields."""
        config, problems = self.read(values)
        wrong = {each.field for each in problems}
        return [*problems, *(each for each in examine(config) if each.field not in wrong)]

    def updates(self, config: RunConfig) -> list[Any]:
        """Set every control at once to a config, and show those that have a meaning in it."""
        return [gr.update(**self._shown(setting_by_key()[key], config)) for key in self._made]

    def restored(self, saved: Mapping[str, Any]) -> list[Any]:
        """Set every control to what this browser remembered, the default where it remembers nothing usable."""
        raw = {key: self._raw(setting_by_key()[key], saved) for key in self._made}
        config = self.chosen([raw[key] for key in self.controlling()])
        visible = {key: _visibility(is_active(config, setting_by_key()[key])) for key in self._made}
        return [gr.update(value=raw[key], visible=visible[key]) for key in self._made]

    @staticmethod
    def _raw(setting: Setting, saved: Mapping[str, Any]) -> Any:
        value = saved.get(setting.key)
        return value if setting.key in saved and is_restorable(setting, value) else shown(setting, setting.default)

    @staticmethod
    def _shown(setting: Setting, config: RunConfig) -> dict[str, Any]:
        return {
            "value": shown(setting, value_of(config, setting.key)),
            "visible": _visibility(is_active(config, setting)),
        }

    def dependent(self) -> list[str]:
        """The settings that are shown only under a condition."""
        return [key for key in self._made if setting_by_key()[key].facts.when]

    def visibilities(self, config: RunConfig) -> list[Any]:
        """Updates for the controls of `dependent()`."""
        return [gr.update(visible=_visibility(is_active(config, setting_by_key()[key]))) for key in self.dependent()]

    def chosen(self, values: Sequence[Any]) -> RunConfig:
        """The defaults with the values of the `controlling()` settings alone: the rest need not be sound."""
        return with_values(RunConfig(), dict(zip(self.controlling(), values, strict=True)))


def sentences_by_field(problems: Iterable[Problem]) -> Mapping[str, list[Message]]:
    """The messages of problems by the field they belong to."""
    found: dict[str, list[Message]] = {}
    for problem in problems:
        found.setdefault(problem.field, []).append(problem.message)
    return found


def _without_empty_quotes(problem: Problem) -> Problem:
    """An emptied field is told so, not that “” is no number."""
    sentence = problem.message
    if sentence.key != "config.wrong_kind" or sentence.values["value"]:
        return problem
    return Problem(problem.field, message("page.empty_field", wanted=sentence.values["wanted"]))


def _visibility(is_shown: bool) -> Any:
    # "hidden" keeps the control mounted, so that what is in it stays when it comes back.
    return True if is_shown else "hidden"


def _rows(found: Iterable[Setting]) -> Iterable[list[Setting]]:
    """Rows of three; what takes long text, and switches, stand in rows of their own kind."""
    row: list[Setting] = []
    for setting in found:
        is_wide = setting.facts.widget in ("json", "folder") or setting.name in ("system_prompt",)
        if is_wide:
            if row:
                yield row
            yield [setting]
            row = []
            continue
        row.append(setting)
        if len(row) == 3:
            yield row
            row = []
    if row:
        yield row


def is_restorable(setting: Setting, value: Any) -> bool:
    """Whether a value that a browser remembered can be put back into the control; it need not be sound."""
    if setting.is_list and setting.kind is str:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if setting.facts.choices:
        return value in setting.facts.choices
    if setting.kind is bool:
        return isinstance(value, bool)
    if setting.kind is int:
        return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
    return isinstance(value, str)
