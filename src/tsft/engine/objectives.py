"""What a preference stage makes of a batch: the loss and what is measured beside it. One objective a stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from tsft.config.run_config import RewardSettings, RunConfig
from tsft.config.stages import JUDGED, PAIRED
from tsft.engine.answer_logprobs import Logprobs, answer_logprobs
from tsft.engine.measures import Sums
from tsft.engine.pair_losses import (
    Pairs,
    cpo_losses,
    dpo_losses,
    kto_losses,
    orpo_losses,
    pairs_of,
    simpo_losses,
)
from tsft.engine.reference import Reference, reference_of
from tsft.engine.sampled import keeps_reference

Batch = Mapping[str, Any]
# The key of a batch of judged answers that holds their verdicts, bool[B].
IS_GOOD = "is_good"


@dataclass(frozen=True)
class Judged:
    """loss: float32[], the mean over `rows` rows; sums: what was measured."""

    loss: Tensor
    rows: int
    sums: Sums


class Objective(Protocol):
    """Judges a batch under gradients, or without them for validation."""

    def __call__(self, model: nn.Module, batch: Batch) -> Judged: ...


def objective_of(model: nn.Module, config: RunConfig, *, is_adapter_new: bool) -> Objective | None:
    """The objective of the run's stage for a model that is ready to train; None where answers are learnt as they are.

    is_adapter_new: whether the adapter (if any) was made for this run, and so begins as nothing.
    """
    task = config.data.task
    if task == "reward":
        return RewardObjective(config.reward)
    if task not in (*PAIRED, *JUDGED):
        return None
    reference = reference_of(model, config, is_adapter_new=is_adapter_new) if keeps_reference(config) else None
    if task == "kto":
        assert reference is not None
        return KtoObjective(config, reference)
    return PairObjective(config, reference)


class RewardObjective:
    """The better answer gets the higher score (Bradley and Terry)."""

    def __init__(self, settings: RewardSettings) -> None:
        self._centring = settings.centring

    def __call__(self, model: nn.Module, batch: Batch) -> Judged:
        """A batch of 2 B rows, the better answers first."""
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        chosen, rejected = model(**inputs, as_reward=True).logits[:, 0].float().chunk(2)
        losses = -logsigmoid(chosen - rejected)
        if self._centring:
            losses = losses + self._centring * (chosen + rejected) ** 2
        return Judged(losses.mean(), len(chosen), _pair_sums(chosen, rejected))


class PairObjective:
    """DPO and its losses, SimPO, ORPO, CPO."""

    def __init__(self, config: RunConfig, reference: Reference | None) -> None:
        self._config = config
        self._reference = reference

    def __call__(self, model: nn.Module, batch: Batch) -> Judged:
        """A batch of 2 B rows, the better answers first."""
        config, before = self._config, None
        tail = config.dpo.tail_weight if config.data.task == "dpo" else 1.0
        if self._reference is not None:
            bare = _unwrapped(model)
            with self._reference.in_place_of(bare):
                before = pairs_of(answer_logprobs(bare, batch), tail)
        said = answer_logprobs(model, batch)
        policy = pairs_of(said, tail)
        losses, sft_weight, chosen, rejected = self._judge(policy, before)
        loss = losses.mean()
        sums = _pair_sums(chosen, rejected)
        if sft_weight:
            sft = _chosen_loss(said)
            loss = loss + sft_weight * sft
            sums |= {"sft_loss": (float(sft.detach()) * len(chosen), len(chosen))}
        return Judged(loss, len(chosen), sums)

    def _judge(self, policy: Pairs, before: Pairs | None) -> tuple[Tensor, float, Tensor, Tensor]:
        """Losses, the weight of the SFT term, and the rewards of both answers: float32[B]."""
        config = self._config
        per_token = policy.per_token()
        match config.data.task:
            case "dpo":
                assert before is not None
                beta, settings = config.dpo.beta, config.dpo
                rewards = beta * (policy.chosen - before.chosen), beta * (policy.rejected - before.rejected)
                return dpo_losses(policy, before, settings), settings.sft_weight, *rewards
            case "simpo":
                beta, sft = config.simpo.beta, config.simpo.sft_weight
                return simpo_losses(policy, config.simpo), sft, beta * per_token[0], beta * per_token[1]
            case "cpo":
                beta, sft = config.cpo.beta, config.cpo.sft_weight
                return cpo_losses(policy, config.cpo), sft, beta * policy.chosen, beta * policy.rejected
            case _:
                beta = config.orpo.beta
                return orpo_losses(policy, config.orpo), 1.0, beta * per_token[0], beta * per_token[1]


class KtoObjective:
    """Good answers above, bad ones below a baseline: how much likelier the model finds answers to other questions."""

    def __init__(self, config: RunConfig, reference: Reference) -> None:
        self._settings = config.kto
        self._reference = reference

    def __call__(self, model: nn.Module, batch: Batch) -> Judged:
        """B judged rows, and for KTO's own loss B rows with answers that belong to other rows."""
        is_good = batch[IS_GOOD].bool()
        rest = {name: value for name, value in batch.items() if name != IS_GOOD}
        own, others = _rows(rest, slice(len(is_good))), _rows(rest, slice(len(is_good), None))
        has_others = len(is_good) > 1 and len(others["labels"]) > 0
        bare = _unwrapped(model)
        with self._reference.in_place_of(bare):
            before = answer_logprobs(bare, own).sums()
            others_before = answer_logprobs(bare, others).sums() if has_others else None
        baseline = before.new_zeros(())
        if others_before is not None:
            with torch.no_grad():
                baseline = (answer_logprobs(bare, others).sums() - others_before).mean()
        baseline = mean_of_all(baseline, counts=others_before is not None).clamp(min=0)
        ratios = answer_logprobs(model, own).sums() - before
        losses = kto_losses(ratios, is_good, baseline, self._settings)
        rewards = self._settings.beta * ratios.detach()
        sums = {
            "chosen_reward": (float(rewards[is_good].sum()), int(is_good.sum())),
            "rejected_reward": (float(rewards[~is_good].sum()), int((~is_good).sum())),
        }
        if others_before is not None:
            sums["kl"] = (float(baseline) * len(is_good), len(is_good))
        return Judged(losses.mean(), len(is_good), sums)


def _pair_sums(chosen: Tensor, rejected: Tensor) -> dict[str, tuple[float, int]]:
    """Rewards of both answers, float32[B], their margin and how often the better one has the higher."""
    chosen, rejected, count = chosen.detach(), rejected.detach(), len(chosen)
    return {
        "chosen_reward": (float(chosen.sum()), count),
        "rejected_reward": (float(rejected.sum()), count),
        "margin": (float((chosen - rejected).sum()), count),
        "accuracy": (float((chosen > rejected).sum()), count),
    }


def _chosen_loss(said: Logprobs) -> Tensor:
    """float32[], the mean over all tokens of the better answers."""
    is_chosen = said.rows < len(said.counts) // 2
    return -said.values[is_chosen].mean()


def _rows(batch: Batch, which: slice) -> dict[str, Any]:
    return {name: value[which] for name, value in batch.items()}


def _unwrapped(model: Any) -> Any:
    """The model itself where it is wrapped for several processes."""
    return getattr(model, "module", model)


def mean_of_all(value: Tensor, *, counts: bool = True) -> Tensor:
    """Over all processes that have one; each must ask, or the others would wait for it."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        both = torch.stack([value if counts else torch.zeros_like(value), value.new_tensor(float(counts))])
        torch.distributed.all_reduce(both)
        return both[0] / both[1].clamp(min=1)
    return value
