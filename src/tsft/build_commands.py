"""`tsft data build`: from flags and a recipe file to rows from tables. Sentences go to the `tell` of `cli.py`."""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tsft.data.builder.dataset import build, notes_of, preview, survey
from tsft.data.builder.recipe import BuildRecipe, check_recipe, command, read_recipe
from tsft.endings import user
from tsft.errors import message, raise_if_any
from tsft.i18n import say
from tsft.store.workspace import open_workspace
from tsft.synth_commands import given_entries, weights
from tsft.terminal import progress_bar

Tell = Callable[[str], None]
_WEIGHTS = ("tasks", "languages", "styles")
_MAPPINGS = ("names", "units", "context")
_LISTS = ("values", "normal")
_WHOLE = ("gap_points", "window", "stride", "per_row", "rows", "seed")
_NUMBERS = ("resample_seconds", "questions", "none_share", "validation", "test")


def build_rows(options: argparse.Namespace, language: str, tell: Tell) -> None:
    """Build the dataset, or only tell what would be built (--look), and tell how to do it again."""
    recipe = recipe_of(options)
    if options.look:
        look(recipe, language, tell)
        return
    workspace = open_workspace(options.workspace)
    progress, move = progress_bar(options.name)
    with progress:
        built = build(
            recipe,
            options.name,
            workspace.datasets,
            workspace.cache,
            replaces=options.replace,
            progress=move,
            by=user(),
        )
    for sentence in built.messages():
        tell(say(language, sentence))
    tell(command(built.recipe, options.name))


def look(recipe: BuildRecipe, language: str, tell: Tell) -> None:
    """What the recipe finds: columns, windows, tasks and why some cannot be asked, and a few rows."""
    plan = survey(recipe)
    for sentence in notes_of(plan):
        tell(say(language, sentence))
    for split, count in plan.counts().items():
        windows = len(plan.windows[split])
        tell(say(language, message("data.build.to_come", split=split, windows=windows, rows=count)))
    for offer in plan.offers:
        reason = "" if offer.reason is None else f": {say(language, offer.reason)}"
        tell(f"{'+' if offer.reason is None else '-'} {offer.task.key}{reason}")
    for row in preview(plan, 3):
        tell(f"> {row['input']}\n< {row['output']}")
    tell(json.dumps(plan.recipe.to_json(), ensure_ascii=False))


def recipe_of(options: argparse.Namespace) -> BuildRecipe:
    """The recipe of a file (or the defaults) with the flags put in; UserError with everything wrong."""
    recipe = read_recipe(Path(options.recipe)) if options.recipe else BuildRecipe()
    sources: dict[str, Any] = {"sources": tuple(options.sources)} if options.sources else {}
    recipe = replace(recipe, **given_entries(options, BuildRecipe, _value, but="sources"), **sources)
    raise_if_any(check_recipe(recipe))
    return recipe


def _value(name: str, given: str) -> Any:
    """A flag's text as the recipe holds it; JSON is taken for all that has names. ValueError where it is neither."""
    if name in _WHOLE:
        return int(given)
    if name in _NUMBERS:
        return float(given)
    if name == "balance":
        if given not in ("yes", "no"):
            raise ValueError
        return given == "yes"
    if name in _LISTS:
        return tuple(json.loads(given)) if given.startswith("[") else tuple(part.strip() for part in given.split(","))
    if name in _WEIGHTS:
        return json.loads(given) if given.startswith("{") else weights(given)
    if name in _MAPPINGS:
        if given.startswith("{"):
            return json.loads(given)
        pairs = [part.partition("=") for part in given.split(",")]
        return {key.strip(): text.strip() for key, _, text in pairs}
    return given
