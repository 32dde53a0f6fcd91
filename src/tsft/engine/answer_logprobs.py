"""How likely a model finds given answers: log-probabilities of their tokens, with logits only where they are needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tsft.engine.token_losses import AT_ONCE, token_losses
from tsft.model.batches import IGNORED


@dataclass(frozen=True)
class Logprobs:
    """Of the M answer tokens of R rows, one row after another.

    values: float32[M]; rows: int64[M], the row of each; places: int64[M], its place in its answer, from 1
    counts: int64[R], answer tokens of each row
    """

    values: Tensor
    rows: Tensor
    places: Tensor
    counts: Tensor

    def sums(self, weights: Tensor | None = None) -> Tensor:
        """float32[R], over the tokens of each row; weights: float32[M]."""
        return self.sums_of(self.values if weights is None else self.values * weights)

    def sums_of(self, values: Tensor) -> Tensor:
        """float32[R], of float32[M] over the tokens of each row."""
        return values.new_zeros(len(self.counts)).index_add(0, self.rows, values)


@dataclass(frozen=True)
class Said:
    """What a model says of given answers. entropies: float32[M], of the next token, without gradients.

    values: float32[M], what its value head expects at each token; None where it was not asked.
    """

    logprobs: Logprobs
    entropies: Tensor
    values: Tensor | None = None


def answer_logprobs(model: nn.Module, batch: Mapping[str, Any]) -> Logprobs:
    """Of the labelled tokens of a batch of `batches.collate` (labels: int64[R, T], unshifted, -100 elsewhere)."""
    logits, targets, is_predictor, _ = _asked(model, batch)
    return _logprobs(logits, targets, is_predictor)


def said(model: nn.Module, batch: Mapping[str, Any], temperature: float = 1.0, *, with_values: bool = False) -> Said:
    """The same at the temperature at which answers were drawn, and what is measured beside."""
    logits, targets, is_predictor, values = _asked(model, batch, with_values=with_values)
    if temperature != 1.0:
        logits = logits / temperature
    with torch.no_grad():
        entropies = torch.cat([_entropies(part) for part in logits.split(AT_ONCE)])
    return Said(_logprobs(logits, targets, is_predictor), entropies, None if values is None else values.float())


def _asked(model: nn.Module, batch: Mapping[str, Any], **more: bool) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Logits [M, V], their targets int64[M], bool[R, T] at the positions that predict them, and values [M]."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    targets = torch.nn.functional.pad(batch["labels"][:, 1:], (0, 1), value=IGNORED)  # [R, T], at the predictor
    is_predictor = targets != IGNORED
    output = model(**inputs, logits_to_keep=is_predictor, use_cache=False, **more)
    logits = output.logits.reshape(-1, output.logits.shape[-1])
    return logits, targets[is_predictor].to(logits.device), is_predictor, getattr(output, "token_values", None)


def _logprobs(logits: Tensor, targets: Tensor, is_predictor: Tensor) -> Logprobs:
    rows = is_predictor.nonzero()[:, 0]
    places = is_predictor.cumsum(1)[is_predictor]
    return Logprobs(-token_losses(logits, targets), rows, places, is_predictor.sum(1))


def _entropies(logits: Tensor) -> Tensor:
    logs = torch.log_softmax(logits.float(), -1)
    return -(logs.exp() * logs).sum(-1)
