"""Scenes: the series a question of each task is asked about, planned for the answer that is wanted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tsft.data.synth.curves import NOISES, RISING, pick
from tsft.data.synth.domains import Domain, Metric
from tsft.data.synth.measure import measured
from tsft.data.synth.plan import EventPlan, Plan, Rendered, render
from tsft.data.tasks.event_types import EVENT_TYPE, EVENT_TYPES
from tsft.data.tasks.subject import Attributes, Interval, NamedSeries, Subject

# What a plain question calls a spike or a shift, and what it could not say whether to call so.
PLAIN_SPIKES = ("upward spike", "downward spike")
PLAIN_SHIFTS = ("sudden increase", "sudden decrease", "gradual level shift")
NO_SPIKES = ("upward convex", "downward convex", *PLAIN_SHIFTS)
NO_SHIFTS = (*PLAIN_SPIKES, "upward convex", "downward convex", "wide upward spike", "wide downward spike")
NEEDS_SEASON = ("period change", "clipped top", "flatline")
SHAPES = ("sine", "square", "triangle", "sawtooth")
SHAPE_WORDS = {
    "en": {"sine": "sine wave", "square": "square wave", "triangle": "triangle wave", "sawtooth": "sawtooth wave"},
    "zh": {"sine": "正弦波", "square": "方波", "triangle": "三角波", "sawtooth": "锯齿波"},
}


@dataclass(frozen=True)
class Difficulty:
    """Ranges from which a series is drawn: noise and event size in units of its span, most events, swing."""

    sigma: tuple[float, float]
    size: tuple[float, float]
    most_events: int
    swing: tuple[float, float]


LEVELS = {
    "easy": Difficulty((0.001, 0.02), (0.9, 1.5), 2, (0.6, 1.0)),
    "medium": Difficulty((0.004, 0.04), (0.6, 1.2), 3, (0.4, 0.9)),
    "hard": Difficulty((0.02, 0.06), (0.45, 0.9), 4, (0.25, 0.7)),
}


@dataclass(frozen=True)
class Setting:
    """What is given to a scene: its task and wanted answer, and the row's length, series, language and difficulty.

    target: the class of the answer where the task has a closed list of them. missing: stretches that were not measured.
    """

    task: str
    wanted: str
    length: int
    series: int
    language: str
    domain: Domain
    level: Difficulty
    target: str = ""
    missing: tuple[Interval, ...] = ()


# The classes of which one is drawn before the scene; the order says nothing.
TARGETS: dict[str, tuple[str, ...]] = {
    "trend": ("up", "down", "flat"),
    "caption": ("up", "down", "flat"),
    "noise": ("noisy", "quiet"),
    "classify": SHAPES,
    "correlate": ("positive", "negative"),
}


def single(setting: Setting, generator: np.random.Generator) -> Subject | None:
    """One series planned for the task, among others that have nothing to do with it, in random order."""
    metrics = _metrics(setting, setting.series, generator)
    plan = _PLANS.get(setting.task, _any_plan)(setting, metrics[0], generator)
    main = seen(plan, generator)
    if main is None:
        return None
    others = [seen(_any_plan(setting, metric, generator), generator) for metric in metrics[1:]]
    made = [main, *(each for each in others if each is not None)]
    order = generator.permutation(len(made)).tolist()
    names = unique_names([made[index][0].plan.metric for index in order], setting.language)
    series = tuple(named(made[index], name) for index, name in zip(order, names, strict=True))
    focus = order.index(0)
    if setting.task in ("anomalies", "anomaly_near"):
        events = main[1].events or ()
        return Subject((series[focus],), intervals=tuple((each.start, each.end) for each in events), focus=0)
    if setting.task == "classify":
        words = SHAPE_WORDS[setting.language]
        return Subject((series[focus],), label=words[plan.wave], classes=tuple(words.values()), focus=0)
    return Subject(series, focus=focus)


def seen(plan: Plan, generator: np.random.Generator) -> tuple[Rendered, Attributes] | None:
    """A rendered plan with what is true of it; None where that could not be seen."""
    rendered = render(plan, generator)
    known = None if rendered is None else measured(rendered)
    return None if rendered is None or known is None else (rendered, known)


def named(found: tuple[Rendered, Attributes], name: str) -> NamedSeries:
    rendered, known = found
    return NamedSeries(name, rendered.values, rendered.plan.metric.unit, known)


def unique_names(metrics: Sequence[Metric], language: str) -> list[str]:
    """The metrics' names; those that occur twice get a number."""
    plain = [each.name(language) for each in metrics]
    names = []
    for place, name in enumerate(plain):
        if plain.count(name) == 1:
            names.append(name)
        else:
            names.append(f"{name} {1 + plain[:place].count(name)}")
    return names


def _metrics(setting: Setting, count: int, generator: np.random.Generator) -> list[Metric]:
    order = generator.permutation(len(setting.domain.metrics)).tolist()
    return [setting.domain.metrics[order[place % len(order)]] for place in range(count)]


def plan_of(setting: Setting, metric: Metric, generator: np.random.Generator, **parts: object) -> Plan:
    """A plan with the noise of the level and otherwise flat."""
    sigma = float(generator.uniform(*setting.level.sigma))
    given = {"length": setting.length, "metric": metric, "sigma": sigma, "noise": pick(NOISES, generator), **parts}
    given["missing"] = setting.missing
    return Plan(**given)  # type: ignore[arg-type]


def season_parts(setting: Setting, generator: np.random.Generator, weight: float = 1.0) -> dict[str, object]:
    """A season whose period is spread evenly over its octaves: at least four points, at most a third of the length."""
    most = setting.length // 3
    period = int(round(4 * (most / 4) ** float(generator.random())))
    waves = SHAPES if period < 12 else (*SHAPES, "harmonics", "nested", "modulated")
    swing = weight * float(generator.uniform(*setting.level.swing))
    return {"wave": pick(waves, generator), "period": period, "swing": swing}


def event_plans(
    setting: Setting, types: Sequence[str], count: int, generator: np.random.Generator
) -> tuple[EventPlan, ...]:
    """So many events of these types, as large as the level says and never below five deviations of its noise."""
    fitting = [each for each in types if 4 * EVENT_TYPE[each].least <= setting.length]
    return tuple(EventPlan(pick(fitting, generator), event_size(setting, generator)) for _ in range(count))


def event_size(setting: Setting, generator: np.random.Generator) -> float:
    return max(float(generator.uniform(*setting.level.size)), 5.5 * setting.level.sigma[1])


def _rise(generator: np.random.Generator, low: float = 0.7, high: float = 1.3) -> float:
    return float(generator.uniform(low, high)) * pick((1.0, -1.0), generator)


def _any_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    """Anything: for questions about values, and for the series beside the one that is asked about."""
    kind = pick(("flat", *RISING, "piecewise", "wandering"), generator)
    parts: dict[str, object] = {"trend": kind, "rise": 0.0 if kind == "flat" else _rise(generator)}
    if kind == "flat" or generator.random() < 0.4:
        parts |= season_parts(setting, generator)
    if generator.random() < 0.3:
        parts["events"] = event_plans(setting, ("upward spike", "downward spike", "upward convex"), 1, generator)
    return plan_of(setting, metric, generator, **parts)


def _rule_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    """Anything, with outliers in half of the series: the three-sigma rule shall be broken as often as kept."""
    plan = _any_plan(setting, metric, generator)
    if generator.random() < 0.5:
        return plan
    outlier = EventPlan(pick(PLAIN_SPIKES, generator), float(generator.uniform(1.2, 2.0)))
    return replace(plan, events=(outlier,))


def _trend_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    """Up, down or flat; season and short events are there whatever the answer is."""
    wanted = setting.target
    parts: dict[str, object] = {}
    if wanted != "flat":
        sign = 1.0 if wanted == "up" else -1.0
        parts |= {"trend": pick(RISING, generator), "rise": sign * float(generator.uniform(0.7, 1.3))}
    if wanted == "flat" or generator.random() < 0.7:
        # A swing as high as the rise: the end values then say little about the trend.
        parts |= season_parts(setting, generator, 1.4)
    if generator.random() < 0.3:
        parts["events"] = event_plans(setting, PLAIN_SPIKES, 1, generator)
    return plan_of(setting, metric, generator, **parts)


def _season_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    kind = pick(("flat", *RISING), generator)
    rise = 0.0 if kind == "flat" else _rise(generator, 0.3, 1.0)
    parts: dict[str, object] = {"trend": kind, "rise": rise}
    if setting.wanted != "none":
        parts |= season_parts(setting, generator)
    elif kind == "flat" and generator.random() < 0.5:
        parts["events"] = event_plans(setting, (*PLAIN_SHIFTS, "upward convex", "downward convex"), 1, generator)
    if "events" not in parts and generator.random() < 0.25:
        parts["events"] = event_plans(setting, PLAIN_SPIKES, 1, generator)
    return plan_of(setting, metric, generator, **parts)


def _noise_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    is_noisy = setting.target == "noisy"
    sigma = float(generator.uniform(0.08, 0.16) if is_noisy else generator.uniform(0.0005, 0.0025))
    kind = pick(("flat", *RISING, "piecewise"), generator)
    parts: dict[str, object] = {"trend": kind, "rise": 0.0 if kind == "flat" else _rise(generator)}
    if kind == "flat" or generator.random() < 0.5:
        parts |= season_parts(setting, generator)
    return plan_of(setting, metric, generator, sigma=sigma, **parts)


def _events_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    """No event, or some of any type, over a quiet course."""
    room = max(1, min(setting.level.most_events, setting.length // 40))
    count = 0 if setting.wanted == "none" and setting.task != "mcq" else int(generator.integers(1, room + 1))
    if setting.task == "event_at" and setting.wanted == "none":
        count = int(generator.integers(0, room + 1))
    types = [each.key for each in EVENT_TYPES if setting.task not in ("anomalies", "anomaly_near") or _is_passing(each)]
    events = event_plans(setting, types, count, generator)
    return _course_for(setting, metric, events, generator)


def _spike_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    return _one_of(setting, metric, PLAIN_SPIKES, NO_SPIKES, generator)


def _shift_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    return _one_of(setting, metric, PLAIN_SHIFTS, NO_SHIFTS, generator)


def _one_of(
    setting: Setting, metric: Metric, asked: Sequence[str], others: Sequence[str], generator: np.random.Generator
) -> Plan:
    """The event that is asked for or none of it; another kind is there in half of the series either way."""
    events = event_plans(setting, asked, 0 if setting.wanted == "none" else 1, generator)
    if generator.random() < 0.5:
        events += event_plans(setting, others, 1, generator)
    return _course_for(setting, metric, events, generator)


def _course_for(
    setting: Setting, metric: Metric, events: tuple[EventPlan, ...], generator: np.random.Generator
) -> Plan:
    """A course under events: seasonal where an event needs that, else anything that does not itself look like one."""
    types = {each.type for each in events}
    lasting = any(EVENT_TYPE[each].is_permanent for each in types)
    kind = "flat" if lasting else pick(("flat", "flat", "linear", "saturating", "accelerating"), generator)
    parts: dict[str, object] = {"trend": kind, "rise": 0.0 if kind == "flat" else _rise(generator), "events": events}
    if types & set(NEEDS_SEASON) or generator.random() < 0.4:
        parts |= season_parts(setting, generator, 0.7)
        if "period change" in types:
            parts["period"] = int(generator.integers(12, max(13, setting.length // 8)))
    return plan_of(setting, metric, generator, **parts)


def _caption_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    wanted = setting.target
    is_noisy = generator.random() < 0.4
    sigma = float(generator.uniform(0.06, 0.1) if is_noisy else generator.uniform(0.0005, 0.003))
    parts: dict[str, object] = {}
    if wanted != "flat":
        parts |= {"trend": pick(RISING[:4], generator), "rise": 1.0 if wanted == "up" else -1.0}
    if wanted == "flat" or generator.random() < 0.6:
        parts |= season_parts(setting, generator)
    count = int(generator.integers(0, 3))
    types = (*PLAIN_SPIKES, "upward convex", "downward convex", "wide upward spike", "wide downward spike", "shake")
    return plan_of(
        setting, metric, generator, sigma=sigma, events=event_plans(setting, types, count, generator), **parts
    )


def _shape_plan(setting: Setting, metric: Metric, generator: np.random.Generator) -> Plan:
    period = int(generator.integers(12, max(13, setting.length // 3)))
    swing = float(generator.uniform(0.6, 1.0))
    sigma = float(generator.uniform(0.001, 0.03))
    return plan_of(setting, metric, generator, wave=setting.target, period=period, swing=swing, sigma=sigma)


def _is_passing(kind: object) -> bool:
    return not getattr(kind, "is_permanent", False)


_PLANS: dict[str, Callable[[Setting, Metric, np.random.Generator], Plan]] = {
    "rule": _rule_plan,
    "trend": _trend_plan,
    "season": _season_plan,
    "period": _season_plan,
    "noise": _noise_plan,
    "spike": _spike_plan,
    "level_shift": _shift_plan,
    "caption": _caption_plan,
    "classify": _shape_plan,
    **dict.fromkeys(("events", "event_at", "event_count", "anomalies", "anomaly_near", "mcq"), _events_plan),
}
