"""The options of a schedule are refused before a run when its function in transformers would not take them."""

import inspect
import json
from typing import Any

import pytest
import torch
from transformers import optimization

from tests.test_config_check import config_with
from tsft.config.check import check
from tsft.config.run_config import SCHEDULERS
from tsft.config.scheduler_options import OPTIONS
from tsft.errors import Problem

# What the training loop passes, and what stays at its default on purpose.
PASSED = {"self", "optimizer", "num_warmup_steps", "num_training_steps", "last_epoch"}
# Their functions only hand everything on to a class.
CLASSES = {"reduce_lr_on_plateau": torch.optim.lr_scheduler.ReduceLROnPlateau, "greedy": optimization.GreedyLR}


def problems(scheduler: str, options: Any, **more: Any) -> list[Problem]:
    text = options if isinstance(options, str) else json.dumps(options)
    return check(config_with(schedule__scheduler=scheduler, schedule__scheduler_options=text, **more))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_table_is_what_transformers_takes(scheduler: str) -> None:
    function = optimization.TYPE_TO_SCHEDULER_FUNCTION[optimization.SchedulerType(scheduler)]
    names = inspect.signature(CLASSES.get(scheduler, function)).parameters
    assert set(OPTIONS[scheduler]) == set(names) - PASSED


def test_every_scheduler_is_in_the_table() -> None:
    assert set(OPTIONS) == set(SCHEDULERS)


def test_unknown_options_are_named_with_those_allowed() -> None:
    found = problems("cosine", {"foo": 1, "num_cycles": 2, "min_lr": 1e-6})
    assert [each.message.values for each in found] == [
        {"name": name, "scheduler": "cosine", "allowed": "num_cycles"} for name in ("foo", "min_lr")
    ]
    assert {each.field for each in found} == {"schedule.scheduler_options"}


def test_a_schedule_without_options_takes_none() -> None:
    assert [each.message.key for each in problems("linear", {"foo": 1})] == ["check.scheduler_no_options"]


@pytest.mark.parametrize(
    ("scheduler", "options", "key"),
    [
        ("warmup_stable_decay", {"decay_type": "num_decay_steps"}, "check.wsd_options"),
        ("warmup_stable_decay", {"num_decay_steps": None}, "check.wsd_options"),
        ("cosine_with_min_lr", {"num_cycles": 1}, "check.min_lr_options"),
        ("cosine_with_min_lr", {"min_lr": 1e-6, "min_lr_rate": 0.1}, "check.min_lr_twice"),
        ("cosine_with_min_lr", "{oops", "check.json"),
        ("cosine_with_min_lr", [1], "check.json_object"),
    ],
)
def test_what_a_schedule_needs_is_looked_for_among_the_names(scheduler: str, options: Any, key: str) -> None:
    assert [each.message.key for each in problems(scheduler, options)] == [key]


@pytest.mark.parametrize(
    ("scheduler", "options"),
    [("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1}), ("warmup_stable_decay", {"num_decay_steps": 2})],
)
def test_what_it_takes_is_no_problem(scheduler: str, options: Any) -> None:
    assert problems(scheduler, options) == []


def test_broken_options_hide_no_other_problem() -> None:
    found = problems("reduce_lr_on_plateau", "{oops", data__validation="none")
    assert {each.message.key for each in found} == {"check.json", "check.scheduler_needs_validation"}
