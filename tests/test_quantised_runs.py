"""Runs on base weights in 8 or 4 bits, with the packages that quantise; skipped where those are not installed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine_runs import Bench, losses, small
from tests.test_engine_tuning import NOW, all_logits
from tsft.config.quantization_rules import ON_EIGHT_BITS, ON_FOUR_BITS
from tsft.engine.model_slot import loaded_model
from tsft.engine.quantised import wished
from tsft.engine.restore import open_result
from tsft.engine.tuning import apply_tuning
from tsft.model.adapters import merged_model
from tsft.model.families import read_record
from tsft.model.loading import Loaded, load
from tsft.model.quantization import Quantization, held_bytes, is_packed, is_quantised
from tsft.run.events import Evaluated, Event, Noted, StepLogged

NF4 = {"quantization__method": "bitsandbytes", "quantization__bits": "4"}
FP4 = {**NF4, "quantization__kind": "fp4", "quantization__double": False}
INT8 = {"quantization__method": "bitsandbytes", "quantization__bits": "8"}
TORCHAO = {"quantization__method": "torchao"}
KINDS = {"nf4": NF4, "fp4": FP4, "int8": INT8, "torchao": TORCHAO}
# 8-bit products of bitsandbytes round their inputs; the others compute with what the weights stand for.
EXACT, ROUNDED = 1e-4, 0.5


def kind(name: str) -> dict[str, Any]:
    """The settings of a kind; skips the test where its package is not here."""
    pytest.importorskip("torchao" if name == "torchao" else "bitsandbytes")
    return KINDS[name]


def wanted(name: str) -> Quantization:
    found = wished(small(**kind(name)))
    assert found is not None
    return found


def gradients(model: Any) -> dict[str, torch.Tensor]:
    """Of one training step on a fixed row of text."""
    ids = torch.arange(5, 45).repeat(2, 1)
    model.train()
    model.zero_grad()
    model(input_ids=ids, labels=ids).loss.backward()
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("name", KINDS)
def test_the_decoder_alone_is_quantised(builtin_model: Path, name: str) -> None:
    model = load(builtin_model, dtype=torch.float32, quantization=wanted(name)).model
    packed = [each for each, module in model.named_modules() if is_packed(module)]
    linears = [each for each, module in model.named_modules() if each.endswith("_proj")]
    assert packed == linears and len(packed) >= 14
    assert {each.dtype for each in model.model.ts_encoder.parameters()} == {torch.float32}
    layers = [model.get_submodule(each) for each in packed]
    weights = sum(layer.in_features * layer.out_features for layer in layers)
    held = sum(held_bytes(layer.weight) for layer in layers)
    assert held / weights == pytest.approx(wanted(name).bytes_a_weight, rel=0.15)


@pytest.mark.parametrize("name", ["nf4", "fp4"])
def test_an_evaluation_between_steps_does_not_end_the_training(builtin_model: Path, name: str) -> None:
    model: Any = load(builtin_model, dtype=torch.float32, quantization=wanted(name)).model
    model = apply_tuning(model, small(), encoder_is_new=False)
    before = gradients(model)
    model.eval()
    with torch.no_grad():
        model(input_ids=torch.arange(5, 25)[None])
    after = gradients(model)
    assert any(each.abs().max() > 0 for name, each in before.items() if "lora_B" in name)
    for parameter, gradient in before.items():
        torch.testing.assert_close(after[parameter], gradient)


@pytest.mark.parametrize("name", ["nf4", "torchao"])
def test_gradients_are_those_of_the_weights_that_are_stood_for(builtin_model: Path, name: str) -> None:
    torch.manual_seed(1)
    packed = apply_tuning(load(builtin_model, dtype=torch.float32, quantization=wanted(name)).model, small(), False)
    found = gradients(packed)
    whole = merged_model(packed)  # nothing is learnt yet
    torch.manual_seed(1)
    expected = gradients(apply_tuning(whole, small(), encoder_is_new=False))
    assert found.keys() == expected.keys()
    for parameter, gradient in found.items():
        torch.testing.assert_close(gradient, expected[parameter], atol=1e-4, rtol=1e-3)


def adapters() -> list[Any]:
    """Every adapter on every kind of weights that the rules let it on; all but a few now and then."""
    both = [("nf4", method) for method in ON_FOUR_BITS]
    both += [(name, method) for name in ("int8", "torchao") for method in ON_EIGHT_BITS]
    quick = (("nf4", "lora"), ("int8", "lora"), ("torchao", "lora"), ("nf4", "ia3"))
    marks = (pytest.mark.slow, pytest.mark.long)
    return [each if each in quick else pytest.param(*each, marks=marks) for each in both]


@pytest.mark.parametrize(("name", "method"), adapters())
def test_an_adapter_learns_on_few_bits_and_merges_into_whole_weights(
    builtin_model: Path, name: str, method: str
) -> None:
    loaded = load(builtin_model, dtype=torch.float32, quantization=wanted(name))
    model = apply_tuning(loaded.model, small(tuning__method=method, encoder__training="full"), False)
    assert max(each.abs().max() for each in gradients(model).values()) > 0
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3))
    trained = all_logits(replace(loaded, model=model))
    whole = merged_model(model)
    assert not is_quantised(whole) and not hasattr(whole.config, "quantization_config")
    limit = ROUNDED if name == "int8" else EXACT
    torch.testing.assert_close(all_logits(replace(loaded, model=whole)), trained, atol=limit, rtol=0)


QUICK = {"schedule__max_steps": 4, "output__eval_steps": 2, "output__save_steps": 2, "data__validation_fraction": 0.1}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_run_evaluates_in_between_and_goes_on_training(bench: Bench, name: str) -> None:
    state = bench.run(small(**kind(name), **QUICK))
    assert state.status == "finished", state.failure
    events = bench.events(state)
    places = [number for number, each in enumerate(events) if isinstance(each, Evaluated) and each.step == 2]
    later = [each for each in events[places[0] :] if isinstance(each, StepLogged)]
    assert len(later) == 2 and all((each.model_grad_norm or 0) > 0 for each in later)
    said = [each.message for each in events if isinstance(each, Noted)]
    assert [each.values["how"] for each in said if each.key == "run.quantised"] == [wanted(name).name]

    adapter = bench.record.get(state.run_id).folder.adapter
    assert Quantization.from_json(read_record(adapter)["quantization"]) == wanted(name)
    opened = open_result(adapter, bench.workspace, torch.float32, NOW)
    assert is_quantised(opened.model) and opened.quantised is not None
    assert not torch.allclose(all_logits(opened), all_logits(base(bench, name)), atol=1e-3)
    asked = loaded_model(small(model__continue_from=f"runs/{state.run_id}/adapter"), bench.workspace, NOW)
    assert torch.equal(all_logits(asked), all_logits(opened))


def base(bench: Bench, name: str) -> Loaded:
    return load(bench.workspace.models / "builtin", dtype=torch.float32, quantization=wanted(name))


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_it_had_not_been(bench: Bench) -> None:
    wish = kind("nf4")
    whole = bench.run(small(**wish, schedule__max_steps=4, output__save_steps=2, lora__dropout=0))

    def stop_at_two(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 2:
            bench.engine.stop("test")

    part = bench.run(small(**wish, schedule__max_steps=4, output__save_steps=2, lora__dropout=0), stop_at_two)
    assert part.status == "stopped"
    resumed = bench.resume(part.run_id)
    assert resumed.status == "finished", resumed.failure
    assert losses(bench.events(resumed)) == pytest.approx(losses(bench.events(whole)), abs=1e-4)


@pytest.mark.slow
def test_a_run_goes_on_from_a_quantised_adapter_and_from_its_merged_weights(bench: Bench) -> None:
    first = bench.run(small(**kind("nf4"), schedule__max_steps=2, output__name="first"))
    earlier = f"runs/{first.run_id}/adapter"

    second = bench.run(small(model__continue_from=earlier, schedule__max_steps=1))
    assert second.status == "finished", second.failure
    assert second.validation_loss.shown[0][1] == pytest.approx(first.validation_loss.last, abs=1e-4)
    record = read_record(bench.record.get(second.run_id).folder.adapter)
    assert Quantization.from_json(record["quantization"]) == wanted("nf4")

    third = bench.run(small(model__continue_from=earlier, schedule__max_steps=1, tuning__method="full"))
    assert third.status == "finished", third.failure
    assert third.validation_loss.shown[0][1] == pytest.approx(first.validation_loss.last, abs=1e-3)
    said = [each.message.key for each in bench.events(third) if isinstance(each, Noted)]
    assert "run.dequantised" in said and "run.quantised" not in said
    model = load(bench.record.get(third.run_id).folder.model, dtype=torch.float32).model
    assert not is_quantised(model)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"encoder__training": "lora", "schedule__gradient_checkpointing": True},
        {"model__resize_vocabulary": True, "model__new_tokens": "<pump>", "encoder__training": "frozen"},
        {"model__precision": "bf16", "lora__dora": True, "optim__neftune_alpha": 5.0},
        {"tuning__additional_modules": "lm_head,embed_tokens", "model__attention": "eager"},
    ],
)
def test_other_settings_go_with_four_bits(bench: Bench, changes: dict[str, Any]) -> None:
    state = bench.run(small(**kind("nf4"), schedule__max_steps=2, **changes))
    assert state.status == "finished", state.failure
    opened = open_result(bench.record.get(state.run_id).folder.adapter, bench.workspace, torch.float32, NOW)
    trained = all_logits(opened)
    limit = 0.1 if changes.get("model__precision") == "bf16" else EXACT
    torch.testing.assert_close(
        all_logits(replace(opened, model=merged_model(opened.model))), trained, atol=limit, rtol=0
    )
