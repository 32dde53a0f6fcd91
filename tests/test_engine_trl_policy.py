"""GRPO and RLOO have the losses of TRL on the same log-probabilities, whatever the settings."""

import itertools
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tsft.config.sampled_settings import GrpoSettings
from tsft.config.stages import GRPO_LOSSES
from tsft.engine.answer_logprobs import Logprobs
from tsft.engine.policy_losses import grpo_loss, rloo_loss

trl = pytest.importorskip("trl")
pytestmark = pytest.mark.slow
ROWS, TOKENS, MOST = 4, 7, 9
LENGTHS = (7, 2, 5, 0)  # the last answer is left out


@pytest.fixture
def given() -> dict[str, torch.Tensor]:
    """now, old, reference: float32[R, T]; advantages: float32[R]; mask: bool[R, T], the answers' own tokens."""
    generator = torch.Generator().manual_seed(0)
    now = -3 * torch.rand(ROWS, TOKENS, generator=generator)
    old, reference = (now + 0.4 * torch.randn(ROWS, TOKENS, generator=generator) for _ in range(2))
    mask = torch.arange(TOKENS) < torch.tensor(LENGTHS)[:, None]
    advantages = torch.randn(ROWS, generator=generator)
    return {"now": now, "old": old, "reference": reference, "advantages": advantages, "mask": mask}


def flat(given: dict[str, torch.Tensor]) -> Logprobs:
    mask = given["mask"]
    return Logprobs(given["now"][mask], mask.nonzero()[:, 0], mask.cumsum(1)[mask], mask.sum(1))


def trainer(given: dict[str, torch.Tensor], **settings: Any) -> Any:
    """As much of TRL's trainer as its loss asks for."""
    entropies = torch.zeros(ROWS, TOKENS)
    return SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *args, **kwargs: (given["now"], entropies, None),
        accelerator=SimpleNamespace(
            num_processes=1, reduce=lambda value, reduction: value, gather=lambda value: value, sync_gradients=True
        ),
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1),
        model=SimpleNamespace(training=True),
        current_gradient_accumulation_steps=1,
        max_completion_length=MOST,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=False,
        aux_loss_enabled=False,
        _entropy_bonus_enabled=False,
        _metrics={"train": defaultdict(list), "eval": defaultdict(list)},
        **settings,
    )


def inputs(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    mask = given["mask"].long()
    prompt = torch.ones(ROWS, 2, dtype=torch.long)
    return {
        "prompt_ids": prompt,
        "prompt_mask": prompt,
        "completion_ids": torch.ones_like(mask),
        "completion_mask": mask,
        "advantages": given["advantages"],
        "old_per_token_logps": given["old"],
        "ref_per_token_logps": given["reference"],
        "old_logps": (given["old"] * mask).sum(1),
        "num_items_in_batch": mask.sum().float(),
    }


@pytest.mark.parametrize(
    ("loss", "level", "beta"), list(itertools.product(GRPO_LOSSES, ("token", "sequence"), (0, 0.1)))
)
def test_grpo_has_the_losses_of_trl(given: dict[str, torch.Tensor], loss: str, level: str, beta: float) -> None:
    theirs = trainer(
        given, loss_type=loss, importance_sampling_level=level, beta=beta, epsilon_low=0.1, epsilon_high=0.3
    )
    mask = given["mask"]

    wanted = trl.GRPOTrainer._compute_loss(theirs, None, inputs(given))
    found = grpo_loss(
        flat(given),
        given["old"][mask],
        given["advantages"],
        GrpoSettings(loss=loss, importance=level, beta=beta, clip=0.1, clip_high=0.3),
        reference=given["reference"][mask] if beta else None,
        most_tokens=MOST,
        usual_tokens=float(mask.sum()),
    )

    torch.testing.assert_close(found.loss, wanted)
    if level == "token":
        assert float(found.clipped) == pytest.approx(theirs._metrics["train"]["clip_ratio/region_mean"][0])


def test_rloo_has_the_loss_of_trl(given: dict[str, torch.Tensor]) -> None:
    theirs = trainer(given, epsilon_low=0.2, epsilon_high=0.2)

    wanted = trl.RLOOTrainer._compute_loss(theirs, None, inputs(given))
    found = rloo_loss(flat(given), given["old"][given["mask"]], given["advantages"], 0.2)

    torch.testing.assert_close(found.loss, wanted)
    assert float(found.clipped) == pytest.approx(theirs._metrics["train"]["clip_ratio/region_mean"][0])
