"""Server time of one tick of the page beside a run with 100,000 logged steps: after a new step, against nothing new.

Prints milliseconds of CPU (median of 50), their ratio, and the bytes that a page is sent.
"""

import statistics
import time
from collections.abc import Mapping
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.errors import Problem
from tsft.run.board import Board
from tsft.run.events import Evaluated, PhaseChanged, RunStarted, StepLogged
from tsft.run.gauges import Amount, Gauges
from tsft.run.ports import Fetch, QueueEntry, Watched
from tsft.ui.context import PageContext
from tsft.ui.live import Live

STEPS, TICKS = 100_000, 50


class OneRun:
    """An engine that shows one board and does nothing else."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def check(self, config: RunConfig) -> list[Problem]:
        return []

    def watched(self) -> Watched:
        return self._board

    def fetches(self) -> Mapping[str, Fetch]:
        return {}

    def queue(self) -> list[QueueEntry]:
        return []

    def is_queue_held(self) -> bool:
        return False

    def gauges(self) -> Gauges:
        return Gauges(1.0, 0.25, Amount(3 * 10**9, 16 * 10**9), Amount(40 * 10**9, 100 * 10**9))


def main() -> None:
    board = Board()
    board.say(RunStarted(time.time(), "r", "long run"))
    board.say(PhaseChanged(time.time(), "training"))
    for step in range(1, STEPS + 1):
        log(board, step)
    engine: Any = OneRun(board)
    live = Live(PageContext(engine))
    moved, unmoved = [], []
    for step in range(STEPS + 1, STEPS + TICKS + 1):
        log(board, step)
        moved.append(cpu_ms(live))
        unmoved.append(cpu_ms(live))
    view = live.view("en")
    size = sum(len(part.encode()) for part in (view.panel, view.chart, view.log, view.result))
    new, same = statistics.median(moved), statistics.median(unmoved)
    print(f"{STEPS:,} logged steps: a new step {new:.1f} ms, nothing new {same:.2f} ms: ratio {new / same:.0f}")
    print(f"sent to a page after a new step: {size / 1000:.0f} kB")


def log(board: Board, step: int) -> None:
    board.say(StepLogged(time.time(), step, step / 1000, 2 + 5 / step, 1e-4, 1.0, 1e-4, step * 500))
    if step % 1000 == 0:
        board.say(Evaluated(time.time(), step, 2.1, 1.0))


def cpu_ms(live: Live) -> float:
    started = time.process_time()
    live.view("en")
    return 1000 * (time.process_time() - started)


if __name__ == "__main__":
    main()
