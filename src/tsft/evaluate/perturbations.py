"""Perturbations with a known effect on the answer: shift, scale, reversal and faint noise; each gives the new label.

A row on which the effect is not certain is left out (None): a threshold written in the question does not move with the
series, and a person's class may hang on the level. A model that looks answers the new question as well as the old one.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tsft.evaluate.free_text import FREE_TEXT
from tsft.evaluate.shown import Shown

# Faint against the 5 % within which a value counts as read rightly.
NOISE_SHARE = 0.01
Perturb = Callable[[Shown, np.random.Generator], Shown | None]
Field = Mapping[str, Any]

# Numbers that are values on the axis; the others are differences, which a shift leaves alone.
_LEVELS = {("value_at", "value"), ("extreme", "value"), ("window_stat", "value")}
_DIFFERENCES = ("change", "range")
# Points in units of their own; no change of the axis touches them.
_IN_POINTS = ("period",)
_ON_THE_AXIS = {"threshold", "size"}
_MIRRORED = {"up": "down", "down": "up"}
# Tasks whose answers are known on the series read backwards, besides those whose question names a point.
_REVERSIBLE = (
    "trend", "season", "period", "noise", "extreme", "anomalies", "correlate", "cluster", "event_count", "spike",
)  # fmt: skip


def perturbed(name: str, row: Shown, seed: int = 0) -> Shown | None:
    """The row under the perturbation of this name, or None where it says nothing about it."""
    # What a text that anybody wrote says of the series does not change with it.
    if not row.series or row.label["task"] == FREE_TEXT:
        return None
    # Drawn alike for a row of given series, whatever stands around it.
    first = np.ascontiguousarray(row.series[0], dtype=np.float64)
    return PERTURBATIONS[name](row, np.random.default_rng([seed, len(first), zlib.crc32(first.tobytes())]))


def shifted(row: Shown, generator: np.random.Generator) -> Shown | None:
    """Each series raised by half to one and a half of its range."""
    if _names_values(row) or row.label["task"] in ("classify", "compare"):
        return None
    steps = [float(np.ptp(each) or 1.0) * float(generator.uniform(0.5, 1.5)) for each in row.series]
    step = steps[_series_asked(row)]

    def moved(field: Field) -> dict[str, Any]:
        is_moved = field["kind"] == "number" and field["value"] is not None and _is_level(row, field)
        return {**field, "value": _rounded(field["value"] + step, field)} if is_moved else dict(field)

    return _changed(row, [each + by for each, by in zip(row.series, steps, strict=True)], moved)


def scaled(row: Shown, generator: np.random.Generator) -> Shown | None:
    """All series times the same factor between two and four."""
    if _names_values(row) or row.label["task"] == "classify":
        return None
    factor = float(generator.uniform(2.0, 4.0))

    def moved(field: Field) -> dict[str, Any]:
        new = dict(field)
        if field["kind"] == "number" and field["name"] not in _IN_POINTS:
            new |= {"scale": field["scale"] * factor, "tolerance": field["tolerance"] * factor}
            new["value"] = None if field["value"] is None else _rounded(field["value"] * factor, field)
        if field["kind"] == "events":
            new["scale"] = field["scale"] * factor
            new["value"] = [{**each, "size": _rounded(each["size"] * factor, field)} for each in field["value"]]
        return new

    return _changed(row, [each * factor for each in row.series], moved)


def reversed_in_time(row: Shown, generator: np.random.Generator) -> Shown | None:
    """Each series read backwards."""
    parameters = row.label.get("parameters") or {}
    if row.label["task"] not in _REVERSIBLE or _names_values(row) or {"point", "start"} & set(parameters):
        return None
    if row.label["task"] == "extreme" and _is_tied(row.series[_series_asked(row)]):
        # "The first of several" would be the last one then.
        return None

    def moved(field: Field) -> dict[str, Any]:
        value, kind = field["value"], field["kind"]
        if kind == "position" and value is not None:
            value = int(field["length"]) - 1 - value
        if kind == "intervals":
            value = sorted([int(field["length"]) - end, int(field["length"]) - start] for start, end in value)
        if field["name"] == "trend":
            value = _MIRRORED.get(value, value)
        if field["name"] == "change" and value is not None:
            value = -value
        return {**field, "value": value}

    return _changed(row, [each[::-1].copy() for each in row.series], moved)


def with_noise(row: Shown, generator: np.random.Generator) -> Shown | None:
    """Each series with noise of 1 % of its range: too little to change any answer."""
    if _names_values(row) or row.label["task"] in ("noise", "caption"):
        return None
    noisy = [each + generator.normal(size=len(each)) * NOISE_SHARE * float(np.ptp(each)) for each in row.series]
    return _changed(row, noisy, dict)


PERTURBATIONS: dict[str, Perturb] = {
    "shifted": shifted,
    "scaled": scaled,
    "reversed": reversed_in_time,
    "noisy": with_noise,
}


def _changed(row: Shown, series: list[np.ndarray], moved: Callable[[Field], dict[str, Any]]) -> Shown:
    label = {**row.label, "fields": [moved(each) for each in row.label["fields"]]}
    return replace(row, series=tuple(series), label=label, prefix_series=None)


def _names_values(row: Shown) -> bool:
    """Whether the question itself writes values of the axis."""
    return bool(_ON_THE_AXIS & set(row.label.get("parameters") or {}))


def _is_tied(values: np.ndarray) -> bool:
    return any(np.count_nonzero(values == each) > 1 for each in (values.min(), values.max()))


def _is_level(row: Shown, field: Field) -> bool:
    statistic = (row.label.get("parameters") or {}).get("statistic")
    return (row.label["task"], field["name"]) in _LEVELS and statistic not in _DIFFERENCES


def _series_asked(row: Shown) -> int:
    return int((row.label.get("parameters") or {}).get("series", 0))


def _rounded(value: float, field: Field) -> float:
    return round(float(value), int(field.get("decimals", 6)))
