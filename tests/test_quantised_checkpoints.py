"""Checkpoints that came quantised (GPTQ, AWQ, bitsandbytes, torchao) load, keep their encoder whole and train.

Skipped where their packages are not installed.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, TorchAoConfig

from tests.engine_runs import Bench, small, until_done
from tests.model_fakes import ENCODER, edit_json, plain_model_folder
from tests.test_engine_tuning import NOW
from tsft.config.schema import with_values
from tsft.engine.model_rules import model_problems
from tsft.engine.parts import linear_names
from tsft.engine.readiness import SketchBook
from tsft.engine.restore import open_result
from tsft.engine.sketch import sketch
from tsft.engine.tuning import apply_tuning
from tsft.errors import UserError
from tsft.model.adapters import merged_model
from tsft.model.loading import META, load
from tsft.model.quantization import is_packed, is_quantised
from tsft.run.export import ExportSettings

pytestmark = pytest.mark.slow
GROUP = 32
# The order in which AWQ puts eight numbers of four bits into one of 32.
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
IDS = torch.arange(5, 45).repeat(2, 1)


def in_32_bits(nibbles: torch.Tensor) -> torch.Tensor:
    """int32[...]: int64[..., 8] of 0 to 15 packed, the first in the lowest bits."""
    packed = (nibbles << (4 * torch.arange(8))).sum(-1)
    return torch.where(packed >= 2**31, packed - 2**32, packed).to(torch.int32).contiguous()


def packed_tensors(weight: torch.Tensor, method: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """A linear layer's weight, float[out, in], as the method stores it in 4 bits; and what that stands for."""
    inputs, outputs = weight.shape[1], weight.shape[0]
    groups = weight.t().float().reshape(inputs // GROUP, GROUP, outputs)
    scales = (groups.abs().amax(1) / 7).half()
    numbers = (groups / scales.float()[:, None]).round().clamp(-8, 7) + 8
    whole = ((numbers - 8) * scales.float()[:, None]).reshape(inputs, outputs).t()
    numbers = numbers.reshape(inputs, outputs).to(torch.int64)
    zeros = torch.full((inputs // GROUP, outputs // 8, 8), 8, dtype=torch.int64)
    if method == "awq":
        in_order = numbers.reshape(inputs, outputs // 8, 8)[..., list(AWQ_ORDER)]
        return {"qweight": in_32_bits(in_order), "qzeros": in_32_bits(zeros), "scales": scales}, whole
    stored = {
        "qweight": in_32_bits(numbers.reshape(inputs // 8, 8, outputs).transpose(1, 2)),
        "qzeros": in_32_bits(zeros - 1),
        "scales": scales,
        "g_idx": (torch.arange(inputs) // GROUP).to(torch.int32),
    }
    return stored, whole


CONFIGS: dict[str, dict[str, Any]] = {
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False, "sym": True},
    "awq": {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"},
}


def folders(root: Path, method: str) -> tuple[Path, Path]:
    """A plain language model quantised by the method, and the same with the weights that this stands for."""
    found = []
    for name in ("packed", "whole"):
        folder = plain_model_folder(root / name, hidden_size=64, intermediate_size=128, head_dim=16)
        tensors: dict[str, torch.Tensor] = {}
        for key, tensor in load_file(folder / "model.safetensors").items():
            if not key.endswith("_proj.weight"):
                tensors[key] = tensor
                continue
            stored, whole = packed_tensors(tensor, method)
            stem = key.removesuffix("weight")
            tensors |= {stem + part: each for part, each in stored.items()} if name == "packed" else {key: whole}
        save_file(
            {key: each.contiguous() for key, each in tensors.items()}, folder / "model.safetensors", {"format": "pt"}
        )
        found.append(folder)
    edit_json(found[0] / "config.json", quantization_config=CONFIGS[method])
    return found[0], found[1]


def tuned(folder: Path) -> Any:
    """Under an adapter that has learnt something, the same on every base."""
    model = apply_tuning(load(folder, dtype=torch.float32, new_encoder=ENCODER).model, small(), encoder_is_new=True)
    generator = torch.Generator().manual_seed(1)
    for _, parameter in sorted(model.named_parameters(), key=lambda each: each[0]):
        if parameter.requires_grad:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def gradients(model: Any) -> dict[str, torch.Tensor]:
    model.train()
    model.zero_grad()
    model(input_ids=IDS, labels=IDS).loss.backward()
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


@pytest.fixture(params=["gptq", "awq"])
def method(request: pytest.FixtureRequest) -> str:
    pytest.importorskip("gptqmodel")
    if request.param == "gptq":
        pytest.importorskip("optimum.gptq")
    return str(request.param)


def test_a_quantised_checkpoint_trains_as_the_weights_that_it_stands_for(tmp_path: Path, method: str) -> None:
    packed, whole = folders(tmp_path, method)
    loaded = load(packed, dtype=torch.float32, new_encoder=ENCODER)
    model: Any = loaded.model
    assert loaded.quantised is not None and loaded.quantised.name == f"{method}, 4 bit"
    assert not is_quantised(model.model.ts_encoder) and not is_packed(model.lm_head)
    names = linear_names(model, in_encoder=False)
    assert names and all(is_packed(model.get_submodule(name)) for name in names)

    model, expected = tuned(packed), gradients(tuned(whole))
    before = gradients(model)
    assert before.keys() == expected.keys()
    model.eval()
    with torch.no_grad():
        model(input_ids=IDS)
    for found in (before, gradients(model)):
        # Their kernels may compute in 16 bits.
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[name], atol=0.02, rtol=0.05)


def test_nothing_is_merged_into_what_cannot_be_made_whole(tmp_path: Path, method: str) -> None:
    model = tuned(folders(tmp_path, method)[0])
    with pytest.raises(UserError) as caught:
        merged_model(model)
    assert caught.value.message.key == "model.quantised_stays"


def test_a_run_on_a_quantised_checkpoint_is_looked_at_trained_and_opened(
    bench: Bench, tmp_path: Path, method: str
) -> None:
    config = small(model__name=str(folders(tmp_path, method)[0]), schedule__max_steps=2, encoder__max_points=512)
    assert sketch(config, bench.workspace).quantised is not None
    (refused,) = model_problems(with_values(config, {"tuning.method": "full"}), SketchBook(bench.workspace))
    assert (refused.field, refused.message.key) == ("tuning.method", "check.quantised_needs_adapter")
    state = bench.run(config)
    assert state.status == "finished", state.failure
    opened = open_result(bench.record.get(state.run_id).folder.adapter, bench.workspace, torch.float32, NOW)
    assert opened.quantised is not None and opened.quantised.method == method
    bench.engine.begin_export(ExportSettings(f"runs/{state.run_id}/adapter", form="merged"))
    done = until_done(bench.engine.exported)
    assert [each.message.key for each in done.problems] == ["model.quantised_stays"]
    bench.engine.begin_export(ExportSettings(f"runs/{state.run_id}/adapter", form="adapter"))
    done = until_done(bench.engine.exported)
    assert done.path and done.test is not None and done.test.agrees(), done.problems


def library_config(name: str) -> Any:
    """Of transformers; skips the test where the package is not here."""
    if name == "torchao (8 bits)":
        quantization = pytest.importorskip("torchao.quantization")
        return TorchAoConfig(quantization.Int8WeightOnlyConfig())
    pytest.importorskip("bitsandbytes")
    return BitsAndBytesConfig(load_in_4bit="4" in name, load_in_8bit="8" in name, bnb_4bit_quant_type="nf4")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("4 bits", "nf4 (bitsandbytes)"),
        ("8 bits", "int8 (bitsandbytes)"),
        ("torchao (8 bits)", "torchao, 8 bit"),
    ],
)
def test_a_checkpoint_that_transformers_quantised_trains_and_merges_into_whole_weights(
    tmp_path: Path, name: str, told: str
) -> None:
    shape = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
    plain, folder = plain_model_folder(tmp_path / "plain", **shape), plain_model_folder(tmp_path / "packed", **shape)
    (folder / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(plain, quantization_config=library_config(name)).save_pretrained(folder)

    loaded = load(folder, dtype=torch.float32, new_encoder=ENCODER)
    assert loaded.quantised is not None and loaded.quantised.name == told
    assert not is_quantised(loaded.model.model.ts_encoder)
    outline = load(folder, dtype=torch.float32, new_encoder=ENCODER, **META)
    assert outline.model.model.layers[0].mlp.gate_proj.weight.shape == (128, 64)
    model = tuned(folder)
    assert max(each.abs().max() for key, each in gradients(model).items() if "lora_B" in key) > 0
    model.eval()
    with torch.no_grad():
        trained = model(input_ids=IDS).logits
        whole = merged_model(model)
        limit = 0.5 if name == "8 bits" else 1e-4
        torch.testing.assert_close(whole(input_ids=IDS).logits, trained, atol=limit, rtol=0)
