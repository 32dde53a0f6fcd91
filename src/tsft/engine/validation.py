"""The loss over the validation rows and what is measured beside it; people are heard between the batches."""

import time
from collections.abc import Callable
from typing import Any

from torch import nn

from tsft.engine.control import Control
from tsft.engine.measures import Measures, Sums
from tsft.engine.objectives import Objective
from tsft.engine.team import ALONE, Team
from tsft.model.batches import IGNORED
from tsft.run.board import Board
from tsft.run.events import Progressed

# The mean loss of a batch, what it weighs, and its measures.
Verdict = tuple[float, int, Sums]


def mean_loss(
    loader: Any, judge: Callable[[Any], Verdict], control: Control, board: Board, team: Team = ALONE
) -> tuple[float, tuple[tuple[str, float], ...]]:
    """Over the batches of all processes, each by its weight; and the means of the measures.

    A pause waits here, a stop raises.
    """
    total, count, said_at, measures = 0.0, 0.0, 0.0, Measures()
    for done, inputs in enumerate(loader):
        control.obey()
        if time.monotonic() - said_at > 0.5:
            said_at = time.monotonic()
            board.say(Progressed(time.time(), done, len(loader), "batches"))
        loss, weight, sums = judge(inputs)
        measures.add(sums)
        total += loss * weight
        count += weight
    total, count = team.summed([total, count])
    everything = Measures()
    for each in team.gathered(measures.sums):
        everything.add(each)
    return total / max(count, 1), everything.means


def judged(model: nn.Module, inputs: dict[str, Any], objective: Objective | None) -> Verdict:
    """One batch: by the objective of its stage, or the mean over its trained tokens."""
    if objective is not None:
        found = objective(model, inputs)
        return float(found.loss), found.rows, found.sums
    return float(model(**inputs).loss), int((inputs["labels"][:, 1:] != IGNORED).sum()), {}
