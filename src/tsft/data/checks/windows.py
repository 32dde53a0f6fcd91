"""Windows of one recording in two rows: equal stretches of values, found through winnowed fingerprints.

Every 16 values in a row are hashed, and of every 16 neighbouring hashes the smallest is kept: two series that share 31
values in a row share a fingerprint, wherever the stretch lies in each. Stretches that say nothing (few different
values, or a straight line) have none. When more than `limit` fingerprints come together, those with odd hashes go,
then those not divisible by four …: memory stays bounded, and short overlaps may then be missed.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

GRAM = 16
SHORTEST_OVERLAP = 2 * GRAM - 1
# 12 bytes each: 96 MB at most, and about as much again while they are sorted.
LIMIT = 8_000_000
_DIFFERENT_VALUES = 8
_DIFFERENT_STEPS = 4
# Windows of hashes looked at in one call: half a megabyte.
_BLOCK = 4_096
_WITHIN = np.arange(GRAM)
_POWERS = np.array([pow(0x9E3779B97F4A7C15, power, 1 << 64) for power in range(GRAM)], dtype=np.uint64)


def fingerprints(points: np.ndarray) -> np.ndarray:
    """uint64[F], the winnowed hashes of one series; empty for a series shorter than 16 points.

    points: float64[L]
    """
    if len(points) < GRAM:
        return np.zeros(0, dtype=np.uint64)
    # Adding 0.0 makes minus zero zero, which is the same value in other bits.
    bits = _mixed((np.ascontiguousarray(points, dtype=np.float64) + 0.0).view(np.uint64))
    grams = len(points) - GRAM + 1
    hashes = np.zeros(grams, dtype=np.uint64)
    for place in range(GRAM):
        hashes += bits[place : place + grams] * _POWERS[place]
    hashes = _mixed(hashes)
    chosen = _winnowed(hashes)
    return hashes[chosen[_says_something(points, chosen)]]


def digest_of(series: Sequence[np.ndarray]) -> np.ndarray:
    """uint64[F], the fingerprints of all series of a row, each once."""
    parts = [fingerprints(points) for points in series]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)


class WindowIndex:
    """Fingerprints with the rows they come from, at most `limit` of them."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._hashes = np.zeros(1024, dtype=np.uint64)
        self._rows = np.zeros(1024, dtype=np.uint32)
        self._count = 0
        self._divisor_bits = 0

    def __len__(self) -> int:
        return self._count

    def add(self, row: int, hashes: np.ndarray) -> None:
        """Add the fingerprints of a row; rows come in rising order."""
        hashes = self._thinned(hashes)
        while self._count + len(hashes) > self._limit:
            self._thin()
            hashes = self._thinned(hashes)
        while self._count + len(hashes) > len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._hashes[self._count : self._count + len(hashes)] = hashes
        self._rows[self._count : self._count + len(hashes)] = row
        self._count += len(hashes)

    def overlapping(self, keys: np.ndarray) -> Iterator[tuple[int, int]]:
        """(row, earlier row) for each row that shares values with an earlier row which is not such a row itself.

        keys: int64[rows], equal for rows with the same series, which are no overlap. Leaving the given rows out leaves
        no overlap.
        """
        order = np.argsort(self._hashes[: self._count], kind="stable")
        hashes, rows = self._hashes[order], self._rows[order]
        starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])) if len(hashes) else np.zeros(0, np.int64)
        group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(hashes))))
        of_rows = keys[rows]
        is_shared = np.zeros(len(starts), dtype=bool)
        if len(starts):
            is_shared = np.minimum.reduceat(of_rows, starts) != np.maximum.reduceat(of_rows, starts)
        keep = is_shared[group]
        rows, group = rows[keep], group[keep]
        by_row = np.argsort(rows, kind="stable")
        rows, group = rows[by_row], group[by_row]
        owner = np.full(len(starts), -1, dtype=np.int64)
        begins = np.flatnonzero(np.append(True, rows[1:] != rows[:-1])) if len(rows) else np.zeros(0, np.int64)
        for begin, end in pairwise([*begins.tolist(), len(rows)]):
            row, mine = int(rows[begin]), group[begin:end]
            owners = owner[mine]
            others = owners[(owners >= 0) & (keys[owners] != keys[row])]
            if len(others):
                yield row, int(others.min())
            else:
                owner[mine[owners < 0]] = row

    def sorted_hashes(self) -> tuple[np.ndarray, int]:
        """uint64[H], all fingerprints, rising, each once; and how many low bits of each are zero by thinning."""
        return np.unique(self._hashes[: self._count]), self._divisor_bits

    def _thin(self) -> None:
        self._divisor_bits += 1
        hashes, rows = self._hashes[: self._count], self._rows[: self._count]
        kept = hashes & np.uint64((1 << self._divisor_bits) - 1) == 0
        self._count = int(kept.sum())
        self._hashes[: self._count], self._rows[: self._count] = hashes[kept], rows[kept]

    def _thinned(self, hashes: np.ndarray) -> np.ndarray:
        if not self._divisor_bits:
            return hashes
        return hashes[hashes & np.uint64((1 << self._divisor_bits) - 1) == 0]


def shares(hashes: np.ndarray, known: np.ndarray) -> bool:
    """Whether any of the fingerprints is among the known ones (sorted)."""
    if not len(hashes) or not len(known):
        return False
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return bool((known[places] == hashes).any())


def _mixed(values: np.ndarray) -> np.ndarray:
    """splitmix64's finisher: every bit of the value reaches every bit of the hash."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _says_something(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """bool[F]: at least eight different values and four different steps among the sixteen."""
    grams = points[starts[:, None] + _WITHIN]
    steps = grams[:, 1:] - grams[:, :-1]
    grams.sort(axis=1)
    steps.sort(axis=1)
    values = np.count_nonzero(grams[:, 1:] != grams[:, :-1], axis=1)
    # Steps that differ by rounding only are the same.
    size = np.maximum(-grams[:, :1], grams[:, -1:]) * 1e-9
    changes = np.count_nonzero(steps[:, 1:] - steps[:, :-1] > size, axis=1)
    return np.asarray((values >= _DIFFERENT_VALUES - 1) & (changes >= _DIFFERENT_STEPS - 1))


def _winnowed(hashes: np.ndarray) -> np.ndarray:
    """int64[F], the places of the smallest of every 16 neighbours, each once, rising."""
    if len(hashes) <= GRAM:
        return np.array([int(hashes.argmin())])
    windows, parts = len(hashes) - GRAM + 1, []
    for begin in range(0, windows, _BLOCK):
        places = _places(min(_BLOCK, windows - begin))
        parts.append(hashes[begin:][places].argmin(axis=1) + places[:, 0] + begin)
    smallest = np.concatenate(parts)
    return np.asarray(smallest[np.append(True, smallest[1:] != smallest[:-1])])


@lru_cache(maxsize=64)
def _places(windows: int) -> np.ndarray:
    """int64[windows, 16]: 0..15, 1..16 …"""
    return np.asarray(np.arange(windows)[:, None] + _WITHIN)
