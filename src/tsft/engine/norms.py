"""How large a step is, apart for encoder and language model: gradient norm, and what the weights moved by.

Measured on logged steps only. A gradient costs one pass over it; the change of the weights is measured on a sample of
each tensor, so that nothing is held twice: all of it up to SAMPLE elements, evenly spaced ones beyond.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tsft.engine.tuning import ParameterGroup

# Elements of a tensor whose change is measured: 26 MB for all weights of a model of 400 tensors.
SAMPLE = 16_384


@dataclass(frozen=True)
class _Sampled:
    """Some elements of one tensor as they were, each standing for `weight` of them."""

    parameter: nn.Parameter
    before: Tensor
    stride: int

    @property
    def weight(self) -> float:
        return self.parameter.numel() / max(1, self.before.numel())


class StepSizes(TrainerCallback):
    """Measures the steps that are logged. `taken(grad_norm)` gives what was measured in the last one."""

    def __init__(self, groups: Sequence[ParameterGroup], logging_steps: int, *, has_gradients: bool) -> None:
        self._parts = {
            "model": [each for group in groups if group.kind != "encoder" for each in group.parameters],
            "encoder": [each for group in groups if group.kind == "encoder" for each in group.parameters],
        }
        self._logging_steps = logging_steps
        # Where weights change within the backward pass no gradient is left to measure.
        self._has_gradients = has_gradients
        self._before: dict[str, list[_Sampled]] = {}
        self._norms: dict[str, float] = {}
        self._updates: dict[str, float] = {}

    def taken(self, grad_norm: float | None) -> Mapping[str, float | None]:
        """Values for `StepLogged` by its field names. grad_norm: of all gradients, before they were clipped.

        Clipping scales all gradients alike, so each part keeps its share of the whole.
        """
        whole = math.sqrt(sum(norm**2 for norm in self._norms.values()))
        scale = grad_norm / whole if grad_norm is not None and whole > 0 else 1.0
        norms = {f"{part}_grad_norm": norm * scale for part, norm in self._norms.items()}
        updates = {f"{part}_update": update for part, update in self._updates.items()}
        self._norms, self._updates = {}, {}
        return {name: value for name, value in {**norms, **updates}.items() if math.isfinite(value)}

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # Before the first backward pass of the step: some optimizers change weights within it.
        is_logged = (state.global_step + 1) % self._logging_steps == 0 or state.global_step + 1 >= state.max_steps
        measured = self._parts if is_logged else {}
        self._before = {name: [_sampled(each) for each in part] for name, part in measured.items() if part}

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._before and self._has_gradients:
            self._norms = {name: _gradient_norm(part) for name, part in self._parts.items() if part}

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._updates = {name: _relative_change(part) for name, part in self._before.items()}
        self._before = {}


def _sampled(parameter: nn.Parameter) -> _Sampled:
    # Odd, or the columns of a matrix whose width it divides would be the same few in every row.
    stride = (parameter.numel() // SAMPLE) | 1
    return _Sampled(parameter, _elements(parameter, stride).clone(), stride)


def _elements(parameter: nn.Parameter, stride: int) -> Tensor:
    """float[n], every `stride`-th element of the tensor."""
    return parameter.detach().reshape(-1)[::stride].float()


def _gradient_norm(parameters: Sequence[nn.Parameter]) -> float:
    gradients = [each.grad for each in parameters if each.grad is not None]
    if not gradients:
        return 0.0
    return float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))))


def _relative_change(part: Sequence[_Sampled]) -> float:
    """Norm of the change over the norm of the weights as they were."""
    weights = torch.tensor([each.weight for each in part], device=part[0].before.device)
    moved = torch._foreach_norm([_elements(each.parameter, each.stride) - each.before for each in part])
    norms = torch._foreach_norm([each.before for each in part])
    changes, wholes = (torch.sum(torch.stack(each).square() * weights) for each in (moved, norms))
    return float(torch.sqrt(changes / wholes.clamp_min(1e-30)))
