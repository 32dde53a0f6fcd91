"""Tasks whose answer follows from the values alone: values, statistics, extremes, rules, counts, comparisons, lags."""

from typing import Any

import numpy as np

from tsft.data.tasks import fields
from tsft.data.tasks.fields import Field
from tsft.data.tasks.measures import (
    STATISTICS,
    best_lag,
    correlation_class,
    first_step_beyond,
    runs,
    upward_crossings,
    window_statistic,
)
from tsft.data.tasks.subject import NamedSeries, Subject
from tsft.data.tasks.task import Parameters, Task, any_series, any_window, first_fit

# More stretches or crossings than this nobody lists, and no answer of a few tokens holds.
MOST_STRETCHES = 6
MOST_COUNTED = 12
# Means must differ by half a spread, spreads by half of the smaller one: closer pairs are not asked about.
CLEAR_MEANS, CLEAR_SPREADS = 0.5, 1.5
_SIGMAS = 3.0
# Means and spreads stand in the model's prefix, peaks and windows do not: a third against two thirds.
_COMPARISONS = ("compare_mean", "compare_spread", *2 * ("compare_peak", "compare_window"))
_RULES = ("rule_above", "rule_below", "rule_step", "rule_sigma")


def _draw_value_at(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    series = any_series(subject, generator)
    # The first and the last value stand in the model's prefix.
    point = int(generator.integers(1, len(subject.series[series]) - 1))
    return None if wanted == "none" else {"wording": "value_at", "series": series, "point": point}


def _solve_value_at(subject: Subject, parameters: Parameters) -> tuple[Field, ...]:
    series = subject.series[parameters["series"]]
    return (fields.level("value", float(series.values[parameters["point"]]), series),)


def _draw_window(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    series = any_series(subject, generator)
    start, end = any_window(len(subject.series[series]), generator)
    statistic = STATISTICS[int(generator.integers(len(STATISTICS)))]
    told = {"wording": f"window_{statistic}", "series": series, "statistic": statistic, "start": start, "end": end}
    return None if wanted == "none" else told


def _solve_window(subject: Subject, parameters: Parameters) -> tuple[Field, ...]:
    series = subject.series[parameters["series"]]
    value = window_statistic(series.values, parameters["statistic"], parameters["start"], parameters["end"])
    make = fields.amount if parameters["statistic"] in ("change", "range") else fields.level
    return (make("value", value, series),)


def _draw_extreme(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    which = ("maximum", "minimum")[int(generator.integers(2))]
    told = {"wording": f"extreme_{which}", "series": any_series(subject, generator), "which": which}
    return None if wanted == "none" else told


def _solve_extreme(subject: Subject, parameters: Parameters) -> tuple[Field, ...]:
    series = subject.series[parameters["series"]]
    is_maximum = parameters["which"] == "maximum"
    point = int(np.argmax(series.values) if is_maximum else np.argmin(series.values))
    return (
        fields.position("point", point, len(series)),
        fields.level("value", float(series.values[point]), series),
    )


def _draw_rule(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    series = any_series(subject, generator)
    # Drawn once and not with every proposal: else the rule that is asked about would tell the answer.
    wording = _RULES[int(generator.integers(len(_RULES)))]

    def propose() -> dict[str, Any]:
        told: dict[str, Any] = {"wording": wording, "series": series}
        values = subject.series[series].values
        if wording == "rule_step":
            steps = np.abs(np.diff(values))
            return {**told, "size": _printed(float(steps.max()) * float(generator.uniform(0.5, 1.5)), values)}
        if wording == "rule_sigma":
            return told
        least = (1, 2, 3, 5, 8, 12, 20)[int(generator.integers(7))]
        share = float(generator.uniform(0.05, 0.95))
        return {**told, "threshold": _between(values, share), "least": min(least, len(values) // 4)}

    return first_fit(propose, _solve_rule, subject, wanted)


def _solve_rule(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    series = subject.series[parameters["series"]]
    values, wording = series.values, parameters["wording"]
    if wording == "rule_step":
        point = first_step_beyond(values, parameters["size"])
        return fields.yes_no("holds", point is not None), fields.position("point", point, len(series))
    if wording == "rule_sigma":
        found = runs(np.abs(values - values.mean()) > _SIGMAS * values.std())
    elif wording == "rule_above":
        found = runs(values > parameters["threshold"], parameters["least"])
    else:
        found = runs(values < parameters["threshold"], parameters["least"])
    if len(found) > MOST_STRETCHES:
        return None
    return fields.yes_no("holds", bool(found)), fields.intervals("intervals", found, len(series))


def _draw_count(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    series = any_series(subject, generator)
    values = subject.series[series].values

    def propose() -> dict[str, Any]:
        # The threshold stays inside the range: beyond it, the extremes in the model's prefix would say "0".
        told: dict[str, Any] = {"series": series, "threshold": _between(values, float(generator.uniform(0.1, 0.95)))}
        if wanted != "none" and generator.random() < 0.5:
            return {"wording": "count_crossings", **told}
        least = (5, 8, 12, 20) if wanted == "none" else (2, 3, 5, 8)
        return {"wording": "count_above", **told, "least": least[int(generator.integers(len(least)))]}

    return first_fit(propose, _solve_count, subject, wanted)


def _solve_count(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    values = subject.series[parameters["series"]].values
    if parameters["wording"] == "count_crossings":
        found = upward_crossings(values, parameters["threshold"])
    else:
        found = len(runs(values > parameters["threshold"], parameters["least"]))
    return (fields.count("count", found),) if found <= MOST_COUNTED else None


def _draw_compare(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    if wanted == "none":
        return None

    def propose() -> dict[str, Any]:
        pair = [int(index) for index in generator.permutation(len(subject.series))[:2]]
        wording = _COMPARISONS[int(generator.integers(len(_COMPARISONS)))]
        told: dict[str, Any] = {"wording": wording, "pair": pair}
        if wording == "compare_window":
            told["start"], told["end"] = any_window(min(len(subject.series[index]) for index in pair), generator)
        return told

    return first_fit(propose, _solve_compare, subject, "")


def _solve_compare(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    pair = [subject.series[index] for index in parameters["pair"]]
    wording = parameters["wording"]
    if wording == "compare_spread":
        spreads = [float(each.values.std()) for each in pair]
        is_clear, winner = max(spreads) > CLEAR_SPREADS * min(spreads), int(spreads[1] > spreads[0])
    elif wording == "compare_peak":
        peaks = [int(np.argmax(each.values)) for each in pair]
        apart = max(len(pair[0]), len(pair[1])) // 16
        is_clear = abs(peaks[0] - peaks[1]) > apart and all(_has_one_peak(each) for each in pair)
        winner = int(peaks[1] < peaks[0])
    else:
        window = slice(parameters.get("start"), parameters.get("end"))
        means = [float(each.values[window].mean()) for each in pair]
        is_clear = abs(means[0] - means[1]) > CLEAR_MEANS * max(float(each.values.std()) for each in pair)
        winner = int(means[1] > means[0])
    return (fields.name_of("series", pair[winner].name, _names(pair)),) if is_clear else None


def _draw_correlate(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    def propose() -> dict[str, Any]:
        return {"wording": "correlate", "pair": _equally_long_pair(subject, generator)}

    return first_fit(propose, _solve_correlate, subject, wanted)


def _solve_correlate(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    pair = [subject.series[index] for index in parameters["pair"]]
    if len(pair) != 2 or len(pair[0]) != len(pair[1]):
        return None
    found = correlation_class(pair[0].values, pair[1].values)
    return None if found is None else (fields.choice("correlation", found, ("positive", "negative", "none")),)


def _draw_lag(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    def propose() -> dict[str, Any]:
        return {"wording": "lag", "pair": _equally_long_pair(subject, generator)}

    return first_fit(propose, _solve_lag, subject, wanted)


def _solve_lag(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    pair = [subject.series[index] for index in parameters["pair"]]
    if len(pair) != 2 or len(pair[0]) != len(pair[1]):
        return None
    lag = best_lag(pair[0].values, pair[1].values)
    if lag is None:
        return None
    length = len(pair[0])
    # A shift is given as a length, so it has the tolerance of a point and zero says "at once".
    leader = None if lag == 0 else pair[0 if lag > 0 else 1].name
    return (
        fields.name_of("leader", leader, _names(pair)),
        fields.position("lag", abs(lag), length, max(1, length // 100)),
    )


def _equally_long_pair(subject: Subject, generator: np.random.Generator) -> list[int]:
    """Two series of one length; fewer where there are none, which no solver takes."""
    order = [int(index) for index in generator.permutation(len(subject.series))]
    same = [index for index in order if len(subject.series[index]) == len(subject.series[order[0]])]
    return same[:2]


def _names(pair: list[NamedSeries]) -> list[str]:
    return [each.name for each in pair]


def _has_one_peak(series: NamedSeries) -> bool:
    """Whether the largest value stands out from all values farther than a sixteenth of the length away."""
    values = series.values
    peak = int(np.argmax(values))
    away = np.abs(np.arange(len(values)) - peak) > len(values) // 16
    return float(values[peak] - values[away].max()) > 0.03 * float(np.ptp(values))


def _between(values: np.ndarray, share: float) -> float:
    """A threshold at this share of the way from the least to the largest value, as it will be printed."""
    return _printed(float(values.min()) + share * float(np.ptp(values)), values)


def _printed(value: float, values: np.ndarray) -> float:
    return fields.rounded(value, fields.decimals_for(values))


VALUE_TASKS = (
    Task("value_at", "values", _draw_value_at, _solve_value_at, ("value_at",)),
    Task("window_stat", "values", _draw_window, _solve_window, tuple(f"window_{each}" for each in STATISTICS)),
    Task("extreme", "values", _draw_extreme, _solve_extreme, ("extreme_maximum", "extreme_minimum")),
    Task(
        "rule",
        "values",
        _draw_rule,
        _solve_rule,
        _RULES,
        can_be_none=True,
    ),
    Task("count", "values", _draw_count, _solve_count, ("count_crossings", "count_above"), can_be_none=True),
    Task(
        "compare",
        "values",
        _draw_compare,
        _solve_compare,
        ("compare_mean", "compare_spread", "compare_peak", "compare_window"),
        least_series=2,
    ),
    Task("correlate", "values", _draw_correlate, _solve_correlate, ("correlate",), 2, can_be_none=True),
    Task("lag", "values", _draw_lag, _solve_lag, ("lag",), least_series=2, can_be_none=True),
)
