"""Which checkpoints can be gone on from, which results there are, and commands that come from elsewhere."""

import json
import struct
from pathlib import Path

import pytest

from tests.store_fakes import write_checkpoint, write_weights
from tsft.errors import UserError, message
from tsft.run.events import Evaluated, Finished, StepLogged, to_line
from tsft.store.commands import CommandReader, ask
from tsft.store.runs import (
    RunFolder,
    folder_bytes,
    is_weights_folder,
    list_results,
    run_folder,
    usable_checkpoints,
)
from tsft.store.safetensors_header import is_readable
from tsft.store.workspace import Workspace, open_workspace


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    workspace = open_workspace(tmp_path / "w")
    folder = run_folder(workspace, "run-1")
    folder.path.mkdir()
    folder.config.write_text("{}")
    folder.about.write_text(json.dumps({"name": "my run"}))
    return folder


def workspace_of(folder: RunFolder) -> Workspace:
    return Workspace(folder.path.parent.parent)


def test_checkpoints_are_sorted_by_step_and_not_by_name(folder: RunFolder) -> None:
    for step in (9, 100, 20):
        write_checkpoint(folder, step)
    assert [each.step for each in usable_checkpoints(folder)] == [100, 20, 9]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "tsft-complete").unlink(),
        lambda path: (path / "optimizer.pt").write_bytes(b""),
        lambda path: (path / "scheduler.pt").unlink(),
        lambda path: (path / "trainer_state.json").write_text('{"global_step": 6}'),
        lambda path: (path / "trainer_state.json").write_text('{"global_st'),
        lambda path: (path / "adapter_model.safetensors").unlink(),
        lambda path: (path / "adapter_model.safetensors").write_bytes(b""),
        lambda path: _cut(path / "adapter_model.safetensors"),
        lambda path: path.rename(path.with_name("checkpoint-x")),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(folder: RunFolder, damage) -> None:
    write_checkpoint(folder, 5)
    damage(write_checkpoint(folder, 7))
    assert [each.step for each in usable_checkpoints(folder)] == [5]


def test_a_model_of_several_files_needs_all_of_them(tmp_path: Path) -> None:
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = {"weight_map": {"a": names[0], "b": names[1]}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    write_weights(tmp_path / names[0])
    assert not is_weights_folder(tmp_path)
    write_weights(tmp_path / names[1])
    assert is_weights_folder(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 8, b"\xff" * 16, struct.pack("<Q", 2) + b"{}", struct.pack("<Q", 2) + b"[]"]
)
def test_what_is_no_safetensors_file_is_not_readable(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert not is_readable(tmp_path / "file")


def test_a_run_without_checkpoints_has_none(folder: RunFolder) -> None:
    assert usable_checkpoints(folder) == []


def test_results_name_the_run_the_step_and_the_loss(folder: RunFolder) -> None:
    write_checkpoint(folder, 5, loss=1.25)
    folder.adapter.mkdir()
    write_weights(folder.adapter / "adapter_model.safetensors")
    events = [StepLogged(1.0, 7, 0.5, 2.0, 1e-4, 1.0), Evaluated(2.0, 7, 1.5, 0.1)]
    events.append(Finished(3.0, "finished", 8, "adapter", message("x")))
    folder.events.write_text("".join(to_line(event) + "\n" for event in events))

    adapter, checkpoint = list_results(workspace_of(folder))
    assert (adapter.name, adapter.kind, adapter.run_name) == ("runs/run-1/adapter", "adapter", "my run")
    assert (adapter.step, adapter.loss) == (8, 1.5)
    assert (checkpoint.name, checkpoint.step, checkpoint.loss) == ("runs/run-1/checkpoints/checkpoint-5", 5, 1.25)


def test_a_half_written_result_is_not_offered(folder: RunFolder) -> None:
    folder.adapter.mkdir()
    write_weights(folder.adapter / "adapter_model.safetensors")
    _cut(folder.adapter / "adapter_model.safetensors")
    assert list_results(workspace_of(folder)) == []


def test_a_run_id_cannot_leave_the_workspace(folder: RunFolder) -> None:
    with pytest.raises(UserError):
        run_folder(workspace_of(folder), "../models")


def test_the_size_of_a_folder_counts_all_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    (tmp_path / "c").write_bytes(b"123")
    assert folder_bytes(tmp_path) == 8


def test_each_command_is_read_once(folder: RunFolder) -> None:
    reader = CommandReader(folder)
    assert reader.read() == []
    ask(folder, "stop", by="Анна")
    assert [(each.command, each.by) for each in reader.read()] == [("stop", "Анна")]
    assert reader.read() == []


def test_a_cut_command_waits_for_its_end_and_nonsense_is_passed_over(folder: RunFolder) -> None:
    reader = CommandReader(folder)
    folder.commands.write_text('nonsense\n{"at": 1, "comm')
    assert reader.read() == []
    with folder.commands.open("a") as file:
        file.write('and": "stop"}\n')
    assert [each.command for each in reader.read()] == ["stop"]
