"""`tsft presets` lists, shows, imports and exports; `tsft train` takes no config, and refuses a preset that waits."""

import json
from pathlib import Path

import pytest

from tsft.cli import BAD_SETTINGS, FINISHED, main
from tsft.config.codec import from_json
from tsft.store.presets import load_preset, shipped_presets
from tsft.store.workspace import open_workspace


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


def test_presets_are_listed_with_their_titles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "list", "--workspace", str(tmp_path)]) == FINISHED
    told = capsys.readouterr().out
    assert all(preset.name in told for preset in shipped_presets())
    assert "Your own anomaly data" in told


def test_a_preset_is_shown_as_a_command_with_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "show", "own_anomalies", "--workspace", str(tmp_path)]) == FINISHED
    told = capsys.readouterr().out
    assert "anomalies.jsonl" in told and "tsft train --model.name=ChatTS-8B --data.datasets=anomalies" in told


def test_a_file_is_imported_and_the_preset_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = ["--workspace", str(tmp_path / "w")]
    path = tmp_path / "kiln.yaml"
    path.write_text("lora_rank: 5\nfrobnicate: 7\n")
    assert main(["presets", "import", str(path), *workspace]) == FINISHED
    told = capsys.readouterr().out
    assert "lora_rank → lora.rank = 5" in told and "frobnicate: has no counterpart here" in told
    assert main(["presets", "export", "kiln", *workspace]) == FINISHED
    config = from_json(json.loads(capsys.readouterr().out))
    assert config == load_preset(open_workspace(tmp_path / "w"), "kiln") and config.lora.rank == 5


@pytest.mark.parametrize(
    "words", [["import", "absent.yaml"], ["show", "absent"], ["export", "absent"], ["import", "."]]
)
def test_what_is_not_there_ends_with_two(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", *words, "--workspace", str(tmp_path)]) == BAD_SETTINGS
    assert capsys.readouterr().err.strip()


def test_without_a_config_the_defaults_are_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--lora.rank", "0", "--workspace", str(tmp_path)]) == BAD_SETTINGS
    told = capsys.readouterr().err
    assert "--model.name" in told and "--data.datasets" in told and "--lora.rank" in told
