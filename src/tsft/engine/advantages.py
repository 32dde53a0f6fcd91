"""From rewards to advantages: how much better an answer was than expected. Pure functions of tensors.

R answers, those to one question one after another; M tokens of them, one answer after another (see `Logprobs`). A
reward that is nan belongs to an answer that cannot be judged; its advantage is 0. The same numbers as TRL 1.16.
"""

import torch
from torch import Tensor

# As in TRL: keeps a group whose answers are alike from being blown up.
EPSILON = 1e-4


def group_advantages(rewards: Tensor, group: int, scaling: str) -> Tensor:
    """float32[R] minus the mean of each group of `group` answers, by the spread of the "group", of the "batch", or as
    it is ("none")."""
    grouped = rewards.view(-1, group)
    advantages = (grouped - grouped.nanmean(1, keepdim=True)).view(-1)
    if scaling == "group":
        advantages = advantages / (spread(grouped).repeat_interleave(group) + EPSILON)
    elif scaling == "batch":
        advantages = advantages / (spread(rewards[None]) + EPSILON)
    return advantages.nan_to_num(0.0)


def leave_one_out(rewards: Tensor, group: int, *, normalises: bool = False) -> Tensor:
    """float32[R] minus the mean of the other answers to the same question."""
    grouped = rewards.view(-1, group)
    counted = (~grouped.isnan()).sum(1, keepdim=True)
    others = (grouped.nansum(1, keepdim=True) - grouped) / (counted - 1)
    advantages = (grouped - others).view(-1)
    advantages = torch.where(advantages.isinf(), torch.nan, advantages)
    if normalises:
        advantages = (advantages - advantages.nanmean()) / (spread(advantages[None]) + EPSILON)
    return advantages.nan_to_num(0.0)


def spread(rewards: Tensor) -> Tensor:
    """float32[rows], the standard deviation of each row of float32[rows, columns], with what is nan left out."""
    counted = (~rewards.isnan()).sum(1)
    apart = (rewards - rewards.nanmean(1, keepdim=True)) ** 2
    return torch.where(counted > 1, apart.nansum(1) / (counted - 1).clamp(min=1), 0.0).sqrt()


def generalised(rewards: Tensor, values: Tensor, counts: Tensor, discount: float, smoothing: float) -> Tensor:
    """float32[M], generalised advantage estimates of the tokens of each answer.

    rewards, values: float32[M], of each token and expected before it; counts: int64[R], tokens of each answer
    """
    given, expected = rewards.tolist(), values.tolist()
    found = [0.0] * len(given)
    start = 0
    for count in counts.tolist():
        after = following = 0.0
        for place in range(start + count - 1, start - 1, -1):
            surprise = given[place] + discount * following - expected[place]
            after = surprise + discount * smoothing * after
            following = expected[place]
            found[place] = after
        start += count
    return torch.tensor(found, dtype=rewards.dtype, device=rewards.device)


def whitened(values: Tensor, *, keeps_mean: bool = False) -> Tensor:
    """Mean 0 and variance 1; fewer than two values stay as they are."""
    if values.numel() < 2:
        return values
    mean = values.mean()
    white = (values - mean) * torch.rsqrt(values.var(unbiased=False) + 1e-8)
    return white + mean if keeps_mean else white
