"""A curve in bounded memory: any number of points goes in, at most 2,000 are kept, and no spike is lost."""

import math
from dataclasses import dataclass, replace

# 2,000 points: more than a screen has pixels, and a copy stays under 0.1 ms.
LIMIT = 2_000

Point = tuple[float, float]  # (step, value)


@dataclass(frozen=True)
class Curve:
    """Points in order of step. Once full, every `stride` neighbours are kept as their lowest and highest point only.

    gaps: steps whose value was not finite; they are drawn as a mark, never joined into the line.
    newest: the last point added, which thinning may have left out of the others.
    """

    points: tuple[Point, ...] = ()
    gaps: tuple[float, ...] = ()
    stride: int = 1
    pending: tuple[Point, ...] = ()
    pending_count: int = 0
    newest: Point | None = None

    def add(self, step: float, value: float | None) -> "Curve":
        """A curve with one more point."""
        if value is None or not math.isfinite(value):
            return replace(self, gaps=(*self.gaps, step)[-LIMIT:])
        point = (step, value)
        if self.stride == 1:
            return replace(self, points=(*self.points, point), newest=point)._within_limit()
        bucket = _extremes((*self.pending, point))
        count = self.pending_count + 1
        if count < self.stride:
            return replace(self, pending=bucket, pending_count=count, newest=point)
        whole = replace(self, points=self.points + bucket, pending=(), pending_count=0, newest=point)
        return whole._within_limit()

    def cut_after(self, step: float) -> "Curve":
        """Without the points after `step`: a run that goes on from a checkpoint draws over what it lost."""
        points = tuple(point for point in self.points if point[0] <= step)
        gaps = tuple(gap for gap in self.gaps if gap <= step)
        pending = tuple(point for point in self.pending if point[0] <= step)
        count = self.pending_count if pending else 0
        cut = Curve(points, gaps, self.stride, pending, count, self.newest)
        if self.newest is not None and self.newest[0] > step:
            kept = points + pending
            return replace(cut, newest=kept[-1] if kept else None)
        return cut

    @property
    def shown(self) -> tuple[Point, ...]:
        """All points to draw, those of the unfinished bucket and the newest too."""
        kept = self.points + self.pending
        return kept if self.newest is None or kept[-1] == self.newest else (*kept, self.newest)

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self.newest[1] if self.newest else None

    @property
    def lowest(self) -> Point | None:
        """The point with the smallest value, the earliest of equals."""
        return min(self.shown, key=lambda point: (point[1], point[0])) if self.shown else None

    def _within_limit(self) -> "Curve":
        if len(self.points) <= LIMIT:
            return self
        # A bucket holds its two extremes, so four neighbours are two buckets: halving them doubles the stride.
        # From stride 1 the first halving turns four plain points into two, hence a stride of four.
        points: tuple[Point, ...] = ()
        for start in range(0, len(self.points), 4):
            points += _extremes(self.points[start : start + 4])
        return replace(self, points=points, stride=4 if self.stride == 1 else self.stride * 2)


def smoothed(points: tuple[Point, ...], weight: float = 0.9) -> tuple[Point, ...]:
    """Exponential moving average with bias correction: `weight` 0 leaves the points as they are."""
    average, correction, result = 0.0, 0.0, []
    for step, value in points:
        average = weight * average + (1 - weight) * value
        correction = weight * correction + (1 - weight)
        result.append((step, average / correction))
    return tuple(result)


def _extremes(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """The lowest and the highest of a few points in their order; all of them when there are one or two."""
    if len(points) <= 2:
        return points
    low = min(points, key=lambda point: point[1])
    high = max(points, key=lambda point: point[1])
    if low == high:
        return (points[0], points[-1])
    return tuple(sorted({low, high}))
