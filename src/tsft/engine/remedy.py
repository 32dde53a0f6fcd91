"""The smallest change of a config with which it fits into memory: what changes the result least is tried first."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tsft.config.check import check
from tsft.config.optimizers import OPTIMIZERS
from tsft.config.quantization_rules import ON_FOUR_BITS
from tsft.config.run_config import RunConfig
from tsft.engine.device import has_fast_bf16
from tsft.errors import Problem, UserError, message
from tsft.run.readiness import MemoryEstimate

SHORTEST_TOKENS = 64

Judge = Callable[[RunConfig], Iterable[Problem]]


def smallest_change(
    config: RunConfig,
    estimate: Callable[[RunConfig], MemoryEstimate],
    available_bytes: int,
    judge: Judge = check,
) -> Problem | None:
    """The first setting, with its value, that makes the run fit; None when it fits as it is or none of them does.

    Smaller batches with as much more accumulation and checkpointing give the same model; fewer bits, LoRA instead of
    all weights, 4 bits for those below it and shorter rows do not. What `judge` finds wrong with a change, and not
    before it, is not named.
    """
    if estimate(config).total_bytes <= available_bytes:
        return None
    before = errors_of(config, judge)
    for changed, told in _changes(config, lambda each: errors_of(each, judge) <= before):
        need = _need(changed, estimate)
        if need is not None and need <= available_bytes:
            field, key, values = told
            return Problem(field, message(f"readiness.change.{key}", **values, mib=need // 1024**2), is_warning=True)
    return None


def _need(config: RunConfig, estimate: Callable[[RunConfig], MemoryEstimate]) -> int | None:
    """None where the model cannot be had this way: LoRA on layers that it has not, for one."""
    try:
        return estimate(config).total_bytes
    except UserError:
        return None


def errors_of(config: RunConfig, judge: Judge = check) -> set[tuple[str, str]]:
    """Field and kind of everything that keeps a config from starting."""
    return {(each.field, each.message.key) for each in judge(config) if not each.is_warning}


_Told = tuple[str, str, dict[str, Any]]


def _changes(config: RunConfig, is_allowed: Callable[[RunConfig], bool]) -> Iterator[tuple[RunConfig, _Told]]:
    """Changes that are allowed, each with the field, the sentence and its values; later ones hold earlier ones."""
    least = config
    for changed, told in _smaller_batches(config):
        if is_allowed(changed):
            least = changed
            yield changed, told
    accumulation = {"accumulation": least.schedule.gradient_accumulation}
    if config.model.precision == "fp32" and has_fast_bf16():
        changed = _with(least, "model", precision="bf16")
        if is_allowed(changed):
            least = changed
            yield least, ("model.precision", "precision", accumulation)
    if config.tuning.method == "full":
        changed = _with(least, "tuning", method="lora")
        if is_allowed(changed):
            least = changed
            yield least, ("tuning.method", "method", accumulation)
    if least.tuning.method in ON_FOUR_BITS and config.quantization.method == "none":
        changed = _with(least, "quantization", method="bitsandbytes", bits="4")
        if is_allowed(changed):
            yield changed, ("quantization.method", "quantization", accumulation)
    length = config.data.cutoff_length // 2
    while length >= SHORTEST_TOKENS:
        changed = _with(least, "data", cutoff_length=length)
        if is_allowed(changed):
            yield changed, ("data.cutoff_length", "cutoff_length", {"value": length, **accumulation})
        length //= 2


def _smaller_batches(config: RunConfig) -> Iterator[tuple[RunConfig, _Told]]:
    """Fewer rows at once and checkpointing; the last one has a batch of one row and checkpointing."""
    schedule = config.schedule
    rows, smaller, adds_up = (
        schedule.batch_size * schedule.gradient_accumulation,
        smaller_sizes(config),
        accumulates(config),
    )
    key = "batch_size" if adds_up else "rows_a_step"

    def batches(base: RunConfig, key: str) -> Iterator[tuple[RunConfig, _Told]]:
        for size in smaller:
            accumulation = rows // size if adds_up else schedule.gradient_accumulation
            values = {"value": size, "accumulation": accumulation} if adds_up else {"value": size}
            yield with_batch(base, size, accumulation), ("schedule.batch_size", key, values)

    if schedule.gradient_checkpointing:
        yield from batches(config, key)
        return
    checked = _with(config, "schedule", gradient_checkpointing=True)
    alone = (checked, ("schedule.gradient_checkpointing", "gradient_checkpointing", {}))
    if adds_up:
        yield from batches(config, key)
        yield alone
    else:
        yield alone
        yield from batches(config, key)
    yield from batches(checked, f"{key}_and_checkpointing")


def smaller_sizes(config: RunConfig) -> list[int]:
    """Batch sizes with which whole batches still make the rows of a step, the largest first."""
    rows = config.schedule.batch_size * config.schedule.gradient_accumulation
    return [size for size in range(config.schedule.batch_size - 1, 0, -1) if rows % size == 0]


def accumulates(config: RunConfig) -> bool:
    """Whether gradients can be added up; an optimizer that steps in the backward pass sees fewer rows a step then."""
    return not OPTIMIZERS[config.optim.optimizer].steps_in_backward


def with_batch(config: RunConfig, size: int, accumulation: int) -> RunConfig:
    """The config with another batch size and accumulation."""
    return _with(config, "schedule", batch_size=size, gradient_accumulation=accumulation)


def _with(config: RunConfig, section: str, **changes: Any) -> RunConfig:
    return dataclasses.replace(config, **{section: dataclasses.replace(getattr(config, section), **changes)})
