"""Config to JSON and back. Reading is strict: unknown names and wrong kinds are all reported, none is dropped."""

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, flatten, setting_by_key, with_values
from tsft.errors import Problem, UserError, message, raise_if_any

FORMAT = 1


def to_json(config: RunConfig) -> dict[str, Any]:
    """Nested by section, every setting present: `{"format": 1, "model": {"name": …}, …}`."""
    tree: dict[str, Any] = {"format": FORMAT}
    for key, value in flatten(config).items():
        section, name = key.split(".")
        tree.setdefault(section, {})[name] = list(value) if isinstance(value, tuple) else value
    return tree


def from_json(tree: Any, base: RunConfig | None = None) -> RunConfig:
    """The config in `tree`, on top of `base` (the defaults). UserError with all unknown names and wrong values."""
    config, problems = readable_part(tree, base)
    raise_if_any(problems)
    return config


def readable_part(tree: Any, base: RunConfig | None = None) -> tuple[RunConfig, list[Problem]]:
    """What can be read of `tree`, on top of `base`, and a problem for everything in it that cannot.

    Only for callers that say the problems before they use the rest. Raises UserError when `tree` is no object.
    """
    values, problems = read_tree(tree, setting_by_key())
    return with_values(base or RunConfig(), values), problems


def from_flat(flat: Mapping[str, Any], base: RunConfig | None = None) -> RunConfig:
    """The same from dotted names to values, as the form and the command line give them (numbers may be text)."""
    values, problems = read_values(flat, setting_by_key())
    raise_if_any(problems)
    return with_values(base or RunConfig(), values)


def read_config(path: Path) -> RunConfig:
    """Read a config or preset file. Raises UserError naming the file when it is absent, unreadable or not JSON."""
    try:
        tree = read_json_file(path)
    except FileNotFoundError:
        raise UserError(message("config.no_file", path=str(path))) from None
    return from_json(tree)


def read_json_file(path: Path) -> Any:
    """What a JSON file holds. UserError naming it when it is unreadable or no JSON; a missing one is the caller's."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise UserError(message("config.unreadable", path=str(path), why=why)) from error
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise UserError(message("config.not_json", path=str(path), line=line, why=str(error))) from None


def read_tree(
    tree: Any, known: Mapping[str, Setting], besides: Sequence[str] = ("format", "about")
) -> tuple[dict[str, Any], list[Problem]]:
    """Values by dotted name from a tree nested by section, and a problem for everything in it that cannot be read.

    besides: what may stand in the tree and is no section.
    """
    if not isinstance(tree, Mapping):
        raise UserError(message("config.not_an_object"))
    flat: dict[str, Any] = {}
    problems: list[Problem] = []
    for section, part in tree.items():
        if section in besides:
            continue
        if not isinstance(part, Mapping):
            problems.append(_unknown(str(section), known))
            continue
        flat.update({f"{section}.{name}": value for name, value in part.items()})
    values, found = read_values(flat, known)
    return values, problems + found


def read_values(flat: Mapping[str, Any], known: Mapping[str, Setting]) -> tuple[dict[str, Any], list[Problem]]:
    """The same from dotted names; `known` are the settings there are."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for key, value in flat.items():
        if key not in known:
            problems.append(_unknown(key, known))
            continue
        try:
            values[key] = parse(known[key], value)
        except (ValueError, TypeError, OverflowError):
            kind = "list" if known[key].is_list else known[key].kind.__name__
            wanted = message(f"config.kind.{kind}")
            problems.append(Problem(key, message("config.wrong_kind", value=str(value), wanted=wanted.to_json())))
    return values, problems


def parse(setting: Setting, value: Any) -> Any:
    """`value` as the setting's own kind: text from a form or a flag is read, numbers are not silently rounded.

    Raises ValueError when it cannot be that kind.
    """
    if setting.is_list:
        if isinstance(value, str):
            value = _listed(value)
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)):
            raise ValueError(value)
        return tuple(_scalar(setting.kind, each) for each in value)
    return _scalar(setting.kind, value)


def _listed(text: str) -> list[Any]:
    """Entries between commas; or a JSON list, which can hold entries with commas and blanks in them."""
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list):
            return found
    return [part.strip() for part in text.split(",") if part.strip()]


def _scalar(kind: type, value: Any) -> Any:
    if kind is bool:
        return _boolean(value)
    if isinstance(value, bool):
        raise ValueError(value)
    if kind is int:
        number = float(value) if isinstance(value, str) and not value.strip().lstrip("+-").isdigit() else value
        if isinstance(number, float) and not number.is_integer():
            raise ValueError(value)
        return int(number)
    if kind is float:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(value)
        return number
    if isinstance(value, (dict, list, tuple)):
        raise ValueError(value)
    return "" if value is None else str(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise ValueError(value)


def _unknown(name: str, known: Mapping[str, Setting]) -> Problem:
    """With the nearest known name as a hint; a bare setting name finds its section ("learning_rate")."""
    by_tail = [key for key in known if key.split(".")[1] == name.split(".")[-1]]
    near = by_tail or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return Problem(name, message("config.unknown", name=name, hint=near[0] if near else "—"))
