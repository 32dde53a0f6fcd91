"""An import of LLaMA-Factory's arguments under way: what was mapped so far, and what was left over and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tsft.config.codec import parse
from tsft.config.schema import setting_by_key
from tsft.errors import Message, message

# What stands there for "not used".
OFF: tuple[Any, ...] = (None, False, "", 0, "none", "None", [], {})


@dataclass(frozen=True)
class Mapped:
    """`source` there became the setting `key` here, with `value`."""

    source: str
    key: str
    value: Any


@dataclass(frozen=True)
class Leftover:
    """`source` there has no part in the result; `reason` says why."""

    source: str
    value: Any
    reason: Message


@dataclass
class Work:
    """An import under way. names: how the file calls an argument, where it is not by the argument's own name."""

    arguments: dict[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)
    mapped: list[Mapped] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)

    def put(self, argument: str, key: str, value: Any) -> None:
        """Map an argument, or leave it over when its value is not one the setting can hold."""
        setting = setting_by_key()[key]
        try:
            value = parse(setting, value)
        except (ValueError, TypeError, OverflowError):
            return self.leave(argument, "value")
        one_by_one = value if setting.is_list else (value,)
        if setting.facts.choices and any(each not in setting.facts.choices for each in one_by_one):
            return self.leave(argument, "value")
        self.mapped.append(Mapped(self.name(argument), key, value))
        return None

    def leave(self, argument: str, reason: str, part: Any = None) -> None:
        """Leave an argument over, or that part of its value which has no counterpart."""
        value = self.arguments[argument] if part is None else part
        self.leftovers.append(Leftover(self.name(argument), value, message(f"import.left.{reason}")))

    def name(self, argument: str) -> str:
        return self.names.get(argument, argument)

    def number(self, argument: str) -> float | None:
        try:
            return float(self.arguments[argument])
        except (KeyError, TypeError, ValueError):
            return None


def is_on(value: Any) -> bool:
    """Whether a switch there is on, however its file writes that."""
    return value is True or str(value).strip().lower() in ("true", "1", "yes", "on")
