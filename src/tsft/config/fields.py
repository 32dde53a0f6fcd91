"""`setting()`: one line in `run_config.py` says everything there is to know about a setting except its words."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Facts:
    """What the form, the command line, the check and the docs need to know of a setting beside its type and default.

    low, high: inclusive bounds of a number. choices: the allowed texts (any text when empty).
    unit: a unit key under `unit.` in the locales. widget: the kind of control where the type alone does not tell.
    when: (section.setting, allowed values): the setting has a meaning only then; elsewhere it is hidden and unread.
    """

    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    widget: str = ""
    is_advanced: bool = False
    when: tuple[str, tuple[Any, ...]] | None = None


def setting(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
    widget: str = "",
    advanced: bool = False,
    when: tuple[str, tuple[Any, ...]] | None = None,
) -> Any:
    """A dataclass field that carries its `Facts`. A `low` of ABOVE_ZERO means "more than zero"."""
    facts = Facts(low, high, unit, choices, widget, advanced, when)
    return dataclasses.field(default=default, metadata={"facts": facts})


def section(kind: Callable[[], Any]) -> Any:
    """A field of `RunConfig` that holds one section with its defaults."""
    return dataclasses.field(default_factory=kind)


# The smallest learning rate anyone could mean: as a bound it reads "more than zero".
ABOVE_ZERO = 1e-12
