"""Run as a process of its own: real disasters befall runs one after another, beside the served page.

    python -m tests.disasters WORKSPACE BUILTIN_MODEL
Prints one JSON object: by disaster what the failed run said, what the page answered then, and how the next run ended.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.engine_runs import Bench, losses, make_bench, small
from tsft.run.events import CheckpointSaved, Event, StepLogged
from tsft.run.state import RunState
from tsft.store.runs import usable_checkpoints
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page
from tsft.ui.workspace import page_context

QUICK = {"data__validation": "none", "data__max_rows": 12, "schedule__max_steps": 1}
SAVING = {**QUICK, "schedule__max_steps": 6, "output__save_steps": 2, "output__save_limit": 9}
# A batch of all rows through all weights needs some 500 MB; the quick run needs next to nothing more.
LARGE = {**QUICK, "data__max_rows": 120, "data__cutoff_length": 2048, "schedule__batch_size": 120}
HEADROOM_BYTES = 100 * 1024**2
# Adam divides by nothing where no gradient came: the weights of words that were not seen are no numbers after a step.
DIVIDING_BY_ZERO = {
    **QUICK,
    "tuning__method": "full",
    "schedule__max_steps": 5,
    "schedule__extra_arguments": '{"adam_epsilon": 1e-300}',
}


def main() -> None:
    root, model = Path(sys.argv[1]), Path(sys.argv[2])
    is_mounted = small_file_system(root)
    bench = make_bench(root, model)
    bench.seconds = 600.0
    blocks = build_page(page_context(bench.engine, bench.workspace, bench.record))
    launched = launch(blocks, Address())
    bench.run(small(**QUICK))
    told: dict[str, Any] = {"disk is a file system": is_mounted}
    disasters: dict[str, Callable[[], dict[str, Any]]] = {
        "memory": lambda: out_of_memory(bench),
        "not finite": lambda: failure(bench.run(small(**DIVIDING_BY_ZERO))),
        "disk": lambda: full_disk(bench, root if is_mounted else None),
        "cut checkpoint": lambda: cut_checkpoint(bench),
        "overwritten checkpoint": lambda: overwritten_checkpoint(bench),
    }
    for name, befall in disasters.items():
        told[name] = befall()
        with urllib.request.urlopen(launched.url, timeout=60) as page:
            told[name]["page"] = page.status
        told[name]["next"] = bench.run(small(**QUICK)).status
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)


def small_file_system(path: Path) -> bool:
    """Mount one at `path` whose size can be changed; False where this process may not."""
    command = ["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(path)]
    return bool(shutil.which("mount")) and subprocess.run(command, capture_output=True).returncode == 0


def out_of_memory(bench: Bench) -> dict[str, Any]:
    """The address space may grow by HEADROOM_BYTES and no more; the limit stays for the next run."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + HEADROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        told = failure(bench.run(small(**LARGE, tuning__method="full")))
        told["within the limit"] = bench.run(small(**QUICK)).status
        return told
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def full_disk(bench: Bench, mount: Path | None) -> dict[str, Any]:
    """After the first checkpoint there is no room: the file system shrinks, or else files may not grow."""

    def fill(event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            if mount is None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (48 * 1024, before[1]))
            else:
                disk = shutil.disk_usage(mount)
                resized(mount, f"{disk.used // 1024 + 64}k")

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    state = bench.run(small(**SAVING), fill)
    if mount is None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    else:
        resized(mount, "2g")
    bench.record.active()  # as every Start asks: what the disk had refused is written now
    run = bench.record.get(state.run_id)
    usable = [each.step for each in usable_checkpoints(run.folder)]
    resumed = bench.resume(state.run_id)
    return {**failure(state), "usable": usable, "record": run.status, "resumed": [resumed.status, resumed.resumed_from]}


def cut_checkpoint(bench: Bench) -> dict[str, Any]:
    """The newest checkpoint of a stopped run loses half of a file: going on is from the one before."""
    whole = bench.run(small(**SAVING))
    stopped = stopped_run(bench)
    folder = bench.record.get(stopped.run_id).folder
    newest = usable_checkpoints(folder)[0]
    os.truncate(newest.path / "optimizer.pt", (newest.path / "optimizer.pt").stat().st_size // 2)
    usable = [each.step for each in usable_checkpoints(folder)]
    resumed = bench.resume(stopped.run_id)
    same = losses(bench.events(resumed)) == losses(bench.events(whole))
    return {"cut": newest.step, "usable": usable, "resumed": [resumed.status, resumed.resumed_from], "same": same}


def overwritten_checkpoint(bench: Bench) -> dict[str, Any]:
    """Every checkpoint keeps its length and loses its content: only reading it shows that."""
    stopped = stopped_run(bench)
    for each in usable_checkpoints(bench.record.get(stopped.run_id).folder):
        path = each.path / "optimizer.pt"
        path.write_bytes(b"\0" * path.stat().st_size)
    return failure(bench.resume(stopped.run_id))


def stopped_run(bench: Bench) -> RunState:
    def stop(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 4:
            bench.engine.stop()

    return bench.run(small(**SAVING), stop)


def failure(state: RunState) -> dict[str, Any]:
    failed = state.failure
    if failed is None:
        return {"status": state.status}
    told = {"kind": failed.kind, "key": failed.message.key, "change": dict(failed.change), "rows": list(failed.rows)}
    return {"status": state.status, "trace": failed.traceback[-400:], **told}


def resized(mount: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(mount)], check=True, capture_output=True)


if __name__ == "__main__":
    main()
