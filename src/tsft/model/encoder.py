"""The patch encoder: a few linear layers that turn each patch of a series into one vector of the language model.

Where the vectors go is `fusion.py`; how patches are cut is `batches.py`. Parameter names are those of the ChatTS
checkpoints (`mlp.0`, `mlp.2`, …, `position_embedding`).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class TimeSeriesEncoder(nn.Module):
    """All real patches of a batch in one call. `block` is the `ts` block of the config."""

    def __init__(self, block: Mapping[str, Any]) -> None:
        super().__init__()
        self.patch_size = int(block["patch_size"])
        self.max_points = int(block.get("max_sequence_length") or block.get("max_length") or 0)
        width, layers = int(block["hidden_size"]), int(block.get("num_layers", 5))
        inputs_per_point = 1
        self.position_embedding: nn.Embedding | None = None
        self.uses_index = False
        if block.get("use_position_embedding"):
            dim = int(block.get("embedding_dim", 16))
            inputs_per_point += dim
            # One row more than points: the last one marks filler points.
            self.position_embedding = nn.Embedding(self.max_points + 1, dim)
        elif block.get("use_position_idx"):
            inputs_per_point += 1
            self.uses_index = True
        steps: list[nn.Module] = []
        for layer in range(layers):
            steps.append(nn.Linear(self.patch_size * inputs_per_point if layer == 0 else width, width))
            if layer < layers - 1:
                steps.append(nn.GELU())
        if block.get("use_layer_norm"):
            steps.append(nn.LayerNorm(width))
        self.mlp = nn.Sequential(*steps)

    @property
    def input_dtype(self) -> torch.dtype:
        """The precision the first layer computes in; its bias is never quantised, so ask that one."""
        return self.mlp[0].bias.dtype

    def forward(self, values: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Embed the real patches.

        values:    float[B, P, K], scaled values; the last patch of a series already filled
        mask:      bool[B, P, K], True at real points
        positions: int64[B, P], index of each patch's first point in its series
        returns    float[sum of real patches, D], row by row
        """
        is_real = mask.any(-1)
        points, point_mask = values[is_real], mask[is_real]  # [M, K]
        index = positions[is_real].unsqueeze(-1) + torch.arange(self.patch_size, device=values.device)  # [M, K]
        points = points.to(self.input_dtype)
        if self.position_embedding is not None:
            index = index.masked_fill(~point_mask, self.max_points)
            places = self.position_embedding(index).flatten(1)  # [M, K * dim]
            points = torch.cat([points, places.to(points.dtype)], dim=-1)
        elif self.uses_index:
            points = torch.stack([points, self._relative(index, point_mask).to(points.dtype)], dim=-1).flatten(1)
        return self.mlp(points)

    def _relative(self, index: Tensor, point_mask: Tensor) -> Tensor:
        """Position as a share of the longest series of the *batch*: so do the ChatTS encoders of this kind.

        A row's features therefore depend on its batch mates; kept, because weights were trained that way.
        """
        longest = (index + 1).masked_fill(~point_mask, 0).max() if index.numel() else index.new_ones(())
        share = index.float() / (longest - 1).clamp(min=1)
        return share.masked_fill(~point_mask, -1.0)  # filler points stand outside the series

    @torch.no_grad()
    def reset(self, seed: int) -> None:
        """Xavier-normal weights and zero biases from a generator of our own: one seed, one encoder.

        Drawn in float32 on the CPU and then cast, so that precision and device do not change which weights these are.
        """
        generator = torch.Generator(device="cpu").manual_seed(seed)
        for name, parameter in self.named_parameters():
            if parameter.dim() >= 2:
                fresh = torch.empty(parameter.shape, dtype=torch.float32)
                nn.init.xavier_normal_(fresh, generator=generator)
                parameter.copy_(fresh)
            else:  # a layer norm starts as the identity
                is_norm_weight = name.endswith("weight")
                parameter.fill_(1.0 if is_norm_weight else 0.0)
