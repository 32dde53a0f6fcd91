"""Which rows are kept back for validation: a seeded fraction that never parts equal series, or the last rows."""

from collections.abc import Sequence

import numpy as np


def by_fraction(keys: Sequence[np.ndarray], fraction: float, seed: int) -> list[np.ndarray]:
    """bool[rows] for each dataset, True where a row validates.

    keys: int64[rows] of each dataset; rows with equal keys hold the same series and go to the same side everywhere.
    Each dataset gives about `fraction` of its rows, at least one where it holds two different series.
    """
    ranks = [_rank(each, seed) for each in keys]
    chosen = [_lowest(rank, fraction) for rank in ranks]
    held_back = np.unique(
        np.concatenate([np.zeros(0, dtype=np.int64), *(k[c] for k, c in zip(keys, chosen, strict=True))])
    )
    # The same series may stand in two datasets with different cuts: validation keeps it out of training everywhere.
    return [np.isin(each, held_back) for each in keys]


def by_time(sizes: Sequence[int], fraction: float) -> list[np.ndarray]:
    """bool[rows] for each dataset: the last `fraction` of its rows in file order, at least one of two or more."""
    masks = []
    for size in sizes:
        held = min(max(1, round(size * fraction)), size - 1) if size > 1 else 0
        masks.append(np.arange(size) >= size - held)
    return masks


def shared_keys(train: np.ndarray, evaluation: np.ndarray) -> int:
    """Training rows whose series also stand in the validation rows."""
    return int(np.isin(train, np.unique(evaluation)).sum())


def _rank(keys: np.ndarray, seed: int) -> np.ndarray:
    """A pseudo-random uint64 for each key and seed (the splitmix64 finisher), equal for equal keys."""
    start = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    with np.errstate(over="ignore"):
        mixed = keys.astype(np.int64).view(np.uint64) + start
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _lowest(rank: np.ndarray, fraction: float) -> np.ndarray:
    """The groups of equal rank with the lowest ranks, as many as come nearest to `fraction` of all rows."""
    values, counts = np.unique(rank, return_counts=True)
    if len(values) < 2 or fraction <= 0:
        return np.zeros(len(rank), dtype=bool)
    wanted = max(1, round(len(rank) * fraction))
    reached = np.cumsum(counts)
    groups = int(np.argmin(np.abs(reached - wanted))) + 1
    return np.asarray(rank <= values[min(groups, len(values) - 1) - 1])
