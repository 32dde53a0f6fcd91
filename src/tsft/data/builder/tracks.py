"""Recordings on an even grid: tables divided by group, pivoted where they are long, resampled, with their labels."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tsft.data.builder.columns import CLASS, LONG, guess_roles, label_kind
from tsft.data.builder.grid import Cells, Grid, grid_of, on_grid
from tsft.data.builder.labels import Stretches, read_stretches, stretches_of
from tsft.data.builder.recipe import BuildRecipe
from tsft.data.builder.sheets import Sheet, grouped, roles_of
from tsft.data.builder.tables import Table, numbers, read_table
from tsft.data.builder.times import check_zone, guess_format
from tsft.errors import Message, Problem, UserError, message, raise_if_any


@dataclass(frozen=True)
class Track:
    """One recording of N points and C value columns.

    name: its group ("" where there is one recording only); times: float64[N], seconds in UTC, or None; values:
    float64[N, C], NaN where missing; unusual: bool[N, C], None where nobody has labelled; classes: object[N] of texts,
    "" where missing, or None; normal: those classes, folded, that say that nothing is unusual.
    """

    name: str
    source: Path
    columns: tuple[str, ...]
    times: np.ndarray | None
    values: np.ndarray
    unusual: np.ndarray | None = None
    classes: np.ndarray | None = None
    normal: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Recordings:
    """All recordings of a recipe, the recipe with every guess filled in, and what a person should know about them."""

    tracks: tuple[Track, ...]
    recipe: BuildRecipe
    step_seconds: float
    notes: tuple[Message, ...]


def read_recordings(recipe: BuildRecipe, folder: Path | None = None) -> Recordings:
    """Read and align everything. Paths are relative to `folder` (the current one by default)."""
    check_zone(recipe.time_zone)
    base = folder or Path()
    tables = [read_table(base / source) for source in recipe.sources]
    recipe = with_roles(recipe, tables[0])
    path = base / recipe.intervals
    found = read_stretches(path, recipe.time_zone) if recipe.intervals else None
    tracks: list[Track] = []
    notes: list[Message] = []
    step = recipe.resample_seconds
    for table in tables:
        raise_if_any(_column_problems(recipe, table))
        sheet = Sheet(table, recipe)
        notes += sheet.notes()
        repeated = 0
        for group, rows in sheet.groups():
            stretches = None if found is None else stretches_of(found, path, group, table.path)
            names = (table.path.stem, group) if len(tables) > 1 else (group,)
            track, grid = _track(sheet, "/".join(each for each in names if each), rows, stretches)
            tracks.append(track)
            step = step or grid.step_seconds
            repeated += grid.repeated
        if repeated:
            notes.append(message("data.build.same_times", count=repeated, name=table.path.name))
    return Recordings(tuple(tracks), recipe, step, tuple(notes))


def with_roles(recipe: BuildRecipe, table: Table) -> BuildRecipe:
    """The recipe with the empty columns guessed from the table: run again on other data, it does the same."""
    guess = guess_roles(table)
    layout = recipe.layout or (guess.layout if recipe.series in ("", guess.series) else LONG)
    chosen = {name: getattr(recipe, name) or getattr(guess, name) for name in ("time", "group", "label")}
    chosen["series"] = (recipe.series or guess.series) if layout == LONG else ""
    form = recipe.time_format
    if chosen["time"] in table.columns and not form:
        form = guess_format(table.texts(chosen["time"]))
    kind = recipe.label_kind
    if chosen["label"] in table.columns and not kind:
        kind = guess.label_kind if chosen["label"] == guess.label else label_kind(table, chosen["label"])
    taken = {*chosen.values()}
    values = recipe.values or tuple(name for name in guess.values if name not in taken)
    return replace(recipe, **chosen, layout=layout, time_format=form, label_kind=kind, values=values)


def _column_problems(recipe: BuildRecipe, table: Table) -> list[Problem]:
    roles, known = roles_of(recipe), ", ".join(table.columns)
    problems = []
    for role in ("time", "series", "group", "label"):
        column = getattr(roles, role)
        if column and column not in table.columns:
            problems.append(Problem(role, message("data.build.no_column", name=column, known=known)))
    for column in roles.values:
        if column not in table.columns:
            problems.append(Problem("values", message("data.build.no_column", name=column, known=known)))
        elif not np.isfinite(numbers(table, column)).any():
            problems.append(Problem("values", message("data.build.no_numbers", name=column)))
    if not roles.values:
        problems.append(Problem("values", message("data.build.no_values", known=known)))
    if roles.layout == LONG and (not roles.series or len(roles.values) != 1):
        problems.append(Problem("series", message("data.build.long_layout")))
    if roles.time and not problems and not roles.time_format:
        problems.append(Problem("time", message("data.build.no_times", name=roles.time)))
    return problems


def _track(sheet: Sheet, name: str, rows: np.ndarray, stretches: Stretches | None) -> tuple[Track, Grid]:
    recipe, table = sheet.recipe, sheet.table
    row_unusual = _row_unusual(sheet, rows, stretches)
    columns = _cells(sheet, rows, row_unusual)
    grid = grid_of([each for _, each in columns], recipe.resample_seconds, table.path.name, recipe.time_zone)
    laid = [on_grid(each, grid, recipe.resample_how) for _, each in columns]
    values = np.stack([each.values for each in laid], axis=1)
    unusual = None
    if row_unusual is not None or stretches is not None:
        unusual = np.stack([each.unusual for each in laid], axis=1)
        if stretches is not None and not stretches.is_rows:
            unusual |= _covered(grid, stretches)[:, None]
    classes = laid[0].labels if sheet.roles.label_kind == CLASS else None
    keys = tuple(key for key, _ in columns)
    return Track(name, table.path, keys, grid.times, values, unusual, classes, sheet.normal), grid


def _row_unusual(sheet: Sheet, rows: np.ndarray, stretches: Stretches | None) -> np.ndarray | None:
    """bool[rows]: marked by the label column, or by row numbers of the stretches; None where neither is there."""
    marked = None if sheet.marked is None else sheet.marked[rows]
    if stretches is not None and stretches.is_rows:
        marked = np.zeros(len(rows), dtype=bool) if marked is None else marked
        for start, end in stretches.pairs.astype(np.int64).tolist():
            marked[max(0, start) : max(0, end)] = True
    return marked


def _cells(sheet: Sheet, rows: np.ndarray, unusual: np.ndarray | None) -> list[tuple[str, Cells]]:
    """By value column: its cells as they stand in the table."""
    roles, times = sheet.roles, sheet.times
    marks = np.zeros(len(rows), dtype=bool) if unusual is None else unusual

    def cells(column: str, places: np.ndarray) -> Cells:
        chosen = rows[places]
        return Cells(
            sheet.values[column][chosen],
            None if times is None else times[chosen],
            marks[places],
            sheet.labels[chosen] if roles.label_kind == CLASS else None,
        )

    if roles.layout != LONG:
        return [(column, cells(column, np.arange(len(rows)))) for column in roles.values]
    return [(owner, cells(roles.values[0], places)) for owner, places in grouped(sheet.series[rows])]


def _covered(grid: Grid, stretches: Stretches) -> np.ndarray:
    """bool[N]: the points that lie in a stretch, or the bins that touch one."""
    if grid.times is None:
        raise UserError(message("data.build.times_needed"))
    covered = np.zeros(len(grid.times), dtype=bool)
    width = grid.step_seconds if grid.is_binned else 0.0
    for start, end in stretches.pairs.tolist():
        covered |= (grid.times <= end) & ((grid.times + width > start) if width else (grid.times >= start))
    return covered
