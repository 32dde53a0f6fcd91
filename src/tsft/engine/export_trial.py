"""The self-test of an export: which rows are asked, what a fresh process reads, and how far apart that is."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import tsft
from tsft.errors import UserError, message
from tsft.model.processor import SeriesProcessor
from tsft.model.reload import Order, ProbeRow, Reading, read_readings
from tsft.run.export import TOLERANCE
from tsft.store.runs import RunFolder
from tsft.store.shown_rows import ShownRow, read_rows

# Of a run's own probes; each costs a forward pass and a short answer, three times over.
MOST_PROBES = 4
LONGEST_TOKENS = 2048
POLL_SECONDS = 0.1
# What a folder must open without.
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MODELSCOPE_API_TOKEN")


def probe_rows(folder: RunFolder | None, processor: SeriesProcessor) -> tuple[ProbeRow, ...]:
    """The probes that the run kept, as far as they fit, and always rows of our own: two series, and text alone."""
    kept = [row for shown in (read_rows(folder.probes) if folder else []) if (row := _asked(shown)) is not None]
    fitting = [row for row in kept if _fits(row, processor)][:MOST_PROBES]
    return (*fitting, *(row for row in _own_rows(processor) if _fits(row, processor)))


def read_fresh(order: Order, obey: Callable[[], None]) -> list[Reading]:
    """What the folder says in a process that has nothing of the training code and no network.

    `obey` is called now and then and may raise; the process is ended then.
    """
    with tempfile.TemporaryDirectory(prefix="tsft-reload-") as folder:
        told = Path(folder) / "order.json"
        order.write(told)
        with (Path(folder) / "errors.txt").open("w+", encoding="utf-8", errors="replace") as errors:
            command = [sys.executable, "-m", "tsft.model.reload", str(told)]
            # A session of its own: Ctrl-C in the terminal is a wish to us, not the end of it.
            process = subprocess.Popen(
                command, env=_environment(), stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
            try:
                while _is_running(process):
                    obey()
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            obey()
            if process.returncode:
                errors.seek(0)
                lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
                raise UserError(message("export.not_reloaded", why=(lines or [str(process.returncode)])[-1][:300]))
        return read_readings(Path(order.readings))


def difference(one: Sequence[Reading], other: Sequence[Reading]) -> float:
    """The largest difference of a logit; not a number when one of them is not."""
    apart = [(a.logits - b.logits).abs().max().item() for a, b in zip(one, other, strict=True)]
    return float(np.max(apart))


def equal_answers(one: Sequence[Reading], other: Sequence[Reading]) -> int:
    return sum(a.answer == b.answer for a, b in zip(one, other, strict=True))


def tolerance(found: Sequence[Reading], precision: str) -> float:
    """How far logits may be apart. Computed in half precision, sums differ with their order by a share of their size.

    In float32 that share is small; logits of a large model reach 30 and more.
    """
    largest = max((each.logits.abs().max().item() for each in found), default=0.0)
    if precision == "float32":
        return TOLERANCE * max(1.0, largest / 10)
    return 0.05 * max(1.0, largest)


def _is_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _TOKENS}
    here = str(Path(tsft.__file__).parents[1])
    path = os.pathsep.join(each for each in (here, kept.get("PYTHONPATH", "")) if each)
    return {**kept, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def _asked(shown: ShownRow) -> ProbeRow | None:
    """The row up to its last question; None when it has none, or a value that is no number."""
    turns = list(shown.turns)
    while turns and turns[-1]["role"] != "user":
        turns.pop()
    series = [[value for value in points if value is not None] for points in shown.series]
    if not turns or [len(each) for each in series] != [len(each) for each in shown.series]:
        return None
    return ProbeRow(tuple(dict(turn) for turn in turns), tuple(map(tuple, series)))


def _own_rows(processor: SeriesProcessor) -> tuple[ProbeRow, ...]:
    length = min(96, processor.max_points or 96)
    places = np.arange(length)
    wave = 5 * np.sin(places / 6.0) + np.where(places > length // 2, 20.0, 0.0)
    ramp = 0.25 * places[: length // 2 + 1] - 3.0
    question = "The first series is <ts><ts/> and the second <ts><ts/>. What changes in them?"
    both = (tuple(map(float, wave)), tuple(map(float, ramp)))
    return (
        ProbeRow(({"role": "user", "content": question},), both),
        ProbeRow(({"role": "user", "content": "What can you tell about a time series?"},)),
    )


def _fits(row: ProbeRow, processor: SeriesProcessor) -> bool:
    try:
        return len(processor.prompt(row.turns, row.series).input_ids) <= LONGEST_TOKENS
    except UserError:
        return False  # a row of another template or a longer series than this model reads
