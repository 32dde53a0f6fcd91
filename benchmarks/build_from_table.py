"""Time and memory to look at a table of 1,000,000 rows and build rows from it, over the time pyarrow takes to read it.

Three value columns and a label, one point a minute. Prints seconds of CPU, rows a second and the peak memory.
"""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.csv as arrow_csv

from tsft.data.builder.dataset import build, preview, survey
from tsft.data.builder.recipe import BuildRecipe

ROWS = 1_000_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write(path)
        _, reading = timed(lambda: arrow_csv.read_csv(path))
        recipe = BuildRecipe(sources=(str(path),))
        plan, looking = timed(lambda: survey(recipe))
        print(f"look: {looking:.1f} s, {looking / reading:.0f} times as long as reading the table; {peak_mib()} MiB")
        _, showing = timed(lambda: preview(plan))
        print(f"preview of 20 rows: {showing:.2f} s")
        built, building = timed(lambda: build(recipe, "rows", Path(folder) / "made", Path(folder) / "cache"))
        count = sum(built.rows.values())
        print(f"build: {count:,} rows in {building:.0f} s, {count / building:.0f} rows a second; {peak_mib()} MiB")


def write(path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(ROWS, 3)).cumsum(axis=0).round(3).tolist()
    times = np.datetime_as_string(np.datetime64("2023-01-01T00:00:00") + np.arange(ROWS) * np.timedelta64(60, "s"))
    with path.open("w", encoding="utf-8") as file:
        file.write("time,a,b,c,anomaly\n")
        for place, (a, b, c) in enumerate(values):
            file.write(f"{times[place]},{a},{b},{c},{int(place % 5000 < 40)}\n")


def timed(work):
    begun = time.process_time()
    return work(), time.process_time() - begun


def peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
