"""What can be computed from values alone: statistics of windows, runs, crossings, correlation and lag. numpy only."""

import numpy as np

from tsft.data.tasks.subject import Interval

STATISTICS = ("mean", "minimum", "maximum", "change", "range")
# Correlations beyond these are asked about; what lies between is neither strong nor weak.
STRONG, WEAK = 0.8, 0.3
# A lag is asked about only where one shift fits clearly better than all others.
LAG_FIT, LAG_MARGIN = 0.7, 0.1


def window_statistic(values: np.ndarray, statistic: str, start: int, end: int) -> float:
    """One of `STATISTICS` over the points [start, end); change is the last value minus the first."""
    window = values[start:end]
    if statistic == "mean":
        return float(window.mean())
    if statistic == "minimum":
        return float(window.min())
    if statistic == "maximum":
        return float(window.max())
    if statistic == "change":
        return float(window[-1] - window[0])
    return float(np.ptp(window))


def runs(holds: np.ndarray, at_least: int = 1) -> list[Interval]:
    """The stretches [start, end) over which `holds` (bool[L]) is true, of at least so many points."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], holds, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= at_least]


def upward_crossings(values: np.ndarray, threshold: float) -> int:
    """How often the series goes from below the threshold to the threshold or above."""
    is_below = values < threshold
    return int(np.count_nonzero(is_below[:-1] & ~is_below[1:]))


def first_step_beyond(values: np.ndarray, size: float) -> int | None:
    """The first point that differs from the one before it by more than `size`; None where there is none."""
    found = np.flatnonzero(np.abs(np.diff(values)) > size)
    return int(found[0]) + 1 if len(found) else None


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's r; 0 where one of them is constant."""
    left, right = first - first.mean(), second - second.mean()
    power = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / power if power > 0 else 0.0


def correlation_class(first: np.ndarray, second: np.ndarray) -> str | None:
    """ "positive", "negative" or "none"; None between weak and strong."""
    value = correlation(first, second)
    if abs(value) >= STRONG:
        return "positive" if value > 0 else "negative"
    return "none" if abs(value) <= WEAK else None


def best_lag(first: np.ndarray, second: np.ndarray) -> int | None:
    """How many points `second` comes after `first` (negative: before), by the highest correlation of shifted copies.

    Shifts of up to a quarter of the length are tried. None where no shift fits well, or another fits nearly as well.
    """
    length = len(first)
    limit = length // 4
    shifts = np.arange(-limit, limit + 1)
    fits = _shifted_correlations(first, second, limit)
    best = int(np.argmax(fits))
    far = np.abs(shifts - shifts[best]) > max(2, length // 32)
    if fits[best] < LAG_FIT or abs(int(shifts[best])) == limit or fits[best] - fits[far].max() < LAG_MARGIN:
        return None
    return int(shifts[best])


def _shifted_correlations(first: np.ndarray, second: np.ndarray, limit: int) -> np.ndarray:
    """float64[2 limit + 1]: Pearson's r of the overlapping parts for each shift of `second` from -limit to limit."""
    length = len(first)
    left, right = first - first.mean(), second - second.mean()
    products = np.correlate(right, left, "full")[length - 1 - limit : length + limit]
    shifts = np.arange(-limit, limit + 1)
    later = np.maximum(shifts, 0), np.maximum(-shifts, 0)
    overlap = length - np.abs(shifts)

    def parts(values: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums, squares = np.concatenate(([0.0], np.cumsum(values))), np.concatenate(([0.0], np.cumsum(values**2)))
        return sums[starts + overlap] - sums[starts], squares[starts + overlap] - squares[starts]

    left_sum, left_square = parts(left, later[1])
    right_sum, right_square = parts(right, later[0])
    covariance = products - left_sum * right_sum / overlap
    power = (left_square - left_sum**2 / overlap) * (right_square - right_sum**2 / overlap)
    return covariance / np.sqrt(np.maximum(power, 1e-300))
