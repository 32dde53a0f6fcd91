"""Optimizers that no package gives us in the form we need: Muon beside AdamW, AdamW block by block, steps in backward.

All keep one list of groups (with their `kind`) and one state, so that learning rates, checkpoints and resuming work as
with any other optimizer.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

Groups = list[dict[str, Any]]


class MuonWithAdamW(Optimizer):
    """Muon for the groups marked `uses_muon`, AdamW for the others. Learning rates mean the same in both.

    Muon's update is scaled to the size of an AdamW step, so that one learning rate suits both.
    """

    def __init__(self, groups: Groups, *, lr: float, momentum: float, betas: tuple[float, float], eps: float) -> None:
        super().__init__(groups, {"lr": lr})
        self._parts: list[Optimizer] = []
        muon = [group for group in self.param_groups if group["uses_muon"]]
        adamw = [group for group in self.param_groups if not group["uses_muon"]]
        # The parts fill their own defaults into the very dictionaries that this optimizer holds.
        if muon:
            self._parts.append(Muon(muon, lr=lr, momentum=momentum, adjust_lr_fn="match_rms_adamw"))
        if adamw:
            self._parts.append(AdamW(adamw, lr=lr, betas=betas, eps=eps))
        self._share()

    def step(self, closure: Any = None) -> None:
        for part in self._parts:
            part.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        for part in self._parts:
            uses_muon = isinstance(part, Muon)
            part.param_groups = [group for group in self.param_groups if group["uses_muon"] == uses_muon]
            part.state = self.state


class BlockAdamW(AdamW):
    """BAdam: AdamW on one block of parameters at a time; groups of no block train always.

    Only the block at work has gradients and moments, which is what saves memory. `blocks` in the order of the model.
    """

    def __init__(
        self,
        groups: Groups,
        *,
        blocks: Sequence[Sequence[nn.Parameter]],
        interval: int,
        mode: str,
        start: int,
        seed: int,
        **options: Any,
    ) -> None:
        super().__init__(groups, **options)
        self._blocks = blocks
        self._interval = interval
        self._mode = mode
        self._start = start % len(blocks)
        self._seed = seed
        self._done = 0
        self._show(self.active_block)

    @property
    def active_block(self) -> int:
        """Which block trains in the next step; a function of the steps done, so that resuming needs no more."""
        turn, count = self._done // self._interval, len(self._blocks)
        if self._mode == "ascending":
            return (self._start + turn) % count
        if self._mode == "descending":
            return (self._start - turn) % count
        if self._mode == "random":  # every block once a round, each round in an order of its own
            return random.Random(f"{self._seed} {turn // count}").sample(range(count), count)[turn % count]
        return self._start

    def step(self, closure: Any = None) -> Any:
        result = super().step(closure)
        before = self.active_block
        self._done += 1
        if self.active_block != before:
            for parameter in self._blocks[before]:
                parameter.grad = None
                self.state.pop(parameter, None)
            self._show(self.active_block)
        return result

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"steps_done": self._done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._done = int(state_dict.get("steps_done", 0))
        self._show(self.active_block)

    def _show(self, active: int) -> None:
        for number, block in enumerate(self._blocks):
            for parameter in block:
                parameter.requires_grad_(number == active)


class StepInBackward(Optimizer):
    """Each weight is updated as soon as its gradient is there, and the gradient let go: none are held together.

    `make` gives the optimizer of one group with a single parameter.
    """

    def __init__(self, groups: Groups, make: Callable[[Groups], Optimizer], lr: float) -> None:
        super().__init__(groups, {"lr": lr})
        self._parts: list[tuple[int, Optimizer]] = []
        for number, group in enumerate(self.param_groups):
            for parameter in group["params"]:
                part = make([{**group, "params": [parameter]}])
                self.state[parameter].update(part.state.get(parameter, {}))
                self._parts.append((number, part))
                parameter.register_post_accumulate_grad_hook(self._hook(number, part))
        self._share()

    def step(self, closure: Any = None) -> None:
        """Nothing is left to do: the hooks have stepped."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        for _, part in self._parts:
            part.state = self.state

    def _hook(self, number: int, part: Optimizer) -> Callable[[torch.Tensor], None]:
        def step(parameter: torch.Tensor) -> None:
            part.param_groups[0]["lr"] = self.param_groups[number]["lr"]  # the scheduler moves ours
            part.step()
            parameter.grad = None

        return step


def split(groups: Groups, chosen: Iterable[nn.Parameter], marks: dict[str, Any], rest: dict[str, Any]) -> Groups:
    """The groups with each one's chosen parameters apart: those get `marks`, the others `rest`."""
    wanted = {id(parameter) for parameter in chosen}
    parts: Groups = []
    for group in groups:
        for is_chosen, extra in ((True, marks), (False, rest)):
            parameters = [each for each in group["params"] if (id(each) in wanted) == is_chosen]
            if parameters:
                parts.append({**group, **extra, "params": parameters})
    return parts
