"""Whether a value of JSON is of the kind that a type hint names, and that kind in JSON's words."""

import enum
from types import NoneType
from typing import Any, Literal, get_args, get_origin


def fits(value: Any, hint: Any) -> bool:
    """Whether a value of JSON is of an argument's kind: 1 is no truth value and true is no number."""
    origin = get_origin(hint)
    if origin is Literal:
        return any(value is each for each in get_args(hint))
    if origin in (dict, list):
        return isinstance(value, origin)
    if get_args(hint):
        return any(fits(value, each) for each in get_args(hint))
    if hint is Any:
        return True
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [each.value for each in hint]
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def in_words(hint: Any) -> str:
    """An argument's kinds in JSON's words."""
    names = {bool: "true / false", int: "integer", float: "number", str: "string", NoneType: "null", dict: "object"}
    parts = [each for each in (get_args(hint) if get_origin(hint) not in (dict, list, Literal) else ()) or (hint,)]
    return ", ".join(
        names.get(each, names.get(get_origin(each), getattr(each, "__name__", str(each)))) for each in parts
    )
