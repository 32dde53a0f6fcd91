"""The curves of one run or of several as the compact JSON that `assets/chart.js` draws. Knows nothing of components."""

import json
import math
from collections.abc import Sequence
from typing import Any

from tsft.config.metrics import MEAN_REWARD
from tsft.config.stages import REWARDS
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
    ("rewards", tuple(f"{name}_reward" for name in (*REWARDS, "model"))),
    ("reward_spread", ("reward_spread",)),
    ("shares", ("flat_groups", "cut_answers", "clipped")),
    ("answer_tokens", ("answer_tokens", "validation_answer_tokens")),
    ("entropy", ("entropy",)),
    ("reference_kl", ("reference_kl",)),
    ("policy", ("policy_loss", "value_loss")),
    ("sft_loss", ("sft_loss",)),
    ("learning_rate", ("learning_rate", "encoder_learning_rate")),
    ("grad_norm", ("grad_norm", "model_grad_norm", "encoder_grad_norm")),
    ("update", ("model_update", "encoder_update")),
)
OVERLAY_SMALL_CURVES = ("answer_score", "accuracy", "margin", "learning_rate", "grad_norm")
# Curves of `RunState.measured`; whoever has none of them has an empty curve.
_MEASURED: tuple[str, ...] = (
    *("accuracy", "validation_accuracy", "margin", "validation_margin"),
    *("chosen_reward", "rejected_reward", "kl", "sft_loss", "reward_spread", "flat_groups", "cut_answers", "clipped"),
    *(f"{name}_reward" for name in (*REWARDS, "model")),
    *("answer_tokens", "validation_answer_tokens", "entropy", "reference_kl", "policy_loss", "value_loss"),
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
    "rewards",
    "shares",
    "policy",
    *_MEASURED,
    "runs",
    "zoom_help",
)


def chart_payload(state: RunState, language: str) -> str:
    """The curves with the words that stand in the chart, as JSON. Under 100 kB for a run of any length."""
    small = [name for _, names in SMALL_CHARTS for name in names]
    run = _run(state, POINTS, VALIDATION_POINTS, SMALL_CHART_POINTS, small)
    main, validation = main_curves(state)
    smooth = smoothed(main.shown[-200:])
    latest = plain(main.last), plain(smooth[-1][1] if smooth else None), plain(validation.last)
    values = dict(zip(("loss", "smoothed", "validation"), latest, strict=True))
    by = "_rewards" if is_rewarded(state) else ""
    description = translate(language, f"page.chart.description{by}", step=state.step, **values)
    return _json(state.run_id, [run], description, language, is_rewarded(state))


def overlay_payload(states: Sequence[RunState], language: str) -> str:
    """The curves of several runs in one chart, each in its own colour. Under 100 kB for any number."""
    count = max(1, len(states))
    loss, small = max(40, OVERLAY_POINTS // count), max(20, OVERLAY_SMALL_POINTS // count)
    runs = [_run(each, loss, loss // 2, small, OVERLAY_SMALL_CURVES) for each in states]
    names = ", ".join(each.name for each in states)
    description = translate(language, "page.chart.overlay", names=names)
    are_rewarded = bool(states) and all(map(is_rewarded, states))
    return _json("|".join(each.run_id for each in states), runs, description, language, are_rewarded)


def is_rewarded(state: RunState) -> bool:
    """Whether the run learns from its own answers: its loss is near 0 whatever it learns, its reward is what counts."""
    return MEAN_REWARD in state.measured


def main_curves(state: RunState) -> tuple[Curve, Curve]:
    """What the large chart shows of training and of validation: the loss, or the reward where that is what counts."""
    if is_rewarded(state):
        return state.measured[MEAN_REWARD], state.measured.get(f"validation_{MEAN_REWARD}", Curve())
    return state.loss, state.validation_loss


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


def _json(key: str, runs: Sequence[dict[str, Any]], description: str, language: str, are_rewarded: bool = False) -> str:
    """key: a chart that is given another one forgets its zoom."""
    words = {name: translate(language, f"page.chart.{name}") for name in DRAWN_WORDS}
    if are_rewarded:
        words["title"] = translate(language, "page.chart.title_rewards")
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
    main, validation = main_curves(state)
    value = state.best_reward if is_rewarded(state) else state.best_loss
    best = (state.best_step, value) if value is not None else None
    curves = {name: _columns(thinned(_curve(state, name).shown, small_points)) for name in small}
    return {
        "id": state.run_id,
        "name": state.name,
        "loss": _columns(thinned(main.shown, points)),
        "validation": _columns(thinned(validation.shown, validation_points)),
        "best": [rounded(best[0]), rounded(best[1])] if best else None,
        "gaps": [rounded(step) for step in main.gaps[-100:]],
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
