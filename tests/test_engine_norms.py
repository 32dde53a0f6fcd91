"""Gradient and step sizes apart for encoder and language model are what a hand calculation gives."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tests.engine_runs import Bench, small
from tsft.engine.norms import SAMPLE, StepSizes
from tsft.engine.tuning import ParameterGroup
from tsft.run.events import StepLogged


def one_step(
    model: nn.Parameter, encoder: nn.Parameter, move: float, logging_steps: int = 1
) -> dict[str, float | None]:
    groups = [ParameterGroup("llm", 1e-3, 0.0, (model,)), ParameterGroup("encoder", 1e-3, 0.0, (encoder,))]
    sizes = StepSizes(groups, logging_steps, has_gradients=True)
    state = SimpleNamespace(global_step=0, max_steps=10)
    model.grad, encoder.grad = torch.full_like(model, 3.0), torch.full_like(encoder, 4.0)
    sizes.on_step_begin(None, state, None)
    sizes.on_pre_optimizer_step(None, state, None)
    model.data += move
    sizes.on_optimizer_step(None, state, None)
    return dict(sizes.taken(10.0))


def test_each_part_has_its_share_of_the_norm_before_clipping_and_its_own_change() -> None:
    sizes = one_step(nn.Parameter(torch.full((4,), 2.0)), nn.Parameter(torch.ones(4)), move=0.5)

    # Norms after clipping are 6 and 8, of 10 in all: the clip took nothing here, so the shares are the norms.
    assert sizes["model_grad_norm"] == pytest.approx(6.0) and sizes["encoder_grad_norm"] == pytest.approx(8.0)
    assert sizes["model_update"] == pytest.approx(0.25)
    assert sizes["encoder_update"] == 0.0


def test_the_change_of_a_large_tensor_is_measured_on_a_sample() -> None:
    torch.manual_seed(0)
    weights = nn.Parameter(torch.randn(64, SAMPLE // 8))
    before = weights.detach().clone()

    update = one_step(weights, nn.Parameter(torch.ones(1)), move=0.01)["model_update"]

    exact = 0.01 * math.sqrt(weights.numel()) / before.norm().item()
    assert update == pytest.approx(exact, rel=0.02)


def test_a_step_that_is_not_logged_is_not_measured() -> None:
    assert one_step(nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2)), 0.1, logging_steps=5) == {}


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"schedule__gradient_accumulation": 2, "optim__max_grad_norm": 0.01}, ("model", "encoder")),
        ({"optim__max_grad_norm": 0.0, "tuning__method": "full"}, ("model", "encoder")),
        ({"encoder__training": "frozen"}, ("model",)),
        ({"tuning__method": "encoder"}, ("encoder",)),
    ],
)
def test_the_parts_add_up_to_the_whole_under_accumulation_and_clipping(
    bench: Bench, changes: dict[str, object], parts: tuple[str, ...]
) -> None:
    state = bench.run(small(schedule__max_steps=2, data__validation="none", **changes))

    for step in (each for each in bench.events(state) if isinstance(each, StepLogged)):
        assert step.grad_norm is not None
        found = {name: getattr(step, f"{name}_grad_norm") for name in ("model", "encoder")}
        assert [name for name, norm in found.items() if norm is not None] == list(parts)
        assert math.hypot(*(found[name] for name in parts)) == pytest.approx(step.grad_norm, rel=1e-4)
        updates = [getattr(step, f"{name}_update") for name in ("model", "encoder") if name in parts]
        assert all(0 < update < 1 for update in updates)
    assert len(state.encoder_update.points) == (2 if "encoder" in parts else 0)
