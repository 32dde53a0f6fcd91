"""The wish of a run for weights in few bits: as the model layer takes it, and what stands in its way."""

from collections.abc import Callable, Iterator
from pathlib import Path

from torch import nn

from tsft.config.quantization_rules import unfit_for_few_bits
from tsft.config.run_config import QuantizationSettings, RunConfig
from tsft.engine.device import device_name
from tsft.engine.optimizers import is_installed
from tsft.engine.parts import ENCODER, is_linear, modules_named
from tsft.errors import Problem, UserError, message, raise_if_any
from tsft.model.families import read_config, read_record
from tsft.model.loading import Loaded
from tsft.model.quantization import (
    BITSANDBYTES,
    Quantised,
    Quantization,
    method_of,
    missing_packages,
    quantised,
)

# The extra of this package that brings what `quantization.method` needs.
EXTRA = "quantized"


def wished(config: RunConfig) -> Quantization | None:
    """How the config wants the weights of the decoder layers to be held; None for whole ones."""
    wish = config.quantization
    if wish.method == "none":
        return None
    if wish.method != BITSANDBYTES:
        return Quantization(wish.method)
    if wish.bits == "8":
        return Quantization(wish.method, threshold=wish.threshold)
    return Quantization(wish.method, 4, wish.kind, wish.double, wish.compute)


def as_settings(held: Quantization | None) -> QuantizationSettings:
    """The settings that make the same wish."""
    if held is None:
        return QuantizationSettings()
    if held.method != BITSANDBYTES:
        return QuantizationSettings(method=held.method)
    if held.bits == 8:
        return QuantizationSettings(held.method, "8", threshold=held.threshold)
    return QuantizationSettings(held.method, "4", held.kind, held.double, held.compute)


def held_as(config: RunConfig, source: Path, base: Path) -> Quantised | None:
    """How the base of a model is held once it is loaded. source: what the config names; base: the whole model below."""
    wanted = wished(config)
    if config.model.continue_from and source != base:
        wanted = Quantization.from_json(read_record(source).get("quantization"))
    raw = read_config(base)
    return quantised(raw, None if method_of(raw) else wanted)


def quantization_problems(
    config: RunConfig, has_module: Callable[[str], bool] = is_installed, device: str = ""
) -> Iterator[Problem]:
    """What this machine lacks for the wish. device: as `device_name` says it, "" to ask that."""
    wish = config.quantization
    if wish.method == "none":
        return
    for package in missing_packages(wish.method, has_module):
        yield Problem("quantization.method", message("preflight.quantised_package", package=package, extra=EXTRA))
    device = device or device_name()
    if device == "mps":
        yield Problem("quantization.method", message("preflight.quantised_device", method=wish.method))
    is_four_bits = wish.method == BITSANDBYTES and wish.bits == "4"
    if is_four_bits and wish.compute == "fp16" and not device.startswith("cuda"):
        yield Problem("quantization.compute", message("preflight.fp16_needs_gpu"))


def refuse_unfit_for_few_bits(loaded: Loaded, config: RunConfig) -> None:
    """Raise UserError where weights are quantised, as a checkpoint may bring them, and the config cannot train so."""
    held = loaded.quantised
    if held is None:
        return
    raise_if_any(list(unfit_for_few_bits(config, held.method, held.bits)))
    few = {id(module) for module in _quantised_layers(loaded.model)}
    for part in config.tuning.additional_modules:
        for module in modules_named(loaded.model, part, "tuning.additional_modules"):
            if any(id(inner) in few for inner in module.modules()):
                told = message("tuning.quantised_part", name=part)
                raise UserError(Problem("tuning.additional_modules", told))


def quantised_weights(model: nn.Module) -> list[int]:
    """Of a model with whole weights, how many weights each layer has that would be quantised."""
    return [module.weight.numel() for module in _quantised_layers(model) if not module.weight.requires_grad]


def _quantised_layers(model: nn.Module) -> list[nn.Module]:
    """The linear layers of the language model without its head, and without what an adapter adds."""
    return [
        module
        for name, module in model.named_modules()
        if is_linear(module) and ENCODER not in name and "lm_head" not in name and "lora_" not in name
    ]
