"""Looks at what a run says of itself and warns once of what is probably a mistake: an encoder that does not move, a
validation loss that rises for long or is not a number. Listens on the board; never stops a run."""

import math
import time

from tsft.errors import message
from tsft.run.board import Board
from tsft.run.events import Evaluated, Event, Noted, Planned, StepLogged

# Logged steps in a row before it is said that the encoder does not move: a row without series may come alone.
STILL_STEPS = 20
# Smaller than this share of itself a step does not change a float32 weight.
STILL_UPDATE = 1e-8
# Near the end of a schedule nothing moves, and rightly.
LEAST_RATE = 0.1
# Evaluations in a row above the best one.
RISING_EVALUATIONS = 3


class Watchdog:
    """Watches one run; `listen` of its board gives it every event, on the run's thread."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._encoder_rate = 0.0
        self._without_gradient = 0
        self._without_update = 0
        self._best: tuple[int, float] | None = None
        self._last = math.inf
        self._rising = 0
        self._said: set[str] = set()

    def hear(self, event: Event) -> None:
        match event:
            case Planned():
                rates = [group.learning_rate for group in event.groups if group.name == "encoder"]
                self._encoder_rate = max(rates, default=0.0)
            case StepLogged():
                self._step(event)
            case Evaluated():
                self._evaluated(event)

    def _step(self, step: StepLogged) -> None:
        rate = step.encoder_learning_rate
        if not self._encoder_rate or rate is None or rate < LEAST_RATE * self._encoder_rate:
            return
        if step.encoder_grad_norm is not None:
            self._without_gradient = self._without_gradient + 1 if step.encoder_grad_norm == 0 else 0
        if step.encoder_update is not None:
            self._without_update = self._without_update + 1 if step.encoder_update < STILL_UPDATE else 0
        if self._without_gradient == STILL_STEPS:
            self._warn("watch.no_gradient", count=STILL_STEPS)
        elif self._without_update == STILL_STEPS:
            self._warn("watch.no_update", count=STILL_STEPS, rate=f"{rate:.2g}")

    def _evaluated(self, event: Evaluated) -> None:
        if event.loss is None or not math.isfinite(event.loss):
            self._warn("watch.evaluation_not_finite", step=event.step)
            return
        if self._best is None or event.loss < self._best[1]:
            self._best, self._rising = (event.step, event.loss), 0
        elif event.loss > self._last:
            self._rising += 1
        self._last = event.loss
        if self._rising == RISING_EVALUATIONS:
            best_step, best = self._best
            self._warn("watch.rising", best_step=best_step, best=f"{best:.3f}", now=f"{event.loss:.3f}")

    def _warn(self, key: str, **values: object) -> None:
        if key not in self._said:
            self._said.add(key)
            self._board.say(Noted(time.time(), "warning", message(key, **values)))
