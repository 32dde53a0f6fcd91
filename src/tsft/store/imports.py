"""Reads a file of settings that somebody brings: tsft's own JSON, LLaMA-Factory's training YAML or its saved form."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from tsft.config.llamafactory import Import, import_arguments, import_form, is_saved_form
from tsft.config.schema import section_names
from tsft.errors import UserError, message

# Settings are a few kilobytes; what is larger is something else.
LARGEST_BYTES = 1_000_000


class _PlainLoader(yaml.SafeLoader):
    """Safe loading without aliases: a few lines of them can unfold to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, "aliases are not read", event.start_mark)
        return super().compose_node(parent, index)


def read_tree(data: bytes, file_name: str) -> Mapping[str, Any]:
    """The object in a JSON or YAML file. Raises UserError naming the file, and the line where it is broken."""
    if len(data) > LARGEST_BYTES:
        raise UserError(message("import.too_large", file=file_name, size=len(data), limit=LARGEST_BYTES))
    try:
        text = data.decode("utf-8-sig")
        tree = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _PlainLoader)  # noqa: S506
        # Dates and the like become text, and what could not be written again is refused here.
        plain = json.dumps(tree, ensure_ascii=False, default=str)
        plain.encode("utf-8")
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else getattr(error, "lineno", 1)
        why = getattr(error, "problem", None) or getattr(error, "msg", None) or type(error).__name__
        raise UserError(message("import.broken", file=file_name, line=line, why=str(why))) from error
    if not isinstance(tree, Mapping):
        raise UserError(message("import.no_settings", file=file_name))
    return dict(json.loads(plain))


def is_own(tree: Mapping[str, Any]) -> bool:
    """Whether the tree is in tsft's own form: by sections."""
    return any(name in section_names() and isinstance(part, Mapping) for name, part in tree.items())


def import_tree(tree: Mapping[str, Any], file_name: str) -> Import:
    """The settings of a tree that is not tsft's own. Raises UserError when it has nothing that is known here."""
    found = import_form(tree) if is_saved_form(tree) else import_arguments(tree)
    if not found.mapped:
        raise UserError(message("import.no_settings", file=file_name))
    return found
