"""The curves of one run or of several as the compact JSON that `assets/chart.js` draws. Knows nothing of components."""

import json
import math
from collections.abc import Sequence
from typing import Any

from tsft.i18n import translate
from tsft.run.curve import Curve, Point, smoothed
from tsft.run.state import RunState
from tsft.ui.readings import plain

# A chart is at most some 1,200 pixels wide: more points cost bytes at every tick and show nothing.
POINTS = 1000
VALIDATION_POINTS = 400
SMALL_CHART_POINTS = 200
# Points of all runs of an overlay together, so that it stays under 100 kB however many there are.
OVERLAY_POINTS = 2400
OVERLAY_SMALL_POINTS = 500
# Where steps lie in time and in tokens bends only where the speed changes.
CLOCK_POINTS = 120
# The small charts below the loss, each with the curves that share its axis.
SMALL_CHARTS = (
    ("answer_score", ("answer_score",)),
    ("accuracy", ("accuracy", "validation_accuracy")),
    ("margin", ("margin", "validation_margin")),
    ("reward", ("chosen_reward", "rejected_reward")),
    ("kl", ("kl",)),
    ("sft_loss", ("sft_loss",)),
    ("learning_rate", ("learning_rate", "encoder_learning_rate")),
    ("grad_norm", ("grad_norm", "model_grad_norm", "encoder_grad_norm")),
    ("update", ("model_update", "encoder_update")),
)
OVERLAY_SMALL_CURVES = ("answer_score", "accuracy", "margin", "learning_rate", "grad_norm")
# Curves of `RunState.measured`; whoever has none of them has an empty curve.
_MEASURED: tuple[str, ...] = (
    *("accuracy", "validation_accuracy", "margin", "validation_margin"),
    *("chosen_reward", "rejected_reward", "kl", "sft_loss"),
)
DRAWN_WORDS = (
    "title",
    "raw",
    "smoothed",
    "validation",
    "best",
    "log_scale",
    "reset",
    "zoom_in",
    "zoom_out",
    "axis",
    "step",
    "time",
    "tokens",
    "smoothing",
    "empty",
    "answer_score",
    "learning_rate",
    "encoder_learning_rate",
    "grad_norm",
    "model_grad_norm",
    "encoder_grad_norm",
    "update",
    "model_update",
    "encoder_update",
    "reward",
    *_MEASURED,
    "runs",
    "zoom_help",
)


def chart_payload(state: RunState, language: str) -> str:
    """The curves with the words that stand in the chart, as JSON. Under 100 kB for a run of any length."""
    small = [name for _, names in SMALL_CHARTS for name in names]
    run = _run(state, POINTS, VALIDATION_POINTS, SMALL_CHART_POINTS, small)
    smooth = smoothed(state.loss.shown[-200:])
    latest = plain(state.loss.last), plain(smooth[-1][1] if smooth else None), plain(state.validation_loss.last)
    values = dict(zip(("loss", "smoothed", "validation"), latest, strict=True))
    description = translate(language, "page.chart.description", step=state.step, **values)
    return _json(state.run_id, [run], description, language)


def overlay_payload(states: Sequence[RunState], language: str) -> str:
    """The curves of several runs in one chart, each in its own colour. Under 100 kB for any number."""
    count = max(1, len(states))
    loss, small = max(40, OVERLAY_POINTS // count), max(20, OVERLAY_SMALL_POINTS // count)
    runs = [_run(each, loss, loss // 2, small, OVERLAY_SMALL_CURVES) for each in states]
    names = ", ".join(each.name for each in states)
    description = translate(language, "page.chart.overlay", names=names)
    return _json("|".join(each.run_id for each in states), runs, description, language)


def thinned(points: Sequence[Point], limit: int) -> list[Point]:
    """At most `limit` points, the lowest and the highest of each stretch, so that no spike is lost."""
    if len(points) <= limit:
        return list(points)
    size = math.ceil(2 * len(points) / limit)
    kept: list[Point] = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        ends = {min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])}
        kept.extend(sorted(ends))
    return kept


def every_nth(points: Sequence[Point], limit: int) -> list[Point]:
    """At most `limit` points at even distances, the last always: enough for a curve that is smooth already."""
    if len(points) <= limit:
        return list(points)
    stride = math.ceil(len(points) / (limit - 1))
    kept = list(points[::stride])
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def rounded(value: float) -> float | int:
    """Five significant digits: finer than a pixel, and half the bytes."""
    short = float(f"{value:.5g}") if abs(value) < 1e5 else float(value)
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _json(key: str, runs: Sequence[dict[str, Any]], description: str, language: str) -> str:
    """key: a chart that is given another one forgets its zoom."""
    words = {name: translate(language, f"page.chart.{name}") for name in DRAWN_WORDS}
    tree = {
        "key": key,
        "runs": runs,
        "small": [{"title": title, "curves": curves} for title, curves in SMALL_CHARTS],
        "words": {**words, "description": description},
    }
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def _run(
    state: RunState, points: int, validation_points: int, small_points: int, small: Sequence[str]
) -> dict[str, Any]:
    best = (state.best_step, state.best_loss) if state.best_loss is not None else None
    curves = {name: _columns(thinned(_curve(state, name).shown, small_points)) for name in small}
    return {
        "id": state.run_id,
        "name": state.name,
        "loss": _columns(thinned(state.loss.shown, points)),
        "validation": _columns(thinned(state.validation_loss.shown, validation_points)),
        "best": [rounded(best[0]), rounded(best[1])] if best else None,
        "gaps": [rounded(step) for step in state.loss.gaps[-100:]],
        "clock": _clock(state.worked, state.tokens_seen),
        "curves": curves,
    }


def _curve(state: RunState, name: str) -> Curve:
    return state.measured.get(name, Curve()) if name in _MEASURED else getattr(state, name)


def _clock(worked: Curve, tokens_seen: Curve) -> dict[str, Any]:
    """Seconds of work and tokens at some steps: the browser finds the others between them."""
    seconds, tokens = (every_nth(each.shown, CLOCK_POINTS) for each in (worked, tokens_seen))
    return {"seconds": _columns(seconds), "tokens": _columns(tokens)}


def _columns(points: Sequence[Point]) -> dict[str, Any]:
    return {"x": [rounded(step) for step, _ in points], "y": [rounded(value) for _, value in points]}
