"""Runs and processes: a killed one is found and finished, one process can stop another's, memory does not grow."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.engine_runs import SMALL, Bench, losses, small
from tsft.run.board import Follower
from tsft.store.runs import usable_checkpoints

pytestmark = pytest.mark.slow


def train_in_another_process(bench: Bench, **changes: object) -> "subprocess.Popen[bytes]":
    flags = {**SMALL, **{name.replace("__", "."): value for name, value in changes.items()}}
    (bench.workspace.presets / "other.json").write_text('{"format": 1}', encoding="utf-8")
    command = [sys.executable, "-m", "tsft", "train", "other", "--workspace", str(bench.workspace.root)]
    for name, value in flags.items():
        command += [f"--{name}", str(value)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def has_checkpoint(bench: Bench) -> bool:
    return any(usable_checkpoints(run.folder) for run in bench.record.list_runs())


def test_a_killed_run_is_found_interrupted_and_resuming_finishes_it_with_the_same_losses(bench: Bench) -> None:
    settings = {"schedule__max_steps": 40, "output__save_steps": 5, "output__eval_steps": 10}
    whole = bench.run(small(**settings))
    process = train_in_another_process(bench, **settings)
    wait_for(lambda: len(bench.record.list_runs()) == 2)
    killed = next(run for run in bench.record.list_runs() if run.id != whole.run_id)
    wait_for(lambda: bool(usable_checkpoints(killed.folder)))
    process.send_signal(signal.SIGKILL)
    process.wait()

    swept = bench.record.sweep()

    assert [run.id for run in swept] == [killed.id]
    assert swept[0].status == "interrupted" and swept[0].checkpoint.startswith("checkpoints/checkpoint-")
    state = bench.resume(killed.id)
    assert state.status == "finished" and state.resumed_from >= 5
    assert losses(bench.events(state)) == losses(bench.events(whole))


def test_a_run_of_another_process_is_shown_refuses_a_second_and_can_be_stopped(bench: Bench) -> None:
    from tsft.errors import UserError

    process = train_in_another_process(bench, schedule__max_steps=5_000)
    wait_for(lambda: bench.engine.watched() is not None)
    watched = bench.engine.watched()
    assert isinstance(watched, Follower)
    wait_for(lambda: watched.read()[1].step >= 2)
    with pytest.raises(UserError) as refused:
        bench.engine.start(small())
    assert refused.value.message.key == "engine.busy"

    assert bench.engine.stop("the page")
    output, _ = process.communicate(timeout=90)

    state = watched.read()[1]
    assert state.status == "stopped", output.decode(errors="replace")
    assert state.commands[0].by == "the page"


def test_ten_runs_in_one_process_keep_the_memory_of_the_first(bench: Bench) -> None:
    process = psutil.Process()
    config = small(schedule__max_steps=6)
    bench.run(config)
    after_first = process.memory_info().rss
    for _ in range(9):
        assert bench.run(config).status == "finished"

    growth = process.memory_info().rss / after_first - 1

    assert growth < 0.05, f"{growth:.1%}"
