"""Makes the readiness card: the model from its headers, the data from the caches of a run, and what follows."""

import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import torch

from tsft.config.run_config import RunConfig
from tsft.config.sampled_rules import is_sampled
from tsft.config.stages import PAIRED
from tsft.data.mixing import MixedRows
from tsft.data.packing import PackedRows
from tsft.data.preparation import PreparedData
from tsft.data.report import DatasetReport, row_numbers
from tsft.engine.device import Precision, choose_precision, device_name
from tsft.engine.duration import guessed_speed, recorded_speed, rows_for_each
from tsft.engine.estimate import Batch, Plan, memory_parts, state_bytes
from tsft.engine.job import planned_steps
from tsft.engine.packing import packing_of
from tsft.engine.preflight import preflight
from tsft.engine.reference import keeps_copy
from tsft.engine.remedy import smallest_change
from tsft.engine.sampled import answers_a_question, reward_weights, rows_an_epoch
from tsft.engine.sketch import Sketch, sketch
from tsft.errors import Problem
from tsft.run.readiness import DatasetCounts, DroppedRows, MemoryEstimate, Readiness, TimeEstimate, bars_of
from tsft.store.record import Record
from tsft.store.workspace import Workspace

# What the first training step loads and keeps beside the model: kernels, threads, modules imported at first use.
FIRST_STEP_BYTES = 40 * 1024**2
# The same of the packages that quantise; 72 to 95 MiB on eight runs of the built-in model.
FEW_BITS_BYTES = 80 * 1024**2
_SKETCHES_KEPT = 8
_CGROUP = Path("/sys/fs/cgroup")


@dataclass
class SketchBook:
    """The sketches made so far, so that a second look at a config, or at a change of it, costs nothing."""

    workspace: Workspace
    _sketches: dict[RunConfig, Sketch] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def knows(self, config: RunConfig) -> bool:
        return _key(config) in self._sketches

    def of(self, config: RunConfig) -> Sketch:
        """Raises UserError when the model's weights are not on this machine yet."""
        key = _key(config)
        with self._lock:
            if key not in self._sketches:
                made = sketch(config, self.workspace)
                while len(self._sketches) >= _SKETCHES_KEPT:
                    self._sketches.pop(next(iter(self._sketches)))
                self._sketches[key] = made
            return self._sketches[key]

    def judge(self, config: RunConfig) -> list[Problem]:
        """What Start would say of the config."""
        return preflight(config, self.workspace)


def make_card(config: RunConfig, book: SketchBook, data: PreparedData, record: Record, process_bytes: int) -> Readiness:
    """Everything the card shows. process_bytes: memory of this process while it does nothing."""
    known, rows = book.of(config), data.train
    available = available_bytes(process_bytes)

    def estimate(changed: RunConfig) -> MemoryEstimate:
        return estimate_memory(changed, book.of(changed), rows, process_bytes, available)

    precision = precision_of(config, known)
    memory = estimate(config)
    packs = _packs(rows, config)
    items = len(rows) if packs is None else len(packs)
    steps, epochs = planned_steps(config.schedule, rows_an_epoch(config, items))
    batch = longest_batch(rows, config)
    return Readiness(
        model=config.model.name,
        parameters=known.sizes.parameters,
        parameters_trained=known.sizes.trained,
        method=config.tuning.method,
        encoder=known.encoder,
        encoder_is_new=known.encoder_is_new,
        trains_positions=known.trains_positions,
        groups=known.groups,
        device=device_name(),
        precision=precision.name if known.quantised is None else f"{precision.name}, {known.quantised.name}",
        datasets=tuple(_counts(report) for report in data.report.datasets),
        rows_train=len(rows),
        rows_validation=data.report.evaluation_rows,
        tokens_median=data.report.tokens.median,
        tokens_longest=data.report.tokens.maximum,
        cutoff_length=config.data.cutoff_length,
        bars=bars_of(rows.lengths.tolist()),
        steps=steps,
        epochs=epochs,
        batch_size=config.schedule.batch_size,
        batch_tokens=batch.rows * batch.tokens,
        memory=memory,
        time=_time(config, known, data, record, precision, steps, items),
        disk_bytes=_disk_bytes(config, known, precision),
        disk_free_bytes=shutil.disk_usage(book.workspace.root).free,
        change=None if memory.fits else smallest_change(config, estimate, available, book.judge),
        remarks=tuple(data.report.remarks),
    )


def estimate_memory(
    config: RunConfig, known: Sketch, rows: MixedRows, process_bytes: int, available: int
) -> MemoryEstimate:
    """The peak of a run over these rows."""
    on_gpu = torch.cuda.is_available()
    precision, schedule = precision_of(config, known), config.schedule
    plan = Plan(
        is_half=precision.is_mixed,
        frozen_bytes=precision.frozen.itemsize,
        attention=config.model.attention,
        checkpointing=schedule.gradient_checkpointing,
        optimizer=config.optim.optimizer,
        accumulates=schedule.gradient_accumulation > 1,
        dropout=config.tuning.method == "lora" and config.lora.dropout > 0,
        on_gpu=on_gpu,
        quantised_bytes=known.quantised.bytes_a_weight if known.quantised is not None else 0.0,
        kept_trained=keeps_copy(config, is_adapter_new=known.is_adapter and not known.goes_on),
        # A reward model is usually the same base once more, in float32.
        beside_bytes=known.sizes.parameters * 4 if is_sampled(config) and "model" in reward_weights(config) else 0,
    )
    batch = longest_batch(rows, config)
    own = process_bytes + FIRST_STEP_BYTES + (FEW_BITS_BYTES if known.quantised is not None else 0)
    process = 0 if on_gpu else own
    return MemoryEstimate("cuda" if on_gpu else "cpu", memory_parts(known.sizes, batch, plan, process), available)


def longest_batch(rows: MixedRows, config: RunConfig) -> Batch:
    """The worst batch that can be drawn: the longest rows, the most labels and the most patches at once.

    A pack is as long as the longest one, with labels and patches in the share of all rows. A pair is two rows.
    """
    batch_size, cutoff_length = config.schedule.batch_size, config.data.cutoff_length
    packs = _packs(rows, config)
    if packs is not None:
        size, tokens = min(batch_size, len(packs)), min(int(packs.lengths.max(initial=0)), cutoff_length)
        share = size * tokens / max(1, int(rows.lengths.sum()))
        labelled, patches = (round(int(rows.gather(name).sum()) * share) for name in ("trained", "patches"))
        return Batch(size, tokens, labelled, patches)
    size = min(batch_size, len(rows))
    most = {name: np.sort(rows.gather(name))[len(rows) - size :] for name in ("length", "trained", "patches")}
    tokens = min(int(most["length"].max(initial=0)), cutoff_length)
    if is_sampled(config):
        answers = size * answers_a_question(config)
        patches = int(most["patches"].sum()) * answers_a_question(config)
        longest = int(most["length"].max(initial=0)) + config.sampling.max_tokens
        return Batch(answers, longest, answers * config.sampling.max_tokens, patches)
    copies = 2 if config.data.task in PAIRED else 1
    # A reward model has a number for a row and no words.
    labelled = 0 if config.data.task == "reward" else int(most["trained"].sum())
    return Batch(size * copies, tokens, labelled, int(most["patches"].sum()) * copies)


def _packs(rows: MixedRows, config: RunConfig) -> PackedRows | None:
    """The rows as a run would pack them; None where it packs nothing."""
    if packing_of(config) == "none":
        return None
    return PackedRows(rows, config.data.cutoff_length, config.schedule.seed)


def precision_of(config: RunConfig, known: Sketch) -> Precision:
    return choose_precision(config, known.source_bytes)


def available_bytes(process_bytes: int) -> int:
    """Memory a run may have: of the GPU what is free, else what this process has and what the system still gives."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()
    free = psutil.virtual_memory().available
    limit, used = (_number(_CGROUP / name) for name in ("memory.max", "memory.current"))
    if limit is not None and used is not None:
        free = min(free, max(0, limit - used))
    return process_bytes + free


def _key(config: RunConfig) -> RunConfig:
    """The config without what changes neither the model nor what of it trains."""
    plain = RunConfig()
    settings = {name: getattr(plain, name) for name in ("data", "schedule", "output")}
    return RunConfig(**{**vars(config), **settings})


def _counts(report: DatasetReport) -> DatasetCounts:
    dropped = []
    for key, count in sorted(report.dropped.items(), key=lambda item: (-item[1], item[0])):
        those = [each for each in report.problems if each.reason.key == key]
        dropped.append(DroppedRows(count, those[0].message(), row_numbers(those, count)))
    return DatasetCounts(
        report.name, report.rows_read, report.kept, tuple(dropped), report.shortened, report.cut, report.left_out
    )


def _time(
    config: RunConfig,
    known: Sketch,
    data: PreparedData,
    record: Record,
    precision: Precision,
    steps: int,
    items: int,
) -> TimeEstimate:
    """items: training rows, or packs of them."""
    speed, basis = recorded_speed(config, record), "record"
    if speed is None and is_sampled(config):
        return TimeEstimate(0.0, 0.0, "unknown")  # most of it is writing, token by token
    if speed is None:
        tokens_a_row = round(data.report.train_tokens / max(1, items))
        speed, basis = guessed_speed(known.sizes, config, tokens_a_row, is_half=precision.is_mixed), "guess"
    items_a_step = min(items, config.schedule.batch_size * config.schedule.gradient_accumulation)
    tokens = data.report.train_tokens * rows_for_each(config)
    if is_sampled(config):  # as long as the answers of the data
        tokens += data.report.trained_tokens * rows_for_each(config)
    seconds = items_a_step * tokens / items / speed
    return TimeEstimate(seconds * steps, seconds, basis)


def _disk_bytes(config: RunConfig, known: Sketch, precision: Precision) -> int:
    """Checkpoints (one more than are kept while the newest is written) and the result."""
    trained = known.sizes.trained
    checkpoint = trained * (4 + state_bytes(config.optim.optimizer))
    frozen = 0 if known.is_adapter else (known.sizes.parameters - trained) * precision.frozen.itemsize
    return checkpoint * (config.output.save_limit + 1) + trained * 4 + frozen


def _number(path: Path) -> int | None:
    """The number a file of the system holds; None where there is no such limit."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
