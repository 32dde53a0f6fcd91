"""LLaMA Pro: more decoder layers, spread evenly, that at first change nothing and then learn while the rest stays."""

import copy

from torch import nn
from transformers import PreTrainedModel

from tsft.engine.parts import decoder_layers, is_named
from tsft.errors import Problem, UserError, message

# The last projection of a layer's attention and of its feed-forward part: with zeros there it adds nothing.
_OUTPUTS = (("o_proj", "out_proj", "dense"), ("down_proj", "dense_4h_to_h", "c_proj"))


def expand_blocks(model: PreTrainedModel, count: int) -> list[nn.Module]:
    """Put a copy of the last layer of each of `count` equal groups behind it, and return the copies.

    The model answers as before. Raises UserError when the layers cannot be shared out evenly.
    """
    layers = decoder_layers(model)
    old = len(layers)
    if count > old or old % count:
        fitting = ", ".join(str(number) for number in range(1, old + 1) if old % number == 0)
        told = message("tuning.blocks_uneven", wanted=count, layers=old, fitting=fitting)
        raise UserError(Problem("tuning.new_blocks", told))
    group = old // count
    sources = [number // (group + 1) * group + min(number % (group + 1), group - 1) for number in range(old + count)]
    new = []
    for number in range(count):
        position = number * (group + 1) + group
        layer = copy.deepcopy(layers[position - 1])
        _silence(layer)
        layers.insert(position, layer)
        new.append(layer)
    for number, layer in enumerate(layers):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    model.config.num_hidden_layers = len(layers)
    kinds = getattr(model.config, "layer_types", None)
    if kinds is not None:
        model.config.layer_types = [kinds[source] for source in sources]
    return new


def _silence(layer: nn.Module) -> None:
    for names in _OUTPUTS:
        found = [module for name, module in layer.named_modules() if any(is_named(name, part) for part in names)]
        if not found:
            raise UserError(Problem("tuning.method", message("tuning.blocks_unknown", names=", ".join(names))))
        for module in found:
            for parameter in module.parameters():
                nn.init.zeros_(parameter)
