"""Which rows go into one sequence: a plan by length alone, so that a run that goes on from a checkpoint has the same.

What a packed sequence looks like to the model is `model/batches.py`.
"""

import bisect
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Rows(Protocol):
    """Encoded rows with their lengths in tokens."""

    @property
    def lengths(self) -> NDArray[np.integer]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> dict[str, Any]: ...


def plan_packs(lengths: Sequence[int] | NDArray[np.integer], limit: int, seed: int) -> list[NDArray[np.int64]]:
    """The rows of each pack, every row in exactly one; no pack is longer than `limit` tokens unless one row is.

    The longest row that is left goes into the fullest pack that still has room for it (best fit decreasing: at most
    11/9 of the fewest packs possible). `seed` decides among rows of equal length and the order inside a pack.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    generator = np.random.default_rng([seed, len(sizes)])
    order = generator.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    packs: list[list[int]] = []
    # Packs by free room: there are at most `limit` different rooms, however many packs there are.
    by_room: dict[int, list[int]] = {}
    rooms: list[int] = []
    for row in order.tolist():
        size = int(sizes[row])
        place = bisect.bisect_left(rooms, size)
        if place == len(rooms):
            pack, room = len(packs), max(limit, size)
            packs.append([])
        else:
            room = rooms[place]
            pack = by_room[room].pop()
            if not by_room[room]:
                del by_room[room], rooms[place]
        packs[pack].append(row)
        left = room - size
        if left > 0:
            if left not in by_room:
                by_room[left] = []
                bisect.insort(rooms, left)
            by_room[left].append(pack)
    return [np.array(generator.permutation(pack), dtype=np.int64) for pack in packs]


class PackedRows:
    """Rows seen as packs: an item holds a pack's rows and their indices, `lengths` are the tokens of each pack."""

    def __init__(self, rows: Rows, limit: int, seed: int) -> None:
        self._rows = rows
        self._packs = plan_packs(rows.lengths, limit, seed)
        self.lengths = np.array([int(rows.lengths[pack].sum()) for pack in self._packs], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._packs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """`pack`: the rows; `row_indices`: which they are."""
        indices = self._packs[index].tolist()
        return {"pack": [self._rows[row] for row in indices], "row_indices": indices}
