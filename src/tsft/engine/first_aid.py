"""What would let a failed run go through: the settings at fault, and the smallest change of them.

For memory the order is that in which a change costs least. Whether a config fits before it is started is `remedy.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tsft.config.codec import from_flat
from tsft.config.optimizers import OPTIMIZERS
from tsft.config.run_config import RunConfig
from tsft.config.schema import value_of
from tsft.engine.device import has_fast_bf16
from tsft.engine.remedy import accumulates, errors_of, smaller_sizes
from tsft.errors import Message, message

Value = str | int | float | bool | tuple[str, ...]
# The optional packages that belong to one choice of one setting, and the choice that does without them.
_PACKAGES: Mapping[str, tuple[str, Value]] = {
    "flash_attn": ("model.attention", "sdpa"),
    "liger_kernel": ("model.liger", False),
    "modelscope": ("model.hub", "huggingface"),
    "bitsandbytes": ("quantization.method", "none"),
    "torchao": ("quantization.method", "none"),
}
_SHORTEST_TOKENS = 512


@dataclass(frozen=True)
class Proposal:
    """advice: what to do, in words. settings: those at fault by dotted name. change: what a new start would set."""

    advice: Message
    settings: tuple[str, ...] = ()
    change: tuple[tuple[str, Value], ...] = ()


def for_memory(config: RunConfig, phase: str = "") -> Proposal:
    """The change that lowers the peak, costs least and can be started. phase: what the run was at, one of PHASES."""
    before = errors_of(config)
    for told, changed in _smaller(config, phase):
        if errors_of(from_flat(changed, config)) <= before:
            return _proposed(told, changed)
    return Proposal(message("failure.memory_model"), ("model.name",))


def _smaller(config: RunConfig, phase: str) -> Iterator[tuple[Message, Mapping[str, Value]]]:
    """What would lower the peak, in the order in which it costs least."""
    schedule = config.schedule
    if phase == "evaluating" and schedule.eval_batch_size > 1:
        size = schedule.eval_batch_size // 2
        yield message("failure.memory_eval_batch", batch=size), {"schedule.eval_batch_size": size}
    # At least half of the rows less: a batch that is smaller by one may not be small enough.
    half = next((size for size in smaller_sizes(config) if size <= schedule.batch_size // 2), 0)
    if half and accumulates(config):
        steps = schedule.gradient_accumulation * schedule.batch_size // half
        changed: dict[str, Value] = {"schedule.batch_size": half, "schedule.gradient_accumulation": steps}
        yield message("failure.memory_batch", batch=half, accumulation=steps), changed
    if not schedule.gradient_checkpointing:
        yield message("failure.memory_checkpointing"), {"schedule.gradient_checkpointing": True}
    if half and not accumulates(config):
        yield message("failure.memory_rows", batch=half), {"schedule.batch_size": half}
    if config.data.cutoff_length > _SHORTEST_TOKENS:
        cutoff = max(_SHORTEST_TOKENS, config.data.cutoff_length // 2)
        yield message("failure.memory_cutoff", cutoff=cutoff), {"data.cutoff_length": cutoff}
    if config.tuning.method == "full":
        yield message("failure.memory_lora"), {"tuning.method": "lora"}


def for_batch(config: RunConfig, extreme: tuple[str, ...]) -> Proposal:
    """After a loss that is not finite. extreme: the rows of the batch with values far beyond their own range."""
    if extreme:
        left_out = (*config.data.leave_out, *(row for row in extreme if row not in config.data.leave_out))
        told = message("failure.not_finite_rows", rows=", ".join(extreme))
        return Proposal(told, ("data.leave_out", "data.datasets"), (("data.leave_out", left_out),))
    if config.model.precision == "fp16":
        precision = "bf16" if has_fast_bf16() else "fp32"
        told = message("failure.not_finite_precision", precision=precision)
        return Proposal(told, ("model.precision", "optim.learning_rate"), (("model.precision", precision),))
    rate = float(f"{config.optim.learning_rate / 10:.2g}")
    changed: dict[str, Value] = {"optim.learning_rate": rate}
    if config.encoder.learning_rate:
        changed["encoder.learning_rate"] = float(f"{config.encoder.learning_rate / 10:.2g}")
    return _proposed(message("failure.not_finite_rate", rate=f"{rate:g}"), changed)


def for_disk(config: RunConfig) -> Proposal:
    """Fewer checkpoints at a time; there is nothing to change where one is kept already."""
    change = (("output.save_limit", 1),) if config.output.save_limit > 1 else ()
    return Proposal(message("failure.disk_advice"), ("output.save_limit", "output.save_minutes"), change)


def for_package(config: RunConfig, name: str) -> Proposal:
    """Install it, or do without the choice that needs it."""
    module = name.split(".")[0]
    advice = message("failure.package_advice", name=name)
    facts = OPTIMIZERS.get(config.optim.optimizer)
    if facts is not None and module in {package.module for package in facts.packages}:
        return Proposal(advice, ("optim.optimizer",), (("optim.optimizer", "adamw_torch"),))
    key, value = _PACKAGES.get(module, ("", ""))
    if key and value_of(config, key) != value:
        return Proposal(advice, (key,), ((key, value),))
    return Proposal(advice)


def _proposed(advice: Message, changed: Mapping[str, Value]) -> Proposal:
    return Proposal(advice, tuple(changed), tuple(changed.items()))
