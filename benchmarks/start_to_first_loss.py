"""From Start to the first loss: in the process that serves the page, against a new process for each run.

The second is how a web UI works that starts its trainer as a command. Both use the built-in model and the demo data.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tsft.config.codec import from_flat, read_config
from tsft.engine.engine import Engine
from tsft.resources import resource_folder
from tsft.run.board import read_events
from tsft.run.events import Evaluated, Event, StepLogged
from tsft.store.record import Record
from tsft.store.workspace import Workspace, open_workspace

REPEATS = 5
PRESET = "first_run"
CHANGES = {"schedule.max_steps": 2, "output.save_minutes": 0}


def main() -> None:
    with TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        engine = Engine(workspace, Record(workspace))
        engine.warm_up()
        in_process(engine)  # makes the model and the data, as the first visit of a page does
        warm = [in_process(engine) for _ in range(REPEATS)]
        cold = [new_process(workspace) for _ in range(REPEATS)]
    for index, what in enumerate(("first loss (validation before training)", "first training loss")):
        ours, theirs = (sorted(run[index] for run in runs)[REPEATS // 2] for runs in (warm, cold))
        print(f"{what}: in this process {ours:.2f} s, a new process {theirs:.2f} s: ratio {theirs / ours:.1f}")


def in_process(engine: Engine) -> tuple[float, float]:
    config = from_flat(CHANGES, read_config(resource_folder("presets") / f"{PRESET}.json"))
    times: dict[type, float] = {}
    started = time.perf_counter()
    engine.start(config)
    assert engine.board is not None

    def note(event: Event) -> None:
        times.setdefault(type(event), time.perf_counter() - started)

    engine.board.listen(note)
    engine.wait()
    return times[Evaluated], times[StepLogged]


def new_process(workspace: Workspace) -> tuple[float, float]:
    flags = [part for name, value in CHANGES.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "tsft", "train", PRESET, "--workspace", str(workspace.root), *flags]
    started = time.time()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    run = Record(workspace).list_runs(limit=1)[0]
    times: dict[type, float] = {}
    for event in read_events(run.folder.events):
        times.setdefault(type(event), event.at - started)
    return times[Evaluated], times[StepLogged]


if __name__ == "__main__":
    main()
