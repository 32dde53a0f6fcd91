"""The losses that make a better answer likelier than a worse one, each a function of log-probabilities: float32[B].

B pairs; `chosen` and `rejected` are sums over the answers' tokens. The same numbers as TRL 1.16.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, relu

from tsft.config.run_config import CpoSettings, DpoSettings, KtoSettings, OrpoSettings, SimpoSettings
from tsft.engine.answer_logprobs import Logprobs


@dataclass(frozen=True)
class Pairs:
    """Log-probabilities of both answers (float32[B]) and how many tokens they have (int64[B])."""

    chosen: Tensor
    rejected: Tensor
    chosen_tokens: Tensor
    rejected_tokens: Tensor

    def per_token(self) -> tuple[Tensor, Tensor]:
        """float32[B] of either answer, the mean of a token."""
        return self.chosen / self.chosen_tokens.clamp(min=1), self.rejected / self.rejected_tokens.clamp(min=1)


def pairs_of(logprobs: Logprobs, tail_weight: float = 1.0) -> Pairs:
    """Of a batch whose first half are the better answers and whose second half are the worse ones.

    tail_weight: of the tokens that the longer of both answers has more.
    """
    weights = None
    if tail_weight != 1.0:
        shared = torch.minimum(*logprobs.counts.chunk(2)).repeat(2)
        is_shared = logprobs.places <= shared[logprobs.rows]
        weights = torch.where(is_shared, 1.0, tail_weight)
    return Pairs(*logprobs.sums(weights).chunk(2), *logprobs.counts.chunk(2))


@dataclass(frozen=True)
class _Ratios:
    """Log-ratios to the reference (chosen, rejected), and as the divergence scores them."""

    policy: Pairs
    reference: Pairs
    chosen: Tensor
    rejected: Tensor
    chosen_score: Tensor
    rejected_score: Tensor
    beta: float
    smoothing: float
    temperature: float

    @property
    def delta(self) -> Tensor:
        return self.chosen_score - self.rejected_score

    @property
    def delta_per_token(self) -> Tensor:
        chosen = self.chosen_score / self.policy.chosen_tokens.clamp(min=1)
        return chosen - self.rejected_score / self.policy.rejected_tokens.clamp(min=1)


def dpo_losses(policy: Pairs, reference: Pairs, settings: DpoSettings) -> Tensor:
    """The chosen loss of DPO's family."""
    chosen, rejected = policy.chosen - reference.chosen, policy.rejected - reference.rejected
    score = _DIVERGENCES[settings.divergence]
    ratios = _Ratios(
        policy,
        reference,
        chosen,
        rejected,
        score(chosen),
        score(rejected),
        settings.beta,
        settings.label_smoothing,
        settings.temperature,
    )
    return _DPO[settings.loss](ratios)


def simpo_losses(policy: Pairs, settings: SimpoSettings) -> Tensor:
    """The mean of a token as the reward, and a margin to reach."""
    chosen, rejected = policy.per_token()
    margin = chosen - rejected
    return _smoothed(settings.beta * margin - settings.gamma, settings.label_smoothing)


def cpo_losses(policy: Pairs, settings: CpoSettings) -> Tensor:
    """DPO without a reference."""
    margin = policy.chosen - policy.rejected
    if settings.loss == "hinge":
        return relu(1 - settings.beta * margin)
    if settings.loss == "ipo":
        chosen, rejected = policy.per_token()
        return (chosen - rejected - 1 / (2 * settings.beta)) ** 2
    return _smoothed(settings.beta * margin, settings.label_smoothing)


def orpo_losses(policy: Pairs, settings: OrpoSettings) -> Tensor:
    """The odds-ratio term alone; the loss of the better answer comes to it."""
    chosen, rejected = policy.per_token()
    log_odds = (chosen - rejected) - (_log1mexp(chosen) - _log1mexp(rejected))
    return -settings.beta * logsigmoid(log_odds)


def kto_losses(ratios: Tensor, is_good: Tensor, baseline: Tensor, settings: KtoSettings) -> Tensor:
    """ratios: float32[B], log-ratios to the reference; is_good: bool[B]; baseline: float32[], the neutral ratio."""
    if settings.loss == "apo_zero_unpaired":
        good, bad = 1 - torch.sigmoid(settings.beta * ratios), torch.sigmoid(settings.beta * ratios)
    else:
        good = 1 - torch.sigmoid(settings.beta * (ratios - baseline))
        bad = 1 - torch.sigmoid(settings.beta * (baseline - ratios))
    return torch.where(is_good, settings.desirable_weight * good, settings.undesirable_weight * bad)


def _smoothed(logits: Tensor, smoothing: float) -> Tensor:
    return -logsigmoid(logits) * (1 - smoothing) - logsigmoid(-logits) * smoothing


def _log1mexp(values: Tensor) -> Tensor:
    """log(1 - exp(x)) for x < 0, exact at both ends."""
    values = values.clamp(max=-1e-7)
    return torch.where(
        values > -math.log(2), torch.log(-torch.expm1(values)), torch.log1p(-torch.exp(values.clamp(max=-0.1)))
    )


def _exo(r: _Ratios) -> Tensor:
    """The divergence from (1 - smoothing, smoothing) to what the model says of the pair."""
    logits, wrong = r.beta * r.delta, torch.tensor(r.smoothing)
    right = torch.sigmoid(logits) * (logsigmoid(logits) - torch.log1p(-wrong))
    return right + torch.sigmoid(-logits) * (logsigmoid(-logits) - torch.log(wrong))


def _nca(r: _Ratios) -> Tensor:
    chosen, rejected = r.beta * r.chosen, r.beta * r.rejected
    return -logsigmoid(chosen) - 0.5 * logsigmoid(-chosen) - 0.5 * logsigmoid(-rejected)


def _robust(r: _Ratios) -> Tensor:
    logits = r.beta * r.delta
    clean, flipped = -logsigmoid(logits) * (1 - r.smoothing), -logsigmoid(-logits) * r.smoothing
    return (clean - flipped) / (1 - 2 * r.smoothing)


def _sppo(r: _Ratios) -> Tensor:
    return (r.chosen - 0.5 / r.beta) ** 2 + (r.rejected + 0.5 / r.beta) ** 2


def _aot(r: _Ratios) -> Tensor:
    """Sorted within the batch, margins against margins of the reference."""
    margins = (r.policy.chosen - r.policy.rejected).sort().values
    before = (r.reference.chosen - r.reference.rejected).sort().values
    return _smoothed(r.beta * (margins - before), r.smoothing)


def _aot_unpaired(r: _Ratios) -> Tensor:
    return _smoothed(r.beta * (r.chosen.sort().values - r.rejected.sort().values), r.smoothing)


def _discopop(r: _Ratios) -> Tensor:
    logits = r.beta * r.delta
    share = torch.sigmoid(logits / r.temperature)
    return -logsigmoid(logits) * (1 - share) + torch.exp(-logits) * share


_DIVERGENCES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "reverse_kl": lambda ratio: ratio,
    "forward_kl": lambda ratio: 1 - torch.exp(-ratio),
    "js_divergence": lambda ratio: math.log(2) + logsigmoid(ratio),
}
_DPO: Mapping[str, Callable[[_Ratios], Tensor]] = {
    "sigmoid": lambda r: _smoothed(r.beta * r.delta, r.smoothing),
    "hinge": lambda r: relu(1 - r.beta * r.delta),
    "ipo": lambda r: (r.delta_per_token - 1 / (2 * r.beta)) ** 2,
    "exo_pair": _exo,
    "nca_pair": _nca,
    "robust": _robust,
    "bco_pair": lambda r: -logsigmoid(r.beta * r.chosen) - logsigmoid(-r.beta * r.rejected),
    "sppo_hard": _sppo,
    "aot": _aot,
    "aot_unpaired": _aot_unpaired,
    "apo_zero": lambda r: 1 - torch.sigmoid(r.beta * r.chosen) + torch.sigmoid(r.beta * r.rejected),
    "apo_down": lambda r: torch.sigmoid(r.beta * r.chosen) + 1 - torch.sigmoid(r.beta * (r.chosen - r.rejected)),
    "discopop": _discopop,
    "sigmoid_norm": lambda r: -logsigmoid(r.beta * r.delta_per_token),
}
