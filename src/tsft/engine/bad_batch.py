"""Names the rows of a batch whose loss or gradient is not finite, keeps them to be shown, finds the extreme ones."""

import logging
from collections.abc import Sequence

import numpy as np

from tsft.data.preparation import PreparedData
from tsft.engine.failures import BatchAtFaultError
from tsft.engine.job import Job
from tsft.engine.probes import shown_row, source_rows
from tsft.errors import UserError
from tsft.store.shown_rows import write_rows

logger = logging.getLogger(__name__)

# Rows that are named and drawn; a batch of more says enough with these.
MOST_ROWS = 16
# A value so many times its series' usual distance from the middle is no measurement. float16 ends at 65,504.
EXTREME_RATIO = 1e6
BURST = 1e12


def batch_at_fault(job: Job, data: PreparedData, step: int, indexes: Sequence[int]) -> BatchAtFaultError:
    """The error that names the rows; what they hold is written into the run's folder. indexes: into the train rows."""
    found = source_rows(job, data, data.train, indexes, MOST_ROWS)
    rows = [shown_row(source, example.turns, example.series) for source, example in found if example is not None]
    try:
        if job.team.is_first:
            write_rows(job.folder.failed_rows, rows)
    except UserError as error:
        logger.warning("could not keep the rows at fault: %s", error)
    extreme = [source for source, example in found if example is not None and is_extreme(example.series)]
    return BatchAtFaultError(step, tuple(source for source, _ in found), tuple(extreme))


def is_extreme(series: Sequence[np.ndarray]) -> bool:
    """Whether a value of any series (float64[L] each) is far beyond what the rest of its series is like."""
    return any(_ratio(points) > EXTREME_RATIO for points in series)


def _ratio(points: np.ndarray) -> float:
    """Largest distance from the median over the usual one; 0 for what cannot be judged."""
    if not len(points):
        return 0.0
    if not np.isfinite(points).all():
        return float("inf")
    distances = np.abs(points / 2 - np.median(points) / 2)  # halves: a span may be more than a float holds
    usual, largest = float(np.median(distances)), float(distances.max())
    if usual:
        return largest / usual
    # Mostly one value, and bursts: bytes sent by an idle machine reach millions.
    return float("inf") if largest > BURST else 0.0
