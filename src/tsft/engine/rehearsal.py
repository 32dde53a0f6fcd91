"""What a dry run needs besides the recipe: the longest batch alone, a clock of steps, and the peak of memory.

The steps themselves are the recipe's (`recipe.rehearse`).
"""

import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tsft.config.run_config import ProcessSettings, RunConfig
from tsft.config.shares import share_of, world_of
from tsft.data.mixing import MixedRows
from tsft.data.preparation import PreparedData
from tsft.engine.packing import packing_of

STEPS = 2
# A step of the smallest model takes some tens of milliseconds, and its peak a few of them.
SAMPLE_SECONDS = 0.004


def micro_batches(config: RunConfig) -> int:
    """Of each step: a second one meets the gradients of the first, more need time and no further memory."""
    return min(2, config.schedule.gradient_accumulation)


def own_share(config: RunConfig) -> RunConfig:
    """What one process does of each step, as a config of a run with that process alone."""
    share = share_of(config.schedule, world_of(config.processes))
    if share is None:  # refused before a run begins
        return config
    schedule = replace(config.schedule, batch_size=share.batch_size, gradient_accumulation=share.accumulation)
    return replace(config, schedule=schedule, processes=ProcessSettings())


def rehearsed(config: RunConfig) -> RunConfig:
    """The config with the few steps of a dry run."""
    schedule = replace(config.schedule, max_steps=STEPS, gradient_accumulation=micro_batches(config))
    return replace(config, schedule=schedule)


def longest_only(data: PreparedData, config: RunConfig) -> PreparedData:
    """The rows of the longest batch, again for each micro-batch, and nothing to validate on."""
    train = data.train
    longest = int(train.lengths.max(initial=1))
    in_a_pack = max(1, config.data.cutoff_length // longest) if packing_of(config) != "none" else 1
    count = config.schedule.batch_size * in_a_pack
    order = np.resize(longest_rows(train.lengths, count), count * STEPS * micro_batches(config))
    rows = MixedRows(train.row_sets, train.datasets[order], train.indexes[order])
    return replace(data, train=rows, evaluation=None)


def longest_rows(lengths: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` longest of int[rows]."""
    return np.argsort(-lengths, kind="stable")[:count]


class StepClock(TrainerCallback):
    """Seconds of each step; keeps the reporter, which hears of a step before it does, from saving or evaluating."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began_at = 0.0

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._began_at = time.perf_counter()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.seconds.append(time.perf_counter() - self._began_at)
        control.should_save = control.should_evaluate = False


class MemoryPeak:
    """The most memory in use while the block runs: of the GPU where there is one, else of this process (RSS)."""

    def __init__(self) -> None:
        self.bytes = 0
        self._process = psutil.Process()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="tsft-memory", daemon=True)

    def __enter__(self) -> "MemoryPeak":
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        else:
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if torch.cuda.is_available():
            self.bytes = torch.cuda.max_memory_allocated()
            return
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self.bytes = max(self.bytes, self._process.memory_info().rss)
