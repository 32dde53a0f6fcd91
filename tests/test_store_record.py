"""The record tells the truth: one active run, dead owners found out, and everything made anew from the folders."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import exc

from tests.store_fakes import write_checkpoint
from tsft.config.codec import read_config
from tsft.config.run_config import DataSettings, ModelSettings, OutputSettings, RunConfig
from tsft.errors import UserError, message
from tsft.run.board import Board, replay
from tsft.run.events import Evaluated, Finished, PhaseChanged, RunStarted, StepLogged
from tsft.store import owner
from tsft.store.owner import Owner, is_alive, this_process
from tsft.store.record import Record
from tsft.store.runs import RunInfo
from tsft.store.workspace import open_workspace

CONFIG = RunConfig(model=ModelSettings(name="builtin"), data=DataSettings(datasets=("demo",)))


def named(name: str) -> RunConfig:
    return replace(CONFIG, output=OutputSettings(name=name))


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record(open_workspace(tmp_path / "work space"))
    yield record
    record.close()


def live_through(record: Record, run: RunInfo, last_step: int = 3, ends: bool = False) -> None:
    """Say what a run says, as the engine does."""
    board = Board(run.folder.events)
    board.say(RunStarted(100.0, run.id, run.name))
    board.say(PhaseChanged(101.0, "training"))
    for step in range(1, last_step + 1):
        board.say(StepLogged(101.0 + step, step, 0.1, 3.0 - step / 10, 1e-4, 1.0))
    board.say(Evaluated(110.0, last_step, 2.5, 0.1))
    if ends:
        board.say(Finished(111.0, "finished", last_step, "adapter", message("x")))


def claim_in_another_process(record: Record, run_id: str) -> None:
    """Another process claims the run and is gone at once, as after a crash."""
    code = (
        "import os, sys; from pathlib import Path; from tsft.store.record import Record;"
        "from tsft.store.workspace import Workspace; Record(Workspace(Path(sys.argv[1]))).claim(sys.argv[2]);"
        "os._exit(9)"
    )
    source = str(Path(__file__).resolve().parents[1] / "src")
    environment = {**os.environ, "PYTHONPATH": source}
    command = [sys.executable, "-c", code, str(record.workspace.root), run_id]
    assert subprocess.run(command, env=environment, timeout=60).returncode == 9


def test_a_new_run_has_a_folder_with_its_whole_config(record: Record) -> None:
    run = record.create_run(named("Печь 7"), by="anna")
    assert read_config(run.folder.config) == named("Печь 7")
    assert (run.name, run.status, run.model, run.datasets, run.by) == ("Печь 7", "queued", "builtin", ("demo",), "anna")
    assert "Печь-7" in run.id


def test_runs_of_one_name_in_one_second_are_two_runs(record: Record) -> None:
    runs = [record.create_run(named("same")) for _ in range(3)]
    assert len({run.id for run in runs}) == 3
    assert len(record.list_runs()) == 3


def test_a_run_without_a_name_is_called_by_model_and_data(record: Record) -> None:
    assert record.create_run(CONFIG).name == "builtin demo"


def test_search_finds_words_in_any_script_and_case(record: Record) -> None:
    record.create_run(named("Печь 7"))
    record.create_run(named("50% _load"))
    assert [run.name for run in record.list_runs("ПЕЧЬ builtin")] == ["Печь 7"]
    assert [run.name for run in record.list_runs("0%")] == ["50% _load"]
    assert record.list_runs("absent") == []
    assert len(record.list_runs("queued")) == 2


def test_the_second_run_is_refused_by_the_name_of_the_first(record: Record) -> None:
    first, second = record.create_run(named("first")), record.create_run(named("second"))
    record.claim(first.id)
    with pytest.raises(UserError) as caught:
        record.claim(second.id)
    assert caught.value.message.key == "engine.busy"
    assert caught.value.message.values["name"] == "first"
    record.release(first.id, status="stopped")
    record.claim(second.id)
    active = record.active()
    assert active is not None and active.id == second.id


def test_of_many_claims_at_once_one_succeeds(record: Record) -> None:
    runs = [record.create_run(named(str(number))) for number in range(6)]
    outcomes: list[bool] = []
    barrier = threading.Barrier(len(runs))

    def claim(run: RunInfo) -> None:
        barrier.wait()
        try:
            Record(record.workspace).claim(run.id)
            outcomes.append(True)
        except UserError:
            outcomes.append(False)

    threads = [threading.Thread(target=claim, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 5 + [True]


def test_a_claim_forgets_commands_left_for_an_earlier_process(record: Record) -> None:
    run = record.create_run(CONFIG)
    run.folder.commands.write_text('{"at": 1, "command": "stop"}\n')
    record.claim(run.id)
    assert not run.folder.commands.exists()


def test_a_run_whose_process_is_gone_is_interrupted_with_step_and_checkpoint(record: Record) -> None:
    run = record.create_run(named("cut"))
    claim_in_another_process(record, run.id)
    live_through(record, run, last_step=7)
    write_checkpoint(run.folder, 5)
    with run.folder.events.open("a") as file:
        file.write('{"event": "StepLog')
    assert record.active() is None

    (swept,) = record.sweep()
    assert (swept.status, swept.step, swept.checkpoint) == ("interrupted", 7, "checkpoints/checkpoint-5")
    state = replay(run.folder.events)
    assert state.status == "interrupted" and state.finish is not None
    assert state.finish.message.key == "run.interrupted_resumable"
    assert record.sweep() == []


def test_a_run_whose_process_lives_is_not_swept(record: Record) -> None:
    run = record.create_run(CONFIG)
    record.claim(run.id)
    live_through(record, run)
    assert record.sweep() == []


def test_a_run_that_ended_before_its_process_did_keeps_its_end(record: Record) -> None:
    run = record.create_run(CONFIG)
    claim_in_another_process(record, run.id)
    live_through(record, run, ends=True)
    assert record.sweep() == []
    assert record.get(run.id).status == "finished"


def test_a_crash_does_not_block_the_next_run(record: Record) -> None:
    crashed, after = record.create_run(named("crashed")), record.create_run(named("after"))
    claim_in_another_process(record, crashed.id)
    record.claim(after.id)
    assert record.get(crashed.id).status == "interrupted"


def test_an_old_run_whose_events_cannot_be_touched_does_not_block_the_next_one(
    record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    crashed, after = record.create_run(named("crashed")), record.create_run(named("after"))
    claim_in_another_process(record, crashed.id)
    crashed.folder.events.mkdir()  # refuses readers and writers whoever they are
    record.claim(after.id)
    assert record.get(crashed.id).status == "interrupted"
    active = record.active()
    assert active is not None and active.id == after.id
    assert crashed.id in caplog.text


def test_events_that_can_only_be_read_still_give_the_step(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    run = record.create_run(named("cut"))
    claim_in_another_process(record, run.id)
    live_through(record, run, last_step=7)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("tsft.store.cut_off.mend_cut_line", refuse)
    (swept,) = record.sweep()
    assert (swept.status, swept.step) == ("interrupted", 7)


@pytest.mark.parametrize(
    "other",
    [
        lambda own: replace(own, started=own.started - 1000),
        lambda own: replace(own, boot_id="another"),
        lambda own: replace(own, pid=2**22 + 1),
    ],
)
def test_a_process_is_known_by_number_start_and_boot(other) -> None:
    own = this_process()
    assert is_alive(own)
    assert not is_alive(other(own))
    assert not is_alive(None)


def owner_of(pid: int) -> Owner:
    return Owner(pid, this_process().boot_id, owner._started(pid) or 0.0)


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        alive = owner_of(process.pid)
        assert is_alive(alive)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not collected
        assert not is_alive(alive)
    finally:
        process.kill()
        process.wait()


def test_a_missing_table_is_made_anew_from_the_folders(record: Record) -> None:
    done = record.create_run(named("done"), by="anna")
    live_through(record, done, ends=True)
    record.release(done.id, status="finished")
    record.rename(done.id, "renamed")
    record.close()
    for path in record.workspace.root.glob("tsft.db*"):
        path.unlink()

    (run,) = Record(record.workspace).list_runs()
    assert (run.id, run.name, run.by, run.status, run.step) == (done.id, "renamed", "anna", "finished", 3)
    assert (run.loss, run.best_validation_loss, run.result) == (pytest.approx(2.7), 2.5, "adapter")
    assert run.created_at == pytest.approx(done.created_at)


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_file_is_set_aside_with_a_note(record: Record, content: bytes) -> None:
    run = record.create_run(CONFIG)
    record.close()
    for path in record.workspace.root.glob("tsft.db*"):
        path.unlink()
    record.workspace.database.write_bytes(content)

    fresh = Record(record.workspace)
    assert [each.id for each in fresh.list_runs()] == [run.id]
    (note,) = fresh.notes()
    kept = record.workspace.root / note.values["file"]
    assert kept.read_bytes() == content


def test_a_file_that_breaks_while_open_is_set_aside(record: Record) -> None:
    run = record.create_run(CONFIG)
    record._database.write(lambda connection: connection.exec_driver_sql("DROP TABLE runs"))
    assert [each.id for each in record.list_runs()] == [run.id]


def test_a_rebuilt_record_knows_that_a_run_is_still_alive(record: Record) -> None:
    run = record.create_run(CONFIG)
    record.claim(run.id)
    live_through(record, run)
    record.rebuild()
    active = record.active()
    assert active is not None and active.id == run.id
    assert record.sweep() == []


def test_a_folder_put_there_or_taken_away_by_hand_is_noticed_at_the_next_opening(record: Record) -> None:
    one, two = record.create_run(named("one")), record.create_run(named("two"))
    record.close()
    for file in one.folder.path.iterdir():
        file.unlink()
    one.folder.path.rmdir()
    two.folder.path.rename(two.folder.path.with_name("moved"))
    assert [run.id for run in Record(record.workspace).list_runs()] == ["moved"]


def test_a_folder_with_a_broken_config_is_listed_all_the_same(record: Record) -> None:
    run = record.create_run(CONFIG)
    run.folder.config.write_text("{ broken")
    record.rebuild()
    assert [each.id for each in record.list_runs()] == [run.id]


def test_what_the_disk_refuses_is_written_with_the_next_change(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    run = record.create_run(CONFIG)
    write = record._database.write

    def refuse(work):
        raise exc.OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr(record._database, "write", refuse)
    record.release(run.id, status="failed", step=4)
    monkeypatch.setattr(record._database, "write", write)
    record.update(run.id, steps=9)
    found = record.get(run.id)
    assert (found.status, found.step, found.steps) == ("failed", 4, 9)


def test_a_run_whose_end_the_disk_refused_is_not_in_the_way_once_there_is_room(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record.create_run(CONFIG)
    record.claim(run.id)
    write = record._database.write

    def refuse(work):
        raise exc.OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr(record._database, "write", refuse)
    record.release(run.id, status="failed")
    assert record.active() is not None  # nobody could know
    monkeypatch.setattr(record._database, "write", write)
    assert record.active() is None and record.get(run.id).status == "failed"


def test_find_takes_an_id_a_name_or_a_beginning(record: Record) -> None:
    older, newer = record.create_run(named("kiln")), record.create_run(named("kiln"))
    assert record.find(older.id).id == older.id
    assert record.find("kiln").id == newer.id
    assert record.find("ki").id == newer.id
    with pytest.raises(UserError):
        record.find("absent")
    with pytest.raises(UserError):
        record.find("")


def test_an_active_run_is_not_deleted_and_an_ended_one_is_gone(record: Record) -> None:
    run = record.create_run(CONFIG)
    record.claim(run.id)
    with pytest.raises(UserError):
        record.delete(run.id)
    record.release(run.id, status="stopped")
    record.delete(run.id)
    assert record.list_runs() == []
    assert list(record.workspace.runs.iterdir()) == []


def test_an_unknown_column_is_a_bug(record: Record) -> None:
    run = record.create_run(CONFIG)
    with pytest.raises(TypeError):
        record.update(run.id, colour="red")
