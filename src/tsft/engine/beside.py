"""The process beside a run that answers on the CPU: started at the first order, ended when idle, asked in JSON lines.

What goes on in it is `engine.answer_process`. Nothing heavy is loaded here.
"""

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tsft
from tsft.config.codec import to_json
from tsft.config.run_config import RunConfig
from tsft.errors import Message, Problem, UserError, message
from tsft.run.answers import Answer, AnswerOptions, Question
from tsft.run.ports import Stopped

logger = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
POLL_SECONDS = 0.1
# A wish to stop is obeyed between two tokens; a process that is still not done then hangs in loading, and is ended.
STOP_SECONDS = 10.0
# The run keeps the cores it computes with: a quarter of them at most is taken, and at a lower priority.
MOST_THREADS = 4

Hear = Callable[[Mapping[str, Any]], None]


class AnswerProcess:
    """At most one process. `run` is called by one thread at a time, `end` by any."""

    def __init__(self, workspace: Path, idle_seconds: float = IDLE_SECONDS) -> None:
        self._workspace = workspace
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors: Any = None
        self._timer: threading.Timer | None = None

    @property
    def is_alive(self) -> bool:
        process = self._process
        return process is not None and process.poll() is None

    @property
    def id(self) -> int:
        """Of the process, 0 when there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else 0

    def run(self, order: Mapping[str, Any], hear: Hear, should_stop: Callable[[], bool]) -> None:
        """Give one order and hear every line of the answer until its end.

        Raises Stopped, a UserError of the order itself, or `engine.beside_ended` when the process crashed.
        """
        process = self._ready()
        _send(process, order)
        stop_at = 0.0
        while True:
            try:
                line = self._lines.get(timeout=POLL_SECONDS)
            except queue.Empty:
                line = ""
            if line is None:
                raise self._crash(process)
            said = json.loads(line) if line else {}
            if "end" in said:
                self._wait_idle()
                _raise_end(said["end"])
                return
            if said:
                hear(said)
            if should_stop():
                stop_at = stop_at or time.monotonic()
                _send(process, {"do": "stop"})
                if time.monotonic() - stop_at > STOP_SECONDS:
                    self.end()
                    raise Stopped

    def end(self) -> None:
        """End the process and what it does, and wait until its memory is free."""
        with self._lock:
            process, self._process, errors = self._process, None, self._errors
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        if process is not None:
            _end(process)
            errors.close()

    def _ready(self) -> "subprocess.Popen[str]":
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._process is None or self._process.poll() is not None:
                self._process = self._started()
            return self._process

    def _started(self) -> "subprocess.Popen[str]":
        self._lines = queue.Queue()
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (outlives this)
        process = subprocess.Popen(
            [sys.executable, "-m", "tsft.engine.answer_process", str(self._workspace)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            bufsize=1,
            # A session of its own: Ctrl-C in the terminal is a wish to us, not the end of it.
            start_new_session=True,
        )
        reader = threading.Thread(target=_read, args=(process, self._lines), name="tsft-beside", daemon=True)
        reader.start()
        logger.info("started a process that answers on the CPU (id %d)", process.pid)
        return process

    def _wait_idle(self) -> None:
        with self._lock:
            timer = threading.Timer(self._idle_seconds, lambda: self._end_idle(timer))
            timer.daemon = True
            self._timer = timer
            timer.start()

    def _end_idle(self, timer: threading.Timer) -> None:
        with self._lock:
            process, self._process = (self._process, None) if self._timer is timer else (None, self._process)
            errors = self._errors
        if process is not None:  # no order took it meanwhile
            _end(process)
            errors.close()

    def _crash(self, process: "subprocess.Popen[str]") -> UserError:
        process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        code = process.returncode
        why = signal.Signals(-code).name if code < 0 else "".join(lines[-1:])[:200] or str(code)
        logger.warning("lost the process that answers on the CPU (%s): %s", code, "; ".join(lines[-3:]))
        self.end()
        return UserError(message("engine.beside_ended", why=why))


def ask_order(config: RunConfig, questions: Sequence[Question], options: AnswerOptions) -> dict[str, Any]:
    return {**_order(config, options), "do": "answer", "questions": [asdict(each) for each in questions]}


def attribution_order(
    config: RunConfig, question: Question, answer: str, part: tuple[int, int], options: AnswerOptions
) -> dict[str, Any]:
    return {**_order(config, options), "do": "attribute", "question": asdict(question), "answer": answer, "part": part}


def answer_json(answer: Answer) -> dict[str, Any]:
    return {**asdict(answer), "problem": answer.problem.to_json() if answer.problem is not None else None}


def answer_from(tree: Mapping[str, Any]) -> Answer:
    problem = Message.from_json(tree["problem"]) if tree["problem"] else None
    return Answer(**{**tree, "problem": problem})


def end_json(is_stopped: bool, problem: Problem | None) -> dict[str, Any]:
    told = {"field": problem.field, "message": problem.message.to_json()} if problem is not None else None
    return {"is_stopped": is_stopped, "problem": told}


def few_threads() -> int:
    """How many CPU threads the process computes with at most."""
    return max(1, min(MOST_THREADS, (os.cpu_count() or 1) // 4))


def environment() -> dict[str, str]:
    """Of the process: no accelerator to be seen, and few threads."""
    threads = str(few_threads())
    here = str(Path(tsft.__file__).parents[1])
    path = os.pathsep.join(each for each in (here, os.environ.get("PYTHONPATH", "")) if each)
    hidden = dict.fromkeys(("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"), "")
    counted = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    return {**os.environ, **hidden, **counted, "PYTHONPATH": path, "TOKENIZERS_PARALLELISM": "false"}


def _order(config: RunConfig, options: AnswerOptions) -> dict[str, Any]:
    return {"config": to_json(config), "options": asdict(options)}


def _send(process: "subprocess.Popen[str]", order: Mapping[str, Any]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(order, default=_plain) + "\n")
        process.stdin.flush()
    except (BrokenPipeError, OSError, ValueError):
        logger.debug("lost the pipe to the answering process")  # its end comes as the end of its lines


def _plain(value: Any) -> Any:
    """Arrays and their numbers as lists; anything else is told as it is and refused where it is read."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _read(process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    assert process.stdin is not None
    try:
        process.stdin.close()
    except OSError:  # what was still to be written to it
        logger.debug("closed the pipe to a process that was gone")


def _raise_end(end: Mapping[str, Any]) -> None:
    if end["problem"]:
        raise UserError(Problem(end["problem"]["field"], Message.from_json(end["problem"]["message"])))
    if end["is_stopped"]:
        raise Stopped
