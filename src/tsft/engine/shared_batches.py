"""Which rows each of several processes takes: all together go through them in the order in which one would.

The batches of a step lie one after another in that order. Where the last ones of an epoch do not go round, a process
gets a filler: rows that weigh nothing, since all must do the same number of batches.
"""

from collections.abc import Iterator, Sized
from typing import Any, Protocol

from torch.utils.data import Sampler

# The key of a row that weighs nothing.
FILLER = "is_filler"


class Ordered(Sized, Protocol):
    """Gives the indices of the rows in order."""

    def __iter__(self) -> Iterator[int]: ...


class SharedBatches(Sampler[list[int]]):
    """The batches of one process. A filler's index is ~i, that of the row it repeats being i."""

    def __init__(self, order: Ordered, batch_size: int, rank: int, size: int) -> None:
        self._order = order
        self._batch_size = batch_size
        self._rank = rank
        self._size = size

    def __len__(self) -> int:
        return -(-len(self._order) // (self._batch_size * self._size))

    def __iter__(self) -> Iterator[list[int]]:
        rows, width = list(self._order), self._batch_size
        for first in range(0, len(rows), width * self._size):
            begin = first + self._rank * width
            yield rows[begin : begin + width] or [~rows[first]]


class WithFillers:
    """Rows, and the same as fillers."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._rows[index] if index >= 0 else {**self._rows[~index], FILLER: True}
