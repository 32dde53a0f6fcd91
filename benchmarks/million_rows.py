"""A JSONL of a million rows: its line in the list, its first rows, an index of all rows, a whole round of the doctor.

Each stage is a process of its own, so that its peak memory is its own. `python benchmarks/million_rows.py [ROWS]`
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS = 1_000_000
POINTS = 64
STAGES = ("list", "preview", "index", "quick check", "whole check", "stop", "report again")


def make(path: Path, rows: int) -> None:
    """Rows with one random walk each; every 1,000th is wrong in some way, every 100th a repeat."""
    generator = np.random.default_rng(1)
    lines: list[str] = []
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, rows, 10_000):
            walks = np.round(generator.normal(size=(min(10_000, rows - start), POINTS)).cumsum(axis=1), 4)
            for number, walk in enumerate(walks.tolist(), start):
                answer = f"It ends at {walk[-1]:.2f}, walk {number}." if number % 1_000 else "At point 900."
                row = {"input": f"Series {number}: <ts><ts/> How does it end?", "output": answer, "timeseries": [walk]}
                lines.append(lines[-1] if number % 100 == 99 else json.dumps(row) + "\n")
            file.writelines(lines)
            lines.clear()


def stage(name: str, path: Path, cache: Path) -> None:
    """Do one stage and print its seconds and the peak of this process in MiB."""
    from tsft.data.checks.diagnosis import Look, diagnose, source_of
    from tsft.data.overview import overview
    from tsft.data.registry import find_dataset
    from tsft.data.row_access import RowAccess
    from tsft.run.ports import Stopped

    begun, told = time.perf_counter(), ""
    if name == "list":
        seen = overview(find_dataset(str(path), [], cache), [], cache)
        told = f"about {seen.rows:,} rows, {seen.points} points, {seen.languages}"
    elif name in ("preview", "index"):
        access = RowAccess(source_of(find_dataset(str(path), [], cache)), cache)
        told = f"{len(access.first(20))} rows"
        if name == "index":
            access.index()
            indexed = time.perf_counter()
            for index in np.random.default_rng(2).integers(0, len(access), 100):
                access.row(int(index))
            told = f"{len(access):,} rows, then {(time.perf_counter() - indexed) * 10:.2f} ms a row"
    elif name == "stop":
        asked = time.perf_counter()
        try:
            diagnose(str(path), [], cache / "stopped", should_stop=lambda: time.perf_counter() - asked > 5)
        except Stopped:
            told = f"stopped {time.perf_counter() - asked - 5:.3f} s after it was asked to"
    else:
        report = diagnose(str(path), [], cache, Look(is_deep=name != "quick check")).report
        told = ", ".join(f"{each.kind} {each.count:,}" for each in report.findings)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:13} {seconds:8.2f} s {peak:8.0f} MiB   {told}", flush=True)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.jsonl"
        begun = time.perf_counter()
        make(path, rows)
        made = f"{rows:,} rows of {POINTS} points, {path.stat().st_size / 1e6:,.0f} MB"
        print(f"{made}, written in {time.perf_counter() - begun:.0f} s; load {os.getloadavg()[0]:.1f}", flush=True)
        for name in STAGES:
            subprocess.run(
                [sys.executable, __file__, "--stage", name, str(path), str(Path(folder) / "cache")], check=True
            )


if __name__ == "__main__":
    if "--stage" in sys.argv:
        stage(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
