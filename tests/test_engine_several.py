"""Runs on two processes (gloo): losses of one process, and a true end whatever becomes of one of them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine_runs import Bench, losses, small
from tests.preference_rows import write_rows
from tests.question_rows import asking
from tests.test_engine_processes import train_in_another_process
from tsft.config.codec import to_json
from tsft.run.board import replay
from tsft.run.events import Event, PhaseChanged
from tsft.run.state import RunState
from tsft.store.owner import host_name, is_alive
from tsft.store.ranks import last_words, log_path, read_signs
from tsft.store.runs import RunFolder, usable_checkpoints

pytestmark = pytest.mark.slow

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
ENDLESS = {"schedule__max_steps": 5_000, "output__save_steps": 2, "data__validation": "none"}


@pytest.fixture(autouse=True)
def one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def told(bench: Bench, state: RunState) -> str:
    """What went wrong, for a test that fails."""
    folder = bench.record.get(state.run_id).folder
    return f"{state.failure} {last_words(log_path(folder, 0), 9)} {last_words(log_path(folder, 1), 9)}"


def write_mixed_rows(bench: Bench) -> str:
    """Rows of which half hold no series, so that one process often meets text alone."""
    lines = []
    for number in range(18):
        series = [[float(number + point % 5) for point in range(40)]] if number % 2 else []
        mark = "<ts><ts/>" if series else ""
        row = {"input": f"Row {number}: {mark} what is it?", "output": f"It is {number}.", "timeseries": series}
        lines.append(json.dumps(row))
    (bench.workspace.datasets / "mixed.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return "mixed"


def both(bench: Bench, **changes: Any) -> tuple[RunState, RunState]:
    """The same run on one process and on two."""
    one = bench.run(small(**changes))
    two = bench.run(small(**changes, processes__count=2))
    assert (one.status, two.status) == ("finished", "finished"), told(bench, two)
    return one, two


def assert_same_losses(bench: Bench, one: RunState, two: RunState) -> None:
    first, second = losses(bench.events(one)), losses(bench.events(two))
    assert first.keys() == second.keys() and len(first) > 1
    assert list(second.values()) == pytest.approx(list(first.values()), rel=1e-4)
    assert [value for _, value in two.validation_loss.shown] == pytest.approx(
        [value for _, value in one.validation_loss.shown], rel=1e-4
    )
    assert two.tokens == one.tokens and two.processes == 2 and one.processes == 0


def test_two_processes_have_the_losses_of_one_and_one_can_go_on_with_what_two_began(bench: Bench) -> None:
    # 33 rows to train on and 2 a step: the last step has rows for one process only.
    settings = {"schedule__max_steps": 0, "schedule__epochs": 1, "data__max_rows": 37, "output__save_steps": 12}
    one, two = both(bench, **settings)

    assert_same_losses(bench, one, two)
    folder = bench.record.get(two.run_id).folder
    assert two.finish is not None and (folder.path / two.finish.result / "adapter_model.safetensors").is_file()
    assert all(sign.is_done for sign in read_signs(folder).values())
    (folder.config).write_text(json.dumps(to_json(small(**settings))), encoding="utf-8")  # the same, on one process
    bench.engine.resume(two.run_id, "test", checkpoint_step=12)
    again = bench.engine.wait(bench.seconds)
    assert again is not None and again.status == "finished" and again.resumed_from == 12
    assert any(note.message.key == "run.other_processes" for note in again.notes)
    after = {step: loss for step, loss in losses(bench.events(again)).items() if step > 12}
    assert list(after.values()) == pytest.approx([losses(bench.events(one))[step] for step in after], rel=1e-4)


def test_all_weights_packed_rows_and_processes_that_meet_text_alone_have_the_losses_of_one(bench: Bench) -> None:
    changes = {"data__datasets": write_mixed_rows(bench), "tuning__method": "full", "data__packing": "separate"}
    lengths = {"data__cutoff_length": 90, "schedule__max_steps": 3, "schedule__gradient_accumulation": 2}

    assert_same_losses(bench, *both(bench, **changes, **lengths))


def test_dpo_on_two_processes_has_the_losses_and_measures_of_one(bench: Bench) -> None:
    changes = {"data__datasets": write_rows(bench.workspace.datasets, "pairs", 16), "data__task": "dpo"}
    one, two = both(bench, **changes, schedule__gradient_accumulation=2, schedule__max_steps=3, output__eval_steps=2)

    assert_same_losses(bench, one, two)
    assert set(two.measured) == set(one.measured) and "margin" in two.measured
    assert two.measured["margin"].last == pytest.approx(one.measured["margin"].last, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("stage", ["grpo", "ppo"])
def test_two_processes_that_learn_from_their_own_answers_end_alike_and_go_on_from_a_checkpoint(
    bench: Bench, stage: str
) -> None:
    beginning = bench.workspace.models / "builtin"
    config = asking(
        bench, stage, beginning, processes__count=2, schedule__batch_size=4, schedule__max_steps=4,
        output__eval_steps=2, output__save_steps=3, tuning__method="lora",
    )  # fmt: skip
    state = bench.run(config)

    assert state.status == "finished", told(bench, state)
    folder = bench.record.get(state.run_id).folder
    assert state.processes == 2 and all(sign.is_done for sign in read_signs(folder).values())
    assert {"mean_reward", "entropy", "validation_mean_reward"} <= set(state.measured)
    bench.engine.resume(state.run_id, "test", checkpoint_step=3)
    again = bench.engine.wait(bench.seconds)
    assert again is not None and again.status == "finished", told(bench, again)
    rewards = state.measured["mean_reward"].last, again.measured["mean_reward"].last
    assert rewards[1] == pytest.approx(rewards[0], rel=1e-4)  # the same answers were drawn


def test_the_writer_killed_in_a_save_fails_the_run_by_its_name_and_leaves_a_whole_checkpoint(bench: Bench) -> None:
    run_id = bench.engine.start(small(**ENDLESS, processes__count=2), "test")
    folder = bench.record.get(run_id).folder
    wait_for(lambda: bool(usable_checkpoints(folder)))
    victim = read_signs(folder)[0]
    when(bench, "saving", lambda: os.kill(victim.pid, signal.SIGKILL))

    state = bench.engine.wait(60)

    assert state is not None and state.status == "failed" and state.failure is not None
    assert (state.failure.kind, state.failure.message.key) == ("process", "process.killed"), told(bench, state)
    values = state.failure.message.values
    assert (values["rank"], values["signal"], values["pid"]) == (0, "SIGKILL", victim.pid)
    assert bench.record.get(run_id).status == "failed" and usable_checkpoints(folder)
    assert replay(folder.events).status == "failed"


def test_a_run_that_hangs_is_ended_and_stops_whole_when_it_goes_on_and_is_asked_in_a_save(bench: Bench) -> None:
    run_id = bench.engine.start(small(**ENDLESS, processes__count=2, processes__silence_minutes=0.1), "test")
    folder = bench.record.get(run_id).folder
    wait_for(lambda: bool(usable_checkpoints(folder)))
    victim = read_signs(folder)[1]
    os.kill(victim.pid, signal.SIGSTOP)

    state = bench.engine.wait(60)

    assert state is not None and state.failure is not None and state.failure.message.key == "process.hung"
    saved = usable_checkpoints(folder)[0].step
    bench.engine.resume(run_id, "test")
    when(bench, "saving", lambda: bench.engine.stop("the page", run_id))
    stopped = bench.engine.wait(90)
    assert stopped is not None and stopped.status == "stopped", told(bench, stopped or state)
    assert stopped.resumed_from == saved and stopped.finish is not None and stopped.finish.result == "adapter"
    assert usable_checkpoints(folder)[0].step == stopped.finish.step


def test_processes_whose_page_is_killed_end_and_the_run_is_interrupted(bench: Bench) -> None:
    process = train_in_another_process(bench, **ENDLESS, processes__count=2)
    wait_for(lambda: any(usable_checkpoints(run.folder) for run in bench.record.list_runs()))
    (run,) = bench.record.list_runs()
    workers = [sign.owner for sign in read_signs(run.folder).values()]
    assert len(workers) == 2 and all(is_alive(each) for each in workers)
    process.send_signal(signal.SIGKILL)
    process.wait()

    (swept,) = bench.swept()

    assert swept.status == "interrupted" and swept.checkpoint
    wait_for(lambda: not any(is_alive(each) for each in workers), 20)


def when(bench: Bench, phase: str, act: Callable[[], object]) -> None:
    """Do something once, as soon as the present run enters a phase."""
    board, done = bench.engine.board, threading.Event()
    assert board is not None

    def hear(event: Event) -> None:
        if isinstance(event, PhaseChanged) and event.phase == phase and not done.is_set():
            done.set()
            act()

    board.listen(hear)


def test_a_run_started_by_hand_appears_with_its_machine_and_obeys(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_json(small(**ENDLESS, output__name="by hand"))), encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    worker = ["-m", "tsft.engine.worker", "--config", str(path), "--workspace", str(bench.workspace.root)]
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    process = subprocess.Popen([*launcher, *worker], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: any(run.step >= 2 for run in bench.swept()))
        (run,) = bench.record.list_runs()
        assert (run.name, run.status, run.host) == ("by hand", "running", host_name())
        assert bench.engine.watched() is not None

        assert bench.engine.command("stop", "the page", run.id)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 0, output.decode(errors="replace")
    wait_for(lambda: bench.swept()[0].status == "stopped")
    ended = bench.record.get(run.id)
    assert ended.host == "" and usable_checkpoints(RunFolder(ended.folder.path))


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def both_strategies(bench: Bench, strategy: str, **changes: Any) -> None:
    """Two steps and the same losses as DDP's, a result that reads like any other, and going on from a checkpoint."""
    settings = {"schedule__max_steps": 2, "output__save_steps": 1, "data__max_rows": 12}
    whole = bench.run(small(**settings, **changes))
    parts = bench.run(small(**settings, **changes, processes__count=2, processes__strategy=strategy))
    assert parts.status == "finished", told(bench, parts)
    expected = losses(bench.events(whole))
    assert list(losses(bench.events(parts)).values()) == pytest.approx(list(expected.values()), rel=1e-3)
    assert parts.validation_loss.last == pytest.approx(whole.validation_loss.last, rel=1e-3)
    assert_same_weights(bench, whole, parts)

    bench.engine.resume(parts.run_id, "test", checkpoint_step=1)
    again = bench.engine.wait(bench.seconds)
    assert again is not None and again.status == "finished", told(bench, again or parts)
    assert losses(bench.events(again))[2] == pytest.approx(expected[2], rel=1e-3)


def assert_same_weights(bench: Bench, one: RunState, two: RunState) -> None:
    from safetensors.torch import load_file

    folders = [bench.record.get(state.run_id).folder.path / state.finish.result for state in (one, two) if state.finish]
    first, second = (load_file(next(folder.glob("*.safetensors"))) for folder in folders)
    assert first.keys() == second.keys()
    for name, weights in first.items():
        assert second[name].shape == weights.shape
        assert float((second[name].float() - weights.float()).abs().max()) < 5e-3, name


def test_fsdp2_has_the_losses_of_one_process_and_leaves_whole_weights(bench: Bench) -> None:
    both_strategies(bench, "fsdp2", tuning__method="full", schedule__gradient_accumulation=4)


@pytest.mark.parametrize("strategy", ["deepspeed_zero2", "deepspeed_zero3"])
def test_deepspeed_has_the_losses_of_one_process_and_leaves_whole_weights(bench: Bench, strategy: str) -> None:
    pytest.importorskip("deepspeed")
    both_strategies(bench, strategy)
