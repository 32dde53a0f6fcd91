"""The queue at work: runs go one after another, also after a failure; a stop of the process starts nothing more."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine_runs import SECONDS, Bench, make_bench, small
from tsft.config.run_config import RunConfig
from tsft.engine import queue
from tsft.errors import UserError
from tsft.run.board import replay
from tsft.run.state import ACTIVE
from tsft.store.record import Record

QUICK = {"data__validation": "none", "data__max_rows": 8, "schedule__max_steps": 1}


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "POLL_SECONDS", 0.05)


def wait_for(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def quick(name: str, **changes: object) -> RunConfig:
    return small(**{**QUICK, "output__name": name, **changes})


def statuses(record: Record) -> dict[str, str]:
    return {run.name: run.status for run in record.list_runs()}


def none_left(record: Record) -> bool:
    return not record.waiting() and not any(run.status in ACTIVE for run in record.list_runs())


@pytest.mark.slow
def test_three_runs_go_one_after_another_and_the_one_that_fails_in_the_middle_stops_nothing(bench: Bench) -> None:
    bench.engine.hold_queue(True)
    ids = bench.engine.enqueue([quick("a"), quick("b")], "anna")
    (bench.workspace.datasets / "extra.jsonl").write_text(
        '{"input": "<ts><ts/> Up?", "output": "Yes", "timeseries": [[1, 2, 3]]}\n' * 8, encoding="utf-8"
    )
    middle = bench.engine.enqueue([quick("gone", data__datasets="extra")], "anna")[0]
    bench.engine.move(middle, 2)
    assert [entry.name for entry in bench.engine.queue()] == ["a", "gone", "b"]
    (bench.workspace.datasets / "extra.jsonl").unlink()  # after it was queued

    bench.engine.serve_queue()
    time.sleep(0.2)
    assert set(statuses(bench.record).values()) == {"queued"}  # held
    bench.engine.hold_queue(False)
    wait_for(lambda: none_left(bench.record))

    assert statuses(bench.record) == {"a": "finished", "gone": "failed", "b": "finished"}
    ended = {run.id: run for run in bench.record.list_runs()}
    assert [ended[each].started_at for each in ids] == sorted(ended[each].started_at for each in ids)
    failed = replay(ended[middle].folder.events)
    assert failed.failure is not None and failed.failure.kind == "settings"
    assert failed.failure.settings == ("data.datasets",) and ended[middle].by == "anna"


def test_a_config_is_fixed_when_it_is_queued_and_a_wrong_one_is_refused_then(bench: Bench) -> None:
    with pytest.raises(UserError) as refused:
        bench.engine.enqueue([quick("right"), quick("wrong", data__datasets="nowhere")])
    assert [problem.field for problem in refused.value.problems] == ["data.datasets"]
    assert bench.engine.queue() == [] and bench.record.list_runs() == []


def test_runs_of_one_sweep_belong_together_and_another_sweep_is_another(bench: Bench) -> None:
    bench.engine.enqueue([quick("a"), quick("b")], sweep="rank")
    bench.engine.enqueue([quick("c")], sweep="rank again")
    a, b, c = bench.record.waiting()
    assert a.sweep == b.sweep != c.sweep and a.sweep.endswith("rank")
    assert [run.name for run in bench.record.list_runs(sweep=a.sweep, sort="name")] == ["a", "b"]


@pytest.mark.slow
def test_closing_stops_the_present_run_and_starts_no_other_and_the_next_process_goes_on(bench: Bench) -> None:
    bench.engine.enqueue([quick("long", schedule__max_steps=5_000), quick("next")])
    bench.engine.serve_queue()
    wait_for(lambda: bench.engine.board is not None and bench.engine.board.state.step >= 1)
    assert bench.engine.close()
    assert statuses(bench.record) == {"long": "stopped", "next": "queued"}
    bench.record.close()

    again = make_bench(bench.workspace.root)
    try:
        again.engine.serve_queue()
        wait_for(lambda: none_left(again.record))
        assert statuses(again.record) == {"long": "stopped", "next": "finished"}
    finally:
        again.engine.close()


@pytest.mark.slow
def test_a_stopped_run_can_be_queued_to_go_on_from_its_checkpoint(bench: Bench) -> None:
    state = bench.run(quick("cut", schedule__max_steps=12), lambda event: _stop_after(bench, 2))
    step = bench.record.get(state.run_id).step
    assert bench.engine.enqueue_resume(state.run_id, "anna") == state.run_id
    assert [(entry.run_id, entry.step) for entry in bench.engine.queue()] == [(state.run_id, step)]
    assert bench.engine.start_next() == state.run_id
    ended = bench._to_end(None)
    assert (ended.status, ended.resumed_from) == ("finished", step)


def _stop_after(bench: Bench, step: int) -> None:
    if bench.engine.board is not None and bench.engine.board.state.step >= step:
        bench.engine.stop("test")


@pytest.mark.slow
def test_two_engines_on_one_workspace_never_start_the_same_run(bench: Bench) -> None:
    other_record = Record(bench.workspace)
    other = make_bench(bench.workspace.root).engine
    ids = bench.engine.enqueue([quick(str(number)) for number in range(4)])
    try:
        bench.engine.serve_queue()
        other.serve_queue()
        wait_for(lambda: none_left(other_record))
    finally:
        other.close()
    runs = [bench.record.get(run_id) for run_id in ids]
    assert [run.status for run in runs] == ["finished"] * 4
    for run in runs:
        lines = run.folder.events.read_text(encoding="utf-8").splitlines()
        assert sum('"RunStarted"' in line for line in lines) == 1
    times = sorted((run.started_at, run.ended_at) for run in runs)
    assert all(ended <= started for (_, ended), (started, _) in zip(times, times[1:], strict=False))


SERVE = """
import sys, threading
from pathlib import Path
from tsft.engine.engine import Engine
from tsft.store.record import Record
from tsft.store.workspace import open_workspace
workspace = open_workspace(Path(sys.argv[1]))
Engine(workspace, Record(workspace)).serve_queue()
threading.Event().wait()
"""


@pytest.mark.slow
def test_two_processes_that_work_one_queue_off_start_each_run_once(bench: Bench) -> None:
    ids = bench.engine.enqueue([quick(str(number)) for number in range(4)])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
    command = [sys.executable, "-c", SERVE, str(bench.workspace.root)]
    servers = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        wait_for(lambda: none_left(bench.record))
    finally:
        for server in servers:
            server.kill()
            server.wait()
    for run_id in ids:
        run = bench.record.get(run_id)
        assert run.status == "finished"
        assert run.folder.events.read_text(encoding="utf-8").count('"RunStarted"') == 1
