"""The processes that train one run together, seen from one of them. Alone it is a team of one and nothing is sent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Team:
    """A team of one. `engine/process_team.py` has the one of several; in it every method is a meeting of all.

    rank: the number of this process; 0 is the first, which alone writes the run's folder.
    """

    rank = 0
    size = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def told(self, value: T) -> T:
        """What the first process says; the others' own values are not looked at."""
        return value

    def number(self, value: int) -> int:
        """The same for a whole number, quicker."""
        return value

    def gathered(self, value: T) -> list[T]:
        """The values of all, by rank."""
        return [value]

    def summed(self, values: Sequence[float]) -> list[float]:
        """Each of the values added up over all."""
        return list(values)

    def wait(self) -> None:
        """Until all have come here."""

    @contextmanager
    def first_then_others(self) -> Iterator[None]:
        """The first process goes through the block alone, then the others, who find what it left on disk."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()


ALONE = Team()


def is_launched(config: Any) -> bool:
    """Whether a run needs processes of its own: several, or one that an engine of its own shards for."""
    settings = config.processes
    return settings.count * settings.machines > 1 or settings.strategy != "ddp"
