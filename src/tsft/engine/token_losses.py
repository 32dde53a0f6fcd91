"""The loss of each token, in pieces: over a vocabulary of 150,000 words logits are what fills the memory."""

import torch

# Positions whose loss is computed at once: with a vocabulary of 150,000 words float32 takes 600 MB for so many.
AT_ONCE = 1_024


def token_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """float32[M], the negative log-probability of each target. logits: [M, V] in any format; targets: int64[M]."""
    parts = zip(logits.split(AT_ONCE), targets.split(AT_ONCE), strict=True)
    return torch.cat([torch.nn.functional.cross_entropy(one.float(), two, reduction="none") for one, two in parts])
