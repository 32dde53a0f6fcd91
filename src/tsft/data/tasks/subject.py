"""What a question is about: named series and what is known of them (labels, or a generator's attributes)."""

from dataclasses import dataclass

import numpy as np

# What a task can need beyond the values themselves.
KNOWLEDGE = ("values", "intervals", "classes", "names", "attributes", "relations")

Interval = tuple[int, int]


@dataclass(frozen=True)
class NamedStretch:
    """Points [start, end) to which people gave a name."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Event:
    """One local event, measured on the series as it is given out: points [start, end), peak inside, signed size.

    before, after: the level on either side; an event with is_permanent does not return to the level before it.
    """

    type: str
    start: int
    end: int
    peak: int
    size: float
    before: float = 0.0
    after: float = 0.0
    is_permanent: bool = False


@dataclass(frozen=True)
class Attributes:
    """What is true of one series by construction and by measurement. None: not clear enough to ask about.

    trend: "up", "down" or "flat"; change: net change of trend and level shifts; period in points, 0 for none;
    swing: peak to peak of one cycle; noise: "noisy" or "quiet"; sigma: standard deviation of the noise.
    """

    trend: str | None = None
    change: float | None = None
    period: int | None = None
    swing: float | None = None
    noise: str | None = None
    sigma: float | None = None
    events: tuple[Event, ...] | None = None


@dataclass(frozen=True)
class Relations:
    """How the series of a row belong together, by construction.

    related: series that share events or a shape (indexes); first: the one that moves first, None where all move at
    once; near: the point the shared events lie at, None where a whole shape is shared.
    """

    related: tuple[int, ...]
    first: int | None = None
    near: int | None = None


@dataclass(frozen=True)
class NamedSeries:
    """One series under the name the question uses. values: float64[L], exactly the numbers of the row."""

    name: str
    values: np.ndarray
    unit: str = ""
    attributes: Attributes | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Subject:
    """Everything one row may be asked about. Names are in the language of the question and differ from each other.

    intervals: labelled unusual stretches [start, end) of the row; None where nobody has labelled, () where there are
    none. label: the class of the whole row, one of `classes`. named: what people called the stretches in it, out of
    `kinds`; None and () as with intervals. focus: the series that questions about one series are
    about; None where it may be any.
    """

    series: tuple[NamedSeries, ...]
    intervals: tuple[Interval, ...] | None = None
    label: str | None = None
    classes: tuple[str, ...] = ()
    named: tuple[NamedStretch, ...] | None = None
    kinds: tuple[str, ...] = ()
    relations: Relations | None = None
    focus: int | None = None

    def knows(self) -> frozenset[str]:
        """Which of `KNOWLEDGE` this subject has."""
        found = {"values"}
        if self.intervals is not None:
            found.add("intervals")
        if self.label is not None and len(self.classes) > 1:
            found.add("classes")
        if self.named is not None and self.kinds:
            found.add("names")
        if self.relations is not None:
            found.add("relations")
        if all(each.attributes is not None for each in self.series):
            found.add("attributes")
        return frozenset(found)
