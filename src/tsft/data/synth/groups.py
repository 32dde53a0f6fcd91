"""Scenes of several series that belong together: copies, lags, shared events, shared shapes, causes and effects."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tsft.data.synth.curves import RISING, knotted, pick, through
from tsft.data.synth.domains import Metric
from tsft.data.synth.plan import EDGE_POINTS, EventPlan, Plan
from tsft.data.synth.scenes import (
    Setting,
    event_size,
    named,
    plan_of,
    season_parts,
    seen,
    unique_names,
)
from tsft.data.tasks.measures import correlation
from tsft.data.tasks.subject import Relations, Subject

# Event types whose start is sharp enough to be compared between series.
SHARP = ("upward spike", "downward spike", "sudden increase", "sudden decrease", "upward convex", "downward convex")
# Companions of one shape agree at least so well, strangers at most so well.
ALIKE, STRANGE = 0.9, 0.6


def compared(setting: Setting, generator: np.random.Generator) -> Subject | None:
    """Series of one metric, so that their values can be compared, with levels and spreads of their own."""
    metric = pick(setting.domain.metrics, generator)
    plans = []
    for _ in range(max(2, setting.series)):
        kind = pick(("flat", *RISING), generator)
        rise = 0.0 if kind == "flat" else float(generator.uniform(-1.2, 1.2))
        # Half the range or less each: otherwise all of them would have the same mean.
        low = metric.low + float(generator.uniform(0.0, 0.5)) * (metric.high - metric.low)
        high = low + float(generator.uniform(0.15, 0.5)) * (metric.high - metric.low)
        own = replace(metric, low=low, high=high)
        plans.append(plan_of(setting, own, generator, trend=kind, rise=rise, **season_parts(setting, generator)))
    return _subject(setting, plans, generator)


def correlated(setting: Setting, generator: np.random.Generator) -> Subject | None:
    """Two series of one course, of opposite courses, or of unrelated ones, among strangers."""
    kind = "none" if setting.wanted == "none" else setting.target
    course = _course(setting, generator)
    other = _course(setting, generator) if kind == "none" else course
    sign = -1.0 if kind == "negative" else 1.0
    plans = [_with_course(setting, metric, each, generator) for metric, each in _pairs(setting, course, sign * other)]
    return _subject(setting, plans, generator, is_pair=True)


def lagged(setting: Setting, generator: np.random.Generator) -> Subject | None:
    """A series and a copy of it that comes later (or at once), in either order."""
    most = max(4, setting.length // 6)
    lag = 0 if setting.wanted == "none" else int(generator.integers(max(2, setting.length // 40), most + 1))
    longer = _restless(setting.length + most, generator)
    first, second = longer[most:], longer[most - lag : most - lag + setting.length]
    plans = [_with_course(setting, metric, each, generator) for metric, each in _pairs(setting, first, second)]
    return _subject(setting, plans, generator, is_pair=True)


def clustered(setting: Setting, generator: np.random.Generator) -> Subject | None:
    """Some series share a shape or the place of an event; the others have their own."""
    if generator.random() < 0.5:
        return _sharing_shape(setting, generator)
    return _sharing_events(setting, generator, lags=False)


def moving_first(setting: Setting, generator: np.random.Generator) -> Subject | None:
    """A chain of events, cause before effect, or all at once."""
    return _sharing_events(setting, generator, lags=setting.wanted != "none")


def _sharing_events(setting: Setting, generator: np.random.Generator, lags: bool) -> Subject | None:
    count = max(3, setting.series)
    is_chain = setting.task == "first_mover"
    related = count if is_chain else int(generator.integers(2, count))
    length = setting.length
    step = max(4, length // 32)
    near = int(generator.integers(length // 5, length - length // 4 - step * related))
    starts = [near + (step * place if lags else 0) for place in range(related)]
    metrics = generator.permutation(len(setting.domain.metrics)).tolist()
    plans = []
    for place in range(count):
        events: tuple[EventPlan, ...] = ()
        if place < related:
            # Within two points: "at once" to everybody who looks.
            start = starts[place] + (0 if lags else int(generator.integers(0, 2)))
            events = (EventPlan(pick(SHARP, generator), event_size(setting, generator), start),)
        elif generator.random() < 0.6:
            events = (
                EventPlan(pick(SHARP, generator), event_size(setting, generator), _elsewhere(near, length, generator)),
            )
        metric = setting.domain.metrics[metrics[place % len(metrics)]]
        season = season_parts(setting, generator, 0.6) if generator.random() < 0.3 else {}
        plans.append(plan_of(setting, metric, generator, events=events, **season))
    return _subject(setting, plans, generator, related=related, near=near, first=0 if lags else None)


def _sharing_shape(setting: Setting, generator: np.random.Generator) -> Subject | None:
    """One knot curve with jittered knots for the companions; a stranger has a fresh one, or one knot moved far."""
    count = max(3, setting.series)
    related = int(generator.integers(2, count))
    knots = int(generator.integers(4, 7))
    places = np.linspace(0, setting.length - 1, knots)
    heights = generator.uniform(-1.0, 1.0, knots)
    heights[1::2] += 1.5 * (1 if heights[0] < 0 else -1)
    metrics = generator.permutation(len(setting.domain.metrics)).tolist()
    plans = []
    for place in range(count):
        if place < related:
            moved = places.copy()
            moved[1:-1] += generator.uniform(-0.02, 0.02, knots - 2) * setting.length
            course = through(moved, heights * (1 + generator.uniform(-0.05, 0.05, knots)), setting.length)
        elif generator.random() < 0.5:
            course = through(places, _deviating(heights, generator), setting.length)
        else:
            course = knotted(setting.length, generator)
        metric = setting.domain.metrics[metrics[place % len(metrics)]]
        plans.append(_with_course(setting, metric, course, generator))
    return _subject(setting, plans, generator, related=related)


def _deviating(heights: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The same knots but for one, which goes past its neighbours to the other side."""
    moved = heights.copy()
    place = int(generator.integers(1, len(heights) - 1))
    beside = 0.5 * float(heights[place - 1] + heights[place + 1])
    moved[place] = beside + float(generator.uniform(0.8, 1.2)) * (beside - float(heights[place]))
    return moved


def _subject(
    setting: Setting,
    plans: list[Plan],
    generator: np.random.Generator,
    *,
    related: int = 0,
    near: int | None = None,
    first: int | None = None,
    is_pair: bool = False,
) -> Subject | None:
    """The plans rendered and put in random order. related: so many of the first plans belong together."""
    made = []
    for plan in plans:
        each = seen(plan, generator)
        if each is None:
            return None
        made.append(each)
    if related and near is None and not _are_alike([each[0].values for each in made], related):
        return None
    order = generator.permutation(len(made)).tolist()
    names = unique_names([made[index][0].plan.metric for index in order], setting.language)
    series = tuple(named(made[index], name) for index, name in zip(order, names, strict=True))
    if not related:
        return Subject(series)
    places = tuple(sorted(order.index(index) for index in range(related)))
    return Subject(series, relations=Relations(places, None if first is None else order.index(first), near))


def _are_alike(values: list[np.ndarray], related: int) -> bool:
    """Whether companions agree and nobody else agrees with them, measured on what was rendered."""
    for first in range(related):
        for second in range(first + 1, len(values)):
            fit = correlation(values[first], values[second])
            if (fit < ALIKE) if second < related else (abs(fit) > STRANGE):
                return False
    return True


def _pairs(setting: Setting, first: np.ndarray, second: np.ndarray) -> list[tuple[Metric, np.ndarray]]:
    metrics = setting.domain.metrics
    # Which two of the metrics: told by the data of the row, so that no draw is needed here.
    place = int(abs(first[len(first) // 2]) * 1e6) % len(metrics)
    return [(metrics[place], first), (metrics[(place + 1) % len(metrics)], second)]


def _with_course(setting: Setting, metric: Metric, course: np.ndarray, generator: np.random.Generator) -> Plan:
    return plan_of(setting, metric, generator, rise=1.0, course=course / max(float(np.ptp(course)), 1e-9))


def _course(setting: Setting, generator: np.random.Generator) -> np.ndarray:
    return knotted(setting.length, generator, int(generator.integers(4, 8)))


def _restless(length: int, generator: np.random.Generator) -> np.ndarray:
    """A course with many knots, unlike any shifted copy of itself."""
    count = max(8, length // 12)
    places = np.linspace(0, length - 1, count)
    places[1:-1] += generator.uniform(-0.3, 0.3, count - 2) * length / count
    return through(places, generator.uniform(-1.0, 1.0, count), length)


def _elsewhere(near: int, length: int, generator: np.random.Generator) -> int:
    """A place at least a quarter of the length away."""
    points = np.arange(EDGE_POINTS + 5, length - length // 5)
    pool = points[np.abs(points - near) > length // 4]
    return int(pick(pool.tolist(), generator))


GROUPS: dict[str, Callable[[Setting, np.random.Generator], Subject | None]] = {
    "compare": compared,
    "correlate": correlated,
    "lag": lagged,
    "cluster": clustered,
    "first_mover": moving_first,
}
