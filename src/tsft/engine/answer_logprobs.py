"""How likely a model finds given answers: log-probabilities of their tokens, with logits only where they are needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tsft.engine.token_losses import token_losses
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
        values = self.values if weights is None else self.values * weights
        return values.new_zeros(len(self.counts)).index_add(0, self.rows, values)


def answer_logprobs(model: nn.Module, batch: Mapping[str, Any]) -> Logprobs:
    """Of the labelled tokens of a batch of `batches.collate` (labels: int64[R, T], unshifted, -100 elsewhere)."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    targets = torch.nn.functional.pad(batch["labels"][:, 1:], (0, 1), value=IGNORED)  # [R, T], at the predictor
    is_predictor = targets != IGNORED
    logits = model(**inputs, logits_to_keep=is_predictor, use_cache=False).logits
    logits = logits.reshape(-1, logits.shape[-1])  # [M, V]
    rows = is_predictor.nonzero()[:, 0]
    places = is_predictor.cumsum(1)[is_predictor]
    values = -token_losses(logits, targets[is_predictor].to(logits.device))
    return Logprobs(values, rows, places, is_predictor.sum(1))
