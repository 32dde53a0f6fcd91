"""`tsft data synth`: from flags to a generated dataset. Sentences go to the `tell` of `cli.py`."""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from tsft.data.synth.dataset import SynthJob, check_job, command, read_job, write_dataset
from tsft.data.synth.recipe import PAIRS, SynthRecipe, check_recipe
from tsft.data.synth.rows import synth_rows
from tsft.endings import user
from tsft.errors import Problem, message, raise_if_any
from tsft.evaluate.baselines import text_only
from tsft.i18n import translate
from tsft.store.workspace import open_workspace
from tsft.terminal import print_table, progress_bar

# Rows looked at for the table of what the text alone is worth.
TABLE_ROWS = 400
TABLE_COLUMNS = ("task", "rows", "none_share", "top_share", "top_score", "prefix_share")
_WEIGHTS = ("tasks", "languages", "styles")


def synth(options: argparse.Namespace, language: str, tell: Callable[[str], None]) -> None:
    """Generate the dataset, tell where it lies and how to make it again, and show the table where it is asked for."""
    job = job_of(options)
    workspace = open_workspace(options.workspace)
    progress, move = progress_bar(options.name)
    with progress:
        written = write_dataset(
            job,
            options.name,
            workspace.datasets,
            workspace.cache,
            folders=workspace.dataset_folders(),
            workers=options.workers,
            replaces=options.replace,
            progress=move,
            by=user(),
        )
    counts = {"generated": written.generated, "own": written.own}
    tell(translate(language, "cli.synth.written", name=written.name, path=str(written.path), **counts))
    tell(command(job, options.name))
    if options.table:
        print_table([translate(language, f"cli.column.{name}") for name in TABLE_COLUMNS], baseline_rows(options))


def baseline_rows(options: argparse.Namespace) -> list[tuple[str, ...]]:
    """By task: rows, none share, the most frequent answer's share, its score, and the share the prefix gives away."""
    recipe = job_of(options).recipe
    labels = (_label(row) for row in synth_rows(replace(recipe, count=min(recipe.count, TABLE_ROWS))))
    return [
        (
            task,
            str(each.count),
            *(f"{value:.0%}" for value in (each.none_share, each.share, each.score, each.prefix_share)),
        )
        for task, each in text_only(labels).items()
    ]


def job_of(options: argparse.Namespace) -> SynthJob:
    """The job of a recipe file (or the defaults) with the flags put in; UserError with everything wrong."""
    job = read_job(Path(options.recipe)) if options.recipe else SynthJob()
    recipe = replace(job.recipe, **given_entries(options, SynthRecipe, _value))
    own = {
        name: getattr(options, name) for name in ("mix_with", "share", "format") if getattr(options, name) is not None
    }
    job = replace(job, recipe=recipe, **own)
    raise_if_any([*check_recipe(recipe), *check_job(job)])
    return job


def given_entries(
    options: argparse.Namespace, recipe: type, value_of: Callable[[str, Any], Any], but: str = ""
) -> dict[str, Any]:
    """The entries of a recipe that have a flag that was given, read by `value_of(name, text)`; UserError for all that
    it could not read (ValueError). `but` is no flag."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for each in fields(recipe):
        given = getattr(options, each.name, None)
        if given is None or each.name == but:
            continue
        try:
            found[each.name] = value_of(each.name, given)
        except ValueError:
            problems.append(Problem(each.name, message("cli.synth.not_read", flag=each.name, value=str(given))))
    raise_if_any(problems)
    return found


def _value(name: str, given: Any) -> Any:
    if name in _WEIGHTS:
        return weights(given)
    if name in PAIRS:
        least, _, most = str(given).partition("-")
        return int(least), int(most or least)
    if name == "domains":
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return given


def weights(text: str) -> Mapping[str, float]:
    """ "trend,events=2" as weights by name; a name alone weighs 1. ValueError where a weight is not a number."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {name.strip(): float(weight) if equals else 1.0 for name, equals, weight in pairs}


def _label(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return json.loads(row["meta"])["label"]
