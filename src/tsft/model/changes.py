"""What a model is loaded differently from how it was saved: longer positions (RoPE scaling), rows for new tokens.

A change belongs to the weights that are trained on it: it is written into `tsft.json` beside an adapter, and into
config.json and the embedding of a whole model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tsft.errors import UserError, message

# GPUs multiply matrices whose sides are multiples of 64 fastest.
VOCABULARY_MULTIPLE = 64


@dataclass(frozen=True)
class ModelChanges:
    """rope_scaling: none, linear, dynamic, yarn or llama3; rope_factor: how many times longer the context becomes.

    resizes_vocabulary: give every token of the tokenizer a row in the embedding, `new_tokens` among them.
    reward_head: score answers with a head of its own, which is made new where the model has none.
    """

    rope_scaling: str = "none"
    rope_factor: float = 2.0
    resizes_vocabulary: bool = False
    new_tokens: tuple[str, ...] = ()
    reward_head: bool = False

    @staticmethod
    def from_json(data: Mapping[str, Any] | None) -> "ModelChanges":
        """What `dataclasses.asdict` made of it; no changes when there is nothing."""
        data = dict(data or {})
        return ModelChanges(**{**data, "new_tokens": tuple(data.get("new_tokens", ()))})


def with_longer_positions(raw: Mapping[str, Any], changes: ModelChanges) -> dict[str, Any]:
    """The keys of a config.json with RoPE scaling in them. UserError where the model has one already, or no RoPE."""
    if changes.rope_scaling == "none":
        return dict(raw)
    rope = dict(raw.get("rope_parameters") or raw.get("rope_scaling") or {})
    present = str(rope.get("rope_type") or rope.get("type") or "default")
    if present != "default":
        raise UserError(message("model.rope_already", present=present))
    length = raw.get("max_position_embeddings")
    if not length:
        raise UserError(message("model.rope_missing"))
    rope = {name: value for name, value in rope.items() if name != "type"}
    if raw.get("rope_theta") is not None:
        rope.setdefault("rope_theta", raw["rope_theta"])
    rope |= {"rope_type": changes.rope_scaling, "factor": float(changes.rope_factor)}
    if changes.rope_scaling in ("yarn", "llama3"):
        rope["original_max_position_embeddings"] = int(length)
    if changes.rope_scaling == "llama3":
        rope |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    changed = {name: value for name, value in raw.items() if name != "rope_scaling"}
    # Dynamic scaling begins beyond the trained length, so that one must stay what it was.
    longer = int(length) if changes.rope_scaling == "dynamic" else int(length * changes.rope_factor)
    return changed | {"rope_parameters": rope, "max_position_embeddings": longer}


def add_tokens(tokenizer: PreTrainedTokenizerBase, changes: ModelChanges) -> None:
    """Make each of the new tokens one token of the tokenizer."""
    if changes.resizes_vocabulary and changes.new_tokens:
        tokenizer.add_tokens(list(changes.new_tokens))


def resize_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Give the embedding (and the head) a row for every token; returns how many rows are new.

    New rows are the mean of the old ones: the same each time, and a new word begins as likely as the average one.
    """
    old = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) <= old:
        return 0
    model.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=VOCABULARY_MULTIPLE, mean_resizing=False)
    with torch.no_grad():
        for table in (model.get_input_embeddings(), model.get_output_embeddings()):
            if table is not None:
                table.weight[old:] = table.weight[:old].float().mean(dim=0).to(table.weight.dtype)
    return int(model.get_input_embeddings().weight.shape[0]) - old


def embedding_names(model: PreTrainedModel) -> list[str]:
    """The modules that hold a row for each token: what must be saved with an adapter after a resize."""
    names = {module: name for name, module in model.named_modules()}
    head = model.get_output_embeddings()
    tables = [model.get_input_embeddings()]
    if head is not None and head.weight is not tables[0].weight:
        tables.append(head)
    return [names[table] for table in tables]
