"""The rows of a dataset for the sections that show them: small files at once, large ones once their index is made."""

from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

import numpy as np

from tsft.data.checks.diagnosis import Diagnosis, source_of
from tsft.data.examples import RowProblem
from tsft.data.readers import Source, total_bytes
from tsft.data.registry import find_dataset
from tsft.data.row_access import RowAccess
from tsft.data.view import view_row
from tsft.i18n import translate
from tsft.ui.data.room import DataRoom
from tsft.ui.pictures import picture

# Below this the index takes a fraction of a second; above it is made as a job.
AT_ONCE_BYTES = 32 * 1024**2
# Small pictures beside the sentence about a row: what more of them would cost shows nothing more.
EXAMPLES_SHOWN = 3
SERIES_SHOWN = 3


@dataclass(frozen=True)
class Example:
    """A row of a finding. index: its number from 0, None where it cannot be opened; picture: HTML."""

    problem: RowProblem
    index: int | None
    picture: str = ""


def open_rows(room: DataRoom, name: str) -> RowAccess:
    """The rows of the dataset as its files are now. UserError when there is no such dataset."""
    source = source_of(find_dataset(name, room.folders, room.cache))
    return _opened(source, source.fingerprint(), room.cache)


def is_ready(rows: RowAccess, at_once_bytes: int = AT_ONCE_BYTES) -> bool:
    """Whether any row can be had. The index of files of at most so many bytes is made for it on the spot."""
    if not rows.is_indexed and total_bytes(rows.source.files) <= at_once_bytes:
        rows.index()
    return rows.is_indexed


def examples_of(diagnosis: Diagnosis, rows: RowAccess, language: str) -> dict[str, list[Example]]:
    """The first rows of every finding, with pictures of their series where the rows can be had."""
    is_open = is_ready(rows)
    found = {}
    for finding in diagnosis.report.findings:
        examples = []
        for problem in finding.examples[:EXAMPLES_SHOWN]:
            index = index_of(diagnosis, problem)
            drawn = ""
            if is_open and index is not None and index < len(rows):
                told = translate(language, "page.preview.row", row=problem.row)
                drawn = _picture(rows, index, int(problem.reason.values.get("series") or 0), told)
            examples.append(Example(problem, index, drawn))
        found[finding.kind] = examples
    return found


def index_of(diagnosis: Diagnosis, problem: RowProblem) -> int | None:
    """The number from 0, over all files, of the row that a finding names."""
    files = [number for number, path in enumerate(diagnosis.source.files) if path.name == problem.file]
    column = diagnosis.facts.column
    places = np.flatnonzero(np.isin(column("file"), files) & (column("row") == problem.row))
    return int(places[0]) if len(places) else None


@lru_cache(maxsize=8)
def _opened(source: Source, state: str, cache: Path) -> RowAccess:
    # state: the files' fingerprint, so that a changed file is opened anew.
    return RowAccess(source, cache)


@lru_cache(maxsize=400)
def _picture(rows: RowAccess, index: int, number: int, told: str) -> str:
    """The series of this number, which a finding names; the first ones where it names none (0).

    Kept, because the findings are shown again at every click.
    """
    series = [each.points for each in view_row(rows.row(index)).series]
    shown = series[number - 1 : number] if 0 < number <= len(series) else series[:SERIES_SHOWN]
    return picture([points for points in shown if len(points)], escape(told), first=max(1, number))
