"""What is known before a run starts: the readiness card as plain data, and how far making it has come.

The engine makes it, the page and the command line show it. Sizes are bytes; nothing here is measured or translated.
"""

from dataclasses import dataclass

from tsft.errors import Message, Problem
from tsft.run.events import Group

# The parts a memory estimate is made of, in the order in which they are shown.
PARTS = ("process", "weights", "gradients", "optimizer", "activations", "working")


@dataclass(frozen=True)
class DroppedRows:
    """Rows left out for one reason: how many, the sentence about the first of them, their first numbers as text."""

    count: int
    first: Message
    rows: str = ""


@dataclass(frozen=True)
class DatasetCounts:
    """One dataset: `rows_read == kept + sum of dropped + left_out`; shortened and cut ones are among the kept."""

    name: str
    rows_read: int
    kept: int
    dropped: tuple[DroppedRows, ...] = ()
    shortened: int = 0
    cut: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Bar:
    """Training rows of `first` to `last` tokens, both included."""

    first: int
    last: int
    rows: int


@dataclass(frozen=True)
class MemoryPart:
    """One of PARTS at the moment of the peak."""

    name: str
    bytes: int


@dataclass(frozen=True)
class MemoryEstimate:
    """The peak of a run. device: "cpu" (memory of the whole process) or "cuda" (memory of the GPU).

    available_bytes: what the process may have in all, the part it has already included.
    """

    device: str
    parts: tuple[MemoryPart, ...]
    available_bytes: int

    @property
    def total_bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    @property
    def fits(self) -> bool:
        return self.total_bytes <= self.available_bytes


@dataclass(frozen=True)
class TimeEstimate:
    """How long training takes without evaluations. basis: "record" (earlier runs of this workspace), "trial" (a dry
    run just now), "guess" (arithmetic over a short measurement; may be off by some times) or "unknown" (both are 0)."""

    seconds: float
    seconds_a_step: float
    basis: str


@dataclass(frozen=True)
class Trial:
    """What a dry run measured at the longest batch. peak_bytes: as in `MemoryEstimate.total_bytes`."""

    peak_bytes: int
    seconds_a_step: float
    steps: int


@dataclass(frozen=True)
class Readiness:
    """The card. change: the smallest one with which the run would fit, None when it fits or nothing found does.

    encoder: "full", "lora" or "frozen". trains_positions: whether the encoder's table of positions trains.
    cutoff_length: the limit in tokens. bars: lengths of the training rows. batch_tokens: positions of the longest
    batch with its padding.
    """

    model: str
    parameters: int
    parameters_trained: int
    method: str
    encoder: str
    encoder_is_new: bool
    trains_positions: bool
    groups: tuple[Group, ...]
    device: str
    precision: str
    datasets: tuple[DatasetCounts, ...]
    rows_train: int
    rows_validation: int
    tokens_median: int
    tokens_longest: int
    cutoff_length: int
    bars: tuple[Bar, ...]
    steps: int
    epochs: float
    batch_size: int
    batch_tokens: int
    memory: MemoryEstimate
    time: TimeEstimate
    disk_bytes: int
    disk_free_bytes: int
    change: Problem | None = None
    remarks: tuple[Message, ...] = ()

    @property
    def is_ready(self) -> bool:
        return self.memory.fits and self.disk_bytes <= self.disk_free_bytes


@dataclass(frozen=True)
class Examined:
    """A look at a config, under way or done. number grows with each look of this process.

    phase: one of `run.events.PHASES` while under way. A look that was given up is done and has neither card nor
    problems. trial: only after a dry run.
    """

    number: int
    is_trial: bool = False
    phase: str = "starting"
    subject: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    is_done: bool = False
    readiness: Readiness | None = None
    trial: Trial | None = None
    problems: tuple[Problem, ...] = ()


def bars_of(lengths: list[int], count: int = 24) -> tuple[Bar, ...]:
    """The histogram of some lengths in at most `count` bars of equal width; every row is in exactly one."""
    if not lengths:
        return ()
    low, high = min(lengths), max(lengths)
    width = -(-(high - low + 1) // count)
    rows = [0] * -(-(high - low + 1) // width)
    for length in lengths:
        rows[(length - low) // width] += 1
    return tuple(Bar(low + place * width, low + (place + 1) * width - 1, number) for place, number in enumerate(rows))
