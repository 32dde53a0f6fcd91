"""The even grid of a recording: its step, and cells of a table brought onto it by time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsft.data.builder.times import offset_seconds
from tsft.errors import UserError, message

# From here on the calendar makes steps uneven (28 to 31 days): points are taken in order.
_LONGEST_STEP = 27 * 86_400.0
# More empty places than this for each point: the step does not fit the times.
_MOST_EMPTY = 50


@dataclass(frozen=True)
class Cells:
    """One value column as it stands in the table, all of one length; times None where the table has none."""

    values: np.ndarray
    times: np.ndarray | None
    unusual: np.ndarray
    labels: np.ndarray | None = None


@dataclass(frozen=True)
class Grid:
    """times: float64[N], or None where points are taken in order. is_binned: a point stands for a step, not a moment.

    repeated: cells that share their place with another one of their column.
    """

    size: int
    times: np.ndarray | None
    step_seconds: float
    is_binned: bool = False
    is_ordered: bool = True
    repeated: int = 0


@dataclass(frozen=True)
class Laid:
    """One column on the grid: float64[N] with NaN, bool[N], and object[N] of texts or None."""

    values: np.ndarray
    unusual: np.ndarray
    labels: np.ndarray | None


def grid_of(columns: Sequence[Cells], resample_seconds: float, source: str, zone: str = "UTC") -> Grid:
    """The grid that all columns of a recording share; bins of days begin at midnight of the zone, as it is at first.

    UserError where no step fits."""
    if columns[0].times is None:
        return Grid(max(len(each.values) for each in columns), None, 0.0)
    all_times = np.concatenate([each.times for each in columns if each.times is not None])
    moments = np.unique(all_times[np.isfinite(all_times)])
    if len(moments) < 2:
        raise UserError(message("data.build.no_step", file=source))
    step = resample_seconds or float(np.median(np.diff(moments)))
    if step >= _LONGEST_STEP:
        repeated = sum(len(each.values) - len(np.unique(each.times)) for each in columns if each.times is not None)
        return Grid(len(moments), moments, step, repeated=repeated)
    is_binned = resample_seconds > 0
    first = float(moments[0])
    if is_binned:
        offset = offset_seconds(zone, first)
        first = float(np.floor((first + offset) / step) * step - offset)
    size = int(_places(moments[-1:], first, step, is_binned)[0]) + 1
    if size > _MOST_EMPTY * len(moments) + 1000:
        raise UserError(message("data.build.too_sparse", file=source, step=f"{step:g}", points=size, rows=len(moments)))
    repeated = 0
    if not is_binned:
        for each in columns:
            assert each.times is not None
            places = _places(each.times[np.isfinite(each.times)], first, step, is_binned)
            repeated += len(places) - len(np.unique(places))
    return Grid(size, first + step * np.arange(size), step, is_binned, False, repeated)


def on_grid(cells: Cells, grid: Grid, how: str) -> Laid:
    """The cells at their places; several at one place are taken together as `how` says."""
    if cells.times is None or grid.times is None:
        places = np.arange(len(cells.values))
    elif grid.is_ordered:
        places = np.searchsorted(grid.times, np.where(np.isfinite(cells.times), cells.times, np.inf))
    else:
        finite = np.where(np.isfinite(cells.times), cells.times, grid.times[0] - 10 * grid.step_seconds)
        places = _places(finite, float(grid.times[0]), grid.step_seconds, grid.is_binned)
    inside = (places >= 0) & (places < grid.size)
    rows = np.flatnonzero(inside)
    order = rows[np.argsort(places[rows], kind="stable")]
    unusual = np.zeros(grid.size, dtype=bool)
    unusual[places[rows][cells.unusual[rows]]] = True
    labels = None
    if cells.labels is not None:
        labels = np.full(grid.size, "", dtype=object)
        labels[places[order]] = cells.labels[order]
    known = order[np.isfinite(cells.values[order])]
    return Laid(_together(places[known], cells.values[known], grid.size, how), unusual, labels)


def _places(times: np.ndarray, first: float, step: float, is_binned: bool) -> np.ndarray:
    shares = (times - first) / step
    # A time is a binary fraction: half a microsecond decides nothing.
    return (np.floor(shares + 1e-9) if is_binned else np.round(shares)).astype(np.int64)


def _together(places: np.ndarray, values: np.ndarray, size: int, how: str) -> np.ndarray:
    """float64[size]; `places` rise."""
    result = np.full(size, np.nan)
    if not len(places):
        return result
    starts = np.flatnonzero(np.append(True, places[1:] != places[:-1]))
    counts = np.diff(np.append(starts, len(places)))
    if how == "median":
        order = np.lexsort((values, places))
        ranked = values[order]
        found = 0.5 * (ranked[starts + (counts - 1) // 2] + ranked[starts + counts // 2])
    elif how in ("minimum", "maximum"):
        found = (np.minimum if how == "minimum" else np.maximum).reduceat(values, starts)
    elif how == "last":
        found = values[starts + counts - 1]
    else:
        found = np.add.reduceat(values, starts) / (counts if how == "mean" else 1)
    result[places[starts]] = found
    return result
