"""Controls of training: noise, smoothing, plain texts, longer positions, new tokens, Liger: each really arrives."""

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.engine_runs import Bench, losses, small
from tsft.config.check import check
from tsft.data.preparation import prepare
from tsft.engine.liger import liger_problems, use_liger
from tsft.engine.restore import Fetching, open_result
from tsft.errors import UserError
from tsft.model.batches import collate
from tsft.model.families import read_record
from tsft.model.loading import load
from tsft.run.events import Noted, Planned

FETCHING = Fetching(lambda done, total: None, lambda: False)


@pytest.mark.slow
def test_noise_and_smoothing_change_the_training_loss_but_not_the_first_validation(bench: Bench) -> None:
    changes: dict[str, dict[str, Any]] = {
        "plain": {},
        "noise": {"optim__neftune_alpha": 30.0},
        "smooth": {"optim__label_smoothing": 0.2},
    }

    states = {name: bench.run(small(schedule__max_steps=2, **each)) for name, each in changes.items()}

    first = {name: losses(bench.events(state))[1] for name, state in states.items()}
    assert len(set(first.values())) == 3
    assert len({state.validation_loss.shown[0] for state in states.values()}) == 1


def test_noise_touches_text_and_never_series(builtin_model: Path) -> None:
    made = load(builtin_model, dtype=torch.float32)
    turns = [{"role": "user", "content": "x <ts><ts/>"}, {"role": "assistant", "content": "y"}]
    row = made.processor.encode(turns, [[1.0, 2.0, 4.0] * 6])
    batch = collate([row], made.processor.pad_id, made.family.patch_size)
    embed = lambda: made.model.model._embed(  # noqa: E731
        batch["input_ids"], batch["ts_values"], batch["ts_mask"], batch["ts_positions"]
    )
    before = embed()
    table = made.model.get_input_embeddings()
    table.register_forward_hook(lambda module, inputs, output: output + 1.0)

    moved = (embed() - before).abs().sum(-1)[0] > 0

    is_patch = batch["input_ids"][0] == made.model.config.ts_token_start_index
    assert is_patch.any() and torch.equal(moved, ~is_patch)


def test_smoothing_is_the_mean_over_all_words(builtin_model: Path) -> None:
    model = load(builtin_model, dtype=torch.float32).model
    ids = torch.tensor([[5, 6, 7, 8]])
    logits = model(input_ids=ids).logits[:, :-1].log_softmax(-1)
    target = logits.gather(-1, ids[:, 1:, None])[..., 0]
    wanted = (-0.9 * target - 0.1 * logits.mean(-1)).mean()

    loss = model(input_ids=ids, labels=ids, label_smoothing=0.1).loss

    torch.testing.assert_close(loss, wanted, atol=1e-5, rtol=0)


@pytest.fixture
def texts(bench: Bench) -> Bench:
    lines = [{"text": f"Pump {number} hums at {number} Hertz. " * (number % 5 + 1)} for number in range(30)]
    lines += [{"text": "Long. " * 700}, {"text": "  "}]
    lines += [{"text": "See <ts><ts/> rise.", "timeseries": [[1.0, 2.0, 3.0, 5.0]]}]
    path = bench.workspace.datasets / "notes.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return bench


def test_plain_texts_are_learnt_whole_and_packed(texts: Bench) -> None:
    state = texts.run(
        small(data__datasets="notes", data__task="pretraining", data__validation="none", data__cutoff_length=200)
    )

    assert state.status == "finished", state.failure
    events = texts.events(state)
    packed = next(each for each in events if isinstance(each, Noted) and each.message.key == "run.packed")
    planned = next(each for each in events if isinstance(each, Planned))
    # The long text is several rows and the empty one none.
    assert planned.rows_train == packed.message.values["rows"] > 31 > packed.message.values["packs"]
    assert planned.tokens_longest == 200


def test_plain_texts_in_fine_tuning_are_refused_with_the_reason(texts: Bench, builtin_model: Path) -> None:
    processor = load(builtin_model, dtype=torch.float32).processor
    settings = small(data__datasets="notes").data

    with pytest.raises(UserError) as refused:
        prepare(settings, processor, [texts.workspace.datasets], texts.workspace.cache)

    assert "data.row.text_needs_pretraining" in str(refused.value)


def test_changes_of_the_model_are_recorded_and_come_back(bench: Bench) -> None:
    config = small(
        model__rope_scaling="linear",
        model__rope_factor=4.0,
        model__resize_vocabulary=True,
        model__new_tokens="<pump>",
        schedule__max_steps=2,
    )

    state = bench.run(config)

    assert state.status == "finished", state.failure
    folder = bench.record.get(state.run_id).folder.adapter
    changes = read_record(folder)["changes"]
    assert changes["rope_scaling"] == "linear" and changes["new_tokens"] == ["<pump>"]
    loaded = open_result(folder, bench.workspace, torch.float32, FETCHING)
    assert loaded.model.config.rope_parameters["factor"] == 4.0
    assert len(loaded.processor.tokenizer("<pump>", add_special_tokens=False).input_ids) == 1
    further = bench.run(small(model__continue_from=str(folder), schedule__max_steps=1))
    assert further.status == "finished", further.failure
    assert read_record(bench.record.get(further.run_id).folder.adapter)["changes"] == changes


def test_changes_on_top_of_a_result_are_refused() -> None:
    problems = check(small(model__continue_from="somewhere", model__rope_scaling="yarn"))

    assert [each.message.key for each in problems] == ["check.change_on_result"]


def test_liger_is_refused_where_it_cannot_run() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert "liger.needs_gpu" in [each.message.key for each in liger_problems(small(model__liger=True))]
    assert list(liger_problems(small())) == []


def test_liger_changes_this_model_and_leaves_transformers_as_it_was(builtin_model: Path, monkeypatch: Any) -> None:
    from transformers.models.qwen3 import modeling_qwen3

    told: dict[str, Any] = {}

    class Kernel(nn.Module):
        pass

    def patch(model: Any, **options: Any) -> None:
        told.update(options, model=model)
        modeling_qwen3.Qwen3MLP = Kernel
        model.model.norm.is_liger = True

    monkeypatch.setattr(modeling_qwen3, "Qwen3MLP", modeling_qwen3.Qwen3MLP)
    module = types.SimpleNamespace(MODEL_TYPE_TO_APPLY_LIGER_FN={"qwen3": patch})
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers.monkey_patch", module)
    model = load(builtin_model, dtype=torch.float32).model
    before = modeling_qwen3.Qwen3MLP

    use_liger(model)

    assert told["model"] is model and model.model.norm.is_liger and modeling_qwen3.Qwen3MLP is before
    assert not (told["rope"] or told["cross_entropy"] or told["fused_linear_cross_entropy"])
    module.MODEL_TYPE_TO_APPLY_LIGER_FN = {"gemma": patch}
    with pytest.raises(UserError) as refused:
        use_liger(model)
    assert refused.value.message.key == "liger.unknown_architecture"
