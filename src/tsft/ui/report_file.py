"""Writes the report of a run into a file, for the command line."""

import time
from pathlib import Path

from tsft.errors import UserError, message
from tsft.i18n import translate
from tsft.store.record import Record
from tsft.store.workspace import open_workspace
from tsft.ui.run_report import report_html
from tsft.ui.run_source import RunSource


def write_report(workspace: Path | None, name: str, path: Path | None, language: str) -> str:
    """The report of the run that `name` means; returns the sentence that says where it lies now.

    path: None writes a file with the run's id into the present folder. Raises UserError where it cannot be written.
    """
    opened = open_workspace(workspace)
    record = Record(opened)
    record.sweep()
    run = record.find(name)
    source = RunSource(opened, record)
    probes, failed, drawn = (source.shown_rows(run.id, kind) for kind in ("probes", "failed", "drawn"))
    text = report_html(source.told(run.id), probes, failed, language, time.time(), drawn)
    path = path or Path(f"{run.id}.html")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(message("file.not_written", path=str(path), why=error.strerror or str(error))) from error
    return translate(language, "cli.report_written", name=run.name, path=str(path))
