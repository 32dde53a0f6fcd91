"""The built-in model: shipped whole, copied into the workspace, small, and an ordinary checkpoint."""

import json
from importlib.resources import files

import pytest
import torch

from tsft.model.builtin import make_builtin
from tsft.model.loading import load

MOST_BYTES = 20e6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_builtin(tmp_path_factory.mktemp("builtin") / "model")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_workspace_gets_the_files_of_the_package_and_nothing_beside_them(folder):
    shipped = contents(files("tsft.model").joinpath("pretrained"))
    assert contents(folder) == shipped
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_it_comes_with_its_tokenizer_and_card_in_less_than_twenty_megabytes(folder):
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja", "README.md"} <= set(
        contents(folder)
    )
    assert sum(len(each) for each in contents(folder).values()) < MOST_BYTES


def test_a_workspace_keeps_the_copy_that_its_runs_began_with(folder, tmp_path):
    mine = make_builtin(tmp_path / "model")
    (mine / "tsft.json").write_text("{}")
    assert (make_builtin(mine) / "tsft.json").read_text() == "{}"


def test_a_copy_that_was_cut_off_is_made_again(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"half")
    assert "config.json" in contents(make_builtin(tmp_path / "model"))


def test_it_is_an_ordinary_chatts_checkpoint_of_three_to_eight_million_parameters(folder):
    loaded = load(folder, dtype=torch.float32)
    assert not loaded.encoder_is_new
    assert json.loads((folder / "config.json").read_text())["model_type"] == "qwen3ts"
    assert 3e6 < sum(parameter.numel() for parameter in loaded.model.parameters()) < 8e6
    assert loaded.family.max_points == 8192
