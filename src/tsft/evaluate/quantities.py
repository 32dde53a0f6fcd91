"""Answers that are numbers or point numbers: how far off they are, per answer; means are the report's.

A relative error of a value near zero says nothing about reading a plot, so its floor is a share of the series' range;
a position is judged in points, because where something happens must not decide how exactly it has to be read.
"""

FLOOR_SHARE = 0.05
CLOSE_SHARE = 0.05


def relative_accuracy(said: float | None, true: float | None, span: float = 0.0) -> float:
    """1 - error / max(|true|, 5 % of the range), never below 0. None means "there is none" and must be met exactly."""
    if said is None or true is None:
        return float(said is None and true is None)
    error = abs(said - true)
    if _is_noise(error, true):
        return 1.0
    scale = max(abs(true), FLOOR_SHARE * span)
    return max(0.0, 1.0 - error / scale) if scale > 0 else 0.0


def is_close(said: float | None, true: float | None, span: float = 0.0) -> bool:
    """Within 5 % of the true value, or of the floor above."""
    if said is None or true is None:
        return said is None and true is None
    error = abs(said - true)
    return _is_noise(error, true) or error <= CLOSE_SHARE * max(abs(true), FLOOR_SHARE * span)


def symmetric_error(said: float, true: float) -> float:
    """One term of sMAPE, 0 to 2: the error over the mean size of both; 0 where both are 0."""
    size = (abs(said) + abs(true)) / 2
    return abs(said - true) / size if size > 0 else 0.0


def _is_noise(error: float, true: float) -> bool:
    """Float noise of printing and reading is no error."""
    return error <= 1e-9 * max(1.0, abs(true))
