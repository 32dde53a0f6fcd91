"""Which row of which dataset comes when: index plans over encoded rows, decided by the seed alone."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from tsft.errors import UserError, message

# A plan costs 12 bytes a row; a weight of 0.000001 beside a large dataset would ask for billions of them.
PLAN_ROWS = 50_000_000


class RowSet(Protocol):
    """Rows to mix: `EncodedRows`, or anything like it."""

    def column(self, name: str) -> np.ndarray: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> dict[str, Any]: ...


class MixedRows:
    """Rows of several datasets in the order of a plan. Indexing gives the row dict of `EncodedRows`.

    datasets: int32[rows], which row set; indexes: int64[rows], which row of it.
    """

    def __init__(self, row_sets: Sequence[RowSet], datasets: np.ndarray, indexes: np.ndarray) -> None:
        self.row_sets = tuple(row_sets)
        self.datasets = datasets
        self.indexes = indexes

    def __len__(self) -> int:
        return len(self.datasets)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.row_sets[self.datasets[index]][int(self.indexes[index])]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """int32[rows], tokens of each row with its patches, in plan order."""
        return self.gather("length")

    def gather(self, name: str) -> np.ndarray:
        """One column of whole numbers of the encoded rows (see `EncodedRows.column`), in plan order."""
        result = np.zeros(len(self), dtype=np.int64)
        for number, rows in enumerate(self.row_sets):
            here = self.datasets == number
            if here.any():
                result[here] = rows.column(name)[self.indexes[here]]
        return result


def plan(rows: Sequence[np.ndarray], mixing: str, weights: Sequence[float], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(datasets int32[rows], indexes int64[rows]) over the given rows of each dataset.

    concatenate: every row once, dataset after dataset; weights play no part.
    interleave_under: drawn by weight until the first dataset is used up.
    interleave_over: drawn by weight until every dataset is used up; smaller ones begin anew.
    A dataset without rows, or with weight 0, takes no part in a draw.
    """
    if mixing == "concatenate":
        return _concatenated(rows)
    shares = _shares(rows, weights)
    taking_part = np.flatnonzero(shares > 0)
    if not len(taking_part):
        return _concatenated([])
    sizes = np.array([len(rows[number]) for number in taking_part.tolist()])
    probabilities = shares[taking_part] / shares[taking_part].sum()
    is_over = mixing == "interleave_over"
    needed = sizes / probabilities
    expected = needed.max() if is_over else needed.min()
    if expected > PLAN_ROWS:
        raise UserError(message("data.mix.too_long", rows=f"{expected:.2g}", weight=f"{probabilities.min():.2g}"))
    draw_seed, *order_seeds = np.random.SeedSequence(seed).spawn(1 + len(rows))
    drawn = _draws(sizes, probabilities, is_over, np.random.default_rng(draw_seed))
    indexes = np.zeros(len(drawn), dtype=np.int64)
    for place, number in enumerate(taking_part.tolist()):
        order = np.random.default_rng(order_seeds[number]).permutation(rows[number])
        here = np.flatnonzero(drawn == place)
        indexes[here] = order[np.arange(len(here)) % len(order)]
    return taking_part[drawn].astype(np.int32), indexes


def _concatenated(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    datasets = [np.full(len(each), number, dtype=np.int32) for number, each in enumerate(rows)]
    empty = np.zeros(0, dtype=np.int64)
    return np.concatenate([empty.astype(np.int32), *datasets]), np.concatenate([empty, *rows]).astype(np.int64)


def _shares(rows: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    if weights and len(weights) != len(rows):
        raise UserError(message("data.mix.weights_count", weights=len(weights), datasets=len(rows)))
    shares = np.array(weights or [1.0] * len(rows), dtype=np.float64)
    if not np.isfinite(shares).all() or (shares < 0).any() or (len(shares) and shares.sum() <= 0):
        raise UserError(message("data.mix.weights_values", weights=", ".join(f"{share:g}" for share in shares)))
    return shares * np.array([len(each) > 0 for each in rows])


def _draws(sizes: np.ndarray, probabilities: np.ndarray, is_over: bool, generator: np.random.Generator) -> np.ndarray:
    """Draws until every dataset (over) or the first one (under) has been drawn as often as it has rows."""
    parts: list[np.ndarray] = []
    counts = np.zeros(len(sizes), dtype=np.int64)
    while not (np.all(counts >= sizes) if is_over else np.any(counts >= sizes)):
        # A fixed block, so that the same seed gives the same draws whatever the sizes are.
        block = generator.choice(len(sizes), size=65_536, p=probabilities)
        parts.append(block)
        counts += np.bincount(block, minlength=len(sizes))
    drawn = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    ends = [int(np.flatnonzero(drawn == place)[size - 1]) for place, size in enumerate(sizes) if counts[place] >= size]
    end = max(ends) if is_over else min(ends)
    return drawn[: end + 1]
