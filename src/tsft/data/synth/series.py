"""Draws one series from a plan of parts (trend, season, noise, spike, level shift) and measures what is true of it."""

from dataclasses import dataclass

import numpy as np

LENGTHS = (64, 96, 128, 192, 256)
# Four decimals are what the model's prefix prints; what is smaller nobody could see.
DECIMALS = 4


@dataclass(frozen=True)
class Plan:
    """What a series is made of. Sizes are in units of the noise-free range; positions are point numbers from 0."""

    length: int
    level: float = 0.0
    scale: float = 1.0
    trend: float = 0.0
    period: int = 0
    shape: str = "sine"
    season: float = 0.0
    noise: float = 0.02
    spike_at: int = -1
    spike: float = 0.0
    shift_at: int = -1
    shift: float = 0.0


def render(plan: Plan, generator: np.random.Generator) -> np.ndarray:
    """float64[length], rounded; every label is measured on what comes out here."""
    points = np.arange(plan.length)
    values = plan.trend * points / (plan.length - 1)
    if plan.period:
        values = values + plan.season * 0.5 * _wave(plan.shape, points / plan.period)
    if plan.shift_at >= 0:
        values = values + plan.shift * (points >= plan.shift_at)
    values = values + plan.noise * generator.standard_normal(plan.length)
    if plan.spike_at >= 0:
        values[plan.spike_at] += plan.spike
    return np.round(plan.level + plan.scale * values, DECIMALS)


def _wave(shape: str, cycles: np.ndarray) -> np.ndarray:
    if shape == "square":
        return np.where(cycles % 1.0 < 0.5, 1.0, -1.0)
    if shape == "triangle":
        return 4.0 * np.abs((cycles + 0.25) % 1.0 - 0.5) - 1.0
    return np.sin(2.0 * np.pi * cycles)


def trend_direction(values: np.ndarray) -> str | None:
    """ "up", "down" or "flat" by the median slope between pairs of points; None where it is not clear enough to ask."""
    span = float(np.ptp(values))
    first, second = np.triu_indices(len(values), k=1)
    net = float(np.median((values[second] - values[first]) / (second - first))) * (len(values) - 1)
    if abs(net) > 0.4 * span:
        return "up" if net > 0 else "down"
    return "flat" if abs(net) < 0.1 * span else None


def season_period(values: np.ndarray) -> int | None:
    """The period in points, 0 for none, by the first high peak of the autocorrelation; None where it is not clear."""
    points = np.arange(len(values))
    rest = values - np.polyval(np.polyfit(points, values, 1), points)
    lags = np.arange(2, len(values) // 2)
    power = float(rest @ rest)
    correlation = np.array([float(rest[:-lag] @ rest[lag:]) / power * len(rest) / (len(rest) - lag) for lag in lags])
    if correlation.max() < 0.35:
        return 0
    inside = correlation[1:-1]
    is_peak = (inside >= correlation[:-2]) & (inside >= correlation[2:]) & (inside > 0.6)
    return int(lags[1:-1][is_peak][0]) if is_peak.any() else None


def spike_position(values: np.ndarray) -> int | None:
    """The one point far from both neighbours; None where there is no such point or more than one."""
    around = (values[:-2] + values[2:]) / 2
    distance = np.abs(values[1:-1] - around)
    best = int(np.argmax(distance))
    # The neighbours of a spike stand out by half of it, so they do not count as rivals.
    rivals = np.delete(distance, [at for at in (best - 1, best, best + 1) if 0 <= at < len(distance)])
    return best + 1 if distance[best] > 3 * rivals.max() else None


def shift_position(values: np.ndarray) -> int | None:
    """The first point of the new level, -1 for no shift; None where it is not clear. Splits at the least squares."""
    count = len(values)
    cuts = np.arange(4, count - 3)
    sums = np.cumsum(values)
    left, right = sums[cuts - 1] / cuts, (sums[-1] - sums[cuts - 1]) / (count - cuts)
    best = int(np.argmax(cuts * (count - cuts) * (left - right) ** 2))
    cut = int(cuts[best])
    spread = float(np.sqrt((np.var(values[:cut]) * cut + np.var(values[cut:]) * (count - cut)) / count))
    size = abs(float(left[best] - right[best]))
    if size > 5 * spread:
        return cut
    return -1 if size < 1.5 * spread else None


def extreme_position(values: np.ndarray, kind: str) -> int | None:
    """The point of the largest ("max") or smallest ("min") value; None when another comes within 2 % of the range."""
    signed = values if kind == "max" else -values
    best = int(np.argmax(signed))
    second = float(np.max(np.delete(signed, best)))
    return best if float(signed[best]) - second > 0.02 * float(np.ptp(values)) else None
