"""The shape of a new, untrained model: the flags of `tsft models new` and their defaults are made from it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FreshModel:
    """A Qwen3-shaped decoder. vocabulary: all tokens, specials included; the head is not tied to the embeddings."""

    hidden_size: int = 192
    layers: int = 6
    heads: int = 4
    key_value_heads: int = 2
    feed_forward: int = 512
    vocabulary: int = 4096
    patch_size: int = 8
    max_points: int = 8192
    seed: int = 20250801
