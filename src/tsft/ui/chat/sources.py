"""Series for a question: columns of a table, pasted numbers, a drawing, a dataset's row, or made by the generator."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsft.data.builder.tables import Table, has_number, numbers, read_table
from tsft.data.by_hand import drawn_series, pasted_series, without_gaps
from tsft.data.examples import PLACEHOLDER
from tsft.data.row_access import RowAccess
from tsft.data.synth.recipe import LEAST_POINTS, SynthRecipe, check_recipe
from tsft.data.synth.recipe import MOST_POINTS as MOST_GENERATED
from tsft.data.synth.rows import synth_scene
from tsft.data.view import RowView, view_row
from tsft.errors import Message, UserError, message, raise_if_any
from tsft.ui.chat.talk import MOST_POINTS, Attached
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_source import is_ready, open_rows

# A column in which fewer cells than this are numbers is not offered.
LEAST_SHARE = 0.5
# Rows of a table that are looked at to tell columns of numbers from others.
LOOKED_AT = 2_000


def attached(points: np.ndarray, name: str = "", unit: str = "", origin: Message | None = None) -> Attached:
    """A series with its gaps filled. UserError where it has no number, or too many points."""
    values = np.asarray(points, dtype=np.float64)
    if len(values) > MOST_POINTS:
        raise UserError(message("page.chat.too_long", count=len(values), most=MOST_POINTS))
    missing = int((~np.isfinite(values)).sum())
    return Attached(without_gaps(values) if missing else values, name.strip(), unit.strip(), missing, origin)


def number_columns(path: str) -> tuple[Table, list[str]]:
    """The table, and its columns in which most cells are numbers. UserError where there is none."""
    table = read_table(Path(path))
    sample = read_table(Path(path), LOOKED_AT)
    found = [name for name in table.columns if has_number(sample, name).mean() >= LEAST_SHARE]
    found = [name for name in found if np.isfinite(numbers(sample, name)).any()]
    if not found:
        raise UserError(message("page.chat.no_columns", file=table.path.name))
    return table, found


def from_table(path: str, columns: Sequence[str], first: Any, last: Any) -> list[Attached]:
    """The columns from row `first` to `last`, counted from 1, both included; an empty number is the table's end."""
    if not path:
        raise UserError(message("page.chat.no_file"))
    if not columns:
        raise UserError(message("page.chat.choose_columns"))
    table = read_table(Path(path))
    begin, end = 1 if first is None else int(first), int(last or table.rows)
    if not 1 <= begin <= end <= table.rows:
        raise UserError(message("page.chat.bad_range", first=begin, last=end, rows=table.rows))
    origin = message("page.chat.from.file", file=table.path.name, first=begin, last=end)
    return [attached(numbers(table, name)[begin - 1 : end], name, "", origin) for name in columns]


def from_text(text: str, name: str) -> list[Attached]:
    """Pasted numbers; name: for a single series without its own."""
    found = pasted_series(text or "")
    own = (name or "").strip() if len(found) == 1 else ""
    return [attached(each.points, own or each.name, "", message("page.chat.from.paste")) for each in found]


def from_drawing(feed: str, name: str) -> list[Attached]:
    """feed: what the page's script says of the drawing, {"heights": […], "points", "low", "high"}."""
    try:
        told = json.loads(feed or "{}")
        heights = [None if each is None else float(each) for each in told.get("heights", [])]
        points, low, high = int(told["points"]), float(told["low"]), float(told["high"])
    except (ValueError, TypeError, KeyError):
        raise UserError(message("page.chat.bad_drawing", most=MOST_POINTS)) from None
    if not (2 <= points <= MOST_POINTS and np.isfinite([low, high]).all()):
        raise UserError(message("page.chat.bad_drawing", most=MOST_POINTS))
    return [attached(drawn_series(heights, points, low, high), name or "", "", message("page.chat.from.drawing"))]


def from_row(room: DataRoom, name: str | None, row: Any) -> tuple[list[Attached], str]:
    """The series of a row (from 1) of a dataset, and its question."""
    if not name:
        raise UserError(message("page.chat.no_dataset"))
    number = 1 if row is None else int(row)
    view = _row_of(open_rows(room, name), number, name)
    if not view.series:
        raise UserError(message("page.chat.row_without_series", row=number, name=name))
    origin = message("page.chat.from.row", name=name, row=number)
    question = next((turn["content"] for turn in view.turns if turn["role"] == "user"), "")
    first = question.count(PLACEHOLDER)
    found = [attached(each.points, each.name, each.unit, origin) for each in view.series]
    # Only the first question of a conversation is taken over; series of later ones come without theirs.
    return found, question if first == len(found) else ""


def from_generator(kind: str | None, seed: Any, points: Any, language: str) -> tuple[list[Attached], str]:
    """The series that the generator makes for a task, and the question it asks about them."""
    length, number = int(points or 0), int(seed or 0)
    if not LEAST_POINTS <= length <= MOST_GENERATED or number < 0:
        told = {"least": LEAST_POINTS, "most": MOST_GENERATED}
        raise UserError(message("page.chat.bad_generated", **told))
    spoken = "zh" if language == "zh" else "en"
    recipe = SynthRecipe(
        count=1, seed=number, tasks={kind or "trend": 1.0}, languages={spoken: 1.0}, lengths=(length, length),
        series=(1, 1), context_share=0.0,
    )  # fmt: skip
    raise_if_any(check_recipe(recipe))
    row, subject = synth_scene(recipe, 0)
    origin = message("page.chat.from.generator", seed=number)
    found = [attached(each.values, each.name, each.unit, origin) for each in subject.series]
    return found, str(row["input"])


def _row_of(rows: RowAccess, row: int, name: str) -> RowView:
    if row < 1:
        raise UserError(message("page.chat.no_row", row=row, name=name))
    if is_ready(rows):
        if row > len(rows):
            raise UserError(message("page.chat.no_row", row=row, name=name))
        return view_row(rows.row(row - 1))
    # The index of a large file is made in the Data tab; the first rows can be had without it.
    found = rows.first(row) if row <= LOOKED_AT else []
    if len(found) < row:
        raise UserError(message("page.chat.no_row_yet", row=row, name=name))
    return view_row(found[row - 1])
