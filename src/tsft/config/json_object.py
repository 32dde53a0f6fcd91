"""Reads the JSON that a person types into a field: one object with names that are written once and finite numbers."""

import json
import math
from typing import Any

from tsft.errors import UserError, message


def json_object(text: str, example: str) -> dict[str, Any]:
    """The names and values in the text, false included; none in an empty one. Raises UserError otherwise.

    example: what such a text looks like. Python alone would take NaN, turn 1e400 into infinity and of a name that is
    written twice keep the last value.
    """
    if not text.strip():
        return {}
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise UserError(message("check.json", why=f"{error.msg}, {error.colno}", example=example)) from None
    except RecursionError:
        raise UserError(message("check.json_object", example=example)) from None
    if not isinstance(found, dict):
        raise UserError(message("check.json_object", example=example))
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise UserError(message("check.json_twice", name=", ".join(twice)))
    return dict(pairs)


def _no_number(text: str) -> float:
    raise UserError(message("check.json_not_finite", value=text))


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)
