"""One decoder layer of given sizes with random weights, to try out how fast a model of them trains here."""

import torch
from torch import nn
from torch.nn import functional

from tsft.engine.estimate import Sizes


class TriedLayer(nn.Module):
    """trains_weights: whether its own weights train; an adapter stands at each linear where the model has them."""

    def __init__(self, sizes: Sizes, *, trains_weights: bool) -> None:
        super().__init__()
        hidden, query, key, forward = sizes.hidden, sizes.query, sizes.key, sizes.forward
        shapes = [(hidden, query), (hidden, key), (hidden, key), (query, hidden)]
        shapes += [(hidden, forward), (hidden, forward), (forward, hidden)]
        self._heads = sizes.heads
        self._linears = nn.ModuleList(nn.Linear(*shape, bias=False) for shape in shapes)
        self._norms = nn.ModuleList(nn.RMSNorm(hidden) for _ in range(2))
        self.requires_grad_(trains_weights)
        rank = sizes.ranks // (len(shapes) * sizes.layers)
        self._adapters = nn.ModuleList()
        for wide, narrow in shapes if rank else ():
            pair = (nn.Linear(wide, rank, bias=False), nn.Linear(rank, narrow, bias=False))
            self._adapters.append(nn.Sequential(*pair))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """float[B, T, D] to the same."""
        batch, tokens, _ = given.shape
        normed = self._norms[0](given)
        width = self._linears[0].out_features // self._heads
        query, key, value = (self._linear(at, normed).view(batch, tokens, -1, width).transpose(1, 2) for at in range(3))
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        given = given + self._linear(3, mixed.transpose(1, 2).reshape(batch, tokens, -1))
        normed = self._norms[1](given)
        gated = functional.silu(self._linear(4, normed)) * self._linear(5, normed)
        return given + self._linear(6, gated)

    def _linear(self, at: int, given: torch.Tensor) -> torch.Tensor:
        plain = self._linears[at](given)
        return plain + 2 * self._adapters[at](given) if len(self._adapters) else plain
