"""The command line: flags from the schema, all problems at once in the reader's language, and exit codes."""

import io
import json
import logging
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

import tsft.terminal
from tsft.cli import BAD_SETTINGS, BUSY, FAILED, FINISHED, _language, main, webui
from tsft.config.codec import to_json
from tsft.config.run_config import DataSettings, ModelSettings, RunConfig
from tsft.config.schema import settings
from tsft.errors import Problem, message
from tsft.flags import read_settings, settings_help, split_settings
from tsft.installation import examine, requirements
from tsft.log import BLOT, run_log, without_secrets
from tsft.run.board import Board
from tsft.run.events import Evaluated, Event, Failed, Finished, Noted, PhaseChanged, Planned, RunStarted, StepLogged
from tsft.run.state import RunState
from tsft.store.record import Record
from tsft.store.workspace import open_workspace
from tsft.terminal import duration, follow

CONFIG = RunConfig(model=ModelSettings(name="builtin"), data=DataSettings(datasets=("demo",)))


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


# -- flags -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "rest", "flat"),
    [
        (["train", "x", "--lora.rank", "4"], ["train", "x"], {"lora.rank": "4"}),
        (["train", "--lora.rank=4", "x"], ["train", "x"], {"lora.rank": "4"}),
        (["train", "--lora.dora", "x"], ["train", "x"], {"lora.dora": "true"}),
        (["train", "x", "--lora.dora", "off"], ["train", "x"], {"lora.dora": "off"}),
        (["train", "x", "--tuning.freeze_layers", "-2"], ["train", "x"], {"tuning.freeze_layers": "-2"}),
        (["train", "x", "--output.name="], ["train", "x"], {"output.name": ""}),
        (["train", "x", "--workspace", "w", "--lang", "zh"], ["train", "x", "--workspace", "w", "--lang", "zh"], {}),
        (["train", "x", "--output.name", "two words"], ["train", "x"], {"output.name": "two words"}),
    ],
)
def test_settings_are_taken_out_of_the_command_line(words: list[str], rest: list[str], flat: dict[str, str]) -> None:
    assert split_settings(words) == (rest, flat, [])


def test_every_setting_is_a_flag_with_its_label_in_the_help() -> None:
    text = settings_help("zh")
    assert all(f"--{each.key} " in text for each in settings())


def test_everything_wrong_is_found_at_once() -> None:
    rest, flat, found = split_settings(
        ["--optim.learnig_rate", "1", "--lora.rank", "x", "--schedule.batch_size", "0", "--model.name"]
    )
    _, problems = read_settings(CONFIG, flat, found)
    assert [problem.message.key for problem in problems] == [
        "cli.no_value",
        "config.unknown",
        "config.wrong_kind",
        "check.at_least",
    ]


def test_wrong_settings_end_with_two_and_name_flags_and_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "first_run", "--optim.learnig_rate", "1", "--lora.rank", "0", "--workspace", str(tmp_path)]
    assert main(words) == BAD_SETTINGS
    told = capsys.readouterr().err
    assert "optim.learning_rate" in told and "--lora.rank" in told and "(it is 0)" in told


def test_they_are_told_in_the_language_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "absent", "--workspace", str(tmp_path), "--lang", "zh"]) == BAD_SETTINGS
    assert "没有预设" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", '{"lora": {"rnk": 1}}', "[]"])
def test_a_broken_config_file_ends_with_two(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.json").write_text(content)
    assert main(["train", str(tmp_path / "c.json"), "--workspace", str(tmp_path / "w")]) == BAD_SETTINGS
    assert capsys.readouterr().err.strip()


def test_a_workspace_that_cannot_be_written_ends_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["runs", "list", "--workspace", str(tmp_path / "file")]) == BAD_SETTINGS
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_another_run_in_progress_ends_with_three_and_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Record(open_workspace(tmp_path))
    run = record.create_run(CONFIG)
    record.claim(run.id)
    assert main(["train", "first_run", "--workspace", str(tmp_path)]) == BUSY
    assert run.name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "environment", "language"),
    [
        (["--lang", "ja"], {}, "ja"),
        (["--lang=ko"], {"LC_ALL": "ru_RU.UTF-8"}, "ko"),
        ([], {"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LC_ALL": "ru_RU.UTF-8", "LANG": "zh_CN"}, "ru"),
        ([], {"LC_ALL": "C.UTF-8"}, "en"),
    ],
)
def test_the_language_comes_from_flag_or_environment(
    words: list[str], environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, environment.get(name, ""))
    assert _language(words) == language


# -- other commands ----------------------------------------------------------------------------------------------------


def test_runs_are_listed_and_shown_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = Record(open_workspace(tmp_path))
    run = record.create_run(CONFIG)
    board = Board(run.folder.events)
    board.say(RunStarted(1.0, run.id, run.name))
    board.say(Noted(1.5, "info", message("run.interrupted", step=7)))
    board.say(Finished(2.0, "finished", 7, "adapter", message("run.interrupted", step=7)))
    assert main(["runs", "list", "--workspace", str(tmp_path)]) == FINISHED
    assert run.id in capsys.readouterr().out
    assert main(["runs", "show", "builtin", "--workspace", str(tmp_path)]) == FINISHED
    told = capsys.readouterr().out
    assert str(run.folder.path / "adapter") in told and f"runs/{run.id}/adapter" in told


def test_only_the_first_command_decides_how_words_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = ["--workspace", str(tmp_path)]
    assert main(["runs", "list", "train", *workspace]) == FINISHED
    with pytest.raises(SystemExit) as caught:
        main(["runs", "list", "train", "--lora.rank", "4", *workspace])
    assert caught.value.code == 2
    assert main(["train", "runs", "--lora.rank", "0", *workspace]) == BAD_SETTINGS
    capsys.readouterr()


def test_a_record_set_aside_is_told_with_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = open_workspace(tmp_path)
    workspace.database.write_bytes(b"not a database" * 500)
    assert main(["runs", "list", "--workspace", str(tmp_path)]) == FINISHED
    assert "tsft.db.broken" in capsys.readouterr().err


def test_a_run_is_renamed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = Record(open_workspace(tmp_path))
    run = record.create_run(CONFIG)
    assert main(["runs", "rename", run.id, "kiln 7", "--workspace", str(tmp_path)]) == FINISHED
    assert record.get(run.id).name == "kiln 7" and "kiln 7" in capsys.readouterr().out
    assert main(["runs", "rename", run.id, " ", "--workspace", str(tmp_path)]) == BAD_SETTINGS


@pytest.mark.parametrize(
    ("answer", "code"), [("y", FINISHED), ("Yes ", FINISHED), ("", FAILED), ("n", FAILED), (None, FAILED)]
)
def test_deleting_asks_with_the_size(
    answer: str | None, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Record(open_workspace(tmp_path))
    run = record.create_run(CONFIG)
    (run.folder.path / "weights").write_bytes(b"0" * 2_500_000)
    monkeypatch.setattr(sys, "stdin", io.StringIO("" if answer is None else f"{answer}\n"))
    assert main(["runs", "delete", "built", "--workspace", str(tmp_path)]) == code
    assert run.folder.path.exists() == (code == FAILED)
    told = capsys.readouterr().out
    assert run.id in told and "2.5 MB" in told


def test_deleting_unasked_takes_whole_names_only_and_no_active_run(tmp_path: Path) -> None:
    record = Record(open_workspace(tmp_path))
    run = record.create_run(CONFIG)
    words = ["--yes", "--workspace", str(tmp_path)]
    assert main(["runs", "delete", "built", *words]) == BAD_SETTINGS
    record.claim(run.id)
    assert main(["runs", "delete", run.id, *words]) == BAD_SETTINGS
    record.release(run.id, status="stopped")
    assert main(["runs", "delete", run.name, *words]) == FINISHED
    assert record.list_runs() == [] and not run.folder.path.exists()


def test_resuming_tells_the_warnings_of_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class WarningEngine(FakeEngine):
        def check(self, config: RunConfig) -> list[Problem]:
            told = message("check.optimizer_forgets", name=config.optim.optimizer)
            return [Problem("optim.optimizer", told, is_warning=True)]

        def resume(self, run_id: str, by: str = "", checkpoint_step: int = 0, epochs: float = 0.0) -> str:
            return run_id

    run = Record(open_workspace(tmp_path)).create_run(CONFIG)
    monkeypatch.setattr("tsft.training_commands._engine", lambda workspace, **_: WarningEngine([]))
    main(["runs", "resume", run.id, "--workspace", str(tmp_path)])
    assert "--optim.optimizer: " in capsys.readouterr().err


def test_stopping_asks_the_process_that_owns_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = Record(open_workspace(tmp_path))
    assert main(["runs", "stop", "--workspace", str(tmp_path)]) == FAILED
    run = record.create_run(CONFIG)
    record.claim(run.id)
    assert main(["runs", "stop", "--workspace", str(tmp_path)]) == FINISHED
    assert json.loads(run.folder.commands.read_text())["command"] == "stop"


def test_data_check_names_bad_rows_and_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {"input": "What is <ts><ts/>?", "output": "Flat.", "timeseries": [[1.0, 1.0]]}
    bad = {**good, "timeseries": [[1.0, None]]}
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (good, bad)))
    workspace = ["--workspace", str(tmp_path / "w")]
    assert main(["data", "check", str(path), *workspace]) == FAILED
    assert "rows.jsonl" in capsys.readouterr().out
    path.write_text(json.dumps(good) + "\n")
    assert main(["data", "check", str(path), *workspace]) == FINISHED


def test_models_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--workspace", str(tmp_path)]) == FINISHED
    assert "ChatTS-8B" in capsys.readouterr().out


# -- the installation --------------------------------------------------------------------------------------------------


def test_a_sound_installation_has_no_bad_finding(tmp_path: Path) -> None:
    assert [each.message for each in examine(tmp_path, "127.0.0.1", 0) if not each.is_good] == []


def test_a_taken_port_and_a_bad_workspace_are_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        findings = list(examine(tmp_path / "file", "127.0.0.1", taken.getsockname()[1]))
    bad = {each.message.key for each in findings if not each.is_good}
    assert bad == {"workspace.not_writable", "installation.port_taken"}


def test_the_packages_of_the_project_are_examined() -> None:
    names = {each.name for each in requirements()}
    assert {"torch", "gradio", "transformers"} <= names
    assert "pytest" not in names


def test_a_password_on_the_command_line_is_refused_with_the_way_that_is_safe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert webui(["--auth", "anna:secret-password", "--workspace", str(tmp_path)]) == BAD_SETTINGS
    told = capsys.readouterr().err
    assert "TSFT_AUTH" in told
    assert "secret-password" not in told


def test_the_settings_of_the_app_are_shown_with_what_they_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_workspace(tmp_path)
    (tmp_path / "settings.json").write_text(
        json.dumps({"limits": {"upload_mb": 7}, "notify": {"webhook_url": "https://hooks.example/secret"}}), "utf-8"
    )
    assert main(["settings", "--workspace", str(tmp_path)]) == FINISHED
    told = capsys.readouterr().out
    assert "limits.upload_mb = 7 *" in told
    assert "secret" not in told


# -- following a run ---------------------------------------------------------------------------------------------------


class FakeEngine:
    """Says some events, then waits to be told to end."""

    def __init__(self, events: list[Event], waits_for_stop: bool = False) -> None:
        self.board = Board()
        self.stopped_by: list[str] = []
        self._events = events
        self._stop = threading.Event()
        self._waits_for_stop = waits_for_stop

    def watched(self) -> Board:
        return self.board

    def stop(self, by: str = "", run_id: str = "") -> bool:
        self.stopped_by.append(by)
        self._stop.set()
        return True

    def wait(self) -> RunState:
        for event in self._events:
            self.board.say(event)
        if self._waits_for_stop:
            signal.raise_signal(signal.SIGINT)
            assert self._stop.wait(20)
            self.board.say(Finished(9.0, "stopped", 3, "", message("x")))
        return self.board.state


RUN: list[Event] = [
    RunStarted(1.0, "id", "name"),
    PhaseChanged(2.0, "training"),
    Planned(2.0, 10, 1.0, 1, 0, 1, 1, 1, 1, (), "cpu", "fp32", 1),
    Noted(2.0, "info", message("run.interrupted", step=4321)),
    StepLogged(3.0, 3, 0.1, 1.25, 1e-4, 1.0),
    Evaluated(4.0, 3, 1.5, 0.1),
]


class Terminal(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_run_is_shown_with_its_readings_and_notes(is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal(is_terminal)
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    state = follow(FakeEngine(RUN), "id", "en")
    assert state.step == 3
    text = shown.getvalue()
    assert "3/10" in text and "1.25" in text and "1.5" in text and "4,321" in text


def test_the_first_interruption_asks_the_run_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal(False))
    engine = FakeEngine(RUN, waits_for_stop=True)
    before = signal.getsignal(signal.SIGINT)
    assert follow(engine, "id", "en").status == "stopped"
    assert engine.stopped_by == ["Ctrl-C"]
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_interruption_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(tsft.terminal.os, "_exit", codes.append)
    monkeypatch.setattr(sys, "stderr", Terminal(False))
    view = tsft.terminal._LineView("en")
    clock = iter((10.0, 10.5, 12.0))
    interruption = tsft.terminal._Interruption(lambda: None, view, "en", lambda: next(clock))
    interruption(signal.SIGINT, None)
    interruption(signal.SIGINT, None)  # the same one, sent twice by a wrapper
    assert codes == []
    interruption(signal.SIGINT, None)
    assert codes == [130]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3_723, "1:02:03")])
def test_durations_are_read_as_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_failure_is_told_with_advice_and_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = Record(open_workspace(tmp_path))
    run = record.create_run(CONFIG)
    board = Board(run.folder.events)
    board.say(RunStarted(1.0, run.id, run.name))
    board.say(Failed(2.0, "data", message("check.no_dataset"), message("check.no_model")))
    main(["runs", "show", run.id, "--workspace", str(tmp_path)])
    assert str(run.folder.log) in capsys.readouterr().err


# -- the log -----------------------------------------------------------------------------------------------------------


def test_secrets_are_blotted_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "0123-secret-4567")
    text = "hf_abcdefghijklmnop and 0123-secret-4567 and Bearer abc.def.ghi.jkl and ?token=xyzxyzxyz&a=1"
    assert without_secrets(text) == f"{BLOT} and {BLOT} and Bearer {BLOT} and ?token={BLOT}&a=1"


def test_a_run_log_holds_the_lines_of_the_run_and_no_token(tmp_path: Path) -> None:
    logger = logging.getLogger("tsft.some")
    with run_log(tmp_path / "run.log"):
        logger.info("read 7 rows with hf_abcdefghijklmnop")
        try:
            raise OSError("hf_qrstuvwxyzabcdef")
        except OSError:
            logger.exception("failed")
    logger.warning("after the run")
    text = (tmp_path / "run.log").read_text()
    assert "read 7 rows" in text and "Traceback" in text
    assert "hf_" not in text and "after the run" not in text


def test_a_config_file_is_a_config(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(to_json(CONFIG)))
    assert main(["train", str(tmp_path / "c.json"), "--lora.rank", "0", "--workspace", str(tmp_path)]) == BAD_SETTINGS
