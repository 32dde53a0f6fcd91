"""The options of each learning rate schedule: what it takes and what it cannot do without. `check.py` asks here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tsft.config.json_object import json_object
from tsft.config.run_config import RunConfig
from tsft.errors import Message, Problem, UserError, message

EXAMPLE = '{"min_lr": 1e-6}'


@dataclass(frozen=True)
class Option:
    """What an option can be. kind: float, int, bool or str; below: it must stay under this."""

    kind: type
    low: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    may_be_null: bool = False


_NUMBER = Option(float)
_POSITIVE = Option(float, low=0.0)
_SHARE = Option(float, low=0.0, below=1.0)
_COUNT = Option(int, low=0)
_AT_LEAST_ONE = Option(int, low=1)
_SHAPE = Option(str, choices=("linear", "cosine", "1-sqrt"))
_MINIMUM = {name: replace(_POSITIVE, may_be_null=True) for name in ("min_lr", "min_lr_rate")}
_BY_LOSS = {
    "mode": Option(str, choices=("min", "max")),
    "factor": _SHARE,
    "patience": _COUNT,
    "threshold": _NUMBER,
    "threshold_mode": Option(str, choices=("rel", "abs")),
    "cooldown": _COUNT,
    "min_lr": _POSITIVE,
    "eps": _POSITIVE,
}

# What the training loop passes by itself (optimizer, numbers of steps but those of a decay) is not among them.
OPTIONS: Mapping[str, Mapping[str, Option]] = {
    "linear": {},
    "cosine": {"num_cycles": _POSITIVE},
    "cosine_with_restarts": {"num_cycles": _AT_LEAST_ONE},
    "polynomial": {"lr_end": _POSITIVE, "power": _POSITIVE},
    "constant": {},
    "constant_with_warmup": {},
    "inverse_sqrt": {"timescale": replace(_AT_LEAST_ONE, may_be_null=True)},
    "reduce_lr_on_plateau": _BY_LOSS,
    "cosine_with_min_lr": {"num_cycles": _POSITIVE, **_MINIMUM},
    "cosine_warmup_with_min_lr": {
        "num_cycles": _POSITIVE,
        **_MINIMUM,
        "warmup_lr_rate": replace(_POSITIVE, may_be_null=True),
    },
    "warmup_stable_decay": {
        "num_decay_steps": replace(_COUNT, may_be_null=True),  # what it cannot do without is said by itself
        "num_stable_steps": replace(_COUNT, may_be_null=True),
        "warmup_type": _SHAPE,
        "decay_type": _SHAPE,
        "min_lr_ratio": _POSITIVE,
        "num_cycles": _POSITIVE,
    },
    "greedy": {
        **_BY_LOSS,
        "warmup": _COUNT,
        "max_lr": _POSITIVE,
        "verbose": Option(bool),
        "smooth": Option(bool),
        "window_size": _AT_LEAST_ONE,
        "reset_start": _COUNT,
    },
}
# Where a polynomial ends unless it is told; it cannot begin below its end.
_POLYNOMIAL_END = 1e-7
_FIELD = "schedule.scheduler_options"


def read_options(text: str) -> dict[str, Any]:
    """The options as written. Raises UserError when they are no JSON object."""
    return json_object(text, EXAMPLE)


def check_scheduler_options(config: RunConfig) -> Iterator[Problem]:
    """Text that is not JSON, names that the schedule does not take, values of a wrong kind, and what it lacks."""
    try:
        options = read_options(config.schedule.scheduler_options)
    except UserError as error:
        yield Problem(_FIELD, error.message)
        return  # what is not readable can neither name nor lack an option
    scheduler = config.schedule.scheduler
    if scheduler not in OPTIONS:  # said as a wrong choice already
        return
    told = [*_names(scheduler, options), *_values(OPTIONS[scheduler], options), *_needs(scheduler, options)]
    if scheduler == "polynomial" and not told:
        end = options.get("lr_end", _POLYNOMIAL_END)
        if end >= config.optim.learning_rate:
            told.append(message("check.polynomial_end", end=f"{end:g}", rate=f"{config.optim.learning_rate:g}"))
    for each in told:
        yield Problem(_FIELD, each)


def _names(scheduler: str, options: Mapping[str, Any]) -> Iterator[Message]:
    allowed = OPTIONS[scheduler]
    for name in options:
        if name in allowed:
            continue
        if allowed:
            yield message("check.scheduler_option", name=name, scheduler=scheduler, allowed=", ".join(allowed))
        else:
            yield message("check.scheduler_no_options", name=name, scheduler=scheduler)


def _values(allowed: Mapping[str, Option], options: Mapping[str, Any]) -> Iterator[Message]:
    for name, value in options.items():
        option = allowed.get(name)
        if option is None or (value is None and option.may_be_null):
            continue
        if not _is_of(option.kind, value):
            wanted = message(f"config.kind.{option.kind.__name__}")
            yield message("check.option_kind", name=name, value=_shown(value), wanted=wanted.to_json())
        elif option.choices and value not in option.choices:
            yield message("check.option_choice", name=name, value=_shown(value), choices=", ".join(option.choices))
        elif option.low is not None and value < option.low:
            yield message("check.option_at_least", name=name, value=_shown(value), low=f"{option.low:g}")
        elif option.below is not None and value >= option.below:
            yield message("check.option_below", name=name, value=_shown(value), high=f"{option.below:g}")


def _is_of(kind: type, value: Any) -> bool:
    """Whether a value of JSON is of a kind: 1 is no truth value and true is no number."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _shown(value: Any) -> str:
    return str(value)[:60]


def _needs(scheduler: str, options: Mapping[str, Any]) -> Iterator[Message]:
    given = {name for name, value in options.items() if value is not None}
    if scheduler == "warmup_stable_decay" and "num_decay_steps" not in given:
        yield message("check.wsd_options")
    if scheduler in ("cosine_with_min_lr", "cosine_warmup_with_min_lr"):
        minimums = [name for name in _MINIMUM if name in given]
        if not minimums:
            yield message("check.min_lr_options")
        elif len(minimums) > 1:
            yield message("check.min_lr_twice")
