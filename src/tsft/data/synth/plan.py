"""The plan of one series, and its rendering: parts added up, brought to a metric's range, and rounded."""

from dataclasses import dataclass, field

import numpy as np

from tsft.data.synth.curves import noise, quantised, season_wave, trend_curve
from tsft.data.synth.domains import Metric
from tsft.data.synth.event_shapes import OVERLAYS, Shape, shape_of
from tsft.data.tasks.event_types import EVENT_TYPE
from tsft.data.tasks.fields import decimals_for
from tsft.data.tasks.subject import Interval

# Nothing happens within so many points of an edge, where it could not be seen against what was before or after.
EDGE_POINTS = 3
# The share of the metric's range that a series fills, and where in it, is drawn apart from what the series shows:
# offset and scale of the model's prefix tell nothing.
FILLED = (0.2, 0.9)


@dataclass(frozen=True)
class EventPlan:
    """An event to come: its type, its size in units of the series' span, and its place (-1: anywhere)."""

    type: str
    size: float
    start: int = -1


@dataclass(frozen=True)
class Plan:
    """What a series is made of. trend: a kind of `curves`; rise, swing and sigma in units of the unscaled span.

    course: float[length] in place of a trend curve, for series that share one. missing: stretches without measurements,
    filled by straight lines from the point before to the point after.
    """

    length: int
    metric: Metric
    trend: str = "flat"
    rise: float = 0.0
    wave: str = ""
    period: int = 0
    swing: float = 0.0
    noise: str = "white"
    sigma: float = 0.01
    events: tuple[EventPlan, ...] = ()
    course: np.ndarray | None = field(default=None, compare=False)
    missing: tuple[Interval, ...] = ()


@dataclass(frozen=True)
class Placed:
    """An event in its place: points [start, end) and what it adds to the whole series (zeros for an overlay)."""

    type: str
    start: int
    end: int
    added: np.ndarray
    lasting: float


@dataclass(frozen=True)
class Rendered:
    """A series and its parts, all float[length] in the metric's unit; `values` alone is given out.

    slow: trend and lasting level changes; season: the wave around 0; events: what short events add; scale: the units
    of one unscaled span.
    """

    plan: Plan
    values: np.ndarray
    slow: np.ndarray
    season: np.ndarray
    offset: float
    scale: float
    placed: tuple[Placed, ...]

    @property
    def clean(self) -> np.ndarray:
        """Without noise and overlays."""
        total = self.slow + self.season
        for each in self.placed:
            total = total + each.added
        return total


def render(plan: Plan, generator: np.random.Generator) -> Rendered | None:
    """The series of a plan; None where its events have no room."""
    length = plan.length
    curve = trend_curve(plan.trend, length, generator) if plan.course is None else plan.course
    trend = plan.rise * curve
    wave = season_wave(plan.wave, length, plan.period, generator) if plan.period else np.zeros(length)
    season = plan.swing * wave
    base = trend + season
    span = max(float(np.ptp(base)), 0.5 if plan.period or plan.rise else 1.0)
    shapes = [shape_of(each.type, length, generator) for each in plan.events]
    starts = _starts(plan, shapes, generator)
    if starts is None or _are_hidden(plan, shapes, starts):
        return None
    placed = [
        _placed(event, shape, start, length, span)
        for event, shape, start in zip(plan.events, shapes, starts, strict=True)
    ]
    for each in placed:
        base = base + each.added
    rest, sigma = noise(plan.noise, length, generator), plan.sigma * span
    values = quantised(base, sigma, rest) if plan.noise == "quantised" else base + sigma * rest
    _overlay(values, plan, placed, wave, span)
    offset, scale = _brought_to_range(values, plan, generator)
    values = offset + scale * values
    for each in placed:
        if each.type == "dropout to zero":
            values[each.start : each.end] = 0.0
    for start, end in plan.missing:
        values[start - 1 : end + 1] = np.linspace(values[start - 1], values[end], end - start + 2)
    values = np.round(values, decimals_for(values)) + 0.0
    scaled = tuple(Placed(each.type, each.start, each.end, scale * each.added, each.lasting) for each in placed)
    return Rendered(plan, values, offset + scale * trend, scale * season, offset, scale, scaled)


def gap_points(length: int) -> int:
    """How far events are apart at least."""
    return max(8, length // 16)


def _starts(plan: Plan, shapes: list[Shape], generator: np.random.Generator) -> list[int] | None:
    """Where events begin: as planned, or spread evenly at random in random order."""
    if not shapes:
        return []
    length, gap = plan.length, gap_points(plan.length)
    if any(each.start >= 0 for each in plan.events):
        starts = [each.start for each in plan.events]
        ends = [start + len(shape) for start, shape in zip(starts, shapes, strict=True)]
        return starts if min(starts) >= EDGE_POINTS and max(ends) <= length - EDGE_POINTS else None
    order = generator.permutation(len(shapes))
    # A level that lasts must last long enough to be seen.
    tails = [max(gap, length // 10) if EVENT_TYPE[each.type].is_permanent else gap for each in plan.events]
    taken = sum(len(shape) for shape in shapes) + sum(tails[index] for index in order[:-1])
    last = max(EDGE_POINTS, tails[order[-1]] if EVENT_TYPE[plan.events[order[-1]].type].is_permanent else 0)
    free = length - taken - 2 * EDGE_POINTS - (last - EDGE_POINTS)
    if free < 0:
        return None
    cuts = np.sort(generator.integers(0, free + 1, len(shapes)))
    starts = [0] * len(shapes)
    used = EDGE_POINTS
    for place, index in enumerate(order.tolist()):
        starts[index] = used + int(cuts[place])
        used += len(shapes[index]) + tails[index]
    return starts


def _are_hidden(plan: Plan, shapes: list[Shape], starts: list[int]) -> bool:
    """Whether an event has nothing but a straight line at one of its points, or right beside it."""
    return any(
        begin < start + len(shape) + EDGE_POINTS and end > start - EDGE_POINTS
        for start, shape in zip(starts, shapes, strict=True)
        for begin, end in plan.missing
    )


def _placed(event: EventPlan, shape: Shape, start: int, length: int, span: float) -> Placed:
    end = start + len(shape)
    added = np.zeros(length)
    if event.type not in OVERLAYS:
        added[start:end] = event.size * span * shape.offset
        added[end:] = event.size * span * shape.lasting
    return Placed(event.type, start, end, added, shape.lasting)


def _overlay(values: np.ndarray, plan: Plan, placed: list[Placed], wave: np.ndarray, span: float) -> None:
    """Change the series in place where an event does not add but replace."""
    for each, event in zip(placed, plan.events, strict=True):
        inside = slice(each.start, each.end)
        if each.type == "flatline":
            values[inside] = values[each.start - 1]
        elif each.type == "clipped top":
            highest = float(values[inside].max())
            values[inside] = np.minimum(values[inside], highest - min(event.size, 0.7) * span)
        elif each.type == "period change" and plan.period:
            turns = each.start + 2.0 * np.arange(each.end - each.start)
            cycle = np.append(wave[: plan.period], wave[0])
            faster = np.interp(turns % plan.period, np.arange(plan.period + 1), cycle)
            values[inside] += plan.swing * (faster - wave[inside])


def _brought_to_range(values: np.ndarray, plan: Plan, generator: np.random.Generator) -> tuple[float, float]:
    """(offset, scale) that put the series somewhere into the range of its metric."""
    low, high = plan.metric.low, plan.metric.high
    lowest, span = float(values.min()), max(float(np.ptp(values)), 1e-6)
    filled = float(generator.uniform(*FILLED))
    place = float(generator.random())
    if any(each.type == "dropout to zero" for each in plan.events):
        filled, place = min(filled, 0.5), 1.0 - 0.2 * place
    scale = filled * (high - low) / span
    offset = low + (1.0 - filled) * place * (high - low) - scale * lowest
    return offset, scale
