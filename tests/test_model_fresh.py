"""A new model: the same everywhere, with a tokenizer of its own, and refused where it cannot be built."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tsft.cli import main
from tsft.config.new_model import FreshModel
from tsft.endings import BAD_SETTINGS, FINISHED
from tsft.model.builtin import make_builtin
from tsft.model.fresh import make_fresh
from tsft.model.loading import load

SMALL = FreshModel(hidden_size=32, layers=2, heads=2, key_value_heads=1, feed_forward=64, vocabulary=700)
TEXTS = ["a reading of the boiler\n", "锅炉温度的读数\n"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fresh") / "model"
    make_fresh(SMALL, TEXTS, folder)
    return folder


def fingerprint(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_another_process_makes_the_same_files(folder, tmp_path):
    code = (
        "import sys, pathlib; from tests.test_model_fresh import SMALL, TEXTS, make_fresh;"
        "make_fresh(SMALL, TEXTS, pathlib.Path(sys.argv[1]))"
    )
    top = Path(__file__).resolve().parents[1]
    surroundings = {**os.environ, "PYTHONPATH": f"{top / 'src'}{os.pathsep}{top}", "PYTHONHASHSEED": "17"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "model")], check=True, env=surroundings)
    ours, theirs = fingerprint(folder), fingerprint(tmp_path / "model")
    different = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert different == set()


def test_making_it_moves_nobody_elses_random_numbers(tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    make_fresh(SMALL, TEXTS, tmp_path / "model")
    assert torch.equal(torch.rand(3), expected)


def test_it_is_an_ordinary_chatts_checkpoint_of_the_shape_that_was_asked_for(folder):
    loaded = load(folder, dtype=torch.float32)
    config = json.loads((folder / "config.json").read_text())
    assert not loaded.encoder_is_new and config["model_type"] == "qwen3ts"
    assert (config["hidden_size"], config["num_hidden_layers"], config["vocab_size"]) == (32, 2, 700)
    assert loaded.family.max_points == 8192 and loaded.family.patch_size == 8
    assert [path.name for path in folder.parent.iterdir()] == ["model"], "something was left beside it"


def test_patches_are_as_large_as_words_from_the_start(folder):
    encoder = load(folder, dtype=torch.float32).model.model.ts_encoder
    values, mask = torch.randn(1, 40, 8), torch.ones(1, 40, 8, dtype=torch.bool)
    with torch.no_grad():
        patches = encoder(values, mask, torch.arange(40).mul(8).unsqueeze(0))
    assert 0.2 < float(patches.std()) < 3


@pytest.fixture(scope="module", params=["new", "builtin"])
def tokenizer(request, folder, tmp_path_factory):
    made = folder if request.param == "new" else make_builtin(tmp_path_factory.mktemp("builtin") / "model")
    return load(made, dtype=torch.float32).processor.tokenizer


@pytest.mark.parametrize("text", ["趋势在第 103 个点之后上升。", "It rises by 12.50 🙂 “so”.\n\n", "  indented\tтекст"])
def test_its_tokenizer_gives_any_text_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_every_digit_is_a_token_of_its_own(tokenizer):
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("12345")) == list("12345")


def test_the_command_makes_one_from_the_words_of_a_dataset(tmp_path, capsys):
    words = ["models", "new", "little", "--workspace", str(tmp_path), "--lang", "en", "--text", "demo"]
    words += ["--hidden-size", "32", "--layers", "1", "--heads", "2", "--key-value-heads", "1", "--vocabulary", "900"]
    assert main(words) == FINISHED
    tokenizer = load(tmp_path / "models" / "little", dtype=torch.float32).processor.tokenizer
    # A word of the generated rows, which the page of plain text does not hold.
    assert len(tokenizer.encode(" spindle")) < len(" spindle") / 2
    assert "models/little" in capsys.readouterr().out.replace(os.sep, "/")
    assert main(words) == BAD_SETTINGS, "it would have replaced the first"


def test_all_that_is_wrong_with_a_shape_is_told_at_once(tmp_path, capsys):
    words = ["models", "new", "odd", "--workspace", str(tmp_path), "--lang", "en"]
    assert main([*words, "--heads", "5", "--vocabulary", "20"]) == BAD_SETTINGS
    told = capsys.readouterr().err
    assert "5 heads of even width" in told and "2 key and value heads" in told and "300" in told
    assert main([*words, "--layers", "0"]) == BAD_SETTINGS and "layers is 0" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["builtin", "Qwen3-0.6B"])
def test_no_new_model_takes_the_name_of_one_that_is_offered(tmp_path, capsys, name):
    assert main(["models", "new", name, "--workspace", str(tmp_path), "--lang", "en"]) == BAD_SETTINGS
    assert "already a model" in capsys.readouterr().err
