"""The commands about runs and the queue say what they did, and the record and the folders hold it."""

import zipfile
from pathlib import Path

import pytest

from tsft.cli import BAD_SETTINGS, BUSY, FINISHED, main
from tsft.config.codec import read_config
from tsft.store.record import Record
from tsft.store.workspace import open_workspace

TRAIN = ["train", "--model.name", "builtin", "--data.datasets", "demo", "--queue"]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(open_workspace(tmp_path))


def tsft(record: Record, *words: str) -> int:
    return main([*words, "--workspace", str(record.workspace.root)])


def waiting(record: Record) -> list[str]:
    return [run.name for run in record.waiting()]


def test_runs_are_queued_moved_held_and_removed(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b", "c"):
        assert tsft(record, *TRAIN, "--output.name", name) == FINISHED
    assert "3. c (" in capsys.readouterr().out
    assert tsft(record, "queue", "move", "c", "1") == FINISHED
    assert tsft(record, "queue", "remove", "a") == FINISHED
    assert waiting(record) == ["c", "b"]
    assert tsft(record, "queue", "hold") == FINISHED
    assert "held" in capsys.readouterr().out and record.queue.is_held
    assert tsft(record, "queue", "run") == FINISHED  # held: it says so and starts nothing
    assert waiting(record) == ["c", "b"] and "held" in capsys.readouterr().out
    assert tsft(record, "queue", "go") == FINISHED and not record.queue.is_held
    assert tsft(record, "queue", "move", "gone", "1") == BAD_SETTINGS


def test_a_sweep_on_the_command_line_queues_one_run_a_combination(record: Record) -> None:
    told = ["--sweep", "lora.rank=4,8", "--sweep", "optim.learning_rate=1e-4, 3e-4"]
    assert tsft(record, *TRAIN, "--output.name", "s", *told) == FINISHED
    runs = record.waiting()
    assert [run.name for run in runs][:2] == ["s rank=4 learning_rate=1e-4", "s rank=4 learning_rate=3e-4"]
    assert len(runs) == 4 and len({run.sweep for run in runs}) == 1 and runs[0].sweep
    configs = [read_config(run.folder.config) for run in runs]
    assert [(each.lora.rank, each.optim.learning_rate) for each in configs] == [
        (4, 1e-4), (4, 3e-4), (8, 1e-4), (8, 3e-4),
    ]  # fmt: skip


def test_a_run_in_progress_is_no_reason_not_to_queue_and_the_refusal_says_how(
    record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    tsft(record, *TRAIN, "--output.name", "first")
    first = record.waiting()[0]
    record.claim(first.id)
    assert tsft(record, *TRAIN[:-1], "--output.name", "second") == BUSY
    assert "--queue" in capsys.readouterr().err
    assert tsft(record, *TRAIN, "--output.name", "second") == FINISHED
    assert waiting(record) == ["second"]
    record.release(first.id, status="stopped")


def test_a_clone_has_changed_settings_and_knows_its_parent(record: Record) -> None:
    tsft(record, *TRAIN, "--output.name", "parent", "--lora.rank", "4")
    parent = record.waiting()[0]
    assert tsft(record, "runs", "clone", "parent", "--lora.alpha", "8", "--name", "child", "--queue") == FINISHED
    child = record.find("child")
    config = read_config(child.folder.config)
    assert (config.lora.rank, config.lora.alpha) == (4, 8.0)
    assert (child.parent, child.origin) == (parent.id, "cloned")
    assert tsft(record, "runs", "clone", "parent", "--lora.rnk", "8", "--queue") == BAD_SETTINGS


def test_notes_and_tags_are_written_listed_and_searched(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("kiln", "oven"):
        tsft(record, *TRAIN, "--output.name", name)
    assert tsft(record, "runs", "note", "kiln", "looked", "cold") == FINISHED
    assert tsft(record, "runs", "tag", "kiln", "good", "keep") == FINISHED
    assert tsft(record, "runs", "tag", "kiln", "good", "--remove") == FINISHED
    run = record.find("kiln")
    assert (run.notes, run.tags) == ("looked cold", ("keep",))
    capsys.readouterr()
    for words in (["cold"], ["--tag", "keep"], ["--sort", "name", "--limit", "1"]):
        assert tsft(record, "runs", "list", *words) == FINISHED
        told = capsys.readouterr().out
        assert "kiln" in told and "oven" not in told
    assert tsft(record, "runs", "list", "--sort", "colour") == BAD_SETTINGS
    assert tsft(record, "runs", "note", "kiln") == FINISHED and record.find("kiln").notes == ""


def test_a_debug_bundle_is_written_where_it_was_asked_for(record: Record, tmp_path: Path) -> None:
    tsft(record, *TRAIN, "--output.name", "kiln")
    assert tsft(record, "runs", "bundle", "kiln", str(tmp_path / "kiln.zip")) == FINISHED
    assert "config.json" in zipfile.ZipFile(tmp_path / "kiln.zip").namelist()
    assert tsft(record, "runs", "bundle", "kiln", str(tmp_path / "nowhere" / "kiln.zip")) == BAD_SETTINGS
    assert tsft(record, "runs", "bundle", "gone") == BAD_SETTINGS


@pytest.mark.parametrize("words", [["resume", "kiln", "--step", "4"], ["extend", "kiln", "1", "--queue"]])
def test_going_on_without_a_checkpoint_is_refused(record: Record, words: list[str]) -> None:
    tsft(record, *TRAIN, "--output.name", "kiln")
    assert tsft(record, "runs", *words) == BAD_SETTINGS
