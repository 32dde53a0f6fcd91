"""The recipe beside a made dataset (`rows.jsonl.recipe`): plain JSON that makes it again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsft.errors import UserError, message

RECIPE_SUFFIX = ".recipe"


def read_recipe_file(path: Path) -> dict[str, Any]:
    """The object in a recipe file. UserError where it cannot be read or is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(message("data.synth.no_recipe", path=str(path), why=error.strerror or str(error))) from error
    except ValueError as error:
        raise UserError(message("data.synth.broken_recipe", path=str(path), why=str(error)[:200])) from error
    if not isinstance(data, dict):
        raise UserError(message("data.synth.broken_recipe", path=str(path), why=type(data).__name__))
    return data


def write_recipe_file(dataset: Path, recipe: Mapping[str, Any]) -> Path:
    """Put a recipe beside the file of a dataset."""
    path = dataset.with_name(dataset.name + RECIPE_SUFFIX)
    path.write_text(json.dumps(recipe, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path
