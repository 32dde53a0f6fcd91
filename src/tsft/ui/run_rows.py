"""What the Runs tab knows of runs and may ask for: rows, a page of them, relatives, and what can be done with one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tsft.config.run_config import RunConfig
from tsft.errors import UserError, message
from tsft.run.events import DataUsed, Event
from tsft.run.state import RunState


@dataclass(frozen=True)
class AnswerScore:
    """What an evaluation says of a run's answers. score, low, high: 0 to 1; the bounds of 95 %, None without them.

    tasks: score by task. result: what of the run was asked, as the list of results names it.
    """

    score: float
    low: float | None = None
    high: float | None = None
    rows: int = 0
    datasets: tuple[str, ...] = ()
    tasks: Mapping[str, float] = field(default_factory=dict)
    result: str = ""
    evaluation: str = ""
    at: float = 0.0


@dataclass(frozen=True)
class RunRow:
    """A run as the Runs tab lists it. Times are seconds since the epoch, 0 when not yet; losses None when not known.

    result: the folder of its adapter or model as a person would open it, "" when there is none. parent: the run it
    comes from, origin how ("cloned", "resumed", "extended", "continued"), parent_step from which checkpoint.
    answers: by its newest evaluation, None while there is none.
    """

    id: str
    name: str
    status: str
    model: str = ""
    datasets: tuple[str, ...] = ()
    method: str = ""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    best_validation_loss: float | None = None
    started_at: float = 0.0
    size_bytes: int = 0
    result: str = ""
    folder: str = ""
    ended_at: float = 0.0
    score: float | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    parent: str = ""
    parent_step: int = 0
    origin: str = ""
    sweep: str = ""
    by: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    data: tuple[DataUsed, ...] = ()
    answers: AnswerScore | None = None


@dataclass(frozen=True)
class CheckpointRow:
    """A checkpoint that a run can go on from."""

    step: int
    loss: float | None
    size_bytes: int
    path: str


@dataclass(frozen=True)
class RunQuery:
    """Which runs to list: those with every word of `search`, from the `first` on. sort: "-" before it reverses."""

    search: str = ""
    status: str = ""
    tag: str = ""
    sort: str = "-created"
    first: int = 0
    count: int = 15


@dataclass(frozen=True)
class RunPage:
    """One page of a list: its rows, how many there are in all, and every tag that some run has."""

    rows: Sequence[RunRow] = ()
    total: int = 0
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class Lineage:
    """Where a run comes from, the oldest first, and what came from it. sweep: all runs of its sweep, itself too."""

    ancestors: Sequence[RunRow] = ()
    children: Sequence[RunRow] = ()
    sweep: Sequence[RunRow] = ()


@dataclass(frozen=True)
class RunTold:
    """All there is to tell of one run. answers: by its evaluations, the newest first, once for each set of datasets."""

    row: RunRow
    state: RunState
    config: RunConfig
    checkpoints: Sequence[CheckpointRow] = ()
    lineage: Lineage = Lineage()
    answers: Sequence[AnswerScore] = ()


def _no_run(run_id: str) -> RunTold:
    raise UserError(message("record.no_run", run=run_id))


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True)
class RunActions:
    """What the Runs tab asks of the record. Each may raise UserError.

    annotate: (run, notes, tags). rename: (run, new name). delete: the run with its folder; one in progress is refused.
    measure: the bytes of its folder as they are now. events: everything it has said.
    """

    find: Callable[[RunQuery], RunPage] = lambda query: RunPage()
    told: Callable[[str], RunTold] = _no_run
    annotate: Callable[[str, str, Sequence[str]], object] = _nothing
    rename: Callable[[str, str], object] = _nothing
    delete: Callable[[str], None] = _nothing
    measure: Callable[[str], int] = lambda run_id: 0
    events: Callable[[str], Iterator[Event]] = lambda run_id: iter(())
