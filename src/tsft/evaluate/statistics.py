"""How sure a score is: 95 % bootstrap intervals over series, and paired tests of two models on the same rows.

Rows of one series are not independent, so series are drawn, never rows. A statistic is any function of column sums
(a mean, a pooled F1, a macro F1 from a confusion matrix), which makes every resample one product of matrices.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
RESAMPLES = 2_000
# Numbers held at once while drawing: 4 million counts are 32 MB.
_HELD = 4_000_000
# Up to here the binomial of McNemar's test is summed exactly; beyond, the normal curve is as good to four digits.
_EXACT_DISCORDANT = 1_000

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Estimate:
    """A score with its interval; low and high are None where fewer than two series are drawn, or none are."""

    value: float
    low: float | None
    high: float | None
    series_count: int

    def is_apart_from(self, other: "Estimate") -> bool:
        """Whether the two intervals do not overlap."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return False
        return self.low > other.high or other.low > self.high


@dataclass(frozen=True)
class Difference:
    """First minus second on the same rows, with its interval. chance: two-sided p of no difference, None as above."""

    value: float
    low: float | None
    high: float | None
    chance: float | None
    series_count: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class McNemar:
    """Rows that only the first, or only the second model got right, and the two-sided p of that being chance.

    It takes rows for independent; where many rows share a series, believe the paired bootstrap instead.
    """

    only_first: int
    only_second: int
    chance: float


def mean_of(sums: np.ndarray) -> np.ndarray:
    """float[B] from float[B, 2]: the sum over the count. The statistic of `columns`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1])


def columns(values: Sequence[float]) -> np.ndarray:
    """float[n, 2]: each value with a count of one, as `mean_of` takes them."""
    return np.stack([np.asarray(values, dtype=np.float64), np.ones(len(values))], axis=1)


def bootstrap(
    rows: np.ndarray,
    series: Sequence[Hashable],
    statistic: Statistic = mean_of,
    *,
    is_share: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate | None:
    """The statistic of all rows with its percentile interval; None where it is undefined (no rows, nothing to count).

    rows:   float[n, K], what each row adds to the column sums
    series: n keys; rows of one key are drawn together
    is_share: the statistic lies between 0 and 1; resamples: 0 for the value alone, as scores during a training are
    """
    if not len(rows):
        return None
    sums = _sums(rows, series)
    value = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    if math.isnan(value):
        return None
    count = len(sums)
    drawn = _resampled(sums, statistic, resamples, seed)
    if not len(drawn):
        return Estimate(value, None, None, count)
    low, high = _percentiles(drawn)
    if is_share and low == high and value in (0.0, 1.0):
        # Nothing varied, so drawing again says nothing: the exact bound of n successes out of n does (Clopper-Pearson).
        reach = 1.0 - ((1.0 - LEVEL) / 2) ** (1.0 / count)
        low, high = (value - reach, value) if value else (value, reach)
    return Estimate(value, low, high, count)


def paired_bootstrap(
    first: np.ndarray,
    second: np.ndarray,
    series: Sequence[Hashable],
    statistic: Statistic = mean_of,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference | None:
    """First minus second where both are drawn together. first, second: float[n, K], of the same rows in one order."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} rows against {len(second)}")
    if not len(first):
        return None
    both = _sums(np.concatenate([first, second], axis=1), series)
    width = first.shape[1]

    def difference(sums: np.ndarray) -> np.ndarray:
        return np.asarray(statistic(sums[:, :width]) - statistic(sums[:, width:]))

    value = float(difference(both.sum(axis=0, keepdims=True))[0])
    if math.isnan(value):
        return None
    drawn = _resampled(both, difference, resamples, seed)
    if not len(drawn):
        return Difference(value, None, None, None, len(both))
    low, high = _percentiles(drawn)
    at_most, at_least = (np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    # One is added on both sides: a chance of exactly nothing is never shown by drawing.
    chance = min(1.0, 2.0 * (min(at_most, at_least) + 1) / (len(drawn) + 1))
    return Difference(value, low, high, chance, len(both))


def mcnemar(first_right: Sequence[bool], second_right: Sequence[bool]) -> McNemar:
    """McNemar's test on the rows where exactly one of two models is right."""
    pairs = list(zip(first_right, second_right, strict=True))
    only_first = sum(a and not b for a, b in pairs)
    only_second = sum(b and not a for a, b in pairs)
    return McNemar(only_first, only_second, _sign_chance(only_first, only_second))


def _sign_chance(one: int, other: int) -> float:
    count, least = one + other, min(one, other)
    if count == 0:
        return 1.0
    if count <= _EXACT_DISCORDANT:
        return min(1.0, 2.0 * sum(math.comb(count, k) for k in range(least + 1)) / 2**count)
    return math.erfc(max(0, abs(one - other) - 1) / math.sqrt(2.0 * count))


def _sums(rows: np.ndarray, series: Sequence[Hashable]) -> np.ndarray:
    """float[G, K], the rows of each series added up, series in order of their first row."""
    if len(series) != len(rows):
        raise ValueError(f"{len(rows)} rows with {len(series)} series keys")
    place: dict[Hashable, int] = {}
    index = [place.setdefault(key, len(place)) for key in series]
    sums = np.zeros((len(place), rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums


def _resampled(sums: np.ndarray, statistic: Statistic, resamples: int, seed: int) -> np.ndarray:
    """The statistic of each resample where it is defined; nothing for a single series. sums: float[G, K]"""
    generator = np.random.default_rng(seed)
    count = len(sums)
    at_once = max(1, _HELD // count)
    drawn = [np.empty(0)]
    for start in range(0, resamples if count > 1 else 0, at_once):
        size = min(at_once, resamples - start)
        # Drawn series counted by hand: a fifth of the time of multinomial numbers.
        chosen = generator.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        weights = np.bincount(chosen.ravel(), minlength=size * count).reshape(size, count)
        drawn.append(statistic(weights.astype(np.float64) @ sums))
    values = np.concatenate(drawn)
    return values[~np.isnan(values)]


def _percentiles(drawn: np.ndarray) -> tuple[float, float]:
    tail = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    return float(low), float(high)
