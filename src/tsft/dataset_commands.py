"""The commands `tsft data list|import|export`: what there is, what comes in, what leaves."""

import argparse
from collections.abc import Callable
from pathlib import Path

from tsft.data.exporting import Exported, export, export_to_hub
from tsft.data.importing.bring import bring
from tsft.data.overview import overview
from tsft.data.registry import list_datasets
from tsft.errors import UserError, message
from tsft.i18n import say, translate
from tsft.store.workspace import open_workspace
from tsft.terminal import print_table, progress_bar

Tell = Callable[[str], None]
COLUMNS = ("name", "rows", "series", "points", "languages", "tasks")


def run_dataset_command(options: argparse.Namespace, language: str, tell: Tell, by: str) -> None:
    """The one that was asked for; UserError where it cannot be done."""
    command = {"data list": _list, "data import": _import, "data export": _export}[options.command]
    command(options, language, tell, by)


def _list(options: argparse.Namespace, language: str, tell: Tell, by: str) -> None:
    workspace = open_workspace(options.workspace)
    rows = []
    for each in list_datasets(workspace.dataset_folders()):
        if each.problem is not None:
            rows.append((each.name, say(language, each.problem), "", "", "", ""))
            continue
        try:
            seen = overview(each, workspace.dataset_folders(), workspace.cache)
        except UserError as error:
            rows.append((each.name, say(language, error.message), "", "", "", ""))
            continue
        count = (
            translate(language, "page.data.about", count=f"{seen.rows:,}") if seen.is_estimated else f"{seen.rows:,}"
        )
        rows.append(
            (
                each.name,
                count,
                _spread(seen.series),
                _spread(seen.points),
                ",".join(seen.languages),
                ",".join(seen.tasks),
            )
        )
    print_table([translate(language, f"page.data.column.{name}") for name in COLUMNS], rows)


def _import(options: argparse.Namespace, language: str, tell: Tell, by: str) -> None:
    workspace = open_workspace(options.workspace)
    for path in options.paths:
        progress, move = progress_bar(Path(path).name, unit_bytes=True)
        with progress:
            arrival = bring(
                Path(path).expanduser(), workspace.datasets, workspace.tables, workspace.cache, by=by, progress=move
            )
        for each in arrival.brought:
            tell(say(language, each.message()))
        for sentence in arrival.refused:
            tell(say(language, sentence))


def _export(options: argparse.Namespace, language: str, tell: Tell, by: str) -> None:
    workspace = open_workspace(options.workspace)
    folders = workspace.dataset_folders()
    progress, move = progress_bar(options.dataset, unit_bytes=True)
    with progress:
        if options.hub:
            made = export_to_hub(
                options.dataset, folders, workspace.cache, options.hub, is_private=not options.public, progress=move
            )
        else:
            target = Path(options.to).expanduser() if options.to else workspace.exports / "data"
            made = export(options.dataset, folders, workspace.cache, target, options.format, by=by, progress=move)
    tell(say(language, message("page.data.exported", rows=made.rows, left_out=made.left_out)))
    tell(_where(made))


def _where(made: Exported) -> str:
    return made.url if made.path is None else str(made.path)


def _spread(values: tuple[int, int, int] | None) -> str:
    return "-" if values is None else f"{values[0]}" if values[0] == values[2] else f"{values[0]}-{values[2]}"
