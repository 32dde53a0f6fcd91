"""Series for a chat in the terminal: columns of a table, or a row of a dataset with its own question."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsft.data.builder.columns import guess_roles
from tsft.data.builder.tables import Table, numbers, read_table
from tsft.data.checks.diagnosis import source_of
from tsft.data.registry import find_dataset
from tsft.data.row_access import RowAccess
from tsft.data.view import view_row
from tsft.errors import UserError, message
from tsft.store.workspace import Workspace

# Columns that are taken when none are named; more in one question is more likely a mistake.
MOST_COLUMNS = 8


@dataclass(frozen=True)
class NamedSeries:
    """points: float64[L], raw. name: "" when it has none."""

    name: str
    points: np.ndarray


@dataclass(frozen=True)
class AskedRow:
    """A row up to its last question, with all its series, and the answer it holds ("" without one)."""

    turns: tuple[dict[str, str], ...]
    series: tuple[NamedSeries, ...]
    expected: str


def read_series(text: str) -> list[NamedSeries]:
    """The columns that FILE:COLUMN,COLUMN names; without columns, those that hold values.

    Raises UserError where the file cannot be read, or has no such columns.
    """
    path, names = _split(text)
    table = read_table(path)
    if not names:
        names = list(guess_roles(table).values)
        if not names:
            raise UserError(message("data.build.no_values", known=", ".join(table.columns)))
        if len(names) > MOST_COLUMNS:
            listed = ", ".join(names[:20])
            raise UserError(message("chat.many_columns", file=path.name, count=len(names), known=listed))
    return [NamedSeries(name, _points(table, name)) for name in names]


def read_row(text: str, workspace: Workspace) -> AskedRow:
    """The row that DATASET:N names, counted from 1. Raises UserError for one that is not there or has no question."""
    name, colon, number = text.rpartition(":")
    if not colon or not name or not number.isdigit():
        raise UserError(message("chat.row_form", text=text))
    rows = RowAccess(source_of(find_dataset(name, workspace.dataset_folders(), workspace.cache)), workspace.cache)
    rows.index()
    view = view_row(rows.row(int(number) - 1))
    turns = [dict(turn) for turn in view.turns]
    expected = turns[-1]["content"] if turns and turns[-1]["role"] == "assistant" else ""
    while turns and turns[-1]["role"] != "user":
        turns.pop()
    if not turns:
        raise UserError(*(view.findings or (message("chat.row_no_question", row=text),)))
    return AskedRow(tuple(turns), tuple(NamedSeries(each.name, each.points) for each in view.series), expected)


def _split(text: str) -> tuple[Path, Sequence[str]]:
    """A file whose own name holds a colon is found before its end is taken for columns."""
    whole = Path(text).expanduser()
    if whole.exists():
        return whole, []
    path, colon, columns = text.rpartition(":")
    if not colon:
        return whole, []
    return Path(path).expanduser(), [each.strip() for each in columns.split(",") if each.strip()]


def _points(table: Table, name: str) -> np.ndarray:
    """float64[L] without empty cells at the end: columns of a sheet differ in length."""
    if name not in table.columns:
        raise UserError(message("data.build.no_column", name=name, known=", ".join(table.columns)))
    values = numbers(table, name)
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        raise UserError(message("data.build.no_numbers", name=name))
    return values[: known[-1] + 1]
