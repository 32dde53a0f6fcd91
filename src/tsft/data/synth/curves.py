"""The parts a series is made of, each of unit size: trend curves, season waves and noises."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

# Curves that go one way from 0 to 1; the others have no direction and are never asked for one.
RISING = ("linear", "accelerating", "saturating", "exponential", "ladder")
WAVES = ("sine", "harmonics", "square", "triangle", "sawtooth", "nested", "modulated")
NOISES = ("white", "red", "bursty", "heavy", "quantised")

Item = TypeVar("Item")


def pick(items: Sequence[Item], generator: np.random.Generator) -> Item:
    """One of them; ten times faster than `Generator.choice`, which is called many times a row."""
    return items[int(generator.integers(len(items)))]


def trend_curve(kind: str, length: int, generator: np.random.Generator) -> np.ndarray:
    """float[length]. Rising kinds go from 0 to 1; "piecewise" and "wandering" span about 1; "flat" is 0."""
    u = np.linspace(0.0, 1.0, length)
    if kind == "linear":
        return u
    if kind == "accelerating":
        return u**2
    if kind == "saturating":
        return 1.0 - (1.0 - u) ** 2
    if kind == "exponential":
        rate = float(generator.uniform(1.5, 3.0))
        return np.expm1(rate * u) / np.expm1(rate)
    if kind == "ladder":
        steps = int(generator.integers(4, 9))
        return np.minimum(np.floor(u * steps), steps - 1) / (steps - 1)
    if kind == "piecewise":
        return knotted(length, generator)
    if kind == "wandering":
        walk = np.cumsum(generator.standard_normal(length))
        return (walk - walk[0]) / max(float(np.ptp(walk)), 1e-9)
    return np.zeros(length)


def knotted(length: int, generator: np.random.Generator, count: int = 0) -> np.ndarray:
    """A smooth curve through 3 to 6 random heights at jittered places, spanning 1."""
    knots = count or int(generator.integers(3, 7))
    places = np.linspace(0, length - 1, knots)
    places[1:-1] += generator.uniform(-0.25, 0.25, knots - 2) * (length - 1) / (knots - 1)
    heights = generator.uniform(-1.0, 1.0, knots)
    # Neighbouring heights that are alike would make a curve without a shape.
    heights[1::2] += 1.5 * (1 if heights[0] < 0 else -1)
    curve = through(places, heights, length)
    return (curve - curve[0]) / float(np.ptp(curve))


def through(places: np.ndarray, heights: np.ndarray, length: int) -> np.ndarray:
    """Cosine pieces between knots: no overshoot, level at every knot."""
    points = np.arange(length)
    left = np.clip(np.searchsorted(places, points, side="right") - 1, 0, len(places) - 2)
    share = np.clip((points - places[left]) / (places[left + 1] - places[left]), 0.0, 1.0)
    return heights[left] + (heights[left + 1] - heights[left]) * (0.5 - 0.5 * np.cos(np.pi * share))


def season_wave(kind: str, length: int, period: int, generator: np.random.Generator) -> np.ndarray:
    """float[length], peak to peak about 1 around 0, repeating after exactly `period` points."""
    phase = float(generator.random())
    cycles = (np.arange(length) / period + phase) % 1.0
    if kind == "square":
        return np.where(cycles < float(generator.uniform(0.3, 0.7)), 0.5, -0.5)
    if kind == "triangle":
        return 2.0 * np.abs(cycles - 0.5) - 0.5
    if kind == "sawtooth":
        return (cycles - 0.5) * (1.0 if generator.random() < 0.5 else -1.0)
    wave = 0.5 * np.sin(2.0 * np.pi * cycles)
    if kind == "harmonics":
        wave = wave + float(generator.uniform(0.1, 0.25)) * np.sin(4.0 * np.pi * cycles + generator.uniform(0, 6.28))
    elif kind == "nested":
        # The inner wave divides the outer one, so that the whole still repeats after the period.
        wave = wave + 0.15 * np.sin(2.0 * np.pi * 3 * cycles)
    elif kind == "modulated":
        swell = np.sin(2.0 * np.pi * (np.arange(length) / length + generator.random()))
        wave = wave * (1.0 + float(generator.uniform(0.1, 0.25)) * swell)
    return wave / max(float(np.ptp(wave)), 1e-9)


def noise(kind: str, length: int, generator: np.random.Generator) -> np.ndarray:
    """float[length] of standard deviation 1; "quantised" is white here, its steps are for `quantised`."""
    values = generator.standard_normal(length)
    if kind == "red":
        values = _reddened(values, 0.6)
    elif kind == "bursty":
        values = values * (1.0 + 0.5 * np.sin(2.0 * np.pi * (np.arange(length) / length + generator.random())))
    elif kind == "heavy":
        # Student's t with 5 degrees of freedom: heavy, but a point of it is seldom as tall as a spike.
        values = values / np.sqrt(generator.chisquare(5, length) / 5)
    return values / max(float(values.std()), 1e-9)


def quantised(base: np.ndarray, sigma: float, white: np.ndarray) -> np.ndarray:
    """The base as a coarse sensor reads it: a little white noise, then steps; together of deviation sigma."""
    step = 0.6 * np.sqrt(12.0) * sigma
    return step * np.round((base + 0.8 * sigma * white) / step)


def _reddened(values: np.ndarray, share: float) -> np.ndarray:
    """AR(1) as a short convolution: 0.6 to the 12th is below 0.3 %."""
    return np.convolve(values, share ** np.arange(12))[: len(values)]
