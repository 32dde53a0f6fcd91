"""The shape of every event type: what it adds to a series of one unit, and what it leaves behind."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tsft.data.synth.curves import pick
from tsft.data.tasks.event_types import EVENT_TYPE

# What these do depends on the series under them; they are applied to it, not added.
OVERLAYS = ("flatline", "clipped top", "dropout to zero", "period change")


@dataclass(frozen=True)
class Shape:
    """offset: float[n], largest deviation 1 in the direction of the type; lasting: the level after it, 0 for none."""

    offset: np.ndarray
    lasting: float = 0.0

    def __len__(self) -> int:
        return len(self.offset)


def shape_of(key: str, length: int, generator: np.random.Generator) -> Shape:
    """A shape of this type in a series of `length` points; overlays give only their extent (zeros)."""
    return _MAKERS[key](length, EVENT_TYPE[key].direction, generator)


def _spike(generator: np.random.Generator) -> np.ndarray:
    """One point mostly; sometimes a point of rise, of fall or of plateau more."""
    form = int(generator.integers(20))
    if form < 16:
        return np.ones(1)
    return (np.array([0.5, 1.0]), np.array([1.0, 0.5]), np.ones(2), np.array([0.5, 1.0, 0.5]))[form - 16]


def _single(length: int, sign: int, generator: np.random.Generator) -> Shape:
    return Shape(sign * _spike(generator))


def _continuous(length: int, sign: int, generator: np.random.Generator) -> Shape:
    parts = []
    for _ in range(int(generator.integers(3, 6))):
        parts += [_spike(generator) * float(generator.uniform(0.75, 1.0)), np.zeros(int(generator.integers(1, 4)))]
    offset = np.concatenate(parts[:-1])
    return Shape(sign * offset / offset.max())


def _shake(length: int, sign: int, generator: np.random.Generator) -> Shape:
    count = _between(8, max(0.12 * length, 12), generator)
    offset = generator.uniform(0.5, 1.0, count) * np.where(np.arange(count) % 2, 1.0, -1.0)
    return Shape(offset / np.abs(offset).max())


def _burst(length: int, sign: int, generator: np.random.Generator) -> Shape:
    offset = generator.standard_normal(_between(max(0.08 * length, 16), max(0.2 * length, 24), generator))
    return Shape(offset / np.abs(offset).max())


def _convex(length: int, sign: int, generator: np.random.Generator) -> Shape:
    """Up in one to four points, a plateau (sometimes waving, in its own scale), and down again."""
    plateau = np.ones(_between(max(0.05 * length, 10), max(0.15 * length, 16), generator))
    if generator.random() < 0.3:
        turns = float(generator.uniform(1, 3))
        plateau = plateau - 0.08 * (1 - np.sin(2 * np.pi * turns * np.linspace(0, 1, len(plateau))))
    sides = int(generator.integers(1, 5)), int(generator.integers(1, 5))
    up, down = (np.arange(1, side + 1) / (side + 1) for side in sides)
    offset = np.concatenate((up, plateau, down[::-1]))
    return Shape(sign * offset / offset.max())


def _sudden(length: int, sign: int, generator: np.random.Generator) -> Shape:
    """A step within one to four points, for good: no silent recovery afterwards."""
    count = int(generator.integers(1, 5))
    return Shape(sign * np.arange(1, count + 1) / count, float(sign))


def _gradual(length: int, sign: int, generator: np.random.Generator) -> Shape:
    count = _between(max(0.08 * length, 16), max(0.16 * length, 20), generator)
    direction = pick((1.0, -1.0), generator)
    return Shape(direction * (0.5 - 0.5 * np.cos(np.pi * np.arange(1, count + 1) / count)), direction)


def _drift(length: int, sign: int, generator: np.random.Generator) -> Shape:
    """Slowly away, and back at once, as a sensor that is calibrated again."""
    count = _between(max(0.18 * length, 24), max(0.28 * length, 30), generator)
    return Shape(pick((1.0, -1.0), generator) * np.arange(1, count + 1) / count)


def _wide(length: int, sign: int, generator: np.random.Generator) -> Shape:
    rise, fall = (_between(max(0.02 * length, 5), max(0.06 * length, 8), generator) for _ in range(2))
    top = np.ones(int(generator.integers(1, 4)))
    offset = np.concatenate((np.arange(1, rise) / rise, top, np.arange(fall - 1, 0, -1) / fall))
    return Shape(sign * offset)


def _rapid_slow(length: int, sign: int, generator: np.random.Generator) -> Shape:
    return Shape(sign * _sided(length, generator))


def _slow_rapid(length: int, sign: int, generator: np.random.Generator) -> Shape:
    return Shape(sign * _sided(length, generator)[::-1])


def _sided(length: int, generator: np.random.Generator) -> np.ndarray:
    """To the top within one to three points and slowly back."""
    rise = int(generator.integers(1, 4))
    fall = _between(max(0.06 * length, 10), max(0.15 * length, 16), generator)
    return np.concatenate((np.arange(1, rise + 1) / rise, np.arange(fall - 1, 0, -1) / fall))


def _after(change: int) -> Callable[[int, int, np.random.Generator], Shape]:
    """A spike, and then another level for good."""

    def make(length: int, sign: int, generator: np.random.Generator) -> Shape:
        level = change * float(generator.uniform(0.4, 0.7))
        count = int(generator.integers(2, 7))
        return Shape(np.concatenate((sign * _spike(generator), level * np.arange(1, count + 1) / count)), level)

    return make


def _stretch(least: float, most: float, points: int) -> Callable[[int, int, np.random.Generator], Shape]:
    """Only an extent, as shares of the length and at least so many points."""

    def make(length: int, sign: int, generator: np.random.Generator) -> Shape:
        return Shape(np.zeros(_between(max(least * length, points), max(most * length, points + 4), generator)))

    return make


def _between(low: float, high: float, generator: np.random.Generator) -> int:
    return int(generator.integers(int(low), int(high) + 1))


_MAKERS: dict[str, Callable[[int, int, np.random.Generator], Shape]] = {
    "shake": _shake,
    "upward spike": _single,
    "downward spike": _single,
    "continuous upward spike": _continuous,
    "continuous downward spike": _continuous,
    "upward convex": _convex,
    "downward convex": _convex,
    "sudden increase": _sudden,
    "sudden decrease": _sudden,
    "rapid rise followed by slow decline": _rapid_slow,
    "slow rise followed by rapid decline": _slow_rapid,
    "rapid decline followed by slow rise": _rapid_slow,
    "slow decline followed by rapid rise": _slow_rapid,
    "decrease after upward spike": _after(-1),
    "increase after upward spike": _after(1),
    "increase after downward spike": _after(1),
    "decrease after downward spike": _after(-1),
    "wide upward spike": _wide,
    "wide downward spike": _wide,
    "flatline": _stretch(0.08, 0.16, 12),
    "dropout to zero": _stretch(0.03, 0.08, 4),
    "variance burst": _burst,
    "period change": _stretch(0.25, 0.35, 32),
    "clipped top": _stretch(0.25, 0.35, 32),
    "slow drift": _drift,
    "gradual level shift": _gradual,
}
