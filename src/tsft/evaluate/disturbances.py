"""A series disturbed in one way of a chosen strength, to see whether an answer follows: for a person who tries a model.

`perturbations.py` changes labelled rows so that the new label is known; here nothing is known but the change.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

KINDS = ("noise", "shift", "scale", "gap", "spike")
Disturb = Callable[[np.ndarray, float, float, int, np.random.Generator], tuple[np.ndarray, int, int]]


@dataclass(frozen=True)
class Disturbed:
    """points: float64[L]; first, last: the stretch that is another one now (from 0, both belong to it)."""

    points: np.ndarray
    first: int
    last: int


def disturbed(points: np.ndarray, kind: str, strength: float, seed: int = 0) -> Disturbed:
    """The series under one of KINDS; the same for the same seed.

    strength: a share of the range (noise: standard deviation; shift: by how much it is raised; spike: its height), of
    the length (gap: a stretch that is replaced by a straight line), or the factor less one (scale).
    points: float64[L] without gaps, which stays as it is
    """
    values = np.asarray(points, dtype=np.float64)
    # A series without any range gets changes of a size that can be seen in its numbers.
    extent = float(np.ptp(values)) or max(1.0, abs(float(values[0])))
    place = int(np.random.default_rng([seed, len(values)]).integers(len(values) // 4, max(len(values) * 3 // 4, 1) + 1))
    new, first, last = _DISTURB[kind](values, strength, extent, place, np.random.default_rng([seed, 1]))
    return Disturbed(new, first, last)


def _noise(
    values: np.ndarray, strength: float, extent: float, place: int, generator: np.random.Generator
) -> tuple[np.ndarray, int, int]:
    return values + generator.normal(size=len(values)) * strength * extent, 0, len(values) - 1


def _shift(
    values: np.ndarray, strength: float, extent: float, place: int, generator: np.random.Generator
) -> tuple[np.ndarray, int, int]:
    return values + strength * extent, 0, len(values) - 1


def _scale(
    values: np.ndarray, strength: float, extent: float, place: int, generator: np.random.Generator
) -> tuple[np.ndarray, int, int]:
    return values * (1.0 + strength), 0, len(values) - 1


def _gap(
    values: np.ndarray, strength: float, extent: float, place: int, generator: np.random.Generator
) -> tuple[np.ndarray, int, int]:
    width = int(np.clip(round(strength * len(values)), 1, len(values)))
    first = int(np.clip(place - width // 2, 0, len(values) - width))
    last = first + width - 1
    new, before, after = values.copy(), max(0, first - 1), min(len(values) - 1, last + 1)
    new[first : last + 1] = np.interp(np.arange(first, last + 1), [before, after], [values[before], values[after]])
    return new, first, last


def _spike(
    values: np.ndarray, strength: float, extent: float, place: int, generator: np.random.Generator
) -> tuple[np.ndarray, int, int]:
    place = min(place, len(values) - 1)
    new = values.copy()
    new[place] += strength * extent
    return new, place, place


_DISTURB: dict[str, Disturb] = {"noise": _noise, "shift": _shift, "scale": _scale, "gap": _gap, "spike": _spike}
