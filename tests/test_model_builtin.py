"""The built-in model: the same everywhere, made quickly, with a tokenizer of its own."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tsft.model.builtin import make_builtin
from tsft.model.loading import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_builtin(tmp_path_factory.mktemp("builtin") / "model")


def fingerprint(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_another_process_makes_the_same_files(folder, tmp_path):
    code = "import sys, pathlib; from tsft.model.builtin import make_builtin; make_builtin(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "model")], check=True, env=_environment())
    ours, theirs = fingerprint(folder), fingerprint(tmp_path / "model")
    different = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert different == set()


def _environment():
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src"), "PYTHONHASHSEED": "17"}


def test_making_it_moves_nobody_elses_random_numbers(tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    make_builtin(tmp_path / "model")
    assert torch.equal(torch.rand(3), expected)


def test_it_is_an_ordinary_chatts_checkpoint_of_three_to_five_million_parameters(folder):
    loaded = load(folder, dtype=torch.float32)
    assert not loaded.encoder_is_new
    assert json.loads((folder / "config.json").read_text())["model_type"] == "qwen3ts"
    assert 3e6 < sum(parameter.numel() for parameter in loaded.model.parameters()) < 5e6
    assert loaded.family.max_points == 8192


def test_nothing_is_left_beside_it(folder):
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
