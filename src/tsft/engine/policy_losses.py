"""The losses of GRPO, RLOO and PPO on given answers: functions of log-probabilities, old ones and advantages.

R answers with M tokens in all, one answer after another. GRPO and RLOO give the same numbers as TRL 1.16.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tsft.config.sampled_settings import GrpoSettings, PpoSettings
from tsft.engine.answer_logprobs import Logprobs


@dataclass(frozen=True)
class Clipped:
    """loss: float32[]; clipped: float32[], the share of tokens (or answers) whose ratio was cut."""

    loss: Tensor
    clipped: Tensor


def grpo_loss(
    now: Logprobs,
    old: Tensor,
    advantages: Tensor,
    settings: GrpoSettings,
    *,
    reference: Tensor | None = None,
    most_tokens: int = 1,
    usual_tokens: float = 1.0,
) -> Clipped:
    """old, reference: float32[M]; advantages: float32[R].

    most_tokens: the limit of an answer, what dr_grpo divides by. usual_tokens: the mean number of tokens of the batches
    that make up the step, what dapo divides by.
    """
    logs = now.values - old
    if settings.importance == "sequence":
        counts = now.counts.clamp(min=1)
        logs = (now.sums_of(logs) / counts)[now.rows]
    ratio, gain = torch.exp(logs), advantages[now.rows]
    cut = ratio.clamp(1 - settings.clip, 1 + settings.clip_high)
    losses = -torch.min(ratio * gain, cut * gain)
    if reference is not None and settings.beta:
        losses = losses + settings.beta * divergence(now.values, reference)
    is_cut = ((ratio < 1 - settings.clip) & (gain < 0)) | ((ratio > 1 + settings.clip_high) & (gain > 0))
    return Clipped(_aggregated(losses, now, settings.loss, most_tokens, usual_tokens), _mean(is_cut.float()))


def rloo_loss(now: Logprobs, old: Tensor, advantages: Tensor, clip: float) -> Clipped:
    """By whole answers. old: float32[M]; advantages: float32[R]."""
    ratio = torch.exp(now.sums_of(now.values - old))
    losses = -torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    is_cut = ((ratio < 1 - clip) & (advantages < 0)) | ((ratio > 1 + clip) & (advantages > 0))
    return Clipped(losses.mean(), is_cut.float().mean())


def ppo_policy_loss(now: Tensor, old: Tensor, advantages: Tensor, settings: PpoSettings) -> Clipped:
    """All float32[M]."""
    ratio = torch.exp(now - old)
    cut = ratio.clamp(1 - settings.clip, 1 + settings.clip)
    losses = torch.max(-advantages * ratio, -advantages * cut)
    return Clipped(_mean(losses), _mean((-advantages * cut > -advantages * ratio).float()))


def ppo_value_loss(values: Tensor, old: Tensor, returns: Tensor, settings: PpoSettings) -> Tensor:
    """Half the squared error, of values that move at most `value_clip` away from the old ones. All float32[M]."""
    near = old + (values - old).clamp(-settings.value_clip, settings.value_clip)
    return 0.5 * _mean(torch.max((values - returns) ** 2, (near - returns) ** 2))


def divergence(now: Tensor, reference: Tensor) -> Tensor:
    """float32[M], an estimate of the KL divergence that is never below 0 (Schulman's third)."""
    apart = reference - now
    return torch.exp(apart) - apart - 1


def _aggregated(losses: Tensor, now: Logprobs, kind: str, most_tokens: int, usual_tokens: float) -> Tensor:
    match kind:
        case "grpo":
            return (now.sums_of(losses) / now.counts.clamp(min=1)).mean()
        case "bnpo":
            return losses.sum() / max(1, len(losses))
        case "dr_grpo":
            return losses.sum() / (len(now.counts) * most_tokens)
        case _:
            return losses.sum() / max(1.0, usual_tokens)


def _mean(values: Tensor) -> Tensor:
    """Zero, and still part of the graph, where there are none."""
    return values.sum() / max(1, len(values))
