"""A run's state as plain data for programs: what REST, scripts and notifications are told, without any sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from tsft.run.curve import Curve, Point
from tsft.run.state import CURVES, RunState, seconds_left, steps_per_second

POINTS = 400


def outline(state: RunState) -> dict[str, Any]:
    """How the run stands: numbers and names only. Times are seconds since the epoch, None when not yet."""
    return {
        "run": state.run_id,
        "name": state.name,
        "status": state.status,
        "phase": state.phase,
        "subject": state.subject,
        "done": state.done,
        "total": state.total,
        "unit": state.unit,
        "step": state.step,
        "steps": state.steps,
        "epoch": state.epoch,
        "epochs": state.epochs,
        "tokens": state.tokens,
        "loss": state.loss.last,
        "validation_loss": state.validation_loss.last,
        "answer_score": state.answer_score.last,
        "measures": {name: curve.last for name, curve in state.measured.items()},
        "best_step": state.best_step or None,
        "best_loss": state.best_loss,
        "learning_rate": state.learning_rate.last,
        "grad_norm": state.grad_norm.last,
        "steps_per_second": steps_per_second(state),
        "seconds_left": seconds_left(state),
        "started_at": state.started_at or None,
        "updated_at": state.updated_at or None,
        "ended_at": state.ended_at or None,
        "resumed_from": state.resumed_from,
        "failure": state.failure.kind if state.failure else None,
        "settings_at_fault": list(state.failure.settings) if state.failure else [],
        "pending": [each.command for each in state.pending],
        "checkpoints": [
            # Not "path": Gradio takes an object with that key for a file to fetch.
            {
                "step": each.step,
                "folder": each.path,
                "bytes": each.size_bytes,
                "loss": each.loss,
                "is_best": each.is_best,
            }
            for each in state.checkpoints
        ],
    }


def metrics(state: RunState, names: Sequence[str] = CURVES, points: int = POINTS) -> dict[str, Any]:
    """The run's curves by name, each at most about `points` points: [step, value]; gaps are steps without a number."""
    curves = {name: _curve(getattr(state, name), points) for name in names if name in CURVES}
    wanted = state.measured if names == CURVES else [name for name in names if name in state.measured]
    return curves | {name: _curve(state.measured[name], points) for name in wanted}


def thinned(points: Sequence[Point], count: int) -> list[Point]:
    """At most about `count` of the points: of each stretch the lowest and the highest, and always the last."""
    if len(points) <= count:
        return list(points)
    stretches = max(1, count // 2)
    kept: list[Point] = []
    for number in range(stretches):
        part = points[len(points) * number // stretches : len(points) * (number + 1) // stretches]
        kept.extend(sorted({min(part, key=_value), max(part, key=_value)}))
    if kept[-1] != points[-1]:
        kept.append(points[-1])
    return kept


def _curve(curve: Curve, points: int) -> Mapping[str, Any]:
    shown = thinned(curve.shown, points)
    return {"points": [[step, value] for step, value in shown], "gaps": list(curve.gaps[-points:])}


def _value(point: Point) -> float:
    return point[1]
