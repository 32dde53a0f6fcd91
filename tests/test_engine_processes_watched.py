"""Watching over processes: who was at fault, when a run hangs, and that a wish reaches all at the same moment."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine_runs import small
from tests.store_fakes import write_checkpoint
from tsft.config.check import check
from tsft.engine.agreement import AgreedControl
from tsft.engine.far_control import FarControl
from tsft.engine.job import Job
from tsft.engine.launching import supervise
from tsft.engine.sampler import EpochSampler
from tsft.engine.shared_batches import SharedBatches
from tsft.engine.team import Team
from tsft.engine.verdict import fault_of, has_lost_others, is_still
from tsft.errors import message
from tsft.run.board import Board, SharedBoard
from tsft.run.events import Failed, Finished, PhaseChanged, RunStarted, StepLogged, to_line
from tsft.run.ports import Stopped
from tsft.store.commands import CommandReader
from tsft.store.ranks import Sign, log_path, read_signs, write_sign
from tsft.store.runs import RunFolder
from tsft.store.workspace import open_workspace


def sign(rank: int, **changes: Any) -> Sign:
    return replace(Sign(rank, "node1", 100 + rank, "boot", 1.0, 50.0, 7, time.time(), 3), **changes)


def told(key: str) -> dict[str, Any]:
    """A process's own fault, as it lies in its sign."""
    import json

    return json.loads(to_line(Failed(1.0, "memory", message(key), None)))


class FakeProcess:
    """Ends with `code` once `ends` says so, or when it is killed."""

    def __init__(self, code: int | None = None) -> None:
        self.code = code
        self.is_killed = False

    def poll(self) -> int | None:
        return self.code

    def kill(self) -> None:
        self.is_killed = True
        self.code = -9 if self.code is None else self.code

    def wait(self) -> int:
        return self.code or 0


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A run of two processes that trains; its folder, board and control as an engine makes them."""
    workspace = open_workspace(tmp_path)
    folder = RunFolder(workspace.runs / "run")
    folder.path.mkdir()
    folder.ranks.mkdir()
    board = SharedBoard(folder.events)
    board.say(RunStarted(1.0, "run", "run", processes=2))
    board.say(PhaseChanged(2.0, "training"))
    return Job(small(processes__count=2), folder, "run", workspace, board, FarControl(board, folder))


def watch(job: Job, processes: list[FakeProcess], each: Callable[[int], None] = lambda tick: None) -> Failed | Finished:
    """What the board says at the end; `each` is called at every look, a second apart."""
    ticks = [0]

    def sleep(_: float) -> None:
        ticks[0] += 1
        assert ticks[0] < 200, "it watches for ever"
        each(ticks[0])

    supervise(job, processes, sleep, clock=lambda: float(ticks[0]))
    assert all(process.poll() is not None for process in processes)
    state = job.board.state
    end = state.failure or state.finish
    assert end is not None and not state.is_active
    return end


def test_events_of_the_processes_reach_listeners_and_state_once(job: Job) -> None:
    heard: list[object] = []
    job.board.listen(heard.append)
    others = Board(job.folder.events)
    processes = [FakeProcess(), FakeProcess()]

    def each(tick: int) -> None:
        if tick == 1:
            others.say(StepLogged(3.0, 1, 0.1, 2.5, 1e-4, 1.0))
        if tick == 2:
            others.say(Finished(4.0, "finished", 1, "adapter", message("run.finished")))
            processes[0].code = processes[1].code = 0

    end = watch(job, processes, each)

    assert isinstance(end, Finished) and [type(event).__name__ for event in heard] == ["StepLogged", "Finished"]
    assert job.board.state.loss.last == 2.5


def test_a_killed_process_is_named_and_the_others_are_ended(job: Job) -> None:
    write_sign(job.folder, sign(0))
    write_sign(job.folder, sign(1))
    log_path(job.folder, 1).write_text("first\n\nlast words\n", encoding="utf-8")
    processes = [FakeProcess(), FakeProcess(-9)]

    def each(tick: int) -> None:
        if tick == 2:  # the first notices, and says so only in its sign
            write_sign(job.folder, sign(0, failed=told("failure.bug"), has_lost_others=True))

    end = watch(job, processes, each)

    assert isinstance(end, Failed) and (end.kind, end.message.key) == ("process", "process.killed")
    assert end.message.values["rank"] == 1 and end.message.values["signal"] == "SIGKILL"
    assert end.traceback == "first / last words" and processes[0].is_killed


def test_a_process_that_says_why_comes_before_those_that_only_lost_it() -> None:
    signs = {0: sign(0, failed=told("failure.bug"), has_lost_others=True), 1: sign(1, failed=told("failure.memory"))}

    end = fault_of(signs, {0: 1, 1: 1}, {}, 3, 2)

    assert end.kind == "memory" and end.message.key == "process.failed"
    assert (end.message.values["rank"], end.message.values["host"]) == (1, "node1")


def test_a_process_that_left_without_a_word_is_told_with_its_code_and_what_its_log_says() -> None:
    end = fault_of({0: sign(0)}, {0: 0, 1: 1}, {1: "ImportError: no module"}, 3, 2)

    assert (end.message.key, end.message.values["code"], end.traceback) == (
        "process.exited",
        1,
        "ImportError: no module",
    )


def test_processes_that_end_well_without_an_end_of_the_run_fail_it(job: Job) -> None:
    end = watch(job, [FakeProcess(0), FakeProcess(0)])

    assert isinstance(end, Failed) and end.message.key == "process.ended"


def test_a_run_in_which_nothing_moves_is_ended_and_the_one_behind_is_named(job: Job) -> None:
    long_ago = time.time() - 3_600
    write_sign(job.folder, sign(0, moves=9, moved_at=long_ago))
    write_sign(job.folder, sign(1, moves=8, moved_at=long_ago))

    end = watch(job, [FakeProcess(), FakeProcess()])

    assert isinstance(end, Failed) and (end.message.key, end.message.values["rank"]) == ("process.hung", 1)


def test_waiting_for_one_that_moves_is_no_hanging() -> None:
    now = 10_000.0
    waiting, working = sign(0, moved_at=now - 3_600), sign(1, moved_at=now - 5)

    assert is_still([waiting], 30, now) and not is_still([waiting, working], 30, now)
    assert not is_still([waiting], 0, now) and not is_still([], 30, now)


def test_force_ends_the_processes_and_names_the_checkpoint_to_go_on_from(job: Job) -> None:
    write_checkpoint(job.folder, 4)
    processes = [FakeProcess(), FakeProcess()]

    end = watch(job, processes, lambda tick: job.control.give("force_stop", "Ann"))

    assert isinstance(end, Finished) and (end.status, end.message.key) == ("stopped", "run.forced_resumable")
    assert all(process.is_killed for process in processes)
    assert [(each.command, each.by) for each in job.board.state.commands] == [("force_stop", "Ann")]


def test_other_wishes_go_through_the_folder_to_the_first_process(job: Job) -> None:
    job.control.give("pause", "Ann")
    job.control.hear("stop", "Bob")  # left in the folder by somebody else: the first process reads it there

    assert [each.command for each in CommandReader(job.folder).read()] == ["pause"]
    assert job.board.state.commands == ()


@pytest.mark.parametrize("said", ["Connection closed by peer [127.0.0.1]:1", "NCCL error: ncclRemoteError: remote"])
def test_an_error_that_is_only_the_loss_of_others_is_known(said: str) -> None:
    assert has_lost_others(RuntimeError(said)) and not has_lost_others(ValueError(said))
    assert not has_lost_others(RuntimeError("CUDA out of memory"))


def test_a_sign_is_read_back_and_a_broken_one_left_out(job: Job) -> None:
    write_sign(job.folder, sign(1, failed=told("failure.memory")))
    (job.folder.ranks / "0.json").write_text('{"rank": 0', encoding="utf-8")

    assert read_signs(job.folder) == {
        1: sign(1, failed=told("failure.memory"), moved_at=read_signs(job.folder)[1].moved_at)
    }


# -- sharing of rows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "accumulation", "count", "share"),
    [(2, 4, 2, (2, 2)), (2, 4, 4, (2, 1)), (4, 1, 2, (2, 1)), (2, 4, 8, (1, 1)), (3, 4, 2, (3, 2)), (4, 3, 2, (3, 2))],
)
def test_a_step_has_as_many_rows_with_several_processes(
    batch: int, accumulation: int, count: int, share: tuple[int, int]
) -> None:
    from tsft.config.shares import share_of

    schedule = small(schedule__batch_size=batch, schedule__gradient_accumulation=accumulation).schedule
    made = share_of(schedule, count)
    assert made is not None and (made.batch_size, made.accumulation) == share
    assert made.batch_size * made.accumulation * count == batch * accumulation and made.batch_size <= batch


def test_rows_that_cannot_be_shared_evenly_are_refused() -> None:
    config = small(schedule__batch_size=2, schedule__gradient_accumulation=3, processes__count=4)
    assert [each.message.key for each in check(config)] == ["check.processes_share"]


@pytest.mark.parametrize(("rows", "size", "width"), [(17, 2, 2), (16, 4, 2), (3, 4, 1), (9, 2, 4)])
def test_together_the_processes_take_the_rows_of_one_in_its_order(rows: int, size: int, width: int) -> None:
    import numpy as np

    sampler = EpochSampler(np.arange(rows), width, 7, groups_by_length=False)
    shares = [list(SharedBatches(sampler, width, rank, size)) for rank in range(size)]

    assert len({len(share) for share in shares} | {len(SharedBatches(sampler, width, 0, size))}) == 1
    together = [row for batches in zip(*shares, strict=True) for batch in batches for row in batch]
    assert [row for row in together if row >= 0] == list(sampler)
    assert all(~row in list(sampler) for row in together if row < 0)


# -- one wish, many processes ------------------------------------------------------------------------------------


class ThreadTeam(Team):
    """A team of threads: they meet at a barrier."""

    def __init__(self, rank: int, size: int, barrier: threading.Barrier, table: list[Any]) -> None:
        self.rank, self.size = rank, size
        self._barrier, self._table = barrier, table

    def told(self, value: Any) -> Any:
        if self.is_first:
            self._table[0] = value
        self._barrier.wait(20)
        said = self._table[0]
        self._barrier.wait(20)
        return said

    def number(self, value: int) -> int:
        return int(self.told(value))

    def wait(self) -> None:
        self._barrier.wait(20)


def in_step(size: int, work: Callable[[AgreedControl], None]) -> list[AgreedControl]:
    """Let threads do `work`, each with the control of its process; the controls, the first process's first."""
    barrier, table = threading.Barrier(size), [None]
    controls = [AgreedControl(Board(), ThreadTeam(rank, size, barrier, table)) for rank in range(size)]
    threads = [threading.Thread(target=work, args=(control,)) for control in controls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return controls


def test_all_stop_at_the_same_step_whenever_the_first_is_asked() -> None:
    stopped_at: list[int] = []

    def work(control: AgreedControl) -> None:
        control.together()
        for step in range(10_000):
            if step == 5 and control._team.is_first:
                threading.Timer(0.01, lambda: control.give("stop", "Ann")).start()
            try:
                control.obey()
            except Stopped:
                stopped_at.append(step)
                return

    controls = in_step(3, work)
    assert len(stopped_at) == 3 and len(set(stopped_at)) == 1
    assert all(each.is_stopping for each in controls)


def test_a_checkpoint_is_made_by_all_even_while_they_pause_and_all_go_on() -> None:
    saved: list[int] = []

    def work(control: AgreedControl) -> None:
        def save() -> None:
            saved.append(control._team.rank)
            control.done("checkpoint")
            if control._team.is_first:
                control.give("continue", "Ann")

        control.handle({"checkpoint": save})
        control.together()
        if control._team.is_first:
            control.give("pause", "Ann")
            control.give("checkpoint", "Ann")
        control.obey()
        assert not control.is_wished("checkpoint") and not control.is_wished("pause")

    (first, *_) = in_step(2, work)
    assert sorted(saved) == [0, 1] and first._board.state.pending == ()


def test_before_they_are_together_only_the_first_waits_for_nobody() -> None:
    def work(control: AgreedControl) -> None:
        for _ in range(3 if control._team.is_first else 0):
            control.obey()

    in_step(2, work)
