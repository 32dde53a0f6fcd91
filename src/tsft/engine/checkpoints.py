"""The checkpoints of a run: written so that they are whole or not counted, which is the best, which make room.

What transformers writes into one is its own; weights, optimizer and the random generators are asked of the trainer.
"""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from tsft.atomic import write_json
from tsft.engine.team import Team
from tsft.engine.tuning import ParameterGroup
from tsft.model.value_head import HEAD
from tsft.run.board import Board
from tsft.run.events import CheckpointRemoved, CheckpointSaved, PhaseChanged
from tsft.store.runs import TRAINED_WEIGHTS, RunFolder, folder_bytes, mark_complete, usable_checkpoints

_PLACE = "tsft_place.json"


class CheckpointKeeper:
    """Over the checkpoints of one run's folder. resumed_from: the step this attempt went on from, 0 for none."""

    def __init__(self, folder: RunFolder, board: Board, limit: int, resumed_from: int = 0) -> None:
        self._folder = folder
        self._board = board
        self._limit = limit
        self._resumed_from = resumed_from

    def path(self, step: int) -> Path:
        return self._folder.checkpoints / f"checkpoint-{step}"

    def is_saved(self, step: int) -> bool:
        """Whether this step is in a whole checkpoint."""
        return any(each.step == step for each in usable_checkpoints(self._folder))

    def begin(self, step: int) -> None:
        """Say that it is being written; one of this step from before is written anew."""
        self._board.say(PhaseChanged(time.time(), "saving"))
        if self.path(step).exists():
            shutil.rmtree(self.path(step))

    def end(self, step: int, place: Mapping[str, Any], loss: float | None, best_step: int) -> None:
        """Everything else is on disk: add the place, mark it as whole, say so, and make room."""
        path = self.path(step)
        write_json(path / _PLACE, dict(place))
        (path / "training_args.bin").unlink(missing_ok=True)  # a pickle; config.json of the run says the same
        mark_complete(path)
        self._say_saved(step, loss, step == best_step)
        self._make_room(step, best_step)

    def judged_again(self, step: int, verdict: Mapping[str, Any], loss: float | None, best_step: int) -> None:
        """A checkpoint saved before the evaluation of its step learns what that said."""
        write_json(self.path(step) / _PLACE, {**read_place(self.path(step)), **verdict})
        self._say_saved(step, loss, step == best_step)
        self._make_room(step, best_step)

    def _say_saved(self, step: int, loss: float | None, is_best: bool) -> None:
        path = self.path(step)
        self._board.say(CheckpointSaved(time.time(), step, self._relative(path), folder_bytes(path), loss, is_best))

    def _make_room(self, step: int, best_step: int) -> None:
        saved = {each.step: each.path for each in usable_checkpoints(self._folder)}
        for old in surplus(list(saved), self._limit, step, (best_step, self._resumed_from)):
            shutil.rmtree(saved[old])
            self._board.say(CheckpointRemoved(time.time(), self._relative(saved[old])))

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._folder.path).as_posix()


class TeamKeeper:
    """The keeper of a run of several processes: the first writes, the others wait for it."""

    def __init__(self, keeper: CheckpointKeeper, team: Team) -> None:
        self._keeper = keeper
        self._team = team

    def path(self, step: int) -> Path:
        return self._keeper.path(step)

    def is_saved(self, step: int) -> bool:
        return self._team.told(self._team.is_first and self._keeper.is_saved(step))

    def begin(self, step: int) -> None:
        if self._team.is_first:
            self._keeper.begin(step)
        self._team.wait()

    def end(self, step: int, place: Mapping[str, Any], loss: float | None, best_step: int) -> None:
        self._team.wait()  # every process has written its part
        if self._team.is_first:
            self._keeper.end(step, place, loss, best_step)
        self._team.wait()

    def judged_again(self, step: int, verdict: Mapping[str, Any], loss: float | None, best_step: int) -> None:
        if self._team.is_first:
            self._keeper.judged_again(step, verdict, loss, best_step)
        self._team.wait()


def surplus(steps: Sequence[int], limit: int, newest: int, kept: Sequence[int]) -> list[int]:
    """The steps whose checkpoints make room: all but `limit` up to `newest`, which is the one just written, and `kept`.

    Steps after `newest` belong to a way that was left when the run went on from an earlier checkpoint: they go first.
    """
    in_order = sorted(steps, key=lambda step: (step <= newest, step), reverse=True)
    return [step for step in in_order[limit:] if step not in kept and step != newest]


def read_place(checkpoint: Path) -> Mapping[str, Any]:
    """What `end` wrote beside the weights."""
    return dict(json.loads((checkpoint / _PLACE).read_text(encoding="utf-8")))


def load_trained(model: nn.Module, checkpoint: Path) -> None:
    """Put the trained weights of a checkpoint into the model, by parameter name. Every name must be there."""
    parameters = dict(model.named_parameters())
    for name, weights in load_file(checkpoint / TRAINED_WEIGHTS).items():
        parameters[name].data.copy_(weights)


def save_trained(model: nn.Module, groups: Sequence[ParameterGroup], checkpoint: Path) -> None:
    """By the groups, not by `requires_grad`: an optimizer that goes block by block switches that."""
    trained = {id(parameter) for group in groups for parameter in group.parameters}
    weights = {
        name: parameter.detach().contiguous()
        for name, parameter in model.named_parameters()
        if id(parameter) in trained and HEAD not in name  # which is in no model, and is kept beside
    }
    save_file(weights, checkpoint / TRAINED_WEIGHTS)
