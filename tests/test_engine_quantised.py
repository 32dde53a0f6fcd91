"""Quantised weights as the engine sees them, without the packages that make them: wish, machine, memory, refusals."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.engine_runs import Bench, small
from tests.model_fakes import ENCODER
from tsft.config.run_config import RunConfig
from tsft.engine.estimate import HALF, Batch, Plan, Sizes, memory_parts, weights_bytes
from tsft.engine.evaluation_models import base_of
from tsft.engine.preflight import preflight
from tsft.engine.quantised import (
    as_settings,
    quantised_weights,
    quantization_problems,
    refuse_unfit_for_few_bits,
    wished,
)
from tsft.engine.sketch import sizes_of, sketch
from tsft.engine.tuning import apply_tuning
from tsft.errors import UserError
from tsft.model.fusion import classes_for, make_config
from tsft.model.loading import Loaded
from tsft.model.quantization import Quantised, Quantization
from tsft.store.presets import read_preset, shipped_presets

NF4 = {"quantization__method": "bitsandbytes", "quantization__bits": "4"}
INT8 = {"quantization__method": "bitsandbytes", "quantization__bits": "8"}
TORCHAO = {"quantization__method": "torchao"}
GIB = 1024**3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        (NF4, Quantization("bitsandbytes", 4, "nf4", double=True)),
        ({**NF4, "quantization__kind": "fp4", "quantization__double": False}, Quantization("bitsandbytes", 4, "fp4")),
        (
            {**NF4, "quantization__compute": "bf16"},
            Quantization("bitsandbytes", 4, "nf4", double=True, compute="bf16"),
        ),
        ({**INT8, "quantization__threshold": 2.0}, Quantization("bitsandbytes", 8, threshold=2.0)),
        (TORCHAO, Quantization("torchao")),
    ],
)
def test_the_settings_are_a_wish_and_back(changes: dict[str, Any], expected: Quantization | None) -> None:
    assert wished(small(**changes)) == expected
    assert wished(replace(RunConfig(), quantization=as_settings(expected))) == expected


@pytest.mark.parametrize(
    ("changes", "here", "device", "expected"),
    [
        (NF4, ("bitsandbytes",), "cpu", []),
        (NF4, (), "cpu", [("quantization.method", "preflight.quantised_package")]),
        (TORCHAO, ("bitsandbytes",), "cuda: A", [("quantization.method", "preflight.quantised_package")]),
        (NF4, ("bitsandbytes",), "mps", [("quantization.method", "preflight.quantised_device")]),
        (
            {**NF4, "quantization__compute": "fp16"},
            ("bitsandbytes",),
            "cpu",
            [("quantization.compute", "preflight.fp16_needs_gpu")],
        ),
        ({**NF4, "quantization__compute": "fp16"}, ("bitsandbytes",), "cuda: A", []),
        ({**INT8, "quantization__compute": "fp16"}, ("bitsandbytes",), "cpu", []),
        ({}, (), "mps", []),
    ],
)
def test_what_a_machine_lacks(
    changes: dict[str, Any], here: tuple[str, ...], device: str, expected: list[tuple[str, str]]
) -> None:
    found = quantization_problems(small(**changes), lambda name: name in here, device)
    assert [(each.field, each.message.key) for each in found] == expected


def held_as(method: str, bits: int, model: Any) -> Loaded:
    """A model that came with its weights quantised, as far as what is asked here."""
    return Loaded(model, None, None, False, Quantised(f"{method}, {bits} bit", method, bits, bits / 8))  # type: ignore[arg-type]


def test_weights_that_came_quantised_are_not_trained_whole(qwen: Any) -> None:
    for changes in ({"tuning__method": "full"}, {"tuning__method": "encoder"}, {"tuning__method": "vera"}):
        with pytest.raises(UserError) as caught:
            refuse_unfit_for_few_bits(held_as("gptq", 4, qwen), small(**changes))
        assert caught.value.problems[0].field == "tuning.method"
    refuse_unfit_for_few_bits(held_as("gptq", 4, qwen), small())


def test_a_part_with_quantised_weights_is_not_trained_whole_beside_an_adapter(qwen: Any) -> None:
    with pytest.raises(UserError) as caught:
        refuse_unfit_for_few_bits(held_as("awq", 4, qwen), small(tuning__additional_modules="mlp"))
    assert caught.value.problems[0].field == "tuning.additional_modules"
    refuse_unfit_for_few_bits(held_as("awq", 4, qwen), small(tuning__additional_modules="lm_head,embed_tokens"))


@pytest.fixture
def qwen() -> Any:
    return on_meta(SMALL_QWEN)


SMALL_QWEN = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 300,
}  # fmt: skip
# ChatTS-8B: Qwen3 of 8 B parameters.
CHATTS_8B = {
    "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936, "tie_word_embeddings": False,
}  # fmt: skip


def on_meta(shape: dict[str, Any]) -> Any:
    """A model of this shape without weights."""
    ids = {"ts_token_start_index": 1, "ts_token_end_index": 2}
    raw = {**shape, **ids, "ts": ENCODER.ts_block(shape["hidden_size"])}
    with torch.device("meta"):
        return classes_for("qwen3").causal(make_config("qwen3", raw, {}))


def test_encoder_embedding_and_head_are_not_counted_as_quantised(qwen: Any) -> None:
    linears = sum(each.numel() for name, each in qwen.named_parameters() if name.endswith("_proj.weight"))
    tuned = apply_tuning(qwen, small(), encoder_is_new=False)
    assert sum(quantised_weights(tuned)) == linears


@pytest.mark.parametrize("name", ["chatts_8b_qlora_12gb"])
def test_the_preset_for_a_smaller_gpu_fits_where_half_precision_does_not(name: str) -> None:
    config = next(read_preset(each) for each in shipped_presets() if each.name == name)
    held = wished(config)
    assert held is not None
    sizes = sizes_of(apply_tuning(on_meta(CHATTS_8B), config, encoder_is_new=False), 0)
    batch = Batch(rows=1, tokens=config.data.cutoff_length, labelled=256, patches=256)
    plan = Plan(is_half=True, frozen_bytes=HALF, checkpointing=True, accumulates=True, on_gpu=True)

    def peak(plan: Plan) -> float:
        return sum(part.bytes for part in memory_parts(sizes, batch, plan, 0)) / GIB

    assert peak(plan) > 16
    assert 5 < peak(replace(plan, quantised_bytes=held.bytes_a_weight)) < 11


def test_only_the_weights_of_the_decoder_shrink() -> None:
    sizes = Sizes(
        parameters=1000, trained=100, hidden=8, query=8, key=8, forward=8, heads=1, vocabulary=10, layers=1,
        quantisable=600, largest_quantisable=60,
    )  # fmt: skip
    assert weights_bytes(sizes, Plan(frozen_bytes=HALF)) == 900 * 2 + 400
    assert weights_bytes(sizes, Plan(frozen_bytes=HALF, quantised_bytes=0.5)) == 300 + 300 * 2 + 400


def test_a_sketch_of_a_quantised_run_needs_none_of_the_packages(bench: Bench) -> None:
    whole, packed = sketch(small(), bench.workspace), sketch(small(**NF4), bench.workspace)
    assert whole.quantised is None
    assert packed.quantised is not None and packed.quantised.name == "nf4 (bitsandbytes)"
    assert packed.sizes == whole.sizes and 0 < packed.sizes.quantisable < packed.sizes.parameters


def test_the_base_below_a_result_is_asked_as_the_result_was_trained(bench: Bench) -> None:
    earlier = bench.record.create_run(small(**NF4), "test")
    (earlier.folder.path / "adapter").mkdir()
    source = f"runs/{earlier.id}/adapter"
    base = base_of(small(model__continue_from=source), bench.workspace)
    assert base is not None and wished(base) == wished(small(**NF4))


def test_an_adapter_goes_on_as_it_was_trained(bench: Bench) -> None:
    folder = bench.workspace.root / "earlier"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (folder / "tsft.json").write_text('{"base": "builtin", "quantization": {"method": "torchao"}}')

    def told(**changes: Any) -> set[str]:
        return {
            each.message.key for each in preflight(small(model__continue_from="earlier", **changes), bench.workspace)
        }

    assert "preflight.quantised_otherwise" in told(**NF4)
    assert "preflight.quantised_otherwise" not in told(**TORCHAO)
    assert "preflight.quantised_otherwise" not in told()
