"""RoPE scaling and a larger vocabulary: what the model becomes, and that a result is loaded as it was trained."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import PreTrainedModel

from tsft.errors import UserError
from tsft.model.adapters import load_adapter, save_adapter
from tsft.model.changes import ModelChanges, embedding_names, with_longer_positions
from tsft.model.families import NewEncoder
from tsft.model.loading import load, save

RAW = {"max_position_embeddings": 1024, "rope_theta": 10_000.0}
IDS = torch.tensor([[5, 6, 7, 8, 9, 10]])


@pytest.mark.parametrize(
    ("kind", "longest", "more"),
    [
        ("linear", 4096, {}),
        ("dynamic", 1024, {}),
        ("yarn", 4096, {"original_max_position_embeddings": 1024}),
        ("llama3", 4096, {"original_max_position_embeddings": 1024, "low_freq_factor": 1.0, "high_freq_factor": 4.0}),
    ],
)
def test_rope_scaling_stands_in_the_config(kind: str, longest: int, more: dict[str, float]) -> None:
    changed = with_longer_positions(RAW, ModelChanges(kind, 4.0))

    assert changed["rope_parameters"] == {"rope_theta": 10_000.0, "rope_type": kind, "factor": 4.0, **more}
    assert changed["max_position_embeddings"] == longest


def test_a_model_that_is_scaled_already_or_has_no_longest_position_is_refused() -> None:
    for raw, key in (
        ({**RAW, "rope_scaling": {"type": "linear", "factor": 2.0}}, "model.rope_already"),
        ({"rope_theta": 1.0}, "model.rope_missing"),
    ):
        with pytest.raises(UserError) as refused:
            with_longer_positions(raw, ModelChanges("yarn"))
        assert refused.value.message.key == key


@pytest.mark.parametrize("kind", ["linear", "dynamic", "yarn", "llama3"])
def test_a_scaled_model_saved_whole_comes_back_the_same(builtin_model: Path, tmp_path: Path, kind: str) -> None:
    plain = load(builtin_model, dtype=torch.float32).model(input_ids=IDS).logits
    made = load(builtin_model, dtype=torch.float32, changes=ModelChanges(kind, 4.0))
    logits = made.model(input_ids=IDS).logits

    again = load(save(made.model, made.processor, tmp_path / "model"), dtype=torch.float32)

    torch.testing.assert_close(again.model(input_ids=IDS).logits, logits, atol=1e-6, rtol=0)
    if kind in ("linear", "yarn"):  # the others change nothing on short texts
        assert not torch.allclose(logits, plain)


@pytest.fixture
def tied(builtin_model: Path, tmp_path: Path) -> Path:
    """The built-in model with one table for reading and writing words, as small Qwen and SmolLM2 models have."""
    made = load(builtin_model, dtype=torch.float32)
    made.model.config.tie_word_embeddings = True
    made.model.lm_head.weight = made.model.get_input_embeddings().weight
    folder = save(made.model, made.processor, tmp_path / "tied")
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["tie_word_embeddings"] is True
    return folder


@pytest.mark.parametrize("is_tied", [False, True])
def test_new_tokens_are_trained_and_saved_with_the_adapter(
    builtin_model: Path, tied: Path, tmp_path: Path, is_tied: bool
) -> None:
    base = tied if is_tied else builtin_model
    changes = ModelChanges(resizes_vocabulary=True, new_tokens=("<pump>", "<valve>"))
    made = load(base, dtype=torch.float32, changes=changes)
    ids = made.processor.tokenizer("<pump><valve>", add_special_tokens=False).input_ids
    assert len(ids) == 2 and made.model.get_input_embeddings().weight.shape[0] > max(ids)
    assert embedding_names(made.model) == ["model.embed_tokens", *([] if is_tied else ["lm_head"])]
    config = LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"], modules_to_save=embedding_names(made.model))
    config.ensure_weight_tying = is_tied
    model = get_peft_model(made.model, config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.02)
    wanted = model(input_ids=torch.tensor([[*ids, 5]])).logits
    new = NewEncoder() if made.encoder_is_new else None
    folder = save_adapter(model, made.processor, tmp_path / "adapter", "base", new_encoder=new, changes=changes)

    again = load_adapter(folder, base, torch.float32)

    assert again.processor.tokenizer("<pump><valve>", add_special_tokens=False).input_ids == ids
    torch.testing.assert_close(again.model(input_ids=torch.tensor([[*ids, 5]])).logits, wanted, atol=0, rtol=0)
    merged = again.model.merge_and_unload()
    shutil.rmtree(folder)
    whole = load(save(merged, again.processor, tmp_path / "merged"), dtype=torch.float32)
    torch.testing.assert_close(whole.model(input_ids=torch.tensor([[*ids, 5]])).logits, wanted, atol=1e-4, rtol=0)


def test_a_resize_is_the_same_each_time_and_draws_no_random_numbers(builtin_model: Path) -> None:
    changes = ModelChanges(resizes_vocabulary=True, new_tokens=("<pump>",))
    tables = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        tables.append(load(builtin_model, dtype=torch.float32, changes=changes).model.get_input_embeddings().weight)

    assert torch.equal(*tables)


def test_models_that_are_loaded_at_once_have_all_their_weights(tied: Path) -> None:
    """A page answers on one thread and looks at a model on another: transformers alone mixes them up."""
    before = PreTrainedModel.tie_weights
    with ThreadPoolExecutor(4) as threads:
        loaded = list(threads.map(lambda _: load(tied, dtype=torch.float32).model, range(8)))
    assert all(each.lm_head.weight is each.get_input_embeddings().weight for each in loaded)
    assert PreTrainedModel.tie_weights is before
