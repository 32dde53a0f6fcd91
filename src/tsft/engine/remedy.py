"""The smallest change of a config with which it fits into memory: what changes the result least is tried first."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.engine.device import has_fast_bf16
from tsft.errors import Problem, message
from tsft.run.readiness import MemoryEstimate

SHORTEST_TOKENS = 64


def smallest_change(
    config: RunConfig, estimate: Callable[[RunConfig], MemoryEstimate], available_bytes: int
) -> Problem | None:
    """The first setting, with its value, that makes the run fit; None when it fits as it is or none of them does.

    Smaller batches with as much more accumulation and checkpointing give the same model; fewer bits, LoRA instead of
    all weights and shorter rows do not.
    """
    if estimate(config).total_bytes <= available_bytes:
        return None
    for changed, told in _changes(config):
        need = estimate(changed).total_bytes
        if need <= available_bytes:
            field, key, values = told
            return Problem(field, message(f"readiness.change.{key}", **values, mib=need // 1024**2), is_warning=True)
    return None


def _changes(config: RunConfig) -> Iterator[tuple[RunConfig, tuple[str, str, dict[str, Any]]]]:
    schedule = config.schedule
    batch, rows = schedule.batch_size, schedule.batch_size * schedule.gradient_accumulation
    smaller = [size for size in range(batch - 1, 0, -1) if rows % size == 0]
    for size in smaller:
        values = {"value": size, "accumulation": rows // size}
        yield with_batch(config, size, rows // size), ("schedule.batch_size", "batch_size", values)
    checked = config
    if not schedule.gradient_checkpointing:
        checked = _with(config, "schedule", gradient_checkpointing=True)
        yield checked, ("schedule.gradient_checkpointing", "gradient_checkpointing", {})
        for size in smaller:
            values = {"value": size, "accumulation": rows // size}
            told = ("schedule.batch_size", "batch_size_and_checkpointing", values)
            yield with_batch(checked, size, rows // size), told
    least = with_batch(checked, 1, rows)
    if config.model.precision == "fp32" and has_fast_bf16():
        least = _with(least, "model", precision="bf16")
        yield least, ("model.precision", "precision", {"accumulation": rows})
    if config.tuning.method == "full":
        least = _with(least, "tuning", method="lora")
        yield least, ("tuning.method", "method", {"accumulation": rows})
    length = config.data.cutoff_length // 2
    while length >= SHORTEST_TOKENS:
        told = ("data.cutoff_length", "cutoff_length", {"value": length, "accumulation": rows})
        yield _with(least, "data", cutoff_length=length), told
        length //= 2


def with_batch(config: RunConfig, size: int, accumulation: int) -> RunConfig:
    """The config with another batch size and accumulation."""
    return _with(config, "schedule", batch_size=size, gradient_accumulation=accumulation)


def _with(config: RunConfig, section: str, **changes: Any) -> RunConfig:
    return dataclasses.replace(config, **{section: dataclasses.replace(getattr(config, section), **changes)})
