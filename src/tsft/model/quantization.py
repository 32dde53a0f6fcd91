"""Weights in 8 or 4 bits: how a base model is loaded with them, which parts never are, and how it is made whole again.

bitsandbytes and torchao quantise while they load; checkpoints of GPTQ, AWQ and the two are quantised already and say
so in their config.json. What a run wishes is the engine's to say.
"""

import dataclasses
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, PreTrainedModel, TorchAoConfig

from tsft.errors import UserError, message
from tsft.model.reward_head import HEAD

# Matched by transformers from the start of a name, or as its end: "ts_encoder" alone would not keep the encoder out.
NEVER = ("lm_head", HEAD, "model.ts_encoder")
BITSANDBYTES, TORCHAO, GPTQ, AWQ = "bitsandbytes", "torchao", "gptq", "awq"
# Module and package that each method needs. transformers reads AWQ with the package that it reads GPTQ with.
PACKAGES: Mapping[str, tuple[tuple[str, str], ...]] = {
    BITSANDBYTES: (("bitsandbytes", "bitsandbytes"),),
    TORCHAO: (("torchao", "torchao"),),
    GPTQ: (("optimum", "optimum"), ("gptqmodel", "gptqmodel")),
    AWQ: (("gptqmodel", "gptqmodel"),),
}
# Of these, what came quantised stays so.
NEVER_WHOLE = (GPTQ, AWQ)
# Where the config of a quantised checkpoint lists what is not; GPTQ knows layers of the decoder only.
_SKIP_KEYS = {BITSANDBYTES: "llm_int8_skip_modules", TORCHAO: "modules_to_not_convert", AWQ: "modules_to_not_convert"}
# Tensors that stand beside, or in the place of, a quantised weight in a checkpoint.
_PACKED = (".qweight", ".weight.absmax", ".SCB", ".weight_scale", ".weight_packed", "._weight_qdata")
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# Weights of one scale, and scales of one scale of scales, in bitsandbytes' 4 bits.
_BLOCK, _BLOCKS = 64, 256


@dataclass(frozen=True)
class Quantization:
    """How the weights of the decoder layers are held.

    method: bitsandbytes or torchao. kind, double: of 4 bits, whether the scales are quantised too. compute: fp32, bf16,
    fp16, or auto for the type of the other weights. threshold: in 8 bits, inputs beyond it are not quantised.
    """

    method: str
    bits: int = 8
    kind: str = ""
    double: bool = False
    compute: str = "auto"
    threshold: float = 6.0

    @property
    def name(self) -> str:
        """As it stands in sentences: "nf4 (bitsandbytes)"."""
        return f"{self.kind if self.bits == 4 else 'int8'} ({self.method})"

    @property
    def bytes_a_weight(self) -> float:
        """With the scales of the weights."""
        if self.bits == 8:
            return 1.0
        return 0.5 + (1 / _BLOCK + 4 / (_BLOCK * _BLOCKS) if self.double else 4 / _BLOCK)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any] | None) -> "Quantization | None":
        """What `to_json` gave; None when there is nothing."""
        return Quantization(**data) if data else None


@dataclass(frozen=True)
class Quantised:
    """What is known of weights in few bits, whether made so here or found so. name: as it stands in sentences."""

    name: str
    method: str
    bits: int
    bytes_a_weight: float


def quantised(raw: Mapping[str, Any], wanted: Quantization | None) -> Quantised | None:
    """How a model's weights will be held, by its config.json and what is wanted; None for whole weights."""
    if wanted is not None:
        return Quantised(wanted.name, wanted.method, wanted.bits, wanted.bytes_a_weight)
    method = method_of(raw)
    if not method:
        return None
    config = raw["quantization_config"]
    bits = int(config.get("bits") or config.get("w_bit") or (4 if config.get("load_in_4bit") else 8))
    if method == BITSANDBYTES:
        kind, double = str(config.get("bnb_4bit_quant_type") or "fp4"), bool(config.get("bnb_4bit_use_double_quant"))
        return quantised({}, Quantization(method, bits, kind, double))
    group = int(config.get("group_size") or 0)
    scales = (2 + bits / 8) / group if group > 0 else 0.0  # a scale in 16 bits and a zero for each group
    return Quantised(f"{method}, {bits} bit", method, bits, bits / 8 + scales)


def library_config(wanted: Quantization, dtype: torch.dtype) -> Any:
    """transformers' own config for it. dtype: of the weights that stay as they are."""
    if wanted.method == TORCHAO:
        from torchao.quantization import Int8WeightOnlyConfig

        return TorchAoConfig(Int8WeightOnlyConfig(), modules_to_not_convert=list(NEVER))
    return BitsAndBytesConfig(**bitsandbytes_arguments(wanted, dtype))


def bitsandbytes_arguments(wanted: Quantization, dtype: torch.dtype) -> dict[str, Any]:
    """The arguments of `BitsAndBytesConfig`."""
    skipped = {"llm_int8_skip_modules": list(NEVER)}
    if wanted.bits == 8:
        return {"load_in_8bit": True, "llm_int8_threshold": wanted.threshold, **skipped}
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": wanted.kind,
        "bnb_4bit_use_double_quant": wanted.double,
        "bnb_4bit_compute_dtype": _TYPES.get(wanted.compute, dtype),
        **skipped,
    }


def method_of(raw: Mapping[str, Any]) -> str:
    """The method by which a checkpoint is quantised, by its config.json; "" when it is not."""
    config = raw.get("quantization_config") or {}
    if not isinstance(config, Mapping) or not config:
        return ""
    named = str(config.get("quant_method") or "").lower()
    if named == TORCHAO and "Int8WeightOnly" not in str(config.get("quant_type")):
        return f"{named} (not int8, weights only)"  # nothing can train on its other kinds
    return named or (BITSANDBYTES if config.get("load_in_4bit") or config.get("load_in_8bit") else "?")


def checked_checkpoint(raw: Mapping[str, Any], names: Iterable[str], folder: str) -> dict[str, Any]:
    """The config of a quantised checkpoint so that our encoder and the head stay out of it; any other as it is.

    names: of its tensors. Raises UserError where it is quantised in a way we do not read, or its encoder is.
    """
    method = method_of(raw)
    if not method:
        return dict(raw)
    if method not in PACKAGES:
        raise UserError(message("model.quantised_unknown", folder=folder, method=method, known=", ".join(PACKAGES)))
    if any("ts_encoder." in name and name.endswith(_PACKED) for name in names):
        raise UserError(message("model.quantised_encoder", folder=folder))
    config = dict(raw["quantization_config"])
    key = _SKIP_KEYS.get(method)
    if key is not None:
        config[key] = list(dict.fromkeys([*(config.get(key) or ()), *NEVER]))
    if method in NEVER_WHOLE:
        # By itself gptqmodel takes the quickest kernel, which on many machines has no backward and refuses to train.
        config["backend"] = "auto_trainable"
    return {**raw, "quantization_config": config}


def packed_modules(names: Iterable[str]) -> set[str]:
    """The modules of which a checkpoint holds quantised weights."""
    return {name[: -len(end)] for name in names for end in _PACKED if name.endswith(end)}


def require_packages(method: str, has_module: Callable[[str], bool] = lambda name: find_spec(name) is not None) -> None:
    """Raise UserError with the command that installs what is missing for the method."""
    missing = missing_packages(method, has_module)
    if missing:
        raise UserError(message("model.quantised_package", method=method, packages=" ".join(missing)))


def missing_packages(method: str, has_module: Callable[[str], bool]) -> list[str]:
    """The packages to install for a method that are not here."""
    return [package for module, package in PACKAGES.get(method, ()) if not has_module(module)]


def device_map(device: str = "") -> dict[str, Any]:
    """Where quantised weights are put while they load, since they cannot be moved as others can.

    device: "" for the GPU of this process if there is one, else the CPU.
    """
    if device:
        return {"": device}
    if torch.cuda.is_available():
        return {"": int(os.environ.get("LOCAL_RANK", "0"))}  # one process drives one device
    return {"": "cpu"}


def keep_trainable(model: nn.Module) -> None:
    """Let no forward pass in eval mode repack 4-bit weights.

    On CPUs with AVX512-BF16, bitsandbytes repacks the weights at the first such pass for a faster kernel that has no
    backward: in all later training steps nothing flows back through these layers, without a word. It fails on layers of
    fewer than 64 inputs, too.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    # It says at each of hundreds of products a step that 8-bit layers compute in float16.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)


def let_files_go(model: nn.Module) -> None:
    """Give what is not quantised memory of its own on the CPU.

    These weights lie in the mapped file, which would stay as a whole: 270 MB beside the 110 MB of a 135 M model.
    """
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.device.type == "cpu" and not is_packed(module):
                parameter.data = parameter.data.clone()


def is_quantised(model: nn.Module) -> bool:
    """Whether weights of the model, or of what an adapter sits on, are quantised."""
    return any(is_packed(module) for module in model.modules())


def is_packed(module: nn.Module) -> bool:
    """Whether this very layer holds its weights quantised."""
    if hasattr(module, "qweight") and hasattr(module, "in_features"):
        return True
    weight = module._parameters.get("weight")
    return weight is not None and (type(weight).__name__ in ("Params4bit", "Int8Params") or _is_torchao(weight))


def held_bytes(tensor: Tensor) -> int:
    """What a weight takes in memory, without the scales of bitsandbytes (a thirtieth in 4 bits)."""
    if _is_torchao(tensor):  # it says the size of what it stands for
        names, _ = tensor.__tensor_flatten__()  # type: ignore[attr-defined]
        return sum(getattr(tensor, name).nbytes for name in names)
    return tensor.nbytes


def dequantise(model: PreTrainedModel, dtype: torch.dtype) -> None:
    """Put whole weights in the place of quantised ones, in `dtype`, within the model.

    Raises UserError for layers of GPTQ and AWQ: their packages make no whole weights of them.
    """
    for name, module in [(name, module) for name, module in model.named_modules() if is_packed(module)]:
        if "weight" not in module._parameters:
            raise UserError(message("model.quantised_stays"))
        weight = whole_weight(module).to(dtype)
        with torch.device("meta"):
            plain = nn.Linear(weight.shape[1], weight.shape[0], bias=module.bias is not None)
        plain.weight = nn.Parameter(weight, requires_grad=False)
        if module.bias is not None:
            plain.bias = nn.Parameter(module.bias.data.to(dtype), requires_grad=False)
        model.set_submodule(name, plain.train(module.training))
    for owner in (model, model.config):
        for attribute in _MARKS:
            if attribute in vars(owner):
                delattr(owner, attribute)


# What transformers leaves on a quantised model and its config, by which it would be treated as one.
_MARKS = (
    "hf_quantizer", "quantization_config", "quantization_method", "is_quantized", "is_loaded_in_8bit",
    "is_loaded_in_4bit", "_is_quantized",
)  # fmt: skip


def whole_weight(module: nn.Module) -> Tensor:
    """float[out, in]: the weights that a quantised layer stands for, in the type they were quantised from."""
    weight: Any = module.weight
    if type(weight).__name__ == "Params4bit":
        from bitsandbytes.functional import dequantize_4bit

        return dequantize_4bit(weight.data, weight.quant_state)
    if type(weight).__name__ == "Int8Params":
        # Each row in 127ths of its largest weight. The layer takes the scales over at its first pass.
        scales = weight.SCB if weight.SCB is not None else module.state.SCB  # type: ignore[union-attr]
        return weight.data.float() * (scales.float().view(-1, 1) / 127)
    return weight.dequantize()


def _is_torchao(weight: Tensor) -> bool:
    return type(weight).__module__.startswith("torchao.")
