"""Blind controls: the same questions without the right series. What a model still gets right, it has from the text.

Three of them, from weak to strong: another row's series under the original prefix, a constant under the original
prefix, and no series at all. Labels stay as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tsft.errors import UserError, message
from tsft.evaluate.shown import PLACEHOLDER, Shown

Control = Callable[[Sequence[Shown], int], list[Shown]]


def swapped(rows: Sequence[Shown], seed: int = 0) -> list[Shown]:
    """Each row with the series of a row of another series key, stretched to the lengths of its own.

    UserError where all rows share one series.
    """
    donors = _donors(rows, seed)
    return [_with_series(row, _fitted(rows[donor].series, row.series)) for row, donor in zip(rows, donors, strict=True)]


def constant(rows: Sequence[Shown], seed: int = 0) -> list[Shown]:
    """Each row with its series flattened to their means."""
    return [_with_series(row, [np.full(len(each), float(np.mean(each))) for each in row.series]) for row in rows]


def without_series(rows: Sequence[Shown], seed: int = 0) -> list[Shown]:
    """Each row as text alone: placeholders taken out, so that neither prefix nor patches are left."""
    return [
        replace(
            row,
            turns=tuple({**turn, "content": turn["content"].replace(PLACEHOLDER, "")} for turn in row.turns),
            series=(),
            prefix_series=None,
        )
        for row in rows
    ]


# By name, in the order in which they are shown.
BLIND: dict[str, Control] = {"swapped": swapped, "constant": constant, "without_series": without_series}


def _with_series(row: Shown, series: Sequence[np.ndarray]) -> Shown:
    return replace(row, series=tuple(series), prefix_series=row.series)


def _donors(rows: Sequence[Shown], seed: int) -> list[int]:
    """For each row the index of another one with a different key, spread as evenly as the keys allow.

    Rows are laid out by key in a drawn order of keys; each takes from the row half a turn of the largest group on.
    """
    generator = np.random.default_rng(seed)
    keys = list(dict.fromkeys(row.series_key for row in rows))
    if len(keys) < 2:
        raise UserError(message("evaluate.control.one_series", count=len(rows)))
    order = {key: int(place) for key, place in zip(keys, generator.permutation(len(keys)), strict=True)}
    laid = sorted(range(len(rows)), key=lambda index: (order[rows[index].series_key], index))
    groups: dict[str, list[int]] = {}
    for index in laid:
        groups.setdefault(rows[index].series_key, []).append(index)
    donors = [0] * len(rows)
    for key, members in groups.items():
        others = [index for index in laid if rows[index].series_key != key]
        start = int(generator.integers(len(others)))
        for place, index in enumerate(members):
            donors[index] = others[(start + place) % len(others)]
    return donors


def _fitted(donor: Sequence[np.ndarray], own: Sequence[np.ndarray]) -> list[np.ndarray]:
    if not donor:
        return list(own)
    return [_stretched(donor[place % len(donor)], len(each)) for place, each in enumerate(own)]


def _stretched(values: np.ndarray, length: int) -> np.ndarray:
    if len(values) == length:
        return np.array(values, dtype=np.float64)
    return np.interp(np.linspace(0, len(values) - 1, length), np.arange(len(values)), values)
