"""kill -9 at random moments of a run with a queue behind it: is the record whole, and does everything go on?

    python benchmarks/kill_at_random.py --kills 20 --seed 0
A process that works the queue off is killed in each phase of a run in turn (starting, loading, encoding, training,
evaluating, saving), at a random moment after the phase begins. Then a new process is started, and each time it is
looked at whether
- the record opens whole and says the run is interrupted, with a usable checkpoint when one was saved,
- the run behind it still waits, starts by itself and finishes,
- going on (from the checkpoint, or anew when there was none) ends with every loss of an uncut run.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tsft.config.codec import from_flat
from tsft.config.run_config import RunConfig
from tsft.config.schema import with_values
from tsft.engine.engine import Engine
from tsft.run.board import read_events, replay
from tsft.run.events import Evaluated, StepLogged
from tsft.store.record import Record
from tsft.store.runs import RunFolder, RunInfo, usable_checkpoints
from tsft.store.workspace import Workspace, open_workspace

# Phase, the earliest and the latest of its beginnings in a run at which to kill, and the longest delay after it.
MOMENTS = (
    ("starting", 1, 1, 0.3),
    ("loading", 1, 1, 0.15),
    ("encoding", 1, 1, 0.3),
    ("training", 1, 9, 0.6),
    ("evaluating", 1, 4, 0.2),
    ("saving", 1, 6, 0.1),
)
WAIT_SECONDS = 300.0
CONFIG = from_flat(
    {
        "model.name": "builtin",
        "data.datasets": "demo",
        "data.cutoff_length": 400,
        "lora.rank": 4,
        "lora.dropout": 0.1,
        "optim.learning_rate": 1e-3,
        "schedule.batch_size": 2,
        "schedule.gradient_accumulation": 1,
        "schedule.max_steps": 24,
        "schedule.threads": 1,
        "output.save_steps": 4,
        "output.eval_steps": 8,
    }
)
SERVE = """
import sys, threading
from pathlib import Path
from tsft.engine.engine import Engine
from tsft.store.record import Record
from tsft.store.workspace import open_workspace
workspace = open_workspace(Path(sys.argv[1]))
record = Record(workspace)
record.sweep()
engine = Engine(workspace, record)
engine.serve_queue()
threading.Event().wait()
"""


@dataclass(frozen=True)
class Outcome:
    """What was seen of one kill. phase: as the run's events say it. wrong: what is not as it should be, or ""."""

    wanted: str
    phase: str
    step: int
    checkpoint: int
    status: str
    resumed_from: int = 0
    wrong: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--phases", default=",".join(each[0] for each in MOMENTS), help="in turn, with commas")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with TemporaryDirectory() as folder:
        bench = Bench(open_workspace(Path(folder)), random.Random(options.seed))
        outcomes = bench.all_kills(options.kills, options.phases.split(","))
    phases = Counter(each.phase for each in outcomes)
    resumed = sum(each.checkpoint > 0 for each in outcomes)
    bad = [each for each in outcomes if each.wrong]
    print(f"killed in: {', '.join(f'{phase} {count}' for phase, count in sorted(phases.items()))}")
    print(f"{len(outcomes)} kills, {resumed} with a checkpoint, {len(bad)} not as they should be")
    sys.exit(1 if bad else 0)


class Bench:
    """One workspace, the process that works its queue off, and the losses of an uncut run."""

    def __init__(self, workspace: Workspace, moments: random.Random) -> None:
        self._workspace = workspace
        self._random = moments
        self._server: subprocess.Popen[bytes] | None = None
        self._uncut: dict[str, float | None] = {}

    def all_kills(self, count: int, phases: list[str]) -> list[Outcome]:
        moments = [each for each in MOMENTS if each[0] in phases]
        self._serve()
        try:
            uncut = self._enqueue("uncut", CONFIG)
            self._wait_until(lambda: self._told(uncut) == "finished")
            self._uncut = losses(RunFolder(self._workspace.runs / uncut))
            outcomes = []
            for number in range(count):
                outcomes.append(self._kill(number + 1, *moments[number % len(moments)]))
                print(line_of(number + 1, outcomes[-1]), flush=True)
            return outcomes
        finally:
            self._end_server()

    def _kill(self, number: int, phase: str, first: int, last: int, longest: float) -> Outcome:
        shutil.rmtree(self._workspace.cache)  # or nothing would be read and encoded a second time
        self._workspace.cache.mkdir()
        nth, delay = self._random.randint(first, last), self._random.uniform(0.0, longest)
        run = self._enqueue(f"cut {number}", CONFIG)
        behind = self._enqueue(f"behind {number}", with_values(CONFIG, {"schedule.max_steps": 2}))
        self._wait_for_phase(run, phase, nth)
        time.sleep(delay)
        self._end_server()
        outcome = self._look(run, behind, phase)
        self._serve()
        return self._go_on(run, behind, outcome)

    def _look(self, run_id: str, behind: str, wanted: str) -> Outcome:
        """What the record and the folders say right after the kill."""
        state = replay(self._workspace.runs / run_id / "events.jsonl")
        record = Record(self._workspace)
        with sqlite3.connect(self._workspace.database) as raw:
            wrong = [] if raw.execute("PRAGMA integrity_check").fetchone() == ("ok",) else ["the record is broken"]
        record.sweep()
        run = record.get(run_id)
        usable = usable_checkpoints(run.folder)
        saved = max((each.step for each in state.checkpoints), default=0)
        checkpoint = usable[0].step if usable else 0
        if run.status != "interrupted" and not (run.status == "queued" and not state.run_id):
            wrong.append(f"the run is {run.status}")
        if checkpoint < saved or run.checkpoint.rpartition("-")[2] != (str(checkpoint) if checkpoint else ""):
            wrong.append(f"checkpoint {saved} was saved, {checkpoint} can be used, {run.checkpoint!r} is named")
        if record.get(behind).status != "queued":
            wrong.append(f"the run behind it is {record.get(behind).status}")
        wrong += [str(path) for path in record._database.set_aside]
        record.close()
        return Outcome(wanted, state.phase, state.step, checkpoint, run.status, wrong="; ".join(wrong))

    def _go_on(self, run_id: str, behind: str, outcome: Outcome) -> Outcome:
        """The queue by itself, then the killed run from its checkpoint, or anew when it had none."""
        wrong = [outcome.wrong] if outcome.wrong else []
        self._wait_until(lambda: self._told(behind) in ("finished", "failed"))
        if self._told(behind) != "finished":
            wrong.append("the run behind it failed")
        going_on = run_id
        if outcome.checkpoint:
            self._engine(lambda engine: engine.enqueue_resume(run_id))
        elif outcome.status != "queued":
            going_on = self._enqueue(f"{run_id} again", CONFIG, parent=run_id)
        self._wait_until(lambda: self._told(going_on) in ("finished", "failed", "stopped"))
        folder = RunFolder(self._workspace.runs / going_on)
        if self._told(going_on) != "finished":
            wrong.append(f"going on ended as {self._told(going_on)}")
        elif losses(folder) != self._uncut:
            wrong.append("a loss is not that of the uncut run")
        return replace(outcome, resumed_from=replay(folder.events).resumed_from, wrong="; ".join(wrong))

    def _enqueue(self, name: str, config: RunConfig, parent: str = "") -> str:
        named = with_values(config, {"output.name": name})
        return self._engine(lambda engine: engine.enqueue([named], parent=parent)[0])

    def _engine(self, do: Callable[[Engine], str]) -> str:
        record = Record(self._workspace)
        try:
            return do(Engine(self._workspace, record))
        finally:
            record.close()

    def _told(self, run_id: str) -> str:
        return self._run(run_id).status

    def _run(self, run_id: str) -> RunInfo:
        record = Record(self._workspace)
        try:
            return record.get(run_id)
        finally:
            record.close()

    def _wait_for_phase(self, run_id: str, phase: str, nth: int) -> None:
        """Until the run's events say the phase for the nth time; a run that has not so many ends the waiting too."""
        path = self._workspace.runs / run_id / "events.jsonl"
        sign = b'"RunStarted"' if phase == "starting" else b'"PhaseChanged"'
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            text = path.read_bytes() if path.exists() else b""
            lines = [each for each in text.split(b"\n") if sign in each]
            if phase != "starting":
                lines = [each for each in lines if f'"phase": "{phase}"'.encode() in each]
            if len(lines) >= nth or b'"Finished"' in text:
                return
            time.sleep(0.002)
        raise TimeoutError(f"{run_id} did not come to {phase}")

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("it did not happen in time")
            time.sleep(0.2)

    def _serve(self) -> None:
        command = [sys.executable, "-c", SERVE, str(self._workspace.root)]
        quiet = subprocess.DEVNULL
        self._server = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)

    def _end_server(self) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGKILL)
            self._server.wait()


def losses(folder: RunFolder) -> dict[str, float | None]:
    """Every training and validation loss by step; one that was logged again after a resume counts as logged last."""
    found: dict[str, float | None] = {}
    for event in read_events(folder.events):
        if isinstance(event, (StepLogged, Evaluated)):
            found[f"{type(event).__name__} {event.step}"] = event.loss
    return found


def line_of(number: int, outcome: Outcome) -> str:
    saved = f"checkpoint {outcome.checkpoint}" if outcome.checkpoint else "no checkpoint"
    onward = f"went on from {outcome.resumed_from}" if outcome.resumed_from else "begun anew"
    end = outcome.wrong or "all losses of the uncut run"
    phase = outcome.phase if outcome.phase == outcome.wanted else f"{outcome.phase} (after {outcome.wanted})"
    return f"{number:>3}  {phase:<26} step {outcome.step:>2}, {saved:<14} {outcome.status}, {onward}: {end}"


if __name__ == "__main__":
    main()
