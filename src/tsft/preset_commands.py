"""`tsft presets list|show|import|export`: what they print. Loaded by `cli.py` when one of them is asked for."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from tsft.config.preview import command
from tsft.errors import UserError, message
from tsft.i18n import say, translate
from tsft.store.presets import (
    ImportedPreset,
    Preset,
    export_preset,
    find_preset,
    import_preset,
    list_presets,
    readable_preset,
)
from tsft.store.workspace import open_workspace
from tsft.terminal import print_table


def run(options: argparse.Namespace, language: str) -> Iterator[str]:
    """Do the command; yields the lines to print."""
    workspace = open_workspace(options.workspace)
    action = options.command.removeprefix("presets ")
    if action == "list":
        titles = [translate(language, f"cli.column.{name}") for name in ("name", "about")]
        print_table(titles, [(each.name, _title(each, language)) for each in list_presets(workspace)])
    elif action == "show":
        preset = find_preset(workspace, options.preset)
        yield from _about(preset, language)
        config, problems = readable_preset(workspace, preset.name)
        yield from (f"- {problem.field}: {say(language, problem.message)}" for problem in problems)
        yield command(config)
    elif action == "export":
        yield export_preset(workspace, options.preset)[1].rstrip("\n")
    else:
        path = Path(options.file)
        yield from import_lines(import_preset(workspace, _bytes(path), path.name), path.name, language)


def import_lines(imported: ImportedPreset, file_name: str, language: str) -> Iterator[str]:
    """What came of an import: what was taken over, what could not be read, what was left over and why."""
    name = imported.preset.name
    if imported.mapped:
        counts = {"mapped": len(imported.mapped), "left": len(imported.leftovers)}
        yield translate(language, "import.saved", file=file_name, name=name, **counts)
    else:
        yield translate(language, "import.saved_own", file=file_name, name=name)
    yield from (f"- {problem.field}: {say(language, problem.message)}" for problem in imported.problems)
    yield from (f"+ {each.source} → {each.key} = {each.value}" for each in imported.mapped)
    yield from (f"- {each.source}: {say(language, each.reason)}" for each in imported.leftovers)


def _about(preset: Preset, language: str) -> Iterator[str]:
    yield _title(preset, language)
    if preset.is_shipped:
        yield translate(language, preset.about_key)
        yield translate(language, preset.needs_key)
    elif preset.about:
        yield preset.about


def _title(preset: Preset, language: str) -> str:
    if preset.problem is not None:
        return say(language, preset.problem)
    return translate(language, preset.title_key) if preset.is_shipped else preset.about or preset.name


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(message("config.no_file", path=str(path))) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise UserError(message("config.unreadable", path=str(path), why=why)) from error
