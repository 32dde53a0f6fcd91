"""Each adapter trains, opens again as it was trained, merges where it says so, and takes a new encoder along."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel

from tests.engine_runs import Bench, long_but, small
from tests.test_engine_tuning import NOW, all_logits
from tsft.config.check import check
from tsft.config.run_config import ADAPTERS
from tsft.engine.expansion import expand_blocks
from tsft.engine.parts import decoder_layers
from tsft.engine.preflight import preflight
from tsft.engine.restore import merged, open_result
from tsft.engine.tuning import apply_tuning
from tsft.errors import UserError
from tsft.model.loading import load

OTHERS = [method for method in ADAPTERS if method != "lora"]
QUICK = {"schedule__max_steps": 2, "data__validation": "none"}


@pytest.mark.parametrize("method", long_but(("oft",), OTHERS))
def test_an_adapter_of_any_kind_opens_and_merges_as_it_was_trained(bench: Bench, method: str) -> None:
    state = bench.run(small(tuning__method=method, **QUICK))
    assert state.status == "finished", state.failure
    folder = bench.record.get(state.run_id).folder
    base = load(bench.workspace.models / "builtin", dtype=torch.float32)

    opened = open_result(folder.adapter, bench.workspace, torch.float32, NOW)
    checkpoint = open_result(folder.path / state.checkpoints[-1].path, bench.workspace, torch.float32, NOW)

    trained = all_logits(opened)
    assert torch.equal(trained, all_logits(checkpoint))
    assert not torch.allclose(trained, all_logits(base), atol=1e-4)
    whole = merged(opened)
    assert not isinstance(whole.model, PeftModel)
    torch.testing.assert_close(all_logits(whole), trained, atol=2e-4, rtol=0)
    before = dict(base.model.model.ts_encoder.named_parameters())
    after = dict(whole.model.model.ts_encoder.named_parameters())
    assert set(before) == set(after)
    assert all(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("method", long_but(("hra",), OTHERS))
def test_the_adapter_itself_learns_when_the_encoder_is_frozen(bench: Bench, method: str) -> None:
    state = bench.run(small(tuning__method=method, encoder__training="frozen", optim__learning_rate=1e-2, **QUICK))
    assert state.status == "finished", state.failure

    opened = open_result(bench.record.get(state.run_id).folder.adapter, bench.workspace, torch.float32, NOW)

    base = load(bench.workspace.models / "builtin", dtype=torch.float32)
    assert (all_logits(opened) - all_logits(base)).abs().max() > 1e-4


@pytest.mark.parametrize("method", ADAPTERS)
def test_a_new_encoder_trains_in_full_under_every_adapter(builtin_model: Path, method: str) -> None:
    loaded = load(builtin_model, dtype=torch.float32)
    size = sum(parameter.numel() for parameter in loaded.model.model.ts_encoder.parameters())

    model = apply_tuning(loaded.model, small(tuning__method=method, encoder__training="frozen"), True)

    trained = {name: each for name, each in model.named_parameters() if each.requires_grad and "ts_encoder" in name}
    assert sum(each.numel() for each in trained.values()) == size
    assert all(".modules_to_save." in name for name in trained)


@pytest.mark.parametrize(
    "changes",
    [
        {"lora__initialisation": "olora"},
        {"lora__initialisation": "orthogonal"},
        {"tuning__additional_modules": "lm_head,embed_tokens"},
        pytest.param({"tuning__method": "miss", "tuning__additional_modules": "mlp"}, marks=pytest.mark.slow),
        pytest.param({"lora__initialisation": "olora", "lora__dora": True}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_starts_and_additional_modules_come_back_with_the_adapter(bench: Bench, changes: dict[str, object]) -> None:
    state = bench.run(small(**QUICK, **changes))
    assert state.status == "finished", state.failure
    folder = bench.record.get(state.run_id).folder

    opened = open_result(folder.adapter, bench.workspace, torch.float32, NOW)

    trained = all_logits(opened)
    checkpoint = open_result(folder.path / state.checkpoints[-1].path, bench.workspace, torch.float32, NOW)
    assert torch.equal(trained, all_logits(checkpoint))
    whole = merged(opened)
    torch.testing.assert_close(all_logits(whole), trained, atol=2e-4, rtol=0)
    for name in str(changes.get("tuning__additional_modules", "")).split(","):
        base = dict(load(bench.workspace.models / "builtin", dtype=torch.float32).model.named_parameters())
        pairs = [(base[each], now) for each, now in whole.model.named_parameters() if name and name in each]
        assert all(not torch.equal(before, now) for before, now in pairs)


@pytest.mark.slow
def test_a_new_adapter_on_top_of_a_merged_one_starts_where_that_one_ended(bench: Bench) -> None:
    first = bench.run(small(schedule__max_steps=3))
    below = f"runs/{first.run_id}/adapter"
    on_top = small(
        schedule__max_steps=1, model__continue_from=below, tuning__create_new_adapter=True, tuning__method="oft"
    )

    second = bench.run(on_top)

    assert second.status == "finished", second.failure
    assert second.validation_loss.shown[0][1] == pytest.approx(first.validation_loss.last, abs=1e-3)
    folder = bench.record.get(second.run_id).folder
    paths = (folder.adapter, folder.path / second.checkpoints[-1].path)
    logits = [all_logits(open_result(path, bench.workspace, torch.float32, NOW)) for path in paths]
    assert torch.equal(logits[0], logits[1])
    third = small(schedule__max_steps=1, model__continue_from=f"runs/{second.run_id}/adapter", tuning__method="oft")
    assert bench.run(third).validation_loss.shown[0][1] == pytest.approx(second.validation_loss.last, abs=1e-3)


def test_going_on_with_another_kind_of_adapter_is_refused_with_both_ways_out(bench: Bench) -> None:
    first = bench.run(small(**QUICK))
    below = f"runs/{first.run_id}/adapter"

    problems = preflight(small(model__continue_from=below, tuning__method="vera"), bench.workspace)

    refused = next(problem for problem in problems if problem.message.key == "preflight.other_adapter")
    assert refused.field == "tuning.method" and refused.message.values["kind"] == "LORA"
    on_top = small(model__continue_from=below, tuning__method="vera", tuning__create_new_adapter=True)
    assert "preflight.other_adapter" not in {problem.message.key for problem in preflight(on_top, bench.workspace)}


def test_new_blocks_change_no_answer_and_stand_evenly(builtin_model: Path) -> None:
    loaded = load(builtin_model, dtype=torch.float32)
    before = all_logits(loaded)
    count = len(decoder_layers(loaded.model))

    new = expand_blocks(loaded.model, count)

    assert torch.equal(all_logits(loaded), before)
    layers = decoder_layers(loaded.model)
    assert [layers[place] for place in range(1, 2 * count, 2)] == new
    assert [layer.self_attn.layer_idx for layer in layers] == list(range(2 * count))
    assert loaded.model.config.num_hidden_layers == 2 * count


def test_only_new_blocks_learn_and_the_whole_model_opens_again(bench: Bench, builtin_model: Path) -> None:
    state = bench.run(small(tuning__method="llama_pro", encoder__training="frozen", **QUICK))
    assert state.status == "finished", state.failure
    folder = bench.record.get(state.run_id).folder
    last = len(decoder_layers(load(builtin_model, dtype=torch.float32).model))

    opened = open_result(folder.model, bench.workspace, torch.float32, NOW)

    checkpoint = open_result(folder.path / state.checkpoints[-1].path, bench.workspace, torch.float32, NOW)
    assert torch.equal(all_logits(opened), all_logits(checkpoint))
    old = dict(load(builtin_model, dtype=torch.float32).model.named_parameters())
    changed = {name for name, now in opened.model.named_parameters() if name not in old or not old[name].equal(now)}
    assert changed and all(name.startswith(f"model.layers.{last}.") for name in changed)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"tuning__method": "llama_pro", "tuning__new_blocks": 4}, "tuning.blocks_uneven"),
        ({"tuning__method": "oft", "adapter__block_size": 7}, "tuning.block_size"),
        ({"tuning__method": "vera", "adapter__targets": "q_porj"}, "tuning.no_such_target"),
        ({"tuning__additional_modules": "lm_haed"}, "tuning.no_such_module"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_with_what_would(
    builtin_model: Path, changes: dict[str, object], key: str
) -> None:
    with pytest.raises(UserError) as refused:
        apply_tuning(load(builtin_model, dtype=torch.float32).model, small(**changes), False)

    assert refused.value.message.key == key


@pytest.mark.parametrize(
    ("changes", "field", "key"),
    [
        ({"lora__targets": "q_proj,lm_head"}, "lora.targets", "check.head_as_target"),
        ({"tuning__method": "oft", "adapter__targets": "lm_head"}, "adapter.targets", "check.head_as_target"),
        ({"tuning__create_new_adapter": True}, "tuning.create_new_adapter", "check.new_adapter_on_what"),
    ],
)
def test_adapter_settings_that_make_no_sense_are_refused_at_their_field(
    changes: dict[str, object], field: str, key: str
) -> None:
    assert (field, key) in {(problem.field, problem.message.key) for problem in check(small(**changes))}
