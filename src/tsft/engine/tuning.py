"""What of a model trains (all, some layers, new layers, an adapter, the encoder), and how fast each part learns.

Decides by names and structure, never by `model_type`. A new encoder is always trained in full.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel

from tsft.config.optimizers import names_of
from tsft.config.run_config import RunConfig
from tsft.engine.adapters import with_adapter
from tsft.engine.expansion import expand_blocks
from tsft.engine.parts import ENCODER, decoder_layers, is_norm, modules_named
from tsft.errors import Problem, UserError, message
from tsft.model.reward_head import HEAD
from tsft.run.events import Group

# peft 0.21 still asks models under a name that transformers 5.24 has renamed; nothing a person could change.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters with one learning rate and one weight decay. kind: llm, encoder or lora_b."""

    kind: str
    learning_rate: float
    weight_decay: float
    parameters: tuple[nn.Parameter, ...]


def apply_tuning(model: PreTrainedModel, config: RunConfig, encoder_is_new: bool) -> PreTrainedModel | PeftModel:
    """The model with exactly the wanted parameters trainable, those in float32. Raises UserError when none would be."""
    match config.tuning.method:
        case "full":
            model.requires_grad_(True)
        case "freeze":
            _freeze(model, config)
        case "encoder":
            model.requires_grad_(False)
        case "llama_pro":
            new = expand_blocks(model, config.tuning.new_blocks)
            model.requires_grad_(False)
            for layer in new:
                layer.requires_grad_(True)
        case _:
            model = with_adapter(model, config, encoder_is_new)
    if config.optim.optimizer in names_of("badam"):
        _keep_to_layers(model)
    if encoder_is_new or config.encoder.training == "full":
        set_encoder(model, trainable=True)
    elif config.encoder.training == "frozen":
        set_encoder(model, trainable=False)
    if config.data.task == "reward" and not isinstance(model, PeftModel):
        model.get_submodule(HEAD).requires_grad_(True)
    return as_trainable(model)


def as_trainable(model: Any) -> Any:
    """Weights that train in float32; raises UserError when there is none."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise UserError(Problem("tuning.method", message("tuning.nothing_trained")))
    for parameter in trained:
        if parameter.dtype != torch.float32:
            parameter.data = parameter.data.float()
    return model


def go_on_training(model: PeftModel, config: RunConfig) -> PeftModel:
    """An adapter that was loaded to be trained on: its own make stays, a frozen encoder is the form's to say."""
    if config.encoder.training == "frozen":
        set_encoder(model, trainable=False)
    return as_trainable(model)


def set_encoder(model: nn.Module, *, trainable: bool) -> None:
    """Switch the encoder itself on or off. Under PEFT the copy that trains is the one in `modules_to_save`."""
    is_peft = isinstance(model, PeftModel)
    for name, parameter in model.named_parameters():
        if ENCODER in name and "lora_" not in name:
            parameter.requires_grad_(trainable and (not is_peft or ".modules_to_save." in name))


def trains_encoder(model: nn.Module) -> bool:
    """Whether anything of the encoder trains."""
    return any(ENCODER in name and parameter.requires_grad for name, parameter in model.named_parameters())


def parameter_groups(model: nn.Module, config: RunConfig) -> list[ParameterGroup]:
    """The trained parameters by learning rate and weight decay, language model first.

    Biases and norms get no weight decay. LoRA+ gives the B matrices `lora.plus_ratio` times the learning rate.
    """
    rate = config.optim.learning_rate
    rates = {
        "llm": rate,
        "lora_b": rate * (config.lora.plus_ratio or 1.0),
        "encoder": config.encoder.learning_rate or rate,
    }
    undecayed = set(_undecayed(model))
    parts: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parts.setdefault((_kind(name, config), name not in undecayed), []).append(parameter)
    order = ("llm", "lora_b", "encoder")
    return [
        ParameterGroup(kind, rates[kind], config.optim.weight_decay if decays else 0.0, tuple(parts[kind, decays]))
        for kind, decays in sorted(parts, key=lambda part: (order.index(part[0]), not part[1]))
    ]


def summary(groups: list[ParameterGroup]) -> tuple[Group, ...]:
    """The groups as the plan shows them: one line a kind."""
    kinds = dict.fromkeys(group.kind for group in groups)
    return tuple(
        Group(
            kind,
            sum(parameter.numel() for group in groups if group.kind == kind for parameter in group.parameters),
            next(group.learning_rate for group in groups if group.kind == kind),
        )
        for kind in kinds
    )


def _freeze(model: PreTrainedModel, config: RunConfig) -> None:
    """Train the last N layers (first N when negative) and every module whose name matches one of the given ones."""
    model.requires_grad_(False)
    layers, wanted = decoder_layers(model), config.tuning.freeze_layers
    if abs(wanted) > len(layers):
        told = message("tuning.too_many_layers", wanted=abs(wanted), layers=len(layers))
        raise UserError(Problem("tuning.freeze_layers", told))
    for layer in layers[-wanted:] if wanted > 0 else layers[:-wanted] if wanted < 0 else ():
        layer.requires_grad_(True)
    for part in config.tuning.freeze_modules:
        for module in modules_named(model, part, "tuning.freeze_modules"):
            module.requires_grad_(True)


def _keep_to_layers(model: nn.Module) -> None:
    """BAdam goes from layer to layer; embeddings, head and the last norm belong to none and stay."""
    inside = {id(parameter) for parameter in decoder_layers(model).parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.requires_grad and id(parameter) in inside)


def _kind(name: str, config: RunConfig) -> str:
    if ENCODER in name:
        return "encoder"
    return "lora_b" if config.lora.plus_ratio and re.search(r"lora_(embedding_)?B", name) else "llm"


def _undecayed(model: nn.Module) -> Iterator[str]:
    for module_name, module in model.named_modules():
        for name, _ in module.named_parameters(recurse=False):
            if is_norm(module) or name.endswith("bias"):
                yield f"{module_name}.{name}" if module_name else name
