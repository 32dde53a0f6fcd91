"""Tasks that need a generator's attributes: trend, season, noise, events, spikes and level shifts."""

from typing import Any

import numpy as np

from tsft.data.tasks import fields
from tsft.data.tasks.event_types import EVENT_TYPE, EVENT_TYPES, SHIFTS, SPIKES
from tsft.data.tasks.fields import Field
from tsft.data.tasks.labels import near_points
from tsft.data.tasks.subject import Attributes, Event, NamedSeries, Subject
from tsft.data.tasks.task import Draw, Parameters, Solve, Task, any_series, first_fit, matches

TRENDS = ("up", "down", "flat")
NOISES = ("noisy", "quiet")
# Event types a question lists: enough that a guess is seldom right, few enough that the list stays short.
LISTED_TYPES = 6
# Some would call these a spike and some would not: with one of them in the series, nobody is asked.
SPIKE_LIKE = (
    "continuous upward spike",
    "continuous downward spike",
    "wide upward spike",
    "wide downward spike",
    "shake",
    "variance burst",
)


def _known(subject: Subject, parameters: Parameters) -> tuple[NamedSeries, Attributes]:
    series = subject.series[parameters["series"]]
    return series, series.attributes or Attributes()


def _drawn(wording: str, solve: Solve) -> Draw:
    """A draw without other parameters than the series."""

    def draw(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
        def propose() -> dict[str, Any]:
            return {"wording": wording, "series": any_series(subject, generator)}

        return first_fit(propose, solve, subject, wanted)

    return draw


def _solve_trend(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    series, known = _known(subject, parameters)
    if known.trend is None or known.change is None:
        return None
    return fields.choice("trend", known.trend, TRENDS), fields.amount("change", known.change, series)


def _solve_season(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    series, known = _known(subject, parameters)
    if known.period is None:
        return None
    swing = known.swing if known.period else None
    return (
        fields.yes_no("periodic", known.period > 0),
        fields.period("period", known.period or None),
        fields.amount("swing", swing, series),
    )


def _solve_period(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    known = _known(subject, parameters)[1]
    return None if known.period is None else (fields.period("period", known.period or None),)


def _solve_noise(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    series, known = _known(subject, parameters)
    if known.noise is None or known.sigma is None:
        return None
    return fields.choice("noise", known.noise, NOISES), fields.amount("sigma", known.sigma, series)


def _draw_events(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    def propose() -> dict[str, Any]:
        series = any_series(subject, generator)
        known = subject.series[series].attributes or Attributes()
        true = {each.type for each in known.events or ()}
        return {"wording": "events", "series": series, "types": listed_types(true, generator)}

    return first_fit(propose, _solve_events, subject, wanted)


def _solve_events(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    series, known = _known(subject, parameters)
    if known.events is None or any(each.type not in parameters["types"] for each in known.events):
        return None
    return (fields.events("events", known.events, parameters["types"], series),)


def listed_types(true: set[str], generator: np.random.Generator) -> list[str]:
    """The true types among others in random order, always `LISTED_TYPES` of them, so that the list tells nothing."""
    others = [each.key for each in EVENT_TYPES if each.key not in true]
    chosen = [*sorted(true), *(others[int(index)] for index in generator.permutation(len(others)))][:LISTED_TYPES]
    return [chosen[int(index)] for index in generator.permutation(len(chosen))]


def _draw_event_at(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    series = any_series(subject, generator)
    known = (subject.series[series].attributes or Attributes()).events
    if known is None:
        return None
    length = len(subject.series[series])
    around = near_points(length)
    is_some = wanted == "some" or (not wanted and generator.random() < 0.5)
    if is_some and known:
        point = known[int(generator.integers(len(known)))].start + int(generator.integers(-3, 4))
    else:
        is_far = np.ones(length, dtype=bool)
        for each in known:
            is_far[max(0, each.start - 3 * around) : each.end + 3 * around] = False
        # Far from the edges as events are, so that the position itself tells nothing.
        is_far[:2], is_far[-2:] = False, False
        if wanted == "some" or not is_far.any():
            return None
        point = int(generator.choice(np.flatnonzero(is_far)))
    told = {"wording": "event_at", "series": series, "point": int(np.clip(point, 0, length - 1)), "around": around}
    return told if matches(_solve_event_at(subject, told), wanted) else None


def _solve_event_at(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    known = _known(subject, parameters)[1].events
    if known is None:
        return None
    low, high = parameters["point"] - parameters["around"], parameters["point"] + parameters["around"]
    near = any(low <= each.start <= high or each.start <= parameters["point"] < each.end for each in known)
    return (fields.yes_no("event", near),)


def _solve_spike(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    return _one_event(subject, parameters, "spike", SPIKES)


def _solve_shift(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    return _one_event(subject, parameters, "level_shift", SHIFTS)


def _one_event(subject: Subject, parameters: Parameters, name: str, types: tuple[str, ...]) -> tuple[Field, ...] | None:
    """Yes with the point, or no; None where there are several and "the" point would be a guess."""
    series, known = _known(subject, parameters)
    if known.events is None:
        return None
    found = [each for each in known.events if each.type in types]
    is_doubtful = name == "spike" and any(each.type in SPIKE_LIKE for each in known.events)
    if len(found) > 1 or is_doubtful:
        return None
    # A spike is where its tip is; a shift is where the old level ends.
    point = None if not found else found[0].peak if name == "spike" else found[0].start
    return fields.yes_no(name, bool(found)), fields.position("point", point, len(series))


def _solve_event_count(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    known = _known(subject, parameters)[1].events
    return None if known is None else (fields.count("count", len(known)),)


def direction_of(event: Event) -> int:
    """1 up, -1 down: of its type, or of its size where the type has none."""
    return EVENT_TYPE[event.type].direction or (1 if event.size > 0 else -1)


ATTRIBUTE_TASKS = (
    Task("trend", "attributes", _drawn("trend", _solve_trend), _solve_trend, ("trend",)),
    Task("season", "attributes", _drawn("season", _solve_season), _solve_season, ("season",), can_be_none=True),
    Task("period", "attributes", _drawn("period", _solve_period), _solve_period, ("period",), can_be_none=True),
    Task("noise", "attributes", _drawn("noise", _solve_noise), _solve_noise, ("noise",)),
    Task("events", "attributes", _draw_events, _solve_events, ("events",), can_be_none=True),
    Task("event_at", "attributes", _draw_event_at, _solve_event_at, ("event_at",), can_be_none=True),
    Task("spike", "attributes", _drawn("spike", _solve_spike), _solve_spike, ("spike",), can_be_none=True),
    Task("level_shift", "attributes", _drawn("level_shift", _solve_shift), _solve_shift, ("level_shift",), 1, 16, True),
    Task(
        "event_count",
        "attributes",
        _drawn("event_count", _solve_event_count),
        _solve_event_count,
        ("event_count",),
        can_be_none=True,
    ),
)
