"""Whether the text alone gives an answer away: the model's prefix prints length, mean, extremes and end values."""

from collections.abc import Sequence

import numpy as np

from tsft.data.tasks.fields import Field
from tsft.data.tasks.subject import NamedSeries, Subject
from tsft.data.tasks.task import Parameters

# A trend as somebody would call it who saw only the numbers of the prefix.
CLEAR_SHARE = 0.3


def is_prefix_answerable(key: str, fields: Sequence[Field], parameters: Parameters, subject: Subject) -> bool:
    """Whether the main field could be answered rightly from the prefix, by the best rule there is for it."""
    main = fields[0]
    if key == "trend":
        series = subject.series[parameters["series"]]
        return main.value == prefix_trend(series)
    if key == "compare":
        # Mean and scale are printed; a window and the place of a peak are not.
        return parameters["wording"] in ("compare_mean", "compare_spread")
    if "series" not in parameters:
        return False
    series = subject.series[parameters["series"]]
    if key == "extreme":
        return main.value in (0, len(series) - 1)
    if main.kind == "number" and main.value is not None and main.details.get("unit") == series.unit and key != "season":
        return _is_printed(float(main.value), series, float(main.details["tolerance"]))
    if key == "count":
        return not float(series.values.min()) <= parameters["threshold"] <= float(series.values.max())
    return False


def prefix_trend(series: NamedSeries) -> str:
    """ "up", "down" or "flat" by the first and the last value against the range."""
    values = series.values
    change = float(values[-1] - values[0])
    if abs(change) <= CLEAR_SHARE * float(np.ptp(values)):
        return "flat"
    return "up" if change > 0 else "down"


def _is_printed(value: float, series: NamedSeries, tolerance: float) -> bool:
    values = series.values
    # A tenth of what is allowed: the number itself, not one that happens to be near.
    printed = (float(values.mean()), float(values.max()), float(values.min()), float(values[0]), float(values[-1]))
    return any(abs(value - each) <= 0.1 * tolerance for each in printed)
