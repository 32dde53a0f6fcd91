"""`tsft runs pause` and its like reach the run in progress of whichever process, and ask before anything is lost."""

import sys
import time
from pathlib import Path

import pytest

from tests.engine_runs import small
from tsft.atomic import write_json
from tsft.cli import BAD_SETTINGS, FAILED, FINISHED, main
from tsft.config.codec import to_json
from tsft.run.board import Board
from tsft.run.events import COMMANDS, RunStarted
from tsft.store.commands import CommandReader
from tsft.store.hand_runs import make_folder
from tsft.store.record import Record
from tsft.store.runs import RunInfo
from tsft.store.workspace import open_workspace


@pytest.fixture
def running(tmp_path: Path) -> RunInfo:
    """A run that this process claims to be at work on."""
    record = Record(open_workspace(tmp_path))
    run = record.create_run(small(output__name="long one"))
    record.claim(run.id)
    return run


def asked(run: RunInfo) -> list[str]:
    return [each.command for each in CommandReader(run.folder).read()]


@pytest.mark.parametrize("command", [each for each in COMMANDS if each not in ("discard", "force_stop")])
def test_a_command_reaches_the_run_in_progress(
    running: RunInfo, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["runs", command.replace("_", "-"), "--workspace", str(tmp_path), "--lang", "en"]
    assert main(words) == FINISHED
    assert asked(running) == [command]
    assert "long one" in capsys.readouterr().out


def test_a_run_of_another_machine_is_asked_by_its_name(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    folder, _ = make_folder(workspace, small(output__name="far"), "ann", {})
    signs = {"at": time.time(), "pid": 1, "boot_id": "another", "started": 1.0, "host": "node7"}
    write_json(folder.heartbeat, signs)
    Board(folder.events).say(RunStarted(time.time(), folder.id, "far", processes=2, host="node7"))

    assert main(["runs", "stop", "--workspace", str(tmp_path)]) == FAILED  # nothing runs here
    assert main(["runs", "stop", "far", "--workspace", str(tmp_path)]) == FINISHED
    assert [each.command for each in CommandReader(folder).read()] == ["stop"]


def test_only_processes_can_be_ended_by_force(
    running: RunInfo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["runs", "force-stop", "--workspace", str(tmp_path), "--lang", "en"]
    assert main(words) == BAD_SETTINGS and "thread" in capsys.readouterr().err
    write_json(running.folder.config, to_json(small(processes__count=2)))
    assert main(words) == FINISHED and asked(running) == ["force_stop"]


def test_discarding_asks_first(running: RunInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["runs", "discard", "--workspace", str(tmp_path), "--lang", "en"]
    with (tmp_path / "answers").open("w+") as answers:
        answers.write("n\ny\n")
        answers.seek(0)
        monkeypatch.setattr(sys, "stdin", answers)
        assert main(words) == FAILED and asked(running) == []
        assert main(words) == FINISHED and asked(running) == ["discard"]


def test_discarding_with_yes_asks_nothing(running: RunInfo, tmp_path: Path) -> None:
    assert main(["runs", "discard", "--yes", "--workspace", str(tmp_path)]) == FINISHED
    assert asked(running) == ["discard"]


def test_what_cannot_be_done_is_said_and_not_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = Record(open_workspace(tmp_path))
    assert main(["runs", "pause", "--workspace", str(tmp_path), "--lang", "en"]) == FAILED
    assert "No run is in progress" in capsys.readouterr().out

    run = record.create_run(small(data__validation="none"))
    record.claim(run.id)
    assert main(["runs", "evaluate", "--workspace", str(tmp_path), "--lang", "en"]) != FINISHED
    assert asked(run) == []
