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
    "paused",
    "ended",
)

# What a run in progress can be asked for. stop keeps what was learnt; discard keeps nothing of this attempt.
# force_stop ends processes that do not listen any more; what they did since the last checkpoint is lost.
COMMANDS = ("stop", "discard", "pause", "continue", "checkpoint", "evaluate", "stop_after_epoch", "force_stop")

# What a failure can be; each has its word under `failure.kind.` in the locales.
FAILURES = ("memory", "data", "not_finite", "disk", "model", "driver", "package", "settings", "process", "bug")

# What progress is counted in; each has its word under `unit.` in the locales.
UNITS = ("bytes", "tensors", "rows", "batches", "steps")


@dataclass(frozen=True)
class RunStarted:
    """The run began (or began again: `resumed_from` is the checkpoint step then, else 0).

    versions: (package, version) of what computes it: tsft, python, torch and so on. processes: how many of its own it
    has, 0 where it is on a thread of the process that started it; host: the machine of the first, of a run that was
    started by hand or by a scheduler.
    """

    at: float
    run_id: str
    name: str
    resumed_from: int = 0
    by: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    processes: int = 0
    host: str = ""


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
class DataUsed:
    """A dataset as this run reads it. rows: those kept of `rows_read`. content: a hash of its files' bytes."""

    name: str
    rows: int
    rows_read: int
    content: str


@dataclass(frozen=True)
class DataRead:
    """Which data the run trains and validates on."""

    at: float
    datasets: tuple[DataUsed, ...]


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
    metric: str = "validation_loss"  # what evaluations are judged by


@dataclass(frozen=True)
class StepLogged:
    """The mean over the optimizer steps since the last one logged. tokens: positions seen so far, padding excluded.

    model_grad_norm, encoder_grad_norm: of the last step, before clipping, apart for the language model (under an
    adapter its adapter) and the encoder. model_update, encoder_update: norm of what the last step changed, divided by
    the norm of the trained parameters. None where a part does not train or nothing can be measured.
    measures: (name, mean over the rows) of what a preference stage measures beside its loss.
    """

    at: float
    step: int
    epoch: float
    loss: float | None
    learning_rate: float
    grad_norm: float | None
    encoder_learning_rate: float | None = None
    tokens: int = 0
    model_grad_norm: float | None = None
    encoder_grad_norm: float | None = None
    model_update: float | None = None
    encoder_update: float | None = None
    measures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Evaluated:
    """Loss over the validation rows after `step`: the mean over trained tokens, or over rows of preference data.

    measures: as of `StepLogged`. score: of the answers to some of them, 0 to 1, the mean over tasks; None where none
    are answered.
    """

    at: float
    step: int
    loss: float | None
    seconds: float
    score: float | None = None
    measures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Probe:
    """A pinned question: its source ("demo:12" or ""), the question and the expected answer ("" when there is none)."""

    source: str
    question: str
    expected: str = ""


@dataclass(frozen=True)
class ProbesPinned:
    """The questions that are asked again and again in this run; their series lie in the run's `probes.json`."""

    at: float
    probes: tuple[Probe, ...]


@dataclass(frozen=True)
class SampleShown:
    """What the model answers to the probe of this number (from 1) after `step`; step 0 is before training."""

    at: float
    step: int
    probe: int
    answer: str


@dataclass(frozen=True)
class DrawnAnswer:
    """An answer that a run wrote to learn from. reward: the weighed sum, None where nothing could be judged.

    parts: (name, value) of the rewards it consists of.
    """

    text: str
    reward: float | None
    parts: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class AnswersDrawn:
    """What the run wrote to one question before `step`; the series of the newest lie in the run's `drawn.json`."""

    at: float
    step: int
    source: str
    question: str
    expected: str
    answers: tuple[DrawnAnswer, ...]


@dataclass(frozen=True)
class CheckpointSaved:
    """A checkpoint from which the run can go on. path is relative to the run's folder.

    is_best: no evaluated step of this run before was better; said again of a checkpoint that turns out to be.
    """

    at: float
    step: int
    path: str
    size_bytes: int
    loss: float | None = None
    is_best: bool = False


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
    """Somebody asked the run for one of COMMANDS; it is obeyed at the next micro-batch or row."""

    at: float
    command: str
    by: str


@dataclass(frozen=True)
class CommandObeyed:
    """The run did what it was asked for, or a note says why it could not."""

    at: float
    command: str


@dataclass(frozen=True)
class Failed:
    """The run ended by a fault. kind: one of FAILURES.

    settings: the dotted names of the settings at fault. change: the settings, with their values, that would let it go
    through. rows: the rows at fault as "dataset:row"; what they hold lies in the run's `failed_rows.json`.
    """

    at: float
    kind: str
    message: Message
    advice: Message | None
    traceback: str = ""
    settings: tuple[str, ...] = ()
    change: tuple[tuple[str, str | int | float | bool | tuple[str, ...]], ...] = ()
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finished:
    """The run ended as it should. status: finished or stopped. result: folder relative to the run's, "" if none.

    result_step: the step whose weights the result holds, None for the last one.
    """

    at: float
    status: str
    step: int
    result: str
    message: Message
    result_step: int | None = None


Event = (
    RunStarted
    | PhaseChanged
    | Progressed
    | DataRead
    | Planned
    | StepLogged
    | Evaluated
    | ProbesPinned
    | SampleShown
    | AnswersDrawn
    | CheckpointSaved
    | CheckpointRemoved
    | Noted
    | CommandGiven
    | CommandObeyed
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
    if "probes" in data:
        data["probes"] = tuple(Probe(**probe) for probe in data["probes"])
    if "datasets" in data:
        data["datasets"] = tuple(DataUsed(**used) for used in data["datasets"])
    if "answers" in data:
        data["answers"] = tuple(
            DrawnAnswer(each["text"], each["reward"], _tuples(each["parts"])) for each in data["answers"]
        )
    for name in ("settings", "change", "rows", "versions", "measures"):
        if name in data:
            data[name] = _tuples(data[name])
    try:
        return kind(**data)
    except TypeError as error:
        raise ValueError(f"not an event: {error}") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
