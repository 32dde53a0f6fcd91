"""Fifty page sessions held open beside a run: steps a second, processor time a step and memory, with them and without.

A session is what a browser holds, without the drawing: the page itself, its first event, its heartbeat stream, and a
tick whenever the server says so. They come from a process of their own; give each process one core:
    taskset -c 0 python benchmarks/fifty_sessions.py --session-cores 1
One run goes on for the whole time, so that the speed is that of the same model and rows before, during and after.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from tsft.config.codec import from_flat
from tsft.engine.engine import Engine
from tsft.run.events import Event, StepLogged
from tsft.store.record import Record
from tsft.store.workspace import open_workspace
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page
from tsft.ui.workspace import page_context

SETTINGS = {
    "model.name": "builtin",
    "data.datasets": "demo",
    "data.validation": "none",
    "data.cutoff_length": 1024,
    "schedule.batch_size": 4,
    "schedule.gradient_accumulation": 1,
    "schedule.max_steps": 10_000_000,
    "schedule.group_by_length": False,
    "schedule.threads": 1,
    "output.save_minutes": 0,
}
WARM_SECONDS = 20.0
FIRST_WAIT_SECONDS = 600.0
# Fifty people do not open a page in one instant.
OPENING_AT_ONCE = 4
MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long they are held open")
    parser.add_argument(
        "--alone-minutes", type=float, default=2.0, help="how long the run is measured before and after"
    )
    parser.add_argument("--session-cores", default="", help="the cores of the sessions, for taskset")
    parser.add_argument("--hold", default="", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        asyncio.run(hold(options.hold, options.sessions))
        return
    with TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        record = Record(workspace)
        engine = Engine(workspace, record)
        launched = launch(build_page(page_context(engine, workspace, record)), Address())
        measure(engine, launched.url, options)
        engine.close()
        launched.blocks.close(verbose=False)
    os._exit(0)


# -- the server and its run --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """What was seen over some minutes. Memory is the whole process's, at the end of the stretch."""

    name: str
    steps: int
    seconds: float
    processor_seconds: float
    resident_bytes: int

    @property
    def steps_per_second(self) -> float:
        return self.steps / self.seconds

    @property
    def processor_seconds_per_step(self) -> float:
        return self.processor_seconds / self.steps


@dataclass
class Counter:
    """Counts the steps of a run as they are said."""

    steps: int = 0

    def note(self, event: Event) -> None:
        if isinstance(event, StepLogged):
            self.steps = event.step


def measure(engine: Engine, url: str, options: argparse.Namespace) -> None:
    counter = Counter()
    engine.start(from_flat(SETTINGS))
    assert engine.board is not None
    engine.board.listen(counter.note)
    wait_for(lambda: counter.steps > 0)
    time.sleep(WARM_SECONDS)
    print("the run has begun", file=sys.stderr, flush=True)
    before = stretch("before", counter, options.alone_minutes)
    sessions = open_sessions(url, options)
    first = stretch("first minute", counter, min(1.0, options.minutes / 2))
    rest = stretch("with sessions", counter, options.minutes - min(1.0, options.minutes / 2))
    told = close_sessions(sessions)
    after = stretch("after", counter, options.alone_minutes)
    for each in (before, first, rest, after):
        print(
            f"{each.name:>14}: {each.steps_per_second:6.2f} steps/s, "
            f"{1000 * each.processor_seconds_per_step:6.1f} ms of processor a step, "
            f"{each.resident_bytes / MIB:7.1f} MiB",
            flush=True,
        )
    alone_speed = statistics.mean((before.steps_per_second, after.steps_per_second))
    alone_cost = statistics.mean((before.processor_seconds_per_step, after.processor_seconds_per_step))
    print(f"throughput with {options.sessions} sessions, of that without: {rest.steps_per_second / alone_speed:.3f}")
    print(f"processor time a step, of that without: {rest.processor_seconds_per_step / alone_cost:.3f}")
    print(f"memory with the sessions, of that before: {rest.resident_bytes / before.resident_bytes:.3f}")
    print(f"memory at their end, of that after their first minute: {rest.resident_bytes / first.resident_bytes:.3f}")
    print(f"sessions: {told}")


def stretch(name: str, counter: Counter, minutes: float) -> Stretch:
    began, steps, used = time.perf_counter(), counter.steps, time.process_time()
    time.sleep(60 * minutes)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    return Stretch(name, counter.steps - steps, seconds, processor, psutil.Process().memory_info().rss)


def open_sessions(url: str, options: argparse.Namespace) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--hold", url, "--sessions", str(options.sessions)]
    if options.session_cores:
        command = ["taskset", "-c", options.session_cores, *command]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = process.stdout.readline()
    assert told.startswith("open"), told
    print(f"sessions {told.strip()}", file=sys.stderr, flush=True)
    return process


def close_sessions(process: "subprocess.Popen[str]") -> str:
    told, _ = process.communicate("end\n", timeout=60)
    return told.strip()


def wait_for(is_true: Any) -> None:
    deadline = time.monotonic() + FIRST_WAIT_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


# -- the sessions ------------------------------------------------------------------------------------------------------


@dataclass
class Heard:
    """What all sessions together were answered."""

    seconds: list[float] = field(default_factory=list)
    bytes: int = 0
    failures: int = 0


@dataclass(frozen=True)
class Call:
    """One event of the page: its number, who sets it off, and what it is given first."""

    number: int
    trigger: int
    data: list[Any]
    outputs: list[int]


async def hold(url: str, count: int) -> None:
    """Open the sessions, say so, and hold them until a line comes in."""
    heard = Heard()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=FIRST_WAIT_SECONDS, limits=limits, trust_env=False) as web:
        config = (await web.get("/config")).json()
        began, gate = time.perf_counter(), asyncio.Semaphore(OPENING_AT_ONCE)
        names = [uuid.uuid4().hex[:10] for _ in range(count)]
        async with asyncio.TaskGroup() as opening:
            for name in names:
                opening.create_task(open_page(web, config, name, gate))
        print(f"open after {time.perf_counter() - began:.1f} s", flush=True)
        tasks = [asyncio.create_task(session(web, config, name, heard)) for name in names]
        await asyncio.to_thread(sys.stdin.readline)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    broken = sum(not isinstance(each, asyncio.CancelledError) for each in ended)
    spent = sorted(heard.seconds)
    print(
        f"{len(spent)} ticks, {heard.failures} not answered, {broken} sessions lost, "
        f"answered in {1000 * statistics.median(spent):.0f} ms (the slowest {1000 * spent[-1]:.0f} ms), "
        f"{heard.bytes / len(spent) / 1000:.1f} kB each"
    )


async def open_page(web: httpx.AsyncClient, config: dict[str, Any], name: str, gate: asyncio.Semaphore) -> None:
    async with gate:
        (await web.get("/")).raise_for_status()
        await call(web, found(config, "load"), name)


async def session(web: httpx.AsyncClient, config: dict[str, Any], name: str, heard: Heard) -> None:
    beat = asyncio.create_task(heartbeat(web, name))
    try:
        tick = found(config, "tick")
        seconds = 1.0
        while True:
            began = time.perf_counter()
            try:
                answer = await call(web, tick, name)
            except httpx.HTTPError:
                heard.failures += 1
            else:
                heard.seconds.append(time.perf_counter() - began)
                heard.bytes += len(answer.content)
                seconds = told_interval(answer.json()["data"][tick.outputs.index(tick.trigger)], seconds)
            await asyncio.sleep(seconds)
    finally:
        beat.cancel()


async def heartbeat(web: httpx.AsyncClient, name: str) -> None:
    async with web.stream("GET", f"/gradio_api/heartbeat/{name}", timeout=None) as stream:
        async for _ in stream.aiter_raw():
            pass


async def call(web: httpx.AsyncClient, event: Call, name: str) -> httpx.Response:
    body = {"data": event.data, "fn_index": event.number, "trigger_id": event.trigger, "session_hash": name}
    answer = await web.post(
        "/gradio_api/run/predict", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    return answer.raise_for_status()


def found(config: dict[str, Any], kind: str) -> Call:
    """The page's first event of a kind that the server answers, with the values its controls have at first."""
    values = {each["id"]: each["props"].get("value") for each in config["components"] if each["type"] != "state"}
    for each in config["dependencies"]:
        triggers = [trigger for trigger, name in each["targets"] if name == kind]
        if triggers and each["backend_fn"]:
            trigger = triggers[0] or 0
            return Call(each["id"], trigger, [values.get(one) for one in each["inputs"]], each["outputs"])
    raise LookupError(kind)


def told_interval(update: Any, seconds: float) -> float:
    """How soon the server wants the next tick."""
    return float(update.get("value", seconds)) if isinstance(update, dict) else seconds


if __name__ == "__main__":
    main()
