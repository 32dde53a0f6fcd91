"""What a run looks like at one moment, made from its events by one pure function.

The live page, a run opened from history, the command line's progress and the tests all use `reduce`.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from tsft.run.curve import Curve
from tsft.run.events import (
    CheckpointRemoved,
    CheckpointSaved,
    CommandGiven,
    Evaluated,
    Event,
    Failed,
    Finished,
    Noted,
    PhaseChanged,
    Planned,
    Progressed,
    RunStarted,
    StepLogged,
)

# All words a run's status can be; "interrupted" is given by the record when a run's process is gone.
STATUSES = ("queued", "preparing", "running", "stopping", "finished", "stopped", "failed", "interrupted")
ACTIVE = ("preparing", "running", "stopping")

# Notes kept for the page; `run.log` and `events.jsonl` have all.
NOTES = 300
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
    plan: Planned | None = None
    loss: Curve = Curve()
    validation_loss: Curve = Curve()
    learning_rate: Curve = Curve()
    encoder_learning_rate: Curve = Curve()
    grad_norm: Curve = Curve()
    readings: tuple[tuple[float, int], ...] = ()  # (time, step) while training, for speed
    checkpoints: tuple[CheckpointSaved, ...] = ()
    notes: tuple[Noted, ...] = ()
    commands: tuple[CommandGiven, ...] = ()
    failure: Failed | None = None
    finish: Finished | None = None

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE


def reduce(state: RunState, event: Event) -> RunState:
    """The state after `event`. Pure: replaying `events.jsonl` from `RunState()` gives the live state."""
    changes = _changes(state, event)
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
        case Planned():
            return {"plan": event, "steps": event.steps, "epochs": event.epochs}
        case StepLogged():
            return _step(state, event)
        case Evaluated():
            return {"validation_loss": state.validation_loss.add(event.step, event.loss)}
        case CheckpointSaved():
            kept = tuple(each for each in state.checkpoints if each.path != event.path)
            return {"checkpoints": (*kept, event)}
        case CheckpointRemoved():
            return {"checkpoints": tuple(each for each in state.checkpoints if each.path != event.path)}
        case Noted():
            return {"notes": (*state.notes, event)[-NOTES:]}
        case CommandGiven():
            status = "stopping" if event.command == "stop" and state.is_active else state.status
            return {"commands": (*state.commands, event), "status": status}
        case Failed():
            return {"failure": event, "status": "failed", "phase": "ended", "ended_at": event.at}
        case Finished():
            ended = {"finish": event, "status": event.status, "phase": "ended", "ended_at": event.at}
            return {**ended, "step": max(event.step, state.step)}


def _started(state: RunState, event: RunStarted) -> dict[str, Any]:
    """A run that goes on keeps its curves up to the checkpoint; what came after it is drawn anew."""
    back_to = event.resumed_from
    curves = ("loss", "validation_loss", "learning_rate", "encoder_learning_rate", "grad_norm")
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
        "started_at": state.started_at or event.at,
        "ended_at": 0.0,
        "readings": (),
        "failure": None,
        "finish": None,
        **{name: getattr(state, name).cut_after(back_to) for name in curves},
    }


def _phase(state: RunState, event: PhaseChanged) -> dict[str, Any]:
    status = state.status
    if status == "preparing" and event.phase == "training":
        status = "running"
    fresh = {"phase": event.phase, "subject": event.subject, "done": 0, "total": 0, "unit": "", "status": status}
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


def _step(state: RunState, event: StepLogged) -> dict[str, Any]:
    encoder = state.encoder_learning_rate
    if event.encoder_learning_rate is not None:
        encoder = encoder.add(event.step, event.encoder_learning_rate)
    return {
        "step": event.step,
        "epoch": event.epoch,
        "tokens": event.tokens,
        "loss": state.loss.add(event.step, event.loss),
        "learning_rate": state.learning_rate.add(event.step, event.learning_rate),
        "encoder_learning_rate": encoder,
        "grad_norm": state.grad_norm.add(event.step, event.grad_norm),
    }
