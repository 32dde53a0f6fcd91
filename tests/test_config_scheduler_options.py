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
    assert key in [each.message.key for each in problems(scheduler, options)]


@pytest.mark.parametrize(
    ("scheduler", "options", "key"),
    [
        ("cosine_with_min_lr", {"min_lr": "abc"}, "check.option_kind"),
        ("cosine_with_min_lr", {"min_lr": True}, "check.option_kind"),
        ("cosine_with_min_lr", {"min_lr": -1}, "check.option_at_least"),
        ("cosine", {"num_cycles": None}, "check.option_kind"),
        ("cosine_with_restarts", {"num_cycles": 1.5}, "check.option_kind"),
        ("cosine_with_restarts", {"num_cycles": 0}, "check.option_at_least"),
        ("reduce_lr_on_plateau", {"factor": 1.0}, "check.option_below"),
        ("reduce_lr_on_plateau", {"mode": "best"}, "check.option_choice"),
        ("reduce_lr_on_plateau", {"patience": [1]}, "check.option_kind"),
        ("greedy", {"smooth": 1}, "check.option_kind"),
        ("greedy", {"window_size": 0}, "check.option_at_least"),
        ("warmup_stable_decay", {"num_decay_steps": 2, "decay_type": "steep"}, "check.option_choice"),
        ("polynomial", {"lr_end": 1}, "check.polynomial_end"),
        ("inverse_sqrt", {"timescale": 0}, "check.option_at_least"),
        ("cosine", '{"num_cycles": NaN}', "check.json_not_finite"),
        ("cosine", '{"num_cycles": 1, "num_cycles": 2}', "check.json_twice"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_named(scheduler: str, options: Any, key: str) -> None:
    (problem,) = problems(scheduler, options)
    assert (problem.field, problem.message.key) == ("schedule.scheduler_options", key)


@pytest.mark.parametrize("scheduler", [name for name, options in OPTIONS.items() if options])
def test_the_default_of_each_option_is_one_that_it_can_have(scheduler: str) -> None:
    function = optimization.TYPE_TO_SCHEDULER_FUNCTION[optimization.SchedulerType(scheduler)]
    named = inspect.signature(CLASSES.get(scheduler, function)).parameters
    given = {
        name: named[name].default for name in OPTIONS[scheduler] if named[name].default is not inspect.Parameter.empty
    }
    wrong = {each.message.key for each in problems(scheduler, given)}
    assert wrong <= {"check.wsd_options", "check.min_lr_options"}  # what has no default


def test_a_rate_below_the_end_of_a_polynomial_is_refused() -> None:
    keys = [each.message.key for each in problems("polynomial", {}, optim__learning_rate=1e-8)]
    assert keys == ["check.polynomial_end"]


@pytest.mark.parametrize(
    ("scheduler", "options"),
    [("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1}), ("warmup_stable_decay", {"num_decay_steps": 2})],
)
def test_what_it_takes_is_no_problem(scheduler: str, options: Any) -> None:
    assert problems(scheduler, options) == []


def test_broken_options_hide_no_other_problem() -> None:
    found = problems("reduce_lr_on_plateau", "{oops", data__validation="none")
    assert {each.message.key for each in found} == {"check.json", "check.scheduler_needs_validation"}
