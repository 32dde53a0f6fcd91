"""Everything a run can say: one small frozen dataclass per thing that happens, and their JSON lines.

`at` is seconds since the epoch. Sentences are `Message`s, translated by whoever shows them. A loss that is not finite
is written as null, so that every line of `events.jsonl` is valid JSON.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsft.errors import Message

PHASES = (
    "starting",
    "downloading",
    "loading",
    "reading",
    "encoding",
    "training",
    "evaluating",
    "saving",
    "ended",
)

# What progress is counted in; each has its word under `unit.` in the locales.
UNITS = ("bytes", "tensors", "rows", "batches", "steps")


@dataclass(frozen=True)
class RunStarted:
    """The run began (or began again: `resumed_from` is the checkpoint step then, else 0)."""

    at: float
    run_id: str
    name: str
    resumed_from: int = 0
    by: str = ""


@dataclass(frozen=True)
class PhaseChanged:
    """What the run does now, one of PHASES; `subject` names what it does it to (a model, a dataset)."""

    at: float
    phase: str
    subject: str = ""


@dataclass(frozen=True)
class Progressed:
    """How far the present phase is: `done` of `total` in `unit`, one of UNITS; total 0 is unknown."""

    at: float
    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class Group:
    """Parameters trained together: how many, and their peak learning rate."""

    name: str
    parameters: int
    learning_rate: float


@dataclass(frozen=True)
class Planned:
    """What is going to happen, once model and data are known."""

    at: float
    steps: int
    epochs: float
    rows_train: int
    rows_validation: int
    tokens_longest: int
    tokens_median: int
    parameters: int
    parameters_trained: int
    groups: tuple[Group, ...]
    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class StepLogged:
    """The mean over the optimizer steps since the last one logged. tokens: positions seen so far, padding excluded."""

    at: float
    step: int
    epoch: float
    loss: float | None
    learning_rate: float
    grad_norm: float | None
    encoder_learning_rate: float | None = None
    tokens: int = 0


@dataclass(frozen=True)
class Evaluated:
    """Loss over the validation rows after `step`: the mean over trained tokens."""

    at: float
    step: int
    loss: float | None
    seconds: float


@dataclass(frozen=True)
class CheckpointSaved:
    """A checkpoint from which the run can go on. path is relative to the run's folder."""

    at: float
    step: int
    path: str
    size_bytes: int
    loss: float | None = None


@dataclass(frozen=True)
class CheckpointRemoved:
    """The save limit made room."""

    at: float
    path: str


@dataclass(frozen=True)
class Noted:
    """Something worth reading. level: info, warning or error."""

    at: float
    level: str
    message: Message


@dataclass(frozen=True)
class CommandGiven:
    """Somebody asked the run for something ("stop"); it is obeyed at the next micro-batch or row."""

    at: float
    command: str
    by: str


@dataclass(frozen=True)
class Failed:
    """The run ended by a fault. kind: memory, data, not_finite, disk, model, package, settings or bug."""

    at: float
    kind: str
    message: Message
    advice: Message | None
    traceback: str = ""


@dataclass(frozen=True)
class Finished:
    """The run ended as it should. status: finished or stopped. result: folder relative to the run's, "" if none."""

    at: float
    status: str
    step: int
    result: str
    message: Message


Event = (
    RunStarted
    | PhaseChanged
    | Progressed
    | Planned
    | StepLogged
    | Evaluated
    | CheckpointSaved
    | CheckpointRemoved
    | Noted
    | CommandGiven
    | Failed
    | Finished
)

_KINDS: Mapping[str, type] = {kind.__name__: kind for kind in Event.__args__}


def to_line(event: Event) -> str:
    """One JSON object, without a newline."""
    return json.dumps({"event": type(event).__name__, **_plain(dataclasses.asdict(event))}, ensure_ascii=False)


def from_line(line: str) -> Event:
    """The event of one JSON line. Raises ValueError for a cut line or an unknown kind."""
    data = json.loads(line)
    if not isinstance(data, dict) or data.get("event") not in _KINDS:
        raise ValueError(f"not an event: {line[:80]}")
    kind = _KINDS[data.pop("event")]
    if "message" in data:
        data["message"] = Message.from_json(data["message"])
    if data.get("advice") is not None:
        data["advice"] = Message.from_json(data["advice"])
    if "groups" in data:
        data["groups"] = tuple(Group(**group) for group in data["groups"])
    try:
        return kind(**data)
    except TypeError as error:
        raise ValueError(f"not an event: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
