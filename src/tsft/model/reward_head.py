"""A head that scores a whole answer: one number from the last position of a row. Made new, from a seed, or loaded."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

# The name that transformers' own sequence classification has for it, in the model and in its files.
HEAD = "score"
FLAG = "has_reward_head"


def new_head(config: PreTrainedConfig) -> nn.Linear:
    """The empty head of a model whose weights are to be loaded."""
    return nn.Linear(int(config.hidden_size), 1, bias=False)


def has_reward_head(model: nn.Module) -> bool:
    return isinstance(getattr(model, HEAD, None), nn.Module)


def add_reward_head(model: PreTrainedModel, seed: int = 0) -> None:
    """Give the model a head where it has none: small normal weights, the same for the same seed."""
    if has_reward_head(model):
        return
    head = new_head(model.config)
    width = head.in_features
    weights = torch.empty(1, width).normal_(0.0, (width + 1) ** -0.5, generator=torch.Generator().manual_seed(seed))
    embedding = model.get_input_embeddings().weight
    head.weight = nn.Parameter(weights.to(device=embedding.device, dtype=model.dtype))
    setattr(model, HEAD, head)
    setattr(model.config, FLAG, True)


def last_places(attention_mask: Tensor) -> Tensor:
    """int64[B], the last real position of each row; int64[B, T], padded on either side."""
    return attention_mask.shape[1] - 1 - attention_mask.flip(1).argmax(1)
