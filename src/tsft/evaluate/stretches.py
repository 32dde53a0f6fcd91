"""Totals of anomaly stretches over many rows: what each row adds, and the metrics as functions of the sums.

Counts are pooled over rows, so that rows with nothing to find count through their false alarms; affiliation is a mean
over the rows that have events. An answer that cannot be read finds nothing and raises no alarm; how many those are is
said apart, and they are left out of the share of quiet rows.
"""

from collections.abc import Sequence

import numpy as np

from tsft.evaluate.affiliation import affiliation
from tsft.evaluate.intervals import Interval, delays, mask, matched, overlap
from tsft.evaluate.statistics import Statistic

COLUMNS = (
    "rows", "said", "true", "hits_10", "hits_50", "points_said", "points_true", "point_hits", "found", "alarms",
    "points", "delay", "delays", "precision", "precisions", "recall", "recalls", "quiet", "calm_rows", "empty",
    "adjusted_said", "adjusted_hits",
)  # fmt: skip
_AT = {name: index for index, name in enumerate(COLUMNS)}


def stretch_row(said: Sequence[Interval] | None, true: Sequence[Interval], length: int) -> np.ndarray:
    """float[COLUMNS]: what one answer adds. `said` is None where it could not be read."""
    given = [] if said is None else list(said)
    said_mask, true_mask = mask(given, length), mask(true, length)
    waits = delays(given, true, length)
    near = affiliation(given, true, length)
    adjusted = said_mask.copy()
    for start, end in true:
        adjusted[start:end] |= said_mask[start:end].any()
    has_events, is_heard = bool(true), bool(said_mask.any())
    is_calm = not has_events and said is not None
    values = {
        "rows": 1, "said": len(given), "true": len(true),
        "hits_10": len(matched(given, true, 0.1)), "hits_50": len(matched(given, true, 0.5)),
        "points_said": said_mask.sum(), "points_true": true_mask.sum(), "point_hits": (said_mask & true_mask).sum(),
        "found": len(waits), "alarms": sum(all(overlap(a, b) == 0 for b in true) for a in given), "points": length,
        "delay": sum(waits), "delays": len(waits),
        "precision": near.precision if has_events and is_heard else 0, "precisions": has_events and is_heard,
        "recall": near.recall if has_events else 0, "recalls": has_events,
        "quiet": is_calm and not is_heard, "calm_rows": is_calm, "empty": said is not None and not is_heard,
        "adjusted_said": adjusted.sum(), "adjusted_hits": (adjusted & true_mask).sum(),
    }  # fmt: skip
    return np.array([float(values[name]) for name in COLUMNS])


def metrics(with_point_adjusted: bool = False) -> dict[str, Statistic]:
    """The metrics by name, the headline first.

    with_point_adjusted: also point-adjusted F1, which counts a whole event as found point by point once a single point
    of it was said. It flatters: calling every twentieth point anomalous at random reaches 0.87 where the F1 of the same
    points is 0.07, and beats careful detectors. It is there to set a figure beside old papers, and for nothing else.
    """
    found: dict[str, Statistic] = {
        "event_f1_10": _f1("hits_10", "said", "hits_10", "true"),
        "event_f1_50": _f1("hits_50", "said", "hits_50", "true"),
        "composite_f1": _f1("point_hits", "points_said", "found", "true"),
        "affiliation_precision": _share("precision", "precisions"),
        "affiliation_recall": _share("recall", "recalls"),
        "affiliation_f1": _where_events(_f1("precision", "precisions", "recall", "recalls")),
        "event_precision_10": _share("hits_10", "said"),
        "event_recall_10": _share("hits_10", "true"),
        "point_f1": _f1("point_hits", "points_said", "point_hits", "points_true"),
        "false_alarms_per_1000": _share("alarms", "points", 1000.0),
        "detection_delay": _share("delay", "delays"),
        "quiet_share": _share("quiet", "calm_rows"),
        "empty_share": _share("empty", "rows"),
    }
    if with_point_adjusted:
        found["point_adjusted_f1"] = _f1("adjusted_hits", "adjusted_said", "adjusted_hits", "points_true")
    return found


# Metrics that are no share of one: their intervals have no upper bound.
UNBOUNDED = ("false_alarms_per_1000", "detection_delay")


def _share(part: str, whole: str, factor: float = 1.0) -> Statistic:
    def statistic(sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(factor * sums[:, _AT[part]] / sums[:, _AT[whole]])

    return statistic


def _where_events(inner: Statistic) -> Statistic:
    """Undefined where no row has an event."""

    def statistic(sums: np.ndarray) -> np.ndarray:
        return np.where(sums[:, _AT["recalls"]] > 0, inner(sums), np.nan)

    return statistic


def _f1(precise: str, said: str, recalled: str, true: str) -> Statistic:
    """Harmonic mean of two shares; 1 where nothing is true and nothing said, 0 where only one side is empty."""

    def statistic(sums: np.ndarray) -> np.ndarray:
        hits, given, found, real = (sums[:, _AT[name]] for name in (precise, said, recalled, true))
        with np.errstate(invalid="ignore", divide="ignore"):
            first = np.where(given > 0, hits / given, 0.0)
            second = np.where(real > 0, found / real, 0.0)
            both = np.where(first + second > 0, 2 * first * second / (first + second), 0.0)
        return np.where((given == 0) & (real == 0), 1.0, both)

    return statistic
