"""The built-in `demo` dataset: seeded rows in ChatTS shape whose answers are measured on the series they speak of."""

import json
import os
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsft.data.synth.series import (
    LENGTHS,
    Plan,
    extreme_position,
    render,
    season_period,
    shift_position,
    spike_position,
    trend_direction,
)
from tsft.data.synth.words import ANSWERS, INTRODUCTIONS, NAMES, QUESTIONS

DEMO_NAME = "demo"
DEMO_ROWS = 400
DEMO_SEED = 7
# Part of every row's id and of the cached file's name; a change of any row asks for the next number.
GENERATOR_VERSION = 1
_TASKS = ("trend", "season", "spike", "shift", "max", "min", "higher", "wider", "earlier")
_COMPARISONS = ("higher", "wider", "earlier")


@dataclass(frozen=True)
class _Truth:
    """Series and what is true of them: the kind of answer and its value ("" where the kind says all)."""

    series: list[np.ndarray]
    kind: str
    value: int | str = ""


def demo_rows(count: int = DEMO_ROWS, seed: int = DEMO_SEED) -> Iterator[dict[str, Any]]:
    """`count` rows: id, input, output, timeseries, and meta (JSON text with task, language, answer kind and value)."""
    return (demo_row(index, seed) for index in range(count))


def demo_row(index: int, seed: int = DEMO_SEED) -> dict[str, Any]:
    """Row `index` of the stream of this seed, made alone: it does not depend on the rows before it."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(b"demo"), index]))
    task = _TASKS[index % len(_TASKS)]
    language = "en" if generator.random() < 0.5 else "zh"
    count = 2 if task in _COMPARISONS else 1
    names = [str(name) for name in generator.permutation(NAMES[language])[:count]]
    truth = _drawn(task, names, generator)
    introductions = [
        str(generator.choice(INTRODUCTIONS[language])).format(name=name, length=len(points))
        for name, points in zip(names, truth.series, strict=True)
    ]
    question = str(generator.choice(QUESTIONS[task][language]))
    answer = str(generator.choice(ANSWERS[truth.kind][language])).format(value=truth.value)
    meta = {"task": task, "language": language, "kind": truth.kind, "value": truth.value}
    return {
        "id": f"demo-{GENERATOR_VERSION}-{seed}-{index}",
        "input": "\n".join([*introductions, question]),
        "output": answer,
        "timeseries": [points.tolist() for points in truth.series],
        "meta": json.dumps(meta, ensure_ascii=False),
    }


def materialise_demo(cache: Path) -> Path:
    """The demo as a JSONL file in the cache folder, written at its first use."""
    path = cache / f"demo-{GENERATOR_VERSION}-{DEMO_SEED}-{DEMO_ROWS}.jsonl"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = cache / f"{path.name}.part-{uuid.uuid4().hex[:8]}"
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in demo_rows())
        unfinished.write_text("".join(lines), encoding="utf-8")
        os.replace(unfinished, path)
    return path


def _drawn(task: str, names: list[str], generator: np.random.Generator) -> _Truth:
    """Draws until what was meant can be seen in the series itself; a plan that drowned in its noise is thrown away."""
    wanted = int(generator.integers(6))
    while True:
        truth = _MAKERS[task](task, names, wanted, generator)
        if truth is not None:
            return truth


def _base(generator: np.random.Generator, **parts: Any) -> Plan:
    scale = float(10 ** generator.uniform(-0.5, 3))
    level = float(generator.uniform(-2, 10)) * scale
    noise = float(generator.uniform(0.01, 0.05))
    return Plan(**{"length": int(generator.choice(LENGTHS)), "level": level, "scale": scale, "noise": noise, **parts})


def _season_parts(length: int, size: float, generator: np.random.Generator) -> dict[str, Any]:
    period = int(generator.integers(6, length // 4 + 1))
    shape = str(generator.choice(("sine", "square", "triangle")))
    return {"period": period, "season": size, "shape": shape}


def _trend(task: str, names: list[str], wanted: int, generator: np.random.Generator) -> _Truth | None:
    kind = ("up", "down", "flat")[wanted % 3]
    size = {"up": 1.0, "down": -1.0, "flat": 0.0}[kind] * generator.uniform(0.8, 1.5)
    length = int(generator.choice(LENGTHS))
    season = _season_parts(length, 0.3, generator) if generator.random() < 0.5 else {}
    series = render(_base(generator, length=length, trend=size, **season), generator)
    return _Truth([series], kind) if trend_direction(series) == kind else None


def _season(task: str, names: list[str], wanted: int, generator: np.random.Generator) -> _Truth | None:
    length = int(generator.choice(LENGTHS))
    trend = float(generator.uniform(-0.5, 0.5))
    parts = {} if wanted < 2 else _season_parts(length, 1.0, generator)
    series = render(_base(generator, length=length, trend=trend, **parts), generator)
    period = season_period(series)
    if period != parts.get("period", 0):
        return None
    return _Truth([series], "period", period) if period else _Truth([series], "no_period")


def _spike(task: str, names: list[str], wanted: int, generator: np.random.Generator) -> _Truth | None:
    plan = _base(generator, trend=float(generator.uniform(-0.5, 0.5)))
    at = int(generator.integers(2, plan.length - 2))
    size = float(generator.uniform(0.8, 1.5)) * (1 if wanted % 2 else -1)
    series = render(Plan(**{**plan.__dict__, "spike_at": at, "spike": size}), generator)
    return _Truth([series], "position", at) if spike_position(series) == at else None


def _shift(task: str, names: list[str], wanted: int, generator: np.random.Generator) -> _Truth | None:
    plan = _base(generator)
    if wanted < 2:
        series = render(plan, generator)
        return _Truth([series], "no_shift") if shift_position(series) == -1 else None
    at = int(generator.integers(8, plan.length - 8))
    size = float(generator.uniform(0.6, 1.5)) * (1 if wanted % 2 else -1)
    series = render(Plan(**{**plan.__dict__, "shift_at": at, "shift": size}), generator)
    return _Truth([series], "shift", at) if shift_position(series) == at else None


def _extreme(task: str, names: list[str], wanted: int, generator: np.random.Generator) -> _Truth | None:
    length = int(generator.choice(LENGTHS))
    season = _season_parts(length, 1.0, generator) if wanted % 2 else {}
    trend = float(generator.uniform(-0.5, 0.5))
    series = render(_base(generator, length=length, trend=trend, **season), generator)
    position = extreme_position(series, task)
    return None if position is None else _Truth([series], "position", position)


def _comparison(task: str, names: list[str], wanted: int, generator: np.random.Generator) -> _Truth | None:
    length = int(generator.choice(LENGTHS))
    scale = float(10 ** generator.uniform(0, 2))
    levels = generator.uniform(-2, 2, size=2) * scale
    series = [
        render(
            _base(
                generator,
                length=length,
                level=float(level),
                scale=scale * float(generator.uniform(0.3, 2)),
                **_season_parts(length, 1.0, generator),
            ),
            generator,
        )
        for level in levels
    ]
    winner = _winner(task, series)
    # The wanted answer is fixed before drawing, so that first and second come out equally often.
    return _Truth(series, "name", names[winner]) if winner == wanted % 2 else None


def _winner(task: str, series: list[np.ndarray]) -> int | None:
    """0 or 1, the series the question is after; None where the two are too close to call."""
    if task == "higher":
        means = [float(points.mean()) for points in series]
        is_clear = abs(means[0] - means[1]) > 0.5 * max(float(points.std()) for points in series)
        return int(means[1] > means[0]) if is_clear else None
    if task == "wider":
        spreads = [float(points.std()) for points in series]
        return int(spreads[1] > spreads[0]) if max(spreads) > 1.5 * min(spreads) else None
    peaks = [extreme_position(points, "max") for points in series]
    if peaks[0] is None or peaks[1] is None or abs(peaks[0] - peaks[1]) < len(series[0]) // 8:
        return None
    return int(peaks[1] < peaks[0])


_MAKERS: dict[str, Callable[[str, list[str], int, np.random.Generator], _Truth | None]] = {
    "trend": _trend,
    "season": _season,
    "spike": _spike,
    "shift": _shift,
    "max": _extreme,
    "min": _extreme,
    **dict.fromkeys(_COMPARISONS, _comparison),
}
