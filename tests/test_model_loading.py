"""Reading and writing models: ChatTS layouts by structure, plain models with a new encoder, adapters bit for bit."""

import json
import shutil

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.model_fakes import ENCODER, TOKENIZER, edit_json, plain_model_folder, question, wave
from tsft.errors import UserError
from tsft.model.adapters import load_adapter, save_adapter
from tsft.model.batches import collate
from tsft.model.families import NewEncoder
from tsft.model.loading import load, save, weight_names

GOLDEN = TOKENIZER.parent


def golden_folder(folder, config="qwen3_posemb", **changes):
    shutil.copytree(TOKENIZER, folder, copy_function=shutil.copyfile)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(GOLDEN / config / name, folder / name)
    edit_json(folder / "config.json", **changes)
    return folder


def read(folder, **options):
    return load(folder, dtype=torch.float32, new_encoder=ENCODER, **options)


@torch.no_grad()
def logits_of(model, processor):
    row = processor.encode(question("A <ts><ts/> B <ts><ts/>"), [wave(30), wave(8, 1)])
    batch = collate([row], processor.pad_id, processor.patch_size)
    del batch["labels"]
    return model.eval()(**batch).logits


STRUCTURES = [
    ("qwen3_posemb", {"model_type": "qwen3ts"}, "Qwen3TSForCausalLM"),
    ("qwen3_posemb", {"model_type": "qwen3"}, "Qwen3TSForCausalLM"),
    ("qwen3_posemb", {"model_type": "chatts"}, "Qwen3TSForCausalLM"),
    ("qwen2_posemb", {"model_type": "chatts"}, "Qwen2TSForCausalLM"),
    ("qwen2_posemb", {"model_type": "qwen2"}, "Qwen2TSForCausalLM"),
    ("qwen2_posemb", {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}, "Qwen2TSForCausalLM"),
]


@pytest.mark.parametrize(("config", "changes", "class_name"), STRUCTURES)
def test_checkpoints_load_by_structure_and_are_written_as_they_were(config, changes, class_name, tmp_path):
    extra = {"auto_map": {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}}
    folder = golden_folder(tmp_path / "in", config, **changes, **extra)
    loaded = read(folder)
    assert type(loaded.model).__name__ == class_name
    assert not loaded.encoder_is_new
    written = save(loaded.model, loaded.processor, tmp_path / "out")
    before, after = (json.loads((each / "config.json").read_text()) for each in (folder, written))
    assert {name: after.get(name) for name in before} == before
    old, new = (load_file(each / "model.safetensors") for each in (folder, written))
    assert old.keys() == new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert torch.equal(logits_of(loaded.model, loaded.processor), logits_of(read(written).model, loaded.processor))


def test_a_trainers_own_checkpoint_loads_again(tmp_path):
    loaded = read(plain_model_folder(tmp_path / "base"))
    loaded.model.save_pretrained(str(tmp_path / "checkpoint"))
    loaded.processor.save(tmp_path / "checkpoint")
    again = read(tmp_path / "checkpoint")
    assert not again.encoder_is_new
    assert again.family == loaded.family
    assert torch.equal(logits_of(again.model, again.processor), logits_of(loaded.model, loaded.processor))


@pytest.mark.parametrize(("family", "model_type"), [("qwen2", "chatts"), ("qwen3", "qwen3ts"), ("llama", "llamats")])
@pytest.mark.parametrize("ties", [True, False])
def test_a_plain_model_with_a_new_encoder_is_written_in_the_layout_of_chatts(family, model_type, ties, tmp_path):
    loaded = read(plain_model_folder(tmp_path / "base", family, tie_word_embeddings=ties))
    assert loaded.encoder_is_new
    folder = save(loaded.model, loaded.processor, tmp_path / "out")
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == model_type
    assert config["architectures"] == [type(loaded.model).__name__]
    assert config["ts"]["patch_size"] == 8
    assert (config["ts_token_start_index"], config["ts_token_end_index"]) == (298, 299)
    assert {"rope_theta", "torch_dtype"} <= config.keys()
    names = weight_names(folder)
    assert {"ts_encoder.mlp.0.weight", "ts_encoder.position_embedding.weight"} <= names
    assert not any(name.startswith("model.ts_encoder") for name in names)
    again = read(folder)
    assert torch.equal(logits_of(again.model, again.processor), logits_of(loaded.model, loaded.processor))


def test_the_seed_alone_decides_a_new_encoder(tmp_path):
    folder = plain_model_folder(tmp_path / "base")
    states = []
    for seed, noise in ((7, 1), (7, 2), (8, 1)):
        torch.manual_seed(noise)
        encoder = NewEncoder(max_points=512, seed=seed)
        states.append(load(folder, dtype=torch.float32, new_encoder=encoder).model.model.ts_encoder.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["mlp.0.weight"], states[2]["mlp.0.weight"])
    assert all(not states[0][f"mlp.{layer}.bias"].any() for layer in range(0, 10, 2))
    weight = states[0]["mlp.0.weight"]
    assert weight.std().item() == pytest.approx((2 / sum(weight.shape)) ** 0.5, rel=0.1)


def test_a_rounded_load_draws_the_same_encoder(tmp_path):
    folder = plain_model_folder(tmp_path / "base")
    exact, rounded = (load(folder, dtype=each, new_encoder=ENCODER) for each in (torch.float32, torch.bfloat16))
    for name, parameter in exact.model.model.ts_encoder.named_parameters():
        assert torch.equal(parameter.bfloat16(), rounded.model.model.ts_encoder.get_parameter(name))


ERAS = [
    ({}, None, "current", "repeat"),
    ({}, 'f"[offset={x}|scaling={s}|length={n}|max={a}|min={b}|left={l}|right={r}]"', "current", "repeat"),
    ({}, 'f"[Value Offset: {x}|Value Scaling: {s}]"', "paper", "repeat"),
    ({}, 'f"[Offset: {x}|Scaled by: {s}]"', "prerelease", "repeat"),
    ({}, 'f"[offset={x}|scaling={s}]"', "short", "repeat"),
    ({"bare": True}, None, "paper", "zero"),
]


@pytest.mark.parametrize(("changes", "source", "era", "last_patch"), ERAS)
def test_the_prefix_era_is_read_from_the_checkpoint(changes, source, era, last_patch, tmp_path):
    folder = golden_folder(tmp_path / "in", "qwen3_nopos")
    if source:
        (folder / "processing_qwen3_ts.py").write_text(f"raise SystemExit('never run')\n# {source}\n")
    if changes:
        # The first ChatTS-14B: no `use_…` keys at all.
        block = {"patch_size": 8, "num_layers": 5, "hidden_size": 32, "num_features": 2, "max_length": 2048}
        edit_json(folder / "config.json", ts=block)
    loaded = read(folder)
    assert (loaded.family.prefix, loaded.family.last_patch) == (era, last_patch)
    written = save(loaded.model, loaded.processor, tmp_path / "out")
    assert read(written).family == loaded.family
    assert (written / "processing_qwen3_ts.py").is_file() == bool(source)


def test_series_tokens_with_rows_in_the_vocabulary_are_never_written(tmp_path):
    loaded = read(golden_folder(tmp_path / "in"))
    assert loaded.model.generation_config.suppress_tokens == [298, 299]


def test_the_saved_tokenizer_settings_are_readable_by_older_tools(tmp_path):
    loaded = read(golden_folder(tmp_path / "in"))
    written = save(loaded.model, loaded.processor, tmp_path / "out")
    settings = json.loads((written / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert not isinstance(settings.get("extra_special_tokens"), list)
    assert "chat_template" in settings


def spoil_missing_shard(folder):
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}')


def spoil_truncated(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def spoil_tensor(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def spoil_half_an_encoder(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["ts_encoder.mlp.2.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def spoil_pickle(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


SPOILT = [
    (lambda folder: (folder / "config.json").unlink(), "model.no_config"),
    (lambda folder: (folder / "config.json").write_text("{"), "model.config_unreadable"),
    (lambda folder: (folder / "model.safetensors").unlink(), "model.no_weights"),
    (spoil_missing_shard, "model.shards_missing"),
    (spoil_truncated, "model.weights_unreadable"),
    (spoil_tensor, "model.tensors_missing"),
    (spoil_half_an_encoder, "model.tensors_missing"),
    (spoil_pickle, "model.pickle_refused"),
    (lambda folder: edit_json(folder / "config.json", model_type="bert"), "model.backbone_unknown"),
    (lambda folder: edit_json(folder / "config.json", ts=None), "model.no_ts_block"),
    (lambda folder: edit_json(folder / "config.json", vocab_size=301), "model.weights_unreadable"),
    (lambda folder: (folder / "tokenizer.json").unlink(), "model.no_tokenizer"),
]


@pytest.mark.parametrize(("spoil", "key"), SPOILT)
def test_a_spoilt_folder_is_refused_in_words(spoil, key, tmp_path):
    folder = golden_folder(tmp_path / "in")
    spoil(folder)
    with pytest.raises(UserError) as caught:
        read(folder)
    assert caught.value.message.key == key


def test_pickled_weights_are_read_only_when_allowed_by_name(tmp_path):
    folder = golden_folder(tmp_path / "in")
    expected = read(folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    loaded = read(folder, allow_pickle=True)
    assert torch.equal(logits_of(loaded.model, loaded.processor), logits_of(expected.model, expected.processor))


LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ENCODER_LINEARS = [f"model.ts_encoder.mlp.{layer}" for layer in range(0, 10, 2)]
ADAPTERS = {
    "lora and full encoder": {"target_modules": LINEARS, "modules_to_save": ["ts_encoder"]},
    "lora on the encoder": {"target_modules": LINEARS + ENCODER_LINEARS},
    "dora": {"target_modules": LINEARS, "modules_to_save": ["ts_encoder"], "use_dora": True},
    "rslora": {"target_modules": LINEARS, "modules_to_save": ["ts_encoder"], "use_rslora": True},
    "pissa": {"target_modules": LINEARS, "modules_to_save": ["ts_encoder"], "init_lora_weights": "pissa"},
    "pissa by random steps": {"target_modules": LINEARS, "init_lora_weights": "pissa_niter_2"},
}


@pytest.mark.parametrize("options", ADAPTERS.values(), ids=ADAPTERS.keys())
@pytest.mark.parametrize("base", ["plain", "chatts"])
def test_a_reloaded_adapter_gives_the_same_logits_to_the_bit(options, base, tmp_path):
    make = plain_model_folder if base == "plain" else golden_folder
    folder = make(tmp_path / "base")
    loaded = read(folder)
    torch.manual_seed(5)
    model = get_peft_model(loaded.model, LoraConfig(r=4, **options))
    train_one_step(model, loaded.processor)
    trained = logits_of(model, loaded.processor)
    encoder = ENCODER if loaded.encoder_is_new else None
    save_adapter(model, loaded.processor, tmp_path / "adapter", "base", new_encoder=encoder, init_seed=5)
    torch.manual_seed(99)
    again = load_adapter(tmp_path / "adapter", folder, torch.float32)
    assert torch.equal(logits_of(again.model, again.processor), trained)
    assert not torch.equal(trained, logits_of(read(folder).model, loaded.processor))
    with safe_open(str(tmp_path / "adapter" / "adapter_model.safetensors"), framework="pt") as file:
        names = list(file.keys())
    assert any("ts_encoder" in name for name in names) == ("random" not in str(options) and "ts_enc" in str(options))


def train_one_step(model, processor):
    row = processor.encode(question(), [wave(40)])
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    model.train()(**collate([row], processor.pad_id, processor.patch_size)).loss.backward()
    optimizer.step()
    model.eval()


def test_a_merged_adapter_is_saved_as_a_model_of_its_own(tmp_path):
    loaded = read(golden_folder(tmp_path / "base"))
    model = get_peft_model(loaded.model, LoraConfig(r=4, target_modules=LINEARS, modules_to_save=["ts_encoder"]))
    train_one_step(model, loaded.processor)
    trained = logits_of(model, loaded.processor)
    written = save(model.merge_and_unload(), loaded.processor, tmp_path / "merged")
    assert weight_names(written) == weight_names(tmp_path / "base")
    np.testing.assert_allclose(logits_of(read(written).model, loaded.processor), trained, rtol=0, atol=1e-4)


def test_an_adapter_on_another_base_is_refused(tmp_path):
    loaded = read(plain_model_folder(tmp_path / "base"))
    model = get_peft_model(loaded.model, LoraConfig(r=4, target_modules=LINEARS))
    save_adapter(model, loaded.processor, tmp_path / "adapter", "base", new_encoder=ENCODER)
    other = golden_folder(tmp_path / "other", "qwen3_nopos")
    for folder, key in ((other, "model.adapter_other_base"),):
        with pytest.raises(UserError) as caught:
            load_adapter(tmp_path / "adapter", folder, torch.float32)
        assert caught.value.message.key == key
    with pytest.raises(UserError) as caught:
        load_adapter(other, other, torch.float32)
    assert caught.value.message.key == "model.no_adapter"


def test_an_adapter_that_cannot_be_repeated_without_its_seed_is_not_saved(tmp_path):
    loaded = read(plain_model_folder(tmp_path / "base"))
    config = LoraConfig(r=4, target_modules=LINEARS, init_lora_weights="pissa_niter_2")
    with pytest.raises(UserError) as caught:
        save_adapter(get_peft_model(loaded.model, config), loaded.processor, tmp_path / "adapter", "base")
    assert caught.value.message.key == "model.adapter_needs_seed"
