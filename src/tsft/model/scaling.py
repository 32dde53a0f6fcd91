"""Brings one series to the range that encoders are trained on ("scale and preserve") and refuses what cannot be.

Owns the numbers. How they are put into words is `prefix.py`; patches are `batches.py`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsft.errors import UserError, message

LARGEST = 3.0


@dataclass(frozen=True)
class ScaledSeries:
    """`values` float64[L] within ±3, and what the words need: x == values * scale - offset."""

    values: NDArray[np.float64]
    offset: float
    scale: float
    length: int
    maximum: float
    minimum: float
    left: float
    right: float


def scale_series(raw: Any, number: int = 1) -> ScaledSeries:
    """Check and scale one series. `number` counts from 1 and only serves the sentences."""
    points = _as_float64(raw, number)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(points.mean())
        centred = points - mean
        # One pass tells both: a NaN or an infinity anywhere makes the largest distance not finite.
        largest = float(np.abs(centred).max())
    if not np.isfinite(largest):
        raise UserError(_why_not_finite(points, number))
    factor = 1.0
    if largest >= LARGEST:
        factor = largest / LARGEST
        centred /= factor
    return ScaledSeries(
        values=centred,
        offset=-mean,
        scale=factor,
        length=points.size,
        maximum=float(points.max()),
        minimum=float(points.min()),
        left=float(points[0]),
        right=float(points[-1]),
    )


def _as_float64(raw: Any, number: int) -> NDArray[np.float64]:
    try:
        points = np.asarray(raw)
    except ValueError:  # inner lists of different lengths
        raise UserError(message("series.not_one_dimensional", series=number, shape="?")) from None
    if points.ndim == 2 and 1 in points.shape:
        points = points.reshape(-1)
    if points.ndim != 1:
        shape = " x ".join(str(size) for size in points.shape) or "0"
        raise UserError(message("series.not_one_dimensional", series=number, shape=shape))
    if points.size == 0:
        raise UserError(message("series.empty", series=number))
    # bool, integers and floats only: None, text and complex numbers would be turned into something else in silence.
    if points.dtype.kind not in "biuf":
        position, value = _first_not_a_number(points)
        raise UserError(message("series.not_a_number", series=number, position=position, value=value))
    return points.astype(np.float64, copy=False)


def _first_not_a_number(points: NDArray[Any]) -> tuple[int, str]:
    for position, value in enumerate(points.tolist()):
        if isinstance(value, complex | str | bytes) or not isinstance(value, int | float):
            return position, str(value)[:40]
    return 0, str(points[0])[:40]


def _why_not_finite(points: NDArray[np.float64], number: int) -> Any:
    for key, found in (("series.not_finite_nan", np.isnan(points)), ("series.not_finite_infinite", np.isinf(points))):
        if found.any():
            return message(key, series=number, position=int(found.argmax()), count=int(found.sum()))
    return message("series.too_large", series=number, value=f"{float(np.abs(points).max()):.3g}")
