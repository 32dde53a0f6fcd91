"""LLaMA-Factory's training arguments and its web page's saved forms as settings of tsft: the mapping as data.

Takes parsed trees; `store/imports.py` reads the files. Nothing is dropped in silence: what has no counterpart is named.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsft.config.llamafactory_names import ARGUMENTS, FORM_FIELDS, OWN_WAY
from tsft.config.llamafactory_values import CONVERTERS
from tsft.config.llamafactory_work import OFF, Leftover, Mapped, Work
from tsft.config.run_config import RunConfig
from tsft.config.schema import with_values


@dataclass(frozen=True)
class Import:
    """What came of an import: a whole config, what it was made from, and what was left over."""

    config: RunConfig
    mapped: tuple[Mapped, ...]
    leftovers: tuple[Leftover, ...]


def is_saved_form(tree: Mapping[str, Any]) -> bool:
    """Whether the tree is a form that the web page saved: ids such as "top.model_name" and "train.learning_rate"."""
    return any(str(name).startswith(("top.", "train.")) for name in tree)


def import_arguments(tree: Mapping[str, Any]) -> Import:
    """From the keys of a training YAML."""
    return _done(Work({str(name): value for name, value in tree.items()}))


def import_form(tree: Mapping[str, Any]) -> Import:
    """From the ids of a saved form of the web page; its free JSON field counts as arguments of their own."""
    arguments: dict[str, Any] = {}
    names: dict[str, str] = {}

    def put(source: str, argument: str, value: Any) -> None:
        arguments[argument], names[argument] = value, source

    for source, value in tree.items():
        known = FORM_FIELDS.get(str(source))
        if source == "train.extra_args":
            for name, extra in _object(value).items():
                put(f"{source}: {name}", name, extra)
        elif known is None:
            put(str(source), str(source), value)
        else:
            put(str(source), known, value)
    if (Work(arguments).number("val_size") or 0) > 0 and "save_steps" in arguments:
        # The page has one field for both.
        arguments["eval_steps"], names["eval_steps"] = arguments["save_steps"], names["save_steps"]
    return _done(Work(arguments, names))


def _done(work: Work) -> Import:
    for argument, value in list(work.arguments.items()):
        special = CONVERTERS.get(argument)
        if special is not None:
            special(work, argument, value)
        elif argument in ARGUMENTS:
            _plain(work, argument, value)
        elif argument in OWN_WAY:
            work.leave(argument, "own_way")
        else:
            work.leave(argument, "off" if value in OFF else "none")
    config = with_values(RunConfig(), {each.key: each.value for each in work.mapped})
    return Import(config, tuple(work.mapped), tuple(work.leftovers))


def _plain(work: Work, argument: str, value: Any) -> None:
    """One argument to one setting; nothing at all means the setting's own "off" where it has one."""
    key = ARGUMENTS[argument]
    if value is None:
        return work.leave(argument, "off")
    return work.put(argument, key, value)


def _object(text: Any) -> Mapping[str, Any]:
    """The free JSON field: an object, or nothing that can be used (then it is named as a whole)."""
    if isinstance(text, Mapping):
        return text
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return {"": text} if text else {}
    return found if isinstance(found, dict) else {"": text}
