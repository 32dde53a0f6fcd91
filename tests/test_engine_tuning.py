"""Each way of tuning moves what it should and nothing else, and what it saves is what it trained."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import PeftModel
from safetensors.torch import load_file

from tests.engine_runs import Bench, small
from tsft.engine.restore import Fetching, merged, open_result
from tsft.engine.sampler import epoch_order
from tsft.engine.tuning import apply_tuning, parameter_groups
from tsft.errors import UserError
from tsft.model.batches import collate
from tsft.model.loading import load

NOW = Fetching(lambda done, total: None, lambda: False)
SERIES = [[float(i % 7) for i in range(40)]]
TURNS = [{"role": "user", "content": "What is this? <ts><ts/>"}, {"role": "assistant", "content": "A saw."}]


def moved(before: Path, after: Path) -> set[str]:
    """Names of the tensors that differ between two whole models."""
    old, new = load_file(before / "model.safetensors"), load_file(after / "model.safetensors")
    assert set(old) == set(new)
    return {name for name in old if not torch.equal(old[name].float(), new[name].float())}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tuning__method": "full"}, {"model.layers", "ts_encoder", "model.norm", "model.embed_tokens"}),
        ({"tuning__method": "encoder"}, {"ts_encoder"}),
        ({"tuning__method": "freeze", "tuning__freeze_layers": 1}, {"model.layers", "ts_encoder"}),
        ({"tuning__method": "freeze", "tuning__freeze_layers": -1, "encoder__training": "frozen"}, {"model.layers"}),
        ({"tuning__method": "freeze", "tuning__freeze_layers": 0, "tuning__freeze_modules": "model.norm",
          "encoder__training": "frozen"}, {"model.norm"}),
    ],
)  # fmt: skip
def test_what_is_tuned_moves_and_the_rest_stays(
    bench: Bench, builtin_model: Path, changes: dict[str, object], expected: set[str]
) -> None:
    state = bench.run(small(schedule__max_steps=2, data__validation="none", **changes))
    assert state.status == "finished", state.failure

    names = moved(builtin_model, bench.record.get(state.run_id).folder.model)

    parts = {".".join(name.split(".")[: 1 if name.startswith("ts_encoder") else 2]) for name in names}
    assert parts - {"lm_head.weight"} == expected


def test_freeze_takes_the_last_layers_or_the_first(builtin_model: Path) -> None:
    for wanted, expected in ((2, "last"), (-2, "first")):
        loaded = load(builtin_model, dtype=torch.float32)
        model = apply_tuning(
            loaded.model,
            small(tuning__method="freeze", tuning__freeze_layers=wanted, encoder__training="frozen"),
            False,
        )
        layers = {int(n.split(".")[2]) for n, p in model.named_parameters() if p.requires_grad}
        count = model.config.num_hidden_layers
        assert layers == ({count - 1, count - 2} if expected == "last" else {0, 1})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lora__rank_stabilised": True},
        {"lora__dora": True},
        {"lora__initialisation": "pissa"},
        {"lora__initialisation": "gaussian"},
        {"lora__plus_ratio": 16.0},
        {"lora__targets": "q_proj,v_proj"},
        {"encoder__training": "lora"},
        {"encoder__training": "frozen"},
    ],
)
def test_an_adapter_opens_again_with_the_weights_that_were_trained(bench: Bench, changes: dict[str, object]) -> None:
    state = bench.run(small(schedule__max_steps=2, data__validation="none", **changes))
    assert state.status == "finished", state.failure
    folder = bench.record.get(state.run_id).folder
    checkpoint = folder.path / state.checkpoints[-1].path

    reopened = [open_result(path, bench.workspace, torch.float32, NOW) for path in (folder.adapter, checkpoint)]

    logits = [all_logits(loaded) for loaded in reopened]
    assert torch.equal(logits[0], logits[1])
    base = load(bench.workspace.models / "builtin", dtype=torch.float32)
    assert not torch.allclose(logits[0], all_logits(base), atol=1e-6)
    torch.testing.assert_close(all_logits(merged(reopened[0])), logits[0], atol=2e-4, rtol=0)


def all_logits(loaded: object) -> torch.Tensor:
    row = loaded.processor.encode(TURNS, SERIES)  # type: ignore[attr-defined]
    batch = collate([row], loaded.processor.pad_id, loaded.processor.patch_size)  # type: ignore[attr-defined]
    batch.pop("labels")
    loaded.model.eval()  # type: ignore[attr-defined]
    with torch.no_grad():
        return loaded.model(**batch).logits  # type: ignore[attr-defined]


def test_a_run_goes_on_from_the_adapter_of_another(bench: Bench) -> None:
    first = bench.run(small(schedule__max_steps=3, output__name="first"))
    result = f"runs/{first.run_id}/adapter"

    second = bench.run(small(schedule__max_steps=1, model__continue_from=result))

    assert second.status == "finished", second.failure
    assert second.validation_loss.shown[0][1] == pytest.approx(first.validation_loss.last, abs=1e-4)
    third = bench.run(small(schedule__max_steps=1, model__continue_from=result, tuning__method="full"))
    assert third.validation_loss.shown[0][1] == pytest.approx(first.validation_loss.last, abs=1e-3)


def test_the_encoder_has_its_own_learning_rate_and_lora_plus_its_ratio(builtin_model: Path) -> None:
    loaded = load(builtin_model, dtype=torch.float32)
    config = small(encoder__learning_rate=5e-4, lora__plus_ratio=8.0, optim__learning_rate=1e-4)
    model = apply_tuning(loaded.model, config, False)
    assert isinstance(model, PeftModel)

    rates = {group.kind: group.learning_rate for group in parameter_groups(model, config)}

    assert rates == {"llm": 1e-4, "lora_b": pytest.approx(8e-4), "encoder": 5e-4}


def test_biases_and_norms_get_no_weight_decay(builtin_model: Path) -> None:
    loaded = load(builtin_model, dtype=torch.float32)
    config = small(tuning__method="full", optim__weight_decay=0.1)
    groups = parameter_groups(apply_tuning(loaded.model, config, False), config)

    assert all(p.dim() < 2 for group in groups if group.weight_decay == 0 for p in group.parameters)
    assert all(p.dim() >= 2 for group in groups if group.weight_decay == 0.1 for p in group.parameters)


def test_trained_weights_are_float32_even_over_a_half_precision_base(builtin_model: Path) -> None:
    loaded = load(builtin_model, dtype=torch.bfloat16)
    model = apply_tuning(loaded.model, small(), False)

    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    assert torch.bfloat16 in {p.dtype for p in model.parameters() if not p.requires_grad}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"tuning__method": "freeze", "tuning__freeze_layers": 99}, "tuning.too_many_layers"),
        ({"tuning__method": "freeze", "tuning__freeze_modules": "q_porj"}, "tuning.no_such_module"),
        ({"lora__targets": "q_porj"}, "tuning.no_such_target"),
    ],
)
def test_names_the_model_does_not_have_are_refused_with_those_it_has(
    builtin_model: Path, changes: dict[str, object], key: str
) -> None:
    loaded = load(builtin_model, dtype=torch.float32)

    with pytest.raises(UserError) as refused:
        apply_tuning(loaded.model, small(**changes), False)

    assert refused.value.message.key == key


@given(
    lengths=st.lists(st.integers(1, 500), min_size=1, max_size=300),
    batch=st.integers(1, 9),
    seed=st.integers(0, 99),
    epoch=st.integers(0, 5),
)
def test_an_epoch_holds_every_row_once_and_the_longest_comes_first(
    lengths: list[int], batch: int, seed: int, epoch: int
) -> None:
    import numpy as np

    array = np.array(lengths)
    order = epoch_order(array, batch, seed, epoch, True)

    assert sorted(order) == list(range(len(lengths)))
    assert np.array_equal(order, epoch_order(array, batch, seed, epoch, True))
    if len(lengths) > batch and len(lengths) % batch == 0:
        assert array[order[:batch]].max() == array.max()


def test_a_continued_adapter_leaves_the_encoder_alone_when_it_is_to_be_frozen(bench: Bench) -> None:
    first = bench.run(small(schedule__max_steps=1))

    second = bench.run(
        small(schedule__max_steps=1, model__continue_from=f"runs/{first.run_id}/adapter", encoder__training="frozen")
    )

    assert second.status == "finished", second.failure
    assert second.plan is not None and [group.name for group in second.plan.groups] == ["llm"]


def test_an_adapter_without_an_encoder_says_that_the_encoder_stays_frozen(bench: Bench) -> None:
    first = bench.run(small(schedule__max_steps=1, encoder__training="frozen"))

    second = bench.run(small(schedule__max_steps=1, model__continue_from=f"runs/{first.run_id}/adapter"))

    assert "run.encoder_not_in_adapter" in [note.message.key for note in second.notes]
