"""The options of each learning rate schedule: what it takes and what it cannot do without. `check.py` asks here."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.errors import Problem, message

# What the training loop passes by itself (optimizer, numbers of steps but those of a decay) is not among them.
OPTIONS: dict[str, tuple[str, ...]] = {
    "linear": (),
    "cosine": ("num_cycles",),
    "cosine_with_restarts": ("num_cycles",),
    "polynomial": ("lr_end", "power"),
    "constant": (),
    "constant_with_warmup": (),
    "inverse_sqrt": ("timescale",),
    "reduce_lr_on_plateau": (
        "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps",
    ),
    "cosine_with_min_lr": ("num_cycles", "min_lr", "min_lr_rate"),
    "cosine_warmup_with_min_lr": ("num_cycles", "min_lr", "min_lr_rate", "warmup_lr_rate"),
    "warmup_stable_decay": (
        "num_decay_steps", "num_stable_steps", "warmup_type", "decay_type", "min_lr_ratio", "num_cycles",
    ),
    "greedy": (
        "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "warmup", "min_lr", "max_lr", "eps",
        "verbose", "smooth", "window_size", "reset_start",
    ),
}  # fmt: skip
_FIELD = "schedule.scheduler_options"
_MINIMUM = ("min_lr", "min_lr_rate")


def check_scheduler_options(config: RunConfig) -> Iterator[Problem]:
    """Text that is not JSON, names that the schedule does not take, and what it needs and does not get."""
    text = config.schedule.scheduler_options.strip()
    options: Any = {}
    if text:
        try:
            options = json.loads(text)
        except json.JSONDecodeError as error:
            yield Problem(_FIELD, message("check.json", why=f"{error.msg}, {error.colno}"))
            return  # what is not readable can neither name nor lack an option
    if not isinstance(options, dict):
        yield Problem(_FIELD, message("check.json_object"))
        return
    scheduler = config.schedule.scheduler
    if scheduler in OPTIONS:  # another one is said as a wrong choice already
        yield from _check_names(scheduler, options)
        yield from _check_needs(scheduler, options)


def _check_names(scheduler: str, options: Mapping[str, Any]) -> Iterator[Problem]:
    allowed = OPTIONS[scheduler]
    for name in options:
        if name in allowed:
            continue
        if allowed:
            told = message("check.scheduler_option", name=name, scheduler=scheduler, allowed=", ".join(allowed))
        else:
            told = message("check.scheduler_no_options", name=name, scheduler=scheduler)
        yield Problem(_FIELD, told)


def _check_needs(scheduler: str, options: Mapping[str, Any]) -> Iterator[Problem]:
    given = {name for name, value in options.items() if value is not None}
    if scheduler == "warmup_stable_decay" and "num_decay_steps" not in given:
        yield Problem(_FIELD, message("check.wsd_options"))
    if scheduler in ("cosine_with_min_lr", "cosine_warmup_with_min_lr"):
        minimums = [name for name in _MINIMUM if name in given]
        if not minimums:
            yield Problem(_FIELD, message("check.min_lr_options"))
        elif len(minimums) > 1:
            yield Problem(_FIELD, message("check.min_lr_twice"))
