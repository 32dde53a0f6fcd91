"""What a run looks like at one moment, made from its events by one pure function.

The live page, a run opened from history, the command line's progress and the tests all use `reduce`.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tsft.config.metrics import ANSWER_SCORE, MEAN_REWARD
from tsft.run.curve import Curve
from tsft.run.events import (
    AnswersDrawn,
    CheckpointRemoved,
    CheckpointSaved,
    CommandGiven,
    CommandObeyed,
    DataRead,
    DataUsed,
    Evaluated,
    Event,
    Failed,
    Finished,
    Noted,
    PhaseChanged,
    Planned,
    Probe,
    ProbesPinned,
    Progressed,
    RunStarted,
    SampleShown,
    StepLogged,
)

# All words a run's status can be; "interrupted" is given by the record when a run's process is gone.
STATUSES = ("queued", "preparing", "running", "paused", "stopping", "finished", "stopped", "failed", "interrupted")
ACTIVE = ("preparing", "running", "paused", "stopping")

# Notes kept for the page; `run.log` and `events.jsonl` have all.
NOTES = 300
# Answers to probes kept for the page: those before training and the newest of the others.
SAMPLES = 400
# Questions with the answers a run wrote to them: the newest are kept for the page.
DRAWN = 8
# The curves of a run, by the names of `RunState`.
CURVES = (
    "loss",
    "validation_loss",
    "answer_score",
    "learning_rate",
    "encoder_learning_rate",
    "grad_norm",
    "model_grad_norm",
    "encoder_grad_norm",
    "model_update",
    "encoder_update",
)
# Curves of what a step may leave unmeasured: no point then, instead of a gap.
_OPTIONAL = ("encoder_learning_rate", "model_grad_norm", "encoder_grad_norm", "model_update", "encoder_update")
# Phases whose time counts for the axis of time: loading, pauses and interruptions do not.
WORKING = ("training", "evaluating", "saving")
# Speed is measured over the last so many readings: long enough to be calm, short enough to follow a change.
READINGS = 20


@dataclass(frozen=True)
class RunState:
    """Everything a page shows of a run. Times are seconds since the epoch, 0 when not yet."""

    run_id: str = ""
    name: str = ""
    status: str = "queued"
    phase: str = "starting"
    subject: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    epochs: float = 0.0
    started_at: float = 0.0
    updated_at: float = 0.0
    ended_at: float = 0.0
    resumed_from: int = 0
    tokens: int = 0
    versions: tuple[tuple[str, str], ...] = ()
    processes: int = 0  # of its own; 0 on a thread
    host: str = ""  # where it was started by hand or by a scheduler
    datasets: tuple[DataUsed, ...] = ()
    plan: Planned | None = None
    loss: Curve = Curve()
    validation_loss: Curve = Curve()
    answer_score: Curve = Curve()
    learning_rate: Curve = Curve()
    encoder_learning_rate: Curve = Curve()
    grad_norm: Curve = Curve()
    model_grad_norm: Curve = Curve()
    encoder_grad_norm: Curve = Curve()
    model_update: Curve = Curve()
    encoder_update: Curve = Curve()
    probes: tuple[Probe, ...] = ()
    samples: tuple[SampleShown, ...] = ()
    drawn: tuple[AnswersDrawn, ...] = ()
    readings: tuple[tuple[float, int], ...] = ()  # (time, step) while training, for speed
    worked_seconds: float = 0.0  # spent in the phases of WORKING
    measured: Mapping[str, Curve] = field(
        default_factory=dict
    )  # of `StepLogged.measures`; "validation_…" of rows held back
    worked: Curve = Curve()  # (step, worked_seconds): where a step lies on an axis of time
    tokens_seen: Curve = Curve()  # (step, tokens): and on one of tokens
    best_step: int = 0  # the best trained step by the metric of the plan, 0 while there is none
    best_loss: float | None = None  # the validation loss of that step
    best_score: float | None = None  # and the score of its answers, where they were scored
    best_reward: float | None = None  # what they were worth, where a run learns from its own answers
    checkpoints: tuple[CheckpointSaved, ...] = ()
    notes: tuple[Noted, ...] = ()
    commands: tuple[CommandGiven, ...] = ()
    pending: tuple[CommandGiven, ...] = ()  # asked for and not yet done
    status_before_pause: str = ""
    failure: Failed | None = None
    finish: Finished | None = None

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE


def reduce(state: RunState, event: Event) -> RunState:
    """The state after `event`. Pure: replaying `events.jsonl` from `RunState()` gives the live state."""
    changes = {"worked_seconds": _worked_seconds(state, event), **_changes(state, event)}
    return dataclasses.replace(state, updated_at=event.at, **changes)


def steps_per_second(state: RunState) -> float | None:
    """Speed over the last readings since the run (last) began; None before there are two."""
    if len(state.readings) < 2:
        return None
    (first_at, first_step), (last_at, last_step) = state.readings[0], state.readings[-1]
    if last_at <= first_at or last_step <= first_step:
        return None
    return (last_step - first_step) / (last_at - first_at)


def seconds_left(state: RunState) -> float | None:
    """Training time still to go at the present speed; None when it cannot be told."""
    speed = steps_per_second(state)
    if speed is None or not state.steps or not state.is_active:
        return None
    return max(0, state.steps - state.step) / speed


def _changes(state: RunState, event: Event) -> dict[str, Any]:
    match event:
        case RunStarted():
            return _started(state, event)
        case PhaseChanged():
            return _phase(state, event)
        case Progressed():
            return _progress(state, event)
        case DataRead():
            return {"datasets": event.datasets}
        case Planned():
            return {"plan": event, "steps": event.steps, "epochs": event.epochs}
        case StepLogged():
            return _step(state, event)
        case Evaluated():
            return _evaluated(state, event)
        case ProbesPinned():
            return {"probes": event.probes}
        case SampleShown():
            return {"samples": _samples(state, event)}
        case AnswersDrawn():
            return {"drawn": (*(each for each in state.drawn if each.step != event.step), event)[-DRAWN:]}
        case CheckpointSaved():
            return {"checkpoints": _checkpoints(state, event)}
        case CheckpointRemoved():
            return {"checkpoints": tuple(each for each in state.checkpoints if each.path != event.path)}
        case Noted():
            return {"notes": (*state.notes, event)[-NOTES:]}
        case CommandGiven():
            return _command(state, event)
        case CommandObeyed():
            return {"pending": tuple(each for each in state.pending if each.command != event.command)}
        case Failed():
            return {"failure": event, "status": "failed", "phase": "ended", "ended_at": event.at, "pending": ()}
        case Finished():
            ended = {"finish": event, "status": event.status, "phase": "ended", "ended_at": event.at, "pending": ()}
            return {**ended, "step": max(event.step, state.step)}


def _started(state: RunState, event: RunStarted) -> dict[str, Any]:
    """A run that goes on keeps its curves up to the checkpoint; what came after it is drawn anew."""
    back_to = event.resumed_from
    return {
        "run_id": event.run_id,
        "name": event.name,
        "status": "preparing",
        "phase": "starting",
        "subject": "",
        "done": 0,
        "total": 0,
        "unit": "",
        "step": back_to,
        "resumed_from": back_to,
        "versions": event.versions or state.versions,
        "processes": event.processes,
        "host": event.host,
        "started_at": state.started_at or event.at,
        "ended_at": 0.0,
        "readings": (),
        "failure": None,
        "finish": None,
        "pending": (),
        "status_before_pause": "",
        **_best_until(state, back_to),
        "samples": tuple(each for each in state.samples if each.step <= back_to),
        "drawn": tuple(each for each in state.drawn if each.step <= back_to),
        "worked_seconds": state.worked.cut_after(back_to).last or 0.0,
        **{name: getattr(state, name).cut_after(back_to) for name in (*CURVES, "worked", "tokens_seen")},
        "measured": {name: curve.cut_after(back_to) for name, curve in state.measured.items()},
    }


def _worked_seconds(state: RunState, event: Event) -> float:
    """With the time since the event before, where that was spent working; clocks that go back count as standing."""
    return state.worked_seconds + (max(0.0, event.at - state.updated_at) if state.phase in WORKING else 0.0)


def _phase(state: RunState, event: PhaseChanged) -> dict[str, Any]:
    status, before = state.status, state.status_before_pause
    if event.phase == "paused":
        status, before = ("paused", status) if status in ("preparing", "running") else (status, before)
    elif status == "paused":
        status = before
    if status == "preparing" and event.phase == "training":
        status = "running"
    fresh = {"phase": event.phase, "subject": event.subject, "done": 0, "total": 0, "unit": "", "status": status}
    fresh["status_before_pause"] = before
    if event.phase == "training":
        # Time spent evaluating or saving is not training speed: measure afresh from the next step on.
        fresh["readings"] = ()
    return fresh


def _progress(state: RunState, event: Progressed) -> dict[str, Any]:
    changes: dict[str, Any] = {"done": event.done, "total": event.total, "unit": event.unit}
    if event.unit == "steps":
        changes["step"] = event.done
        changes["readings"] = (*state.readings, (event.at, event.done))[-READINGS:]
    return changes


def _command(state: RunState, event: CommandGiven) -> dict[str, Any]:
    """What was asked for stays pending until it is obeyed; a stop is shown at once, whatever the run is in."""
    commands = (*state.commands, event)
    if not state.is_active:
        return {"commands": commands}
    if event.command in ("stop", "discard", "force_stop"):
        return {"commands": commands, "pending": (event,), "status": "stopping"}
    others = tuple(each for each in state.pending if each.command != event.command)
    return {"commands": commands, "pending": (*others, event)}


def _evaluated(state: RunState, event: Evaluated) -> dict[str, Any]:
    """The earliest of equals stays the best. Step 0 does not count: nothing was trained by then."""
    changes: dict[str, Any] = {}
    if event.loss is not None or _metric(state) != MEAN_REWARD:
        changes["validation_loss"] = state.validation_loss.add(event.step, event.loss)
    if event.measures:
        validation = ((f"validation_{name}", value) for name, value in event.measures)
        changes["measured"] = _measured(state, event.step, validation)
    if event.score is not None:
        changes["answer_score"] = state.answer_score.add(event.step, event.score)
    reward = dict(event.measures).get(MEAN_REWARD)
    value, best = {
        ANSWER_SCORE: (event.score, state.best_score),
        MEAN_REWARD: (reward, state.best_reward),
    }.get(_metric(state), (event.loss, state.best_loss))
    if not event.step or value is None or (best is not None and not _is_better(state, value, best)):
        return changes
    found = {"best_loss": event.loss, "best_score": event.score, "best_reward": reward}
    return {**changes, "best_step": event.step, **found}


def _metric(state: RunState) -> str:
    return state.plan.metric if state.plan is not None else ""


def _is_better(state: RunState, value: float, than: float) -> bool:
    return value > than if _metric(state) in (ANSWER_SCORE, MEAN_REWARD) else value < than


def _best_until(state: RunState, step: int) -> dict[str, Any]:
    if state.best_step <= step:
        return {}
    curves = (state.validation_loss, state.answer_score, state.measured.get(f"validation_{MEAN_REWARD}", Curve()))
    losses, scores, rewards = (each.cut_after(step).shown for each in curves)
    sign, judged = {ANSWER_SCORE: (-1.0, scores), MEAN_REWARD: (-1.0, rewards)}.get(_metric(state), (1.0, losses))
    trained = [point for point in judged if point[0]]
    best = min(trained, key=lambda point: (sign * point[1], point[0]), default=None)
    if best is None:
        return {"best_step": 0, "best_loss": None, "best_score": None, "best_reward": None}
    return {
        "best_step": int(best[0]),
        "best_loss": dict(losses).get(best[0]),
        "best_score": dict(scores).get(best[0]),
        "best_reward": dict(rewards).get(best[0]),
    }


def _checkpoints(state: RunState, event: CheckpointSaved) -> tuple[CheckpointSaved, ...]:
    """With the new one; when it is the best, no other is any longer."""
    others = (each for each in state.checkpoints if each.path != event.path)
    return (*(dataclasses.replace(each, is_best=each.is_best and not event.is_best) for each in others), event)


def _step(state: RunState, event: StepLogged) -> dict[str, Any]:
    measured = {name: getattr(event, name) for name in _OPTIONAL}
    return {
        "step": event.step,
        "epoch": event.epoch,
        "tokens": event.tokens,
        "loss": state.loss.add(event.step, event.loss),
        "learning_rate": state.learning_rate.add(event.step, event.learning_rate),
        "grad_norm": state.grad_norm.add(event.step, event.grad_norm),
        "worked": state.worked.add(event.step, _worked_seconds(state, event)),
        "tokens_seen": state.tokens_seen.add(event.step, event.tokens),
        **{name: getattr(state, name).add(event.step, value) for name, value in measured.items() if value is not None},
        **({"measured": _measured(state, event.step, event.measures)} if event.measures else {}),
    }


def _measured(state: RunState, step: int, measures: Iterable[tuple[str, float | None]]) -> dict[str, Curve]:
    """With one more point of each."""
    added = {name: state.measured.get(name, Curve()).add(step, value) for name, value in measures}
    return {**state.measured, **added}


def _samples(state: RunState, event: SampleShown) -> tuple[SampleShown, ...]:
    """With the new answer in the place of one to the same probe after the same step."""
    others = [each for each in state.samples if (each.step, each.probe) != (event.step, event.probe)]
    first, later = [each for each in others if not each.step], [each for each in others if each.step]
    kept = later[-max(1, SAMPLES - len(first) - 1) :]
    return (*first, *kept, event)
