"""A run's curves as the compact JSON that `assets/chart.js` draws. Knows nothing of components."""

import json
import math
from collections.abc import Sequence
from typing import Any

from tsft.i18n import translate
from tsft.run.curve import Curve, Point, smoothed
from tsft.run.state import RunState
from tsft.ui.readings import plain

# A chart is at most some 1,200 pixels wide: more points cost bytes at every tick and show nothing.
POINTS = 800
SMALL_CHART_POINTS = 300
DRAWN_WORDS = (
    "title",
    "raw",
    "smoothed",
    "validation",
    "log_scale",
    "reset",
    "empty",
    "step",
    "learning_rate",
    "encoder_learning_rate",
    "grad_norm",
    "zoom_help",
)


def chart_payload(state: RunState, language: str) -> str:
    """The curves with the words that stand in the chart, as JSON. Under 100 kB for a run of any length."""
    loss = state.loss.shown
    smooth = smoothed(loss)
    best = state.validation_loss.lowest
    return json.dumps(
        {
            "run": state.run_id,
            "steps": state.steps,
            "loss": _columns(thinned(loss, POINTS)),
            "smooth": _columns(every_nth(smooth, POINTS // 2)),
            "validation": _columns(thinned(state.validation_loss.shown, POINTS // 2)),
            "best": [rounded(best[0]), rounded(best[1])] if best else None,
            "gaps": [rounded(step) for step in state.loss.gaps[-100:]],
            "learning_rate": _small(state.learning_rate),
            "encoder_learning_rate": _small(state.encoder_learning_rate),
            "grad_norm": _small(state.grad_norm),
            "words": _words(state, smooth, language),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


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


def _small(curve: Curve) -> dict[str, Any]:
    return _columns(thinned(curve.shown, SMALL_CHART_POINTS))


def _columns(points: Sequence[Point]) -> dict[str, Any]:
    return {"x": [rounded(step) for step, _ in points], "y": [rounded(value) for _, value in points]}


def _words(state: RunState, smooth: Sequence[Point], language: str) -> dict[str, str]:
    words = {name: translate(language, f"page.chart.{name}") for name in DRAWN_WORDS}
    latest = plain(state.loss.last), plain(smooth[-1][1] if smooth else None), plain(state.validation_loss.last)
    values = dict(zip(("loss", "smoothed", "validation"), latest, strict=True))
    words["description"] = translate(language, "page.chart.description", step=state.step, **values)
    return words
