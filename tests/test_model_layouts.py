"""A model written for others has their names, holds nothing of this machine, and says the same when it is opened."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.model_fakes import ENCODER, TOKENIZER, edit_json, plain_model_folder
from tsft.model.layouts import PlainWithSeries, exceeds_vocabulary, is_plain, lacks_code, save_chatts, save_plain
from tsft.model.loading import load, save, weight_names
from tsft.model.processor import SeriesProcessor
from tsft.model.reload import Order, ProbeRow, main, opened, read_readings, readings

ROWS = (
    ProbeRow(({"role": "user", "content": "What <ts><ts/> is <ts><ts/>?"},), ((1.0, 2.0, 5.0) * 9, (3.0,) * 20)),
    ProbeRow(({"role": "user", "content": "Hello"},)),
)
SHARD = "40KB"
GOLDEN = TOKENIZER.parent


def trained(folder, family="qwen3", **changes):
    """A model with an encoder, as a run would leave it."""
    made = load(plain_model_folder(folder / "base", family, **changes), dtype=torch.float32, new_encoder=ENCODER)
    return made.model, made.processor


@pytest.mark.parametrize("family", ["qwen3", "qwen2", "llama", "gemma3_text", "cohere2"])
@pytest.mark.parametrize("write", [save_chatts, save_plain])
def test_both_layouts_say_to_the_bit_what_was_written(tmp_path, family, write):
    model, processor = trained(tmp_path, family)
    before = readings(model, processor, ROWS)

    write(model, processor, tmp_path / "out", SHARD)

    again = readings(*opened(Order(str(tmp_path / "out"), "", ())), ROWS)
    for one, other in zip(before, again, strict=True):
        torch.testing.assert_close(one.logits, other.logits, atol=1e-6, rtol=0)
        assert one.answer == other.answer


def test_the_chatts_layout_has_its_names_shards_and_files(tmp_path):
    model, processor = trained(tmp_path)

    save_chatts(model, processor, tmp_path / "out", SHARD)

    names = weight_names(tmp_path / "out")
    assert {name.split(".")[0] for name in names} == {"model", "lm_head", "ts_encoder"}
    assert {"ts_encoder.mlp.0.weight", "ts_encoder.position_embedding.weight"} <= names
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tsft.json"} <= files
    assert {"model.safetensors.index.json", "processor_config.json", "chat_template.jinja"} <= files
    assert all((tmp_path / "out" / name).stat().st_size < 60_000 for name in files if name.startswith("model-"))
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("qwen3ts", ["Qwen3TSForCausalLM"])
    assert config["ts"]["patch_size"] == 8 and config["ts_token_start_index"] == 298
    assert config["torch_dtype"] == "float32" and "rope_theta" in config
    assert json.loads((tmp_path / "out" / "processor_config.json").read_text())["processor_class"] == "Qwen3TSProcessor"
    assert lacks_code(tmp_path / "out")


def test_a_model_type_that_a_save_turned_into_the_plain_one_is_put_right(tmp_path):
    model, processor = trained(tmp_path)
    save(model, processor, tmp_path / "flipped")
    edit_json(tmp_path / "flipped" / "config.json", model_type="qwen3", architectures=["Qwen3ForCausalLM"])
    flipped = load(tmp_path / "flipped", dtype=torch.float32)

    save_chatts(flipped.model, flipped.processor, tmp_path / "out", SHARD)

    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("qwen3ts", ["Qwen3TSForCausalLM"])


def test_a_padding_id_that_ends_a_turn_is_not_written_for_tools_that_blank_it(tmp_path):
    model, processor = trained(tmp_path)
    model.config.pad_token_id = 295  # <|im_end|>

    save_chatts(model, processor, tmp_path / "out", SHARD)

    assert json.loads((tmp_path / "out" / "config.json").read_text())["pad_token_id"] == 296


def test_code_of_the_checkpoint_goes_along_and_none_into_the_plain_folder(tmp_path):
    model, processor = trained(tmp_path)
    code = {"modeling_x.py": b"raise SystemExit\n", "processing_x.py": b"# left=\n", "processor_config.json": b"{}"}
    processor = SeriesProcessor(processor.tokenizer, processor.family, code)

    save_chatts(model, processor, tmp_path / "chatts", SHARD)
    save_plain(model, processor, tmp_path / "plain", SHARD)

    assert {name: (tmp_path / "chatts" / name).read_bytes() for name in code} == code
    assert not lacks_code(tmp_path / "chatts")
    assert not list((tmp_path / "plain").glob("*.py"))


def test_transformers_alone_opens_the_plain_folder_and_reads_text_the_same(tmp_path):
    model, processor = trained(tmp_path)
    save_plain(model, processor, tmp_path / "out", SHARD)

    plain = AutoModelForCausalLM.from_pretrained(str(tmp_path / "out"), dtype=torch.float32)
    ids = AutoTokenizer.from_pretrained(str(tmp_path / "out"))("hello world", return_tensors="pt").input_ids

    assert plain.config.model_type == "qwen3" and type(plain).__name__ == "Qwen3ForCausalLM"
    torch.testing.assert_close(plain(ids).logits, model(input_ids=ids).logits, atol=1e-5, rtol=0)
    assert not any("ts_encoder" in name for name in weight_names(tmp_path / "out"))
    own = load_file(tmp_path / "out" / "series_encoder" / "model.safetensors")
    assert all(torch.equal(own[name], each) for name, each in model.model.ts_encoder.state_dict().items())
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert not {"ts", "ts_token_start_index", "auto_map"} & set(config) and config["rope_theta"] == 10000.0
    assert is_plain(tmp_path / "out") and not is_plain(tmp_path / "base")


def test_the_plain_model_sees_its_series(tmp_path):
    model, processor = trained(tmp_path)
    save_plain(model, processor, tmp_path / "out", SHARD)
    plain = PlainWithSeries(tmp_path / "out", torch.float32)
    other = ProbeRow(ROWS[0].turns, ((9.0, -4.0, 0.0) * 9, (3.0,) * 20))

    (one,), (two,) = readings(plain, processor, ROWS[:1]), readings(plain, processor, [other])

    assert (one.logits - two.logits).abs().max() > 1e-3


@pytest.mark.parametrize(("rows", "exceeds"), [(298, True), (300, False)])
def test_a_tokenizer_larger_than_the_vocabulary_is_noticed(tmp_path, rows, exceeds):
    model, processor = trained(tmp_path, vocab_size=rows)
    save_plain(model, processor, tmp_path / "out", SHARD)
    assert exceeds_vocabulary(tmp_path / "out") is exceeds


@pytest.mark.parametrize("tied", [True, False])
def test_a_head_that_is_the_embedding_is_written_once(tmp_path, tied):
    model, processor = trained(tmp_path, tie_word_embeddings=tied)
    for write in (save_chatts, save_plain):
        write(model, processor, tmp_path / write.__name__, "1GB")
        assert ("lm_head.weight" in weight_names(tmp_path / write.__name__)) != tied


def test_no_file_names_a_folder_of_this_machine(tmp_path):
    model, processor = trained(tmp_path)
    for write in (save_chatts, save_plain):
        write(model, processor, tmp_path / write.__name__, SHARD)
        for path in (tmp_path / write.__name__).rglob("*.json"):
            assert str(tmp_path) not in path.read_text(encoding="utf-8"), path


def test_readings_go_through_a_file_as_they_are(tmp_path):
    model, processor = trained(tmp_path)
    save(model, processor, tmp_path / "out")
    order = Order(str(tmp_path / "out"), str(tmp_path / "readings.safetensors"), ROWS, threads=1)
    order.write(tmp_path / "order.json")

    assert Order.read(tmp_path / "order.json") == order
    assert main([str(tmp_path / "order.json")]) == 0

    for one, other in zip(
        readings(model, processor, ROWS), read_readings(tmp_path / "readings.safetensors"), strict=True
    ):
        assert torch.equal(one.logits, other.logits) and one.answer == other.answer


@pytest.mark.parametrize("name", ["qwen3_posemb", "qwen2_posemb", "qwen3_nopos"])
def test_a_chatts_checkpoint_is_written_back_under_its_own_names(tmp_path, name):
    source = GOLDEN / name
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for path in (*source.glob("*.safetensors"), source / "config.json", *TOKENIZER.iterdir()):
        (folder / path.name).write_bytes(path.read_bytes())
    loaded = load(folder, dtype=torch.float32)

    save_chatts(loaded.model, loaded.processor, tmp_path / "out", SHARD)

    assert weight_names(tmp_path / "out") == weight_names(folder)
    before, after = (json.loads((each / "config.json").read_text()) for each in (folder, tmp_path / "out"))
    for key in ("model_type", "architectures", "ts", "vocab_size", "hidden_size"):
        assert after[key] == before[key], key
