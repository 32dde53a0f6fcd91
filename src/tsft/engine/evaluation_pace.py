"""How far an evaluation is and how long it will take, from the pace of the last batches of each kind of work."""

import time
from collections import deque
from collections.abc import Callable

# Batches that the pace is taken from: enough to even out short and long rows.
_RECENT = 20


class Pace:
    """Rows done and left, by kind of work ("loss", "answers"): a row's loss takes a fraction of an answer's time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._left: dict[str, int] = {}
        self._recent: dict[str, deque[tuple[int, float]]] = {}
        self.done = 0

    @property
    def total(self) -> int:
        return self.done + sum(self._left.values())

    def expect(self, kind: str, rows: int) -> None:
        """So many more rows (fewer, if negative) are to be done."""
        self._left[kind] = max(0, self._left.get(kind, 0) + rows)

    def was_done(self, kind: str, rows: int) -> None:
        """So many of the expected rows were done before, in no time of ours."""
        self._left[kind] = max(0, self._left.get(kind, 0) - rows)
        self.done += rows

    def begin(self) -> None:
        """A batch begins now."""
        self._began = self._clock()

    def end(self, kind: str, rows: int) -> None:
        """The batch that began has done so many rows."""
        self._recent.setdefault(kind, deque(maxlen=_RECENT)).append((rows, self._clock() - self._began))
        self.was_done(kind, rows)

    def eta_seconds(self) -> float | None:
        """None while some kind of work that is left was not measured yet."""
        seconds = 0.0
        for kind, left in self._left.items():
            if not left:
                continue
            recent = self._recent.get(kind)
            if not recent:
                return None
            seconds += left * sum(each for _, each in recent) / max(1, sum(rows for rows, _ in recent))
        return seconds
