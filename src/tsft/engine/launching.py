"""Starts the processes of a run on this machine and watches them: a run ends truly, whatever becomes of one of them.

They get the environment that torchrun gives, and run `engine/worker.py` as under torchrun. This process holds the
store they meet at, writes the heartbeat, and says how it ended when they cannot.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import tsft
from tsft.engine.discarding import ended_by_force
from tsft.engine.far_control import FarControl
from tsft.engine.job import Job
from tsft.engine.verdict import fault_of, hung, is_still
from tsft.run.board import SharedBoard
from tsft.store.owner import this_process
from tsft.store.ranks import clear_signs, last_words, log_path, read_signs

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
# After one has failed the others notice within moments and say so; after the run's end they only leave.
FAULT_SECONDS = 5.0
LEAVING_SECONDS = 20.0
# What the processes are told of the one that watches them.
SUPERVISOR = "TSFT_SUPERVISOR"


class Process(Protocol):
    """What is needed of `subprocess.Popen`."""

    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def wait(self) -> int: ...


def run_processes(job: Job) -> None:
    """Do the run with processes of its own on this machine. Its end is on the board afterwards, whoever said it."""
    from torch.distributed import TCPStore

    count = job.config.processes.count
    clear_signs(job.folder)
    job.folder.ranks.mkdir(exist_ok=True)
    # Port 0: the first free one. It is held from here on, so that nobody else can take it meanwhile.
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(days=30))
    command = _command(job)
    processes = [_started(job, command, _environment(job, rank, count, store.port), rank) for rank in range(count)]
    try:
        supervise(job, processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        del store


def supervise(
    job: Job,
    processes: Sequence[Process],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Watch until all have ended or have to. Says the run's end where none of them did."""
    board, control = job.board, job.control
    assert isinstance(board, SharedBoard) and isinstance(control, FarControl)
    ended_at, silence = 0.0, job.config.processes.silence_minutes
    while True:
        board.take_in()
        codes = {rank: code for rank, process in enumerate(processes) if (code := process.poll()) is not None}
        is_over = not board.state.is_active
        if len(codes) == len(processes):
            break
        if control.is_forced:
            _kill(processes)
            board.take_in()
            if board.state.is_active:
                board.say(ended_by_force(job))
            return
        if is_over or any(codes.values()):
            ended_at = ended_at or clock()
            if clock() - ended_at > (LEAVING_SECONDS if is_over else FAULT_SECONDS):
                break
        signs = list(read_signs(job.folder).values())
        if len(signs) == len(processes) and is_still(signs, silence, time.time()):
            _kill(processes)
            board.say(hung(signs, silence, board.state.step, _words(job, len(processes))))
            return
        sleep(POLL_SECONDS)
    _kill(processes)
    board.take_in()
    if board.state.is_active:
        words = _words(job, len(processes))
        board.say(fault_of(read_signs(job.folder), codes, words, board.state.step, len(processes)))


def _words(job: Job, count: int) -> dict[int, str]:
    return {rank: last_words(log_path(job.folder, rank)) for rank in range(count)}


def _kill(processes: Sequence[Process]) -> None:
    for process in processes:
        if process.poll() is None:
            process.kill()


def _command(job: Job) -> list[str]:
    command = [sys.executable, "-m", "tsft.engine.worker", "--run", str(job.folder.path)]
    if job.resume_from is not None:
        command += ["--step", str(job.resume_from.step)]
    return [*command, "--handed-on"] if job.is_handed_on else command


def _started(job: Job, command: Sequence[str], environment: Mapping[str, str], rank: int) -> "subprocess.Popen[bytes]":
    with log_path(job.folder, rank).open("ab") as log:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C in the terminal is a wish to us, not the end of it.
            start_new_session=True,
        )
    logger.info("started process %d of %s (id %d)", rank, job.folder.id, process.pid)
    return process


def _environment(job: Job, rank: int, count: int, port: int) -> dict[str, str]:
    """As torchrun sets it, with this process as the agent that holds the store."""
    here = str(Path(tsft.__file__).parents[1])
    path = os.pathsep.join(each for each in (here, os.environ.get("PYTHONPATH", "")) if each)
    threads = max(1, (os.cpu_count() or 1) // count)
    return {
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        SUPERVISOR: json.dumps(asdict(this_process())),
    }
