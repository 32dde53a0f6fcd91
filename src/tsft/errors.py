"""What can go wrong in words a person can act on: a sentence by its locale key, never by its text.

A `Message` names a sentence in `locales/` and the values to put into it. A `Problem` ties one to a field of a config.
A `UserError` carries what a person can put right; anything else that is raised is a bug and keeps its traceback.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Message:
    """One sentence: its key in `locales/*.json` and the values of its placeholders (text and numbers only)."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "values": dict(self.values)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Message":
        return Message(str(data["key"]), dict(data.get("values") or {}))


def message(key: str, **values: Any) -> Message:
    """Shorthand for `Message(key, values)`."""
    return Message(key, values)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a config. `field` is its dotted name ("optim.learning_rate"), "" for the whole."""

    field: str
    message: Message
    is_warning: bool = False


class UserError(Exception):
    """Something a person can put right; carries every problem found, not the first."""

    def __init__(self, *problems: Problem | Message) -> None:
        self.problems: tuple[Problem, ...] = tuple(
            each if isinstance(each, Problem) else Problem("", each) for each in problems
        )
        super().__init__("; ".join(f"{p.field}: {p.message.key} {dict(p.message.values)}" for p in self.problems))

    @property
    def message(self) -> Message:
        """The first sentence, for places that show only one."""
        return self.problems[0].message


def raise_if_any(problems: Iterable[Problem]) -> None:
    """Raise one `UserError` with all errors among `problems`; warnings alone raise nothing."""
    errors = [problem for problem in problems if not problem.is_warning]
    if errors:
        raise UserError(*errors)
