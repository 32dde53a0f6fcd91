"""What `tsft runs rename` and `tsft runs delete` do. Asking in the terminal and printing stay with `cli.py`."""

import argparse
from collections.abc import Callable

from tsft.errors import UserError, message
from tsft.i18n import translate
from tsft.store.record import Record
from tsft.store.runs import folder_bytes
from tsft.store.workspace import open_workspace


def rename(options: argparse.Namespace, language: str) -> str:
    """Give the run another name; returns the sentence that says so."""
    record = Record(open_workspace(options.workspace))
    run = record.find(options.run)
    renamed = record.rename(run.id, options.name)
    return translate(language, "cli.renamed", old=run.name, name=renamed.name, run=run.id)


def delete(options: argparse.Namespace, language: str, agrees: Callable[[str], bool]) -> tuple[bool, str]:
    """Delete the run if the person agrees; whether it is gone, and the sentence that says so.

    Unasked, a name that is only begun is refused: nobody could say that another run was meant.
    """
    record = Record(open_workspace(options.workspace))
    record.sweep()
    run = record.find(options.run)
    if options.yes and options.run not in (run.id, run.name):
        raise UserError(message("record.no_run", run=options.run))
    told = {"name": run.name, "run": run.id, "size": f"{folder_bytes(run.folder.path) / 1e6:,.1f} MB"}
    if not options.yes and not agrees(translate(language, "cli.delete_ask", **told)):
        return False, translate(language, "cli.not_deleted", name=run.name)
    record.delete(run.id)
    return True, translate(language, "cli.deleted", **told)
