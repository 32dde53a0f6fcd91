"""Settings as a person reads them, without any control: their names, values, and in which of them configs differ."""

from collections.abc import Sequence
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, flatten, is_active, setting_by_key, settings, value_of
from tsft.i18n import translate

NONE = "–"


def plain_value(setting: Setting, value: Any, language: str) -> str:
    """A value in words: choices translated, switches as yes or no, lists with commas, a dash for an empty text."""
    if setting.facts.choices:
        chosen = value if setting.is_list else (value,)
        return ", ".join(translate(language, setting.choice_key(str(each))) for each in chosen) or NONE
    if setting.kind is bool:
        return translate(language, "page.yes" if value else "page.no")
    parts = [_number(each) if setting.kind is float else str(each) for each in (value if setting.is_list else (value,))]
    return ", ".join(parts) or NONE


def changed_and_default(config: RunConfig, language: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Name and value of each setting that has a meaning in this config: the changed ones, and the rest."""
    changed: list[tuple[str, str]] = []
    rest: list[tuple[str, str]] = []
    for key, value in flatten(config).items():
        setting = setting_by_key()[key]
        if is_active(config, setting):
            fact = (translate(language, setting.label_key), plain_value(setting, value, language))
            (rest if value == setting.default else changed).append(fact)
    return changed, rest


def differences(configs: Sequence[RunConfig], language: str) -> list[tuple[str, list[str]]]:
    """Of each setting that is not the same in all of the configs: its name, and its value in each.

    A setting that has no meaning in a config stands there as a dash; the runs' names are no difference.
    """
    found = []
    for setting in settings():
        if setting.key == "output.name":
            continue
        values = [value_of(config, setting.key) if is_active(config, setting) else None for config in configs]
        if any(value != values[0] for value in values):
            texts = [NONE if value is None else plain_value(setting, value, language) for value in values]
            found.append((translate(language, setting.label_key), texts))
    return found


def _number(value: float) -> str:
    """The shortest text that reads back as the same number: 0.0001, 1e-05, 3."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
