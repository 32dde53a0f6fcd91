"""The settings as a flat table: what the form, the command line, presets and the docs walk over."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from tsft.config.fields import Facts
from tsft.config.run_config import RunConfig

# A dataclass of sections.
Tree = TypeVar("Tree")


@dataclass(frozen=True)
class Setting:
    """One setting. kind: bool, int, float or str; is_list: a tuple of that kind."""

    section: str
    name: str
    kind: type
    is_list: bool
    default: Any
    facts: Facts

    @property
    def key(self) -> str:
        """Its dotted name: "optim.learning_rate", the same in presets, flags and errors."""
        return f"{self.section}.{self.name}"

    @property
    def label_key(self) -> str:
        return f"setting.{self.key}.label"

    @property
    def help_key(self) -> str:
        return f"setting.{self.key}.help"

    def choice_key(self, choice: str) -> str:
        return f"setting.{self.key}.choice.{choice}"


@cache
def settings() -> tuple[Setting, ...]:
    """Every setting, in the order of `run_config.py`."""
    return tuple(settings_of(RunConfig))


@cache
def setting_by_key() -> Mapping[str, Setting]:
    return {each.key: each for each in settings()}


def section_names() -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(RunConfig))


def value_of(config: RunConfig, key: str) -> Any:
    """The value of the setting with this dotted name."""
    section, name = key.split(".")
    return getattr(getattr(config, section), name)


def is_active(config: RunConfig, setting: Setting) -> bool:
    """Whether the setting has a meaning in this config (its `when` holds, and that of what it depends on)."""
    if setting.facts.when is None:
        return True
    key, allowed = setting.facts.when
    return value_of(config, key) in allowed and is_active(config, setting_by_key()[key])


def flatten(config: RunConfig) -> dict[str, Any]:
    """Dotted name to value, for every setting."""
    return {each.key: value_of(config, each.key) for each in settings()}


def differing(config: RunConfig, base: RunConfig) -> list[str]:
    """The dotted names of the settings that are not as in `base`, in the order of `settings()`."""
    return [each.key for each in settings() if value_of(config, each.key) != value_of(base, each.key)]


def with_values(config: Tree, values: Mapping[str, Any]) -> Tree:
    """A copy with some settings replaced by dotted name. The names must exist; the values are not checked here."""
    changed: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        section, name = key.split(".")
        changed.setdefault(section, {})[name] = value
    sections = {section: dataclasses.replace(getattr(config, section), **fields) for section, fields in changed.items()}
    return dataclasses.replace(config, **sections)  # type: ignore[type-var]


def settings_of(root: type) -> Iterator[Setting]:
    """Every setting of a dataclass of sections, such as RunConfig, in its order."""
    for part in dataclasses.fields(root):
        section_type = part.default_factory
        hints = get_type_hints(section_type)
        for field in dataclasses.fields(section_type):  # type: ignore[arg-type]
            hint = hints[field.name]
            is_list = get_origin(hint) is tuple
            kind = get_args(hint)[0] if is_list else hint
            yield Setting(part.name, field.name, kind, is_list, field.default, field.metadata["facts"])
