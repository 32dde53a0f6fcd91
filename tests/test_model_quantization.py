"""What is asked of the packages that quantise, and what is made of checkpoints that are quantised: without them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.quantizers.quantizers_utils import should_convert_module

from tests.model_fakes import ENCODER, edit_json, plain_model_folder
from tsft.errors import UserError
from tsft.model.loading import META, load
from tsft.model.quantization import (
    NEVER,
    Quantization,
    bitsandbytes_arguments,
    checked_checkpoint,
    dequantise,
    device_map,
    is_packed,
    is_quantised,
    keep_trainable,
    method_of,
    packed_modules,
    quantised,
    require_packages,
)

NF4 = Quantization("bitsandbytes", 4, "nf4", double=True)
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}


@pytest.mark.parametrize(
    ("wanted", "dtype", "arguments"),
    [
        (
            NF4,
            torch.bfloat16,
            {
                "load_in_4bit": True,
                "bnb_4bit_quant_type": "nf4",
                "bnb_4bit_use_double_quant": True,
                "bnb_4bit_compute_dtype": torch.bfloat16,
            },
        ),
        (
            Quantization("bitsandbytes", 4, "fp4", compute="fp32"),
            torch.bfloat16,
            {
                "load_in_4bit": True,
                "bnb_4bit_quant_type": "fp4",
                "bnb_4bit_use_double_quant": False,
                "bnb_4bit_compute_dtype": torch.float32,
            },
        ),
        (
            Quantization("bitsandbytes", threshold=3.5),
            torch.float32,
            {"load_in_8bit": True, "llm_int8_threshold": 3.5},
        ),
    ],
)
def test_bitsandbytes_is_told(wanted: Quantization, dtype: torch.dtype, arguments: dict[str, Any]) -> None:
    skipped = {"llm_int8_skip_modules": ["lm_head", "score", "model.ts_encoder"]}
    assert bitsandbytes_arguments(wanted, dtype) == {**arguments, **skipped}


def test_encoder_and_head_are_kept_out_by_their_names() -> None:
    skipped = list(NEVER)
    assert not should_convert_module("model.ts_encoder.mlp.0", skipped)
    assert not should_convert_module("lm_head", skipped)
    assert not should_convert_module("score", skipped)
    assert should_convert_module("model.layers.0.self_attn.q_proj", skipped)
    # The obvious name would quantise the encoder in silence.
    assert should_convert_module("model.ts_encoder.mlp.0", ["ts_encoder"])


def test_what_is_recorded_comes_back() -> None:
    for wanted in (NF4, Quantization("torchao"), Quantization("bitsandbytes", 4, "fp4", compute="bf16")):
        assert Quantization.from_json(json.loads(json.dumps(wanted.to_json()))) == wanted
    assert Quantization.from_json(None) is None


@pytest.mark.parametrize(
    ("raw", "name", "bytes_a_weight"),
    [
        ({"quantization_config": GPTQ}, "gptq, 4 bit", 0.5 + 2.5 / 128),
        ({"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 64}}, "awq, 4 bit", 0.5 + 2.5 / 64),
        (
            {
                "quantization_config": {
                    "quant_method": "bitsandbytes",
                    "load_in_4bit": True,
                    "bnb_4bit_quant_type": "nf4",
                }
            },
            "nf4 (bitsandbytes)",
            0.5 + 4 / 64,
        ),
        ({"quantization_config": {"load_in_8bit": True}}, "int8 (bitsandbytes)", 1.0),
    ],
)
def test_a_checkpoint_says_how_it_is_held(raw: dict[str, Any], name: str, bytes_a_weight: float) -> None:
    held = quantised(raw, None)
    assert held is not None and (held.name, held.bytes_a_weight) == (name, bytes_a_weight)
    assert quantised({}, None) is None


def test_the_encoder_stays_out_of_a_checkpoint_whatever_its_own_list_says() -> None:
    awq = {"quantization_config": {"quant_method": "awq", "modules_to_not_convert": ["model.visual"]}}
    listed = checked_checkpoint(awq, (), "a")["quantization_config"]["modules_to_not_convert"]
    assert listed == ["model.visual", "lm_head", "score", "model.ts_encoder"]
    gptq = checked_checkpoint({"quantization_config": GPTQ}, (), "a")["quantization_config"]
    assert gptq == {**GPTQ, "backend": "auto_trainable"}  # it knows the decoder's layers alone
    assert checked_checkpoint({"hidden_size": 8}, (), "a") == {"hidden_size": 8}


@pytest.mark.parametrize(
    ("raw", "names", "key"),
    [
        ({"quantization_config": {"quant_method": "exl3"}}, (), "model.quantised_unknown"),
        ({"quantization_config": {"bits": 4}}, (), "model.quantised_unknown"),
        (
            {"quantization_config": {"quant_method": "torchao", "quant_type": {"_type": "Int4WeightOnlyConfig"}}},
            (),
            "model.quantised_unknown",
        ),
        ({"quantization_config": GPTQ}, ("ts_encoder.mlp.0.qweight",), "model.quantised_encoder"),
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            ("model.ts_encoder.mlp.0.weight.absmax",),
            "model.quantised_encoder",
        ),
    ],
)
def test_what_would_be_read_wrongly_is_refused(raw: dict[str, Any], names: tuple[str, ...], key: str) -> None:
    with pytest.raises(UserError) as caught:
        checked_checkpoint(raw, names, "folder")
    assert caught.value.message.key == key


@pytest.mark.parametrize(
    ("method", "here", "missing"),
    [
        ("bitsandbytes", (), "bitsandbytes"),
        ("gptq", ("optimum",), "gptqmodel"),
        ("gptq", (), "optimum gptqmodel"),
        ("awq", (), "gptqmodel"),
        ("torchao", ("torchao",), None),
    ],
)
def test_missing_packages_are_named_with_their_command(method: str, here: tuple[str, ...], missing: str | None) -> None:
    if missing is None:
        require_packages(method, lambda name: name in here)
        return
    with pytest.raises(UserError) as caught:
        require_packages(method, lambda name: name in here)
    assert caught.value.message.values["packages"] == missing


class Repacking(nn.Linear):
    """As bitsandbytes' 4-bit layer on a CPU with AVX512-BF16: a pass in eval mode changes the form of the weights."""

    support_avx512bf16_for_cpu = True

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.support_avx512bf16_for_cpu and not self.training:
            self.weight.data = self.weight.data * 0
        return super().forward(inputs)


def test_an_evaluation_leaves_the_weights_trainable() -> None:
    model = nn.Sequential(Repacking(4, 4))
    before = model[0].weight.detach().clone()
    keep_trainable(model)
    model.eval()(torch.ones(1, 4))
    assert torch.equal(model[0].weight, before)


class Packed(nn.Module):
    """As a layer of GPTQ: no `weight`, but numbers packed into whole ones."""

    def __init__(self) -> None:
        super().__init__()
        self.in_features, self.out_features, self.bias = 8, 4, None
        self.register_buffer("qweight", torch.zeros(1, 4, dtype=torch.int32))


def test_a_packed_layer_is_known_and_cannot_be_made_whole() -> None:
    model: Any = nn.Sequential(nn.Linear(4, 8), Packed())
    assert [is_packed(module) for module in model] == [False, True]
    assert is_quantised(model)
    with pytest.raises(UserError) as caught:
        dequantise(model, torch.float32)
    assert caught.value.message.key == "model.quantised_stays"


@pytest.fixture
def gptq_folder(tmp_path: Path) -> Path:
    """A checkpoint as GPTQ writes it: packed tensors in the place of the weights of the decoder's linear layers."""
    folder = plain_model_folder(tmp_path / "gptq")
    tensors = load_file(folder / "model.safetensors")
    packed: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith("_proj.weight"):
            stem = name.removesuffix(".weight")
            packed[f"{stem}.qweight"] = torch.zeros(tensor.shape[1] // 8, tensor.shape[0], dtype=torch.int32)
            packed[f"{stem}.scales"] = torch.ones(1, tensor.shape[0], dtype=torch.float16)
        else:
            packed[name] = tensor
    save_file(packed, folder / "model.safetensors", metadata={"format": "pt"})
    edit_json(folder / "config.json", quantization_config=GPTQ)
    return folder


def test_the_outline_of_a_quantised_checkpoint_has_the_shapes_of_whole_weights(gptq_folder: Path) -> None:
    loaded = load(gptq_folder, dtype=torch.float32, new_encoder=ENCODER, **META)
    layer = loaded.model.model.layers[0]
    assert tuple(layer.mlp.gate_proj.weight.shape) == (48, 32)
    assert loaded.quantised is not None and loaded.quantised.method == "gptq"


def test_quantising_what_is_quantised_already_is_refused(gptq_folder: Path) -> None:
    assert method_of(json.loads((gptq_folder / "config.json").read_text())) == "gptq"
    with pytest.raises(UserError) as caught:
        load(gptq_folder, dtype=torch.float32, new_encoder=ENCODER, quantization=NF4, **META)
    assert caught.value.message.key == "model.quantised_already"


def test_the_modules_of_packed_tensors_are_named() -> None:
    names = ["model.layers.0.q_proj.qweight", "model.layers.0.q_proj.scales", "a.weight.absmax", "b.SCB", "c.weight"]
    assert packed_modules(names) == {"model.layers.0.q_proj", "a", "b"}


def test_quantised_weights_are_put_where_they_are_wanted() -> None:
    assert device_map("cpu") == {"": "cpu"}
    assert list(device_map()) == [""]
