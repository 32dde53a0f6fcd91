"""Windows of recordings: split by time or by recording first, gaps filled inside each part, so that no window leaks."""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tsft.data.builder.recipe import MOST_SERIES, BuildRecipe
from tsft.data.builder.tracks import Track
from tsft.data.tasks.measures import runs
from tsft.data.tasks.subject import Interval, NamedStretch
from tsft.errors import Problem, UserError, message

# The decimals that a row keeps: answers are computed from what the row holds.
DECIMALS = 6
# A labelled stretch that the window cuts must show so much of itself, and something must be left that is not labelled.
LEAST_SHOWN, MOST_UNUSUAL = 1 / 32, 0.8
UNUSUAL, CALM, UNCLEAR = "unusual", "calm", "unclear"


@dataclass(frozen=True)
class Part:
    """The stretch of one recording that belongs to one split. filled: bool[N, C], points that were missing."""

    track: Track
    split: str
    offset: int
    values: np.ndarray
    filled: np.ndarray
    unusual: np.ndarray | None


@dataclass(frozen=True)
class Window:
    """Some columns of one part over [start, end) of the part."""

    part: Part
    start: int
    end: int
    columns: tuple[int, ...]

    @property
    def first_point(self) -> int:
        """Where it begins in its recording."""
        return self.part.offset + self.start

    @property
    def values(self) -> np.ndarray:
        """float64[L, C] of its columns, rounded as a row holds them."""
        return np.round(self.part.values[self.start : self.end, self.columns], DECIMALS) + 0.0

    @property
    def filled(self) -> list[Interval]:
        """Stretches of points that were missing in one of its columns at least."""
        return runs(np.asarray(self.part.filled[self.start : self.end, self.columns].any(axis=1)))

    @cached_property
    def intervals(self) -> tuple[Interval, ...] | None:
        """The labelled stretches in it; None where nobody has labelled."""
        if self.part.unusual is None:
            return None
        return tuple(runs(np.asarray(self.part.unusual[self.start : self.end, self.columns].any(axis=1))))

    @cached_property
    def kind(self) -> str:
        """`UNUSUAL`, `CALM`, or `UNCLEAR` where a stretch is cut to almost nothing or is almost everything."""
        found = self.intervals
        if found is None:
            return UNCLEAR
        if not found:
            return CALM
        length = self.end - self.start
        marks = self.part.unusual
        assert marks is not None
        for start, end in found:
            is_cut = (start == 0 and self._goes_on(marks, self.start - 1)) or (
                end == length and self._goes_on(marks, self.end)
            )
            if is_cut and end - start < max(3, math.ceil(LEAST_SHOWN * length)):
                return UNCLEAR
        return UNUSUAL if sum(end - start for start, end in found) <= MOST_UNUSUAL * length else UNCLEAR

    @cached_property
    def label(self) -> str:
        """The class of all its points, or of all that are not normal; "" where there are several, or none."""
        track = self.part.track
        if track.classes is None:
            return ""
        found = set(track.classes[self.first_point : self.part.offset + self.end].tolist()) - {""}
        special = {each for each in found if each.casefold() not in track.normal}
        if special and len(found) > 1 and self.kind != UNUSUAL:
            return ""
        told = special or found
        return str(told.pop()) if len(told) == 1 else ""

    @cached_property
    def named(self) -> tuple[NamedStretch, ...] | None:
        """What people called the labelled stretches in it; None where a label names nothing or nobody has labelled."""
        track, intervals = self.part.track, self.intervals
        if track.classes is None or intervals is None:
            return None
        found: list[NamedStretch] = []
        texts = track.classes[self.first_point : self.part.offset + self.end].tolist()
        for start, end in intervals:
            for point in range(start, end):
                text = str(texts[point])
                is_name = bool(text) and text.casefold() not in track.normal
                if found and found[-1].end == point and point > start and text in ("", found[-1].name):
                    found[-1] = NamedStretch(found[-1].name, found[-1].start, point + 1)
                elif is_name:
                    found.append(NamedStretch(text, point, point + 1))
        return tuple(found)

    @property
    def times(self) -> tuple[float, float] | None:
        """The times of its first and its last point, seconds in UTC."""
        times = self.part.track.times
        if times is None:
            return None
        return float(times[self.first_point]), float(times[self.part.offset + self.end - 1])

    def _goes_on(self, marks: np.ndarray, point: int) -> bool:
        return 0 <= point < len(marks) and bool(marks[point, self.columns].any())


def windows_of(tracks: Sequence[Track], recipe: BuildRecipe) -> dict[str, list[Window]]:
    """By split, in order of recording and time. No point of a recording stands in windows of two splits."""
    found: dict[str, list[Window]] = {split: [] for split in recipe.shares()}
    for part in _parts(tracks, recipe):
        chunks = column_chunks(len(part.track.columns), recipe.per_row)
        for columns in chunks:
            found[part.split] += _of_part(part, columns, recipe)
    return found


def column_chunks(count: int, per_row: int) -> list[tuple[int, ...]]:
    """Which columns share a row. Each column in one chunk only, so that no two rows show the same values."""
    size = min(per_row or count, MOST_SERIES)
    return [tuple(range(start, min(start + size, count))) for start in range(0, count, size)]


def _of_part(part: Part, columns: tuple[int, ...], recipe: BuildRecipe) -> list[Window]:
    values = part.values[:, columns]
    found = []
    for start, end in runs(np.isfinite(values).all(axis=1), recipe.window):
        for first in range(start, end - recipe.window + 1, recipe.step):
            inside = values[first : first + recipe.window]
            # A flat line shows nothing, and its patches are all alike.
            if np.all(np.ptp(np.round(inside, DECIMALS), axis=0) > 0):
                found.append(Window(part, first, first + recipe.window, columns))
    return found


def _parts(tracks: Sequence[Track], recipe: BuildRecipe) -> list[Part]:
    if recipe.split_by == "group":
        names = _split_of_groups([each.name for each in tracks], recipe)
        return [_part(track, names[track.name], 0, len(track), recipe) for track in tracks]
    if recipe.split_by == "none":
        return [_part(track, "train", 0, len(track), recipe) for track in tracks]
    parts = []
    for together in _overlapping(tracks):
        ends = np.cumsum(list(recipe.shares().values()))[:-1]
        times = [each.times for each in together if each.times is not None]
        # Recordings of the same time share what happened: they are cut at the same moment.
        cuts = np.quantile(np.concatenate(times), ends) if times else ends
        for track in together:
            places = np.searchsorted(track.times, cuts) if track.times is not None else np.round(cuts * len(track))
            edges = [0, *(int(place) for place in places), len(track)]
            parts += [
                _part(track, split, start, end, recipe)
                for split, start, end in zip(recipe.shares(), edges, edges[1:], strict=False)
            ]
    return parts


def _overlapping(tracks: Sequence[Track]) -> list[list[Track]]:
    """Recordings whose times overlap, directly or through others, together; one without times stands alone."""
    timed = sorted((each for each in tracks if each.times is not None), key=lambda each: float(each.times[0]))  # type: ignore[index]
    found: list[list[Track]] = [[each] for each in tracks if each.times is None]
    last = -math.inf
    for each in timed:
        assert each.times is not None
        if float(each.times[0]) > last:
            found.append([])
        found[-1].append(each)
        last = max(last, float(each.times[-1]))
    return found


def _split_of_groups(names: Sequence[str], recipe: BuildRecipe) -> dict[str, str]:
    """Whole recordings to the splits, in an order that the seed shuffles; every split gets one at least."""
    shares = recipe.shares()
    if len(names) < len(shares):
        told = message("data.build.few_groups", found=len(names), least=len(shares))
        raise UserError(Problem("split_by", told))
    order = sorted(names, key=lambda name: (zlib.crc32(f"{recipe.seed}/{name}".encode()), name))
    found, start, left = {}, 0, len(shares)
    for split, share in shares.items():
        left -= 1
        most = len(order) - start - left
        count = most if not left else min(most, max(1, round(share * len(order))))
        found.update(dict.fromkeys(order[start : start + count], split))
        start += count
    return found


def _part(track: Track, split: str, start: int, end: int, recipe: BuildRecipe) -> Part:
    values = track.values[start:end].copy()
    unusual = None if track.unusual is None else track.unusual[start:end].copy()
    filled = np.zeros(values.shape, dtype=bool)
    if recipe.gaps != "split":
        for column in range(values.shape[1]):
            _fill(values[:, column], filled[:, column], None if unusual is None else unusual[:, column], recipe)
    return Part(track, split, start, values, filled, unusual)


def _fill(values: np.ndarray, filled: np.ndarray, unusual: np.ndarray | None, recipe: BuildRecipe) -> None:
    """Short gaps between known points, in place: a straight line; unusual where both neighbours are."""
    known = np.isfinite(values)
    for start, end in runs(~known):
        if start == 0 or end == len(values) or end - start > recipe.gap_points:
            continue
        share = np.arange(1, end - start + 1) / (end - start + 1)
        values[start:end] = values[start - 1] + share * (values[end] - values[start - 1])
        filled[start:end] = True
        if unusual is not None and unusual[start - 1] and unusual[end]:
            unusual[start:end] = True
