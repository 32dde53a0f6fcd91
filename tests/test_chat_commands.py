"""`tsft chat`: one question, many lines, series from tables and rows, Ctrl-C, and what it says when it cannot."""

import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.engine_runs import small
from tests.fakes import FakeEngine
from tests.test_api_chat import Scripted
from tsft.chat_commands import Talk, config_of, follow_lines
from tsft.chat_series import NamedSeries, read_row, read_series
from tsft.cli import BAD_SETTINGS, BUSY, FINISHED, STOPPED, main
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.errors import UserError, message
from tsft.run.answers import Answering, AnswerOptions, check_options
from tsft.store.record import Record
from tsft.store.workspace import Workspace, open_workspace

CONFIG = RunConfig(model=ModelSettings(name="builtin"))


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture
def folder(tmp_path: Path, endless_model: Path) -> Path:
    """A workspace in which the built-in model is there already and answers until it is cut."""
    shutil.copytree(endless_model, tmp_path / "workspace" / "models" / "builtin")
    return tmp_path / "workspace"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "pump.csv"
    rows = "".join(f"2026-01-01 00:{minute:02},{minute / 2},{40 - minute}\n" for minute in range(30))
    path.write_text("time,flow,temperature\n" + rows + "2026-01-01 00:30,15.0,\n", encoding="utf-8")
    return path


def talk_with(engine: FakeEngine, **more: object) -> tuple[Talk, list[str]]:
    written: list[str] = []
    talk = Talk(engine, CONFIG, AnswerOptions(keeps_model=True), "en", write=written.append, **more)  # type: ignore[arg-type]
    return talk, written


def chat(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str, typed: str = "") -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    return main(["chat", *words, "--workspace", str(folder)])


def refused(act: object, *given: object) -> str:
    with pytest.raises(UserError) as error:
        act(*given)  # type: ignore[operator]
    return error.value.message.key


# -- series ------------------------------------------------------------------------------------------------------------


def test_columns_of_a_table_are_series_and_without_names_all_that_hold_values(table: Path) -> None:
    named = read_series(f"{table}:temperature,flow")
    assert [(each.name, len(each.points)) for each in named] == [("temperature", 30), ("flow", 31)]
    assert [each.name for each in read_series(str(table))] == ["flow", "temperature"]
    assert np.isfinite(named[0].points).all()  # the empty cell at the end is none of it


def test_a_column_or_file_that_is_not_there_is_named(table: Path) -> None:
    assert refused(read_series, f"{table}:pressure") == "data.build.no_column"
    assert refused(read_series, f"{table}:time") == "data.build.no_numbers"
    assert refused(read_series, str(table.with_name("none.csv"))) == "data.file.missing"
    wide = table.with_name("wide.csv")
    wide.write_text(",".join(f"c{n}" for n in range(9)) + "\n" + ",".join("1" * 9) + "\n", encoding="utf-8")
    assert refused(read_series, str(wide)) == "chat.many_columns"


def test_a_row_is_asked_up_to_its_last_question(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "w")
    row = {"input": "Rising? <ts><ts/>", "output": "Yes.", "timeseries": [[1.0, 2.0, 3.0]]}
    (workspace.datasets / "own.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    found = read_row("own:1", workspace)
    assert [turn["role"] for turn in found.turns] == ["user"] and found.expected == "Yes."
    assert found.series[0].points.tolist() == [1.0, 2.0, 3.0]
    assert refused(read_row, "own:2", workspace) == "data.view.no_row"
    assert refused(read_row, "own", workspace) == "chat.row_form"
    assert refused(read_row, "own:x", workspace) == "chat.row_form"


# -- which model -------------------------------------------------------------------------------------------------------


def test_a_base_a_folder_a_run_and_nothing_are_told_apart(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "w")
    record = Record(workspace)
    assert config_of("builtin", workspace, record).model.name == "builtin"
    (tmp_path / "model").mkdir()
    assert config_of(str(tmp_path / "model"), workspace, record).model.continue_from == str(tmp_path / "model")
    assert refused(config_of, "", workspace, record) == "chat.no_model"
    assert refused(config_of, "ChatTS-8B", workspace, record) == "chat.not_here"
    assert refused(config_of, "own/model", workspace, record) == "chat.not_here"
    assert refused(config_of, "nothing", workspace, record) == "record.no_run"
    run = record.create_run(small(output__name="first"))
    assert refused(config_of, run.name, workspace, record) == "chat.nothing_left"
    record.close()


# -- talking -----------------------------------------------------------------------------------------------------------


def test_a_question_takes_its_series_along_and_the_next_one_the_whole_conversation() -> None:
    engine = Scripted()
    talk, written = talk_with(engine, system="Be short.", waiting=[NamedSeries("flow", np.arange(3.0))])
    assert talk.ask("What is it?") == FINISHED
    assert talk.ask("And then?") == FINISHED
    first, second = engine.questions
    assert first.turns[0] == {"role": "system", "content": "Be short."}
    assert first.turns[1]["content"] == "flow: <ts><ts/>\nWhat is it?"
    assert [turn["role"] for turn in second.turns] == ["system", "user", "assistant", "user"]
    assert second.turns[2]["content"] == "It rises to 12." and second.turns[3]["content"] == "And then?"
    assert len(first.series) == len(second.series) == 1
    assert "".join(written) == "It rises to 12.\nIt rises to 12.\n"


def test_placeholders_that_a_person_writes_stay_where_they_are() -> None:
    engine = Scripted()
    talk, _ = talk_with(engine, waiting=[NamedSeries("", np.arange(3.0)), NamedSeries("b", np.arange(4.0))])
    talk.ask("Is <ts><ts/> before <ts><ts/>?")
    assert engine.questions[0].turns[0]["content"] == "Is <ts><ts/> before <ts><ts/>?"
    talk.waiting = [NamedSeries("", np.arange(3.0))]
    talk.ask("And this?")
    assert engine.questions[1].turns[-1]["content"] == "Series 1: <ts><ts/>\nAnd this?"
    assert len(engine.questions[1].series) == 3


def test_commands_are_obeyed_and_the_rest_are_questions(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = Scripted()
    talk, _ = talk_with(engine)
    lines = [f"/series {table}:flow\n", "One?\n", "\n", "/dance\n", "/clear\n", "Two?\n", "/quit\n", "Three?\n"]
    assert follow_lines(talk, iter(lines), "en") == BAD_SETTINGS  # of /dance
    assert [len(each.series) for each in engine.questions] == [1, 0]
    assert [turn["content"] for turn in engine.questions[1].turns] == ["Two?"]
    told = capsys.readouterr().err
    assert "flow (31)" in told and "/dance" in told


def test_ctrl_c_stops_the_answer_keeps_what_was_written_and_the_chat_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Interrupted(Scripted):
        def answering(self) -> Answering | None:
            if self.has_spoken.is_set() and not self.stopped:
                os.kill(os.getpid(), signal.SIGINT)
            return super().answering()

    engine = Interrupted(("It ",), is_endless=True)
    talk, written = talk_with(engine)
    assert talk.ask("What?") == STOPPED
    assert engine.stopped == [1] and talk.turns[-1] == {"role": "assistant", "content": "It "}
    assert "stopped" in capsys.readouterr().err
    engine.is_endless = False
    assert talk.ask("Again?") == FINISHED
    assert "".join(written) == "It \nIt \n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_answer_that_cannot_be_is_told_and_leaves_no_turn(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Scripted()
    engine.refuses_with = UserError(message("engine.busy", name="first", step=1, steps=9))
    talk, _ = talk_with(engine)
    assert follow_lines(talk, iter(["What?\n"]), "en") == BUSY
    told = capsys.readouterr().err
    assert "first" in told and "--beside" in told
    assert talk.turns == []


def test_options_outside_their_limits_are_all_named() -> None:
    wrong = AnswerOptions(max_new_tokens=0, temperature=-1, top_p=2, seed=2**64, beside="never")
    assert [each.field for each in check_options(wrong)] == ["max_new_tokens", "temperature", "top_p", "seed", "beside"]
    assert check_options(AnswerOptions()) == []


# -- the command -------------------------------------------------------------------------------------------------------


def test_one_question_is_answered_on_stdout_alone(
    folder: Path, table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["builtin", "--series", f"{table}:flow,temperature", "--prompt", "What is it?", "--max-new-tokens", "6"]
    assert chat(monkeypatch, folder, *flags) == FINISHED
    first = capsys.readouterr()
    assert first.out.strip() and "6 tokens" in first.err
    assert chat(monkeypatch, folder, *flags[:3], "--prompt", "-", *flags[5:], typed="What is it?\n") == FINISHED
    assert capsys.readouterr().out == first.out


def test_lines_of_a_pipe_are_questions(
    folder: Path, table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = f"/series {table}:flow\nWhat is it?\nAnd now?\n"
    assert chat(monkeypatch, folder, "builtin", "--max-new-tokens", "4", typed=typed) == FINISHED
    told = capsys.readouterr()
    assert len(told.out.splitlines()) >= 2 and "> " not in told.out


def test_a_row_of_a_dataset_is_asked_with_its_own_question(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["builtin", "--row", "demo:3", "--max-new-tokens", "4", "--temperature", "1", "--seed", "7"]
    assert chat(monkeypatch, folder, *flags) == FINISHED
    told = capsys.readouterr()
    assert told.out.strip() and "own answer" in told.err


def test_wrong_flags_end_with_two_and_in_the_language_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat(monkeypatch, folder, "builtin", "--temperature", "9", "--prompt", "x") == BAD_SETTINGS
    assert "--temperature" in capsys.readouterr().err
    assert chat(monkeypatch, folder, "ChatTS-8B", "--prompt", "x", "--lang", "zh") == BAD_SETTINGS
    assert any("\u4e00" <= letter <= "\u9fff" for letter in capsys.readouterr().err)
    no_series = ["builtin", "--prompt", "Is <ts><ts/> rising?"]
    assert chat(monkeypatch, folder, *no_series) != FINISHED
    assert "1" in capsys.readouterr().err


def test_a_workspaces_default_model_need_not_be_named(tmp_path: Path) -> None:
    workspace: Workspace = open_workspace(tmp_path / "w")
    (workspace.root / "settings.json").write_text('{"defaults": {"model": "builtin"}}', encoding="utf-8")
    record = Record(workspace)
    assert config_of("", workspace, record).model.name == "builtin"
    record.close()
