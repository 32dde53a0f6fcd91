"""The process that answers on the CPU while a run has the machine: `python -m tsft.engine.answer_process WORKSPACE`.

Orders come as JSON lines on stdin, answers go out as JSON lines on stdout; the end of stdin ends it. The other side,
with the forms of the lines, is `engine.beside`.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from tsft.config.codec import from_json
from tsft.config.run_config import RunConfig
from tsft.engine.answering import AnswerDesk
from tsft.engine.attributing import attribution_json
from tsft.engine.beside import answer_json, end_json, few_threads
from tsft.errors import Problem
from tsft.run.answers import Answer, AnswerOptions, Question
from tsft.store.workspace import open_workspace

# Of the CPU's time the run goes first: about a tenth of its share is left to this process where both want all.
NICENESS = 10
POLL_SECONDS = 0.1

Say = Callable[[Mapping[str, Any]], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stdin ends; returns the exit code."""
    root = Path((sys.argv[1:] if arguments is None else arguments)[0])
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    say = _speaker(_own_stdout())
    desk = AnswerDesk(open_workspace(root), lambda: None, spares_memory=True)
    orders: queue.Queue[Mapping[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin, desk, orders), name="tsft-orders", daemon=True).start()
    while True:
        obey(orders.get(), desk, say)


def obey(order: Mapping[str, Any], desk: AnswerDesk, say: Say) -> None:
    """Do one order to its end and say how it ended."""
    config = _for_cpu(from_json(order["config"]))
    options = replace(AnswerOptions(**order["options"]), keeps_model=True)
    if order["do"] == "attribute":
        is_stopped, problem = _attribute(order, config, options, desk, say)
    else:
        is_stopped, problem = _answer(order, config, options, desk, say)
    say({"end": end_json(is_stopped, problem)})


def _answer(
    order: Mapping[str, Any], config: RunConfig, options: AnswerOptions, desk: AnswerDesk, say: Say
) -> tuple[bool, Problem | None]:
    def tell(answer: Answer) -> None:
        say({"answer": answer_json(answer)})

    desk.begin(config, [Question(**each) for each in order["questions"]], options, tell)
    while not desk.wait(POLL_SECONDS):
        pass
    now = desk.answering
    assert now is not None
    return now.is_stopped, now.problem


def _attribute(
    order: Mapping[str, Any], config: RunConfig, options: AnswerOptions, desk: AnswerDesk, say: Say
) -> tuple[bool, Problem | None]:
    begin, end = order["part"]
    desk.begin_attribution(config, Question(**order["question"]), order["answer"], (begin, end), options)
    told = None
    while True:
        has_ended = desk.wait(POLL_SECONDS)
        now = desk.attribution
        assert now is not None
        if now != told:
            say({"attribution": attribution_json(now)})
        told = now
        if has_ended:
            return now.is_stopped, now.problem


def _for_cpu(config: RunConfig) -> RunConfig:
    """The number format that suits a CPU, an attention that it can compute, and the few threads it may take."""
    attention = "sdpa" if config.model.attention == "flash_attention_2" else config.model.attention
    model = replace(config.model, precision="auto", attention=attention)
    return replace(config, model=model, schedule=replace(config.schedule, threads=few_threads()))


def _listen(lines: TextIO, desk: AnswerDesk, orders: "queue.Queue[Mapping[str, Any]]") -> None:
    for line in lines:
        order = json.loads(line)
        if order["do"] == "stop":
            desk.stop()
            desk.stop_attribution()
        else:
            orders.put(order)
    # The engine is gone or wants this process gone, whatever it is at: nothing here has to be saved.
    os._exit(0)


def _own_stdout() -> TextIO:
    """Where lines go out; what a library prints goes to stderr instead."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _speaker(out: TextIO) -> Say:
    lock = threading.Lock()

    def say(said: Mapping[str, Any]) -> None:
        with lock:
            out.write(json.dumps(said, ensure_ascii=True) + "\n")

    return say


if __name__ == "__main__":
    sys.exit(main())
