"""Which row of a dataset is looked at, and everything that is shown of it. Knows no components."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsft.config.run_config import DataSettings, ModelSettings, RunConfig
from tsft.data.checks.diagnosis import Diagnosis, last_diagnosis
from tsft.data.checks.facts import Filter
from tsft.data.checks.findings import KINDS
from tsft.data.encoding import RowReader
from tsft.data.row_access import LocatedRow, RowAccess
from tsft.data.view import view_row
from tsft.errors import UserError, message
from tsft.i18n import say_all
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_html import Shown, row_html
from tsft.ui.data.row_source import AT_ONCE_BYTES, is_ready, open_rows

# Rows that are there at once, however large the file is.
FIRST_ROWS = 20
STAY, NEXT, BACK, FIRST = "stay", "next", "back", "first"


@dataclass(frozen=True)
class Asked:
    """What a session wants to see. row: its number from 0; wanted: only rows that pass.

    model: whose view of the row is shown, "" for none; has_ids: with the ids of its tokens
    """

    name: str
    row: int = 0
    wanted: Filter = Filter()
    model: str = ""
    has_ids: bool = False
    language: str = "en"


@dataclass(frozen=True)
class Seen:
    """What is shown. rows: how many there are, None while they are not counted; place, matches: among those that pass.

    file, file_row: where the row stands (file_row from 1), "" where that is the same as its number.
    needs_index: whether more rows can only be had after the index is made.
    """

    row: int
    rows: int | None
    place: int | None
    matches: int | None
    html: str
    file: str = ""
    file_row: int = 0
    needs_index: bool = False


def seen(room: DataRoom, asked: Asked, step: str = STAY, at_once_bytes: int = AT_ONCE_BYTES) -> Seen:
    """The row that `step` leads to from `asked.row`. UserError when the dataset cannot be read or nothing passes."""
    access = open_rows(room, asked.name)
    diagnosis = last_diagnosis(asked.name, room.folders, room.cache)
    if not is_ready(access, at_once_bytes):
        return _of_first(room, access, asked, step)
    matching = _matching(diagnosis, asked.wanted)
    row, place = _stepped(asked.row, step, len(access), matching)
    located = access.row(row)
    html = _html(room, access, located, asked, diagnosis)
    is_plain = len(access.source.files) == 1 and located.raw.row == row + 1
    where = ("", 0) if is_plain else (located.file, located.raw.row)
    return Seen(row, len(access), place, None if matching is None else len(matching), html, *where)


def choices(diagnosis: Diagnosis | None) -> Mapping[str, list[str]]:
    """What can be filtered by: kinds of findings, tasks and classes of the last diagnosis."""
    if diagnosis is None:
        return {"finding": [], "task": [], "label": []}
    report = diagnosis.report
    return {
        "finding": [each.kind for each in report.findings],
        "task": list(report.tasks),
        "label": list(report.labels),
    }


def valid(wanted: Filter) -> Filter:
    """Without a finding that does not exist: fields of text can hold anything."""
    return wanted if wanted.finding in KINDS else replace(wanted, finding="")


def _of_first(room: DataRoom, access: RowAccess, asked: Asked, step: str) -> Seen:
    found = access.first(FIRST_ROWS)
    if not found:
        raise UserError(message("page.data.rows.empty", dataset=asked.name))
    wish = asked.row + {NEXT: 1, BACK: -1}.get(step, 0)
    row = min(max(0, 0 if step == FIRST else wish), len(found) - 1)
    html = _html(room, access, found[row], asked, None)
    return Seen(row, None, None, None, html, needs_index=True)


def _matching(diagnosis: Diagnosis | None, wanted: Filter) -> np.ndarray | None:
    """int64[rows], the numbers of the rows that pass; None where all do, or nobody can tell."""
    if diagnosis is None or valid(wanted) == Filter():
        return None
    return diagnosis.facts.where(valid(wanted))


def _stepped(row: int, step: str, rows: int, matching: np.ndarray | None) -> tuple[int, int | None]:
    """The row and its place among those that pass (from 0). A step over the end stays at the end."""
    if not rows:
        raise UserError(message("page.data.rows.none"))
    if matching is None:
        wish = {NEXT: row + 1, BACK: row - 1, FIRST: 0}.get(step, row)
        return min(max(0, wish), rows - 1), None
    if not len(matching):
        raise UserError(message("page.data.rows.no_match"))
    # The first that passes at or behind the row; a step goes on from there.
    place = int(np.searchsorted(matching, row))
    stands_on = place < len(matching) and int(matching[place]) == row
    place = {NEXT: place + int(stands_on), BACK: place - 1, FIRST: 0}.get(step, place)
    place = min(max(0, place), len(matching) - 1)
    return int(matching[place]), place


def _html(room: DataRoom, access: RowAccess, located: LocatedRow, asked: Asked, diagnosis: Diagnosis | None) -> str:
    reader, problem = _reader(room, asked)
    settings = DataSettings()
    view = view_row(located, reader, settings.system_prompt, settings.train_on)
    is_known = diagnosis is not None and located.index < len(diagnosis.facts)
    measured = diagnosis.report.cutoff_length if diagnosis is not None else 0
    shown = Shown(
        key=f"{access.source.fingerprint()}:{located.index}",
        kinds=diagnosis.facts.kinds_of(located.index) if diagnosis is not None and is_known else (),
        cutoff_length=measured or settings.cutoff_length,
        has_ids=asked.has_ids,
        model=asked.model,
        problem=problem,
    )
    return row_html(view, shown, asked.language)


def _reader(room: DataRoom, asked: Asked) -> tuple[RowReader | None, str]:
    if not asked.model:
        return None, ""
    try:
        return room.engine.reader(RunConfig(model=ModelSettings(name=asked.model))), ""
    except UserError as error:
        return None, say_all(asked.language, error)


def filter_of(given: Mapping[str, Any]) -> Filter:
    """The filter that the controls say; an empty number is no limit."""
    finding, task, label = (str(given.get(name) or "") for name in ("finding", "task", "label"))
    ends = [max(0, int(given.get(name) or 0)) for name in ("tokens_from", "tokens_to", "points_from", "points_to")]
    return valid(Filter(finding, task, label, *ends))
