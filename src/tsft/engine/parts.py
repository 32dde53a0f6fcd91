"""The parts of a model by name and structure: decoder layers, linear layers, norms, encoder. Never by model type."""

from collections.abc import Sequence

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import ALL_LAYERNORM_LAYERS

from tsft.errors import Problem, UserError, message
from tsft.model.quantization import is_packed
from tsft.model.reward_head import HEAD

ENCODER = "ts_encoder"


def decoder_layers(model: nn.Module) -> nn.ModuleList:
    """The decoder's layers: the longest ModuleList outside the encoder."""
    lists = [
        module for name, module in model.named_modules() if isinstance(module, nn.ModuleList) and ENCODER not in name
    ]
    return max(lists, key=len)


def linear_names(model: nn.Module, *, in_encoder: bool) -> list[str]:
    """Full names of the linear layers of the encoder, or of the language model without its heads; quantised too."""
    head = model.get_output_embeddings() if isinstance(model, PreTrainedModel) else None
    return [
        name
        for name, module in model.named_modules()
        if is_linear(module) and module is not head and name != HEAD and (ENCODER in name) == in_encoder
    ]


def norm_names(model: nn.Module) -> list[str]:
    """Full names of the language model's norms."""
    return [name for name, module in model.named_modules() if is_norm(module) and ENCODER not in name]


def leaf_names(model: nn.Module, part: str) -> list[str]:
    """Full names of the modules that hold weights themselves, within those that `part` stands for."""
    return [
        f"{name}.{inner}" if inner else name
        for name, module in model.named_modules()
        if is_named(name, part)
        for inner, leaf in module.named_modules()
        if any(True for _ in leaf.parameters(recurse=False))
    ]


def targets_among(names: Sequence[str], wanted: Sequence[str], field: str) -> list[str]:
    """Those of the names that are asked for; all when none is, or "all". UserError for one that is not there.

    field: the setting that asks for them.
    """
    if not wanted or tuple(wanted) == ("all",):
        return list(names)
    missing = [part for part in wanted if not any(is_named(name, part) for name in names)]
    if missing:
        known = ", ".join(sorted({name.rsplit(".", 1)[-1] for name in names}))
        raise UserError(Problem(field, message("tuning.no_such_target", name=", ".join(missing), known=known)))
    return [name for name in names if any(is_named(name, part) for part in wanted)]


def modules_named(model: nn.Module, part: str, field: str) -> list[nn.Module]:
    """All modules that the name stands for. UserError, tied to the setting `field`, when it stands for none."""
    found = [module for name, module in model.named_modules() if is_named(name, part)]
    if not found:
        known = sorted(
            {name.rsplit(".", 1)[-1] for name, module in model.named_modules() if not list(module.children())}
        )
        raise UserError(Problem(field, message("tuning.no_such_module", name=part, known=", ".join(known))))
    return found


def is_named(name: str, part: str) -> bool:
    """Whether `part` is the whole name or ends it ("q_proj", "layers.3.mlp")."""
    return bool(part) and (name == part or name.endswith(f".{part}"))


def is_linear(module: nn.Module) -> bool:
    """Whether the module is a linear layer, of whole or of quantised weights."""
    return isinstance(module, nn.Linear) or is_packed(module)


def is_norm(module: nn.Module) -> bool:
    """Whether the module scales what flows through it, and does little else."""
    return isinstance(module, tuple(ALL_LAYERNORM_LAYERS)) or "norm" in type(module).__name__.lower()
