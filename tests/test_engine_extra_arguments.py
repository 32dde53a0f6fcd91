"""Extra arguments: they arrive, false included, and every wrong one is named with the reason."""

import ast
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainingArguments

from tests.engine_runs import small
from tsft.config.schema import setting_by_key
from tsft.engine import arguments as arguments_module
from tsft.engine import extra_arguments as extra_module
from tsft.engine.arguments import training_arguments
from tsft.engine.device import Precision
from tsft.engine.extra_arguments import KEPT, OWNED, extra_problems
from tsft.errors import UserError


def made(tmp_path: Path, **changes: Any) -> TrainingArguments:
    precision = Precision("fp32", torch.float32)
    return training_arguments(
        small(**changes), tmp_path, precision, has_validation=False, evaluates_at_start=False, run_name="mine"
    )


def test_extra_arguments_arrive_and_false_is_not_lost(tmp_path: Path) -> None:
    extra = {"adam_epsilon": 1e-6, "average_tokens_across_devices": False, "dataloader_num_workers": 1}

    arguments = made(tmp_path, schedule__extra_arguments=json.dumps(extra))

    assert {name: getattr(arguments, name) for name in extra} == extra


@pytest.mark.parametrize(
    ("extra", "key", "values"),
    [
        ('{"adam_epsilom": 1e-6}', "extra.unknown", {"name": "adam_epsilom", "hint": "adam_epsilon"}),
        ('{"learning_rate": 1e-3}', "extra.owned", {"name": "learning_rate", "setting": "optim.learning_rate"}),
        ('{"gradient_checkpointing": false}', "extra.owned", {"setting": "schedule.gradient_checkpointing"}),
        ('{"output_dir": "/elsewhere"}', "extra.kept", {"name": "output_dir"}),
        ('{"hub_token": "secret"}', "extra.kept", {"name": "hub_token"}),
        ('{"full_determinism": "no"}', "extra.wrong_kind", {"name": "full_determinism"}),
        ('{"dataloader_num_workers": true}', "extra.wrong_kind", {"name": "dataloader_num_workers"}),
        ('{"dataloader_prefetch_factor": 2}', "extra.needs_workers", {"name": "dataloader_prefetch_factor"}),
        ('{"learning_rat": 1}', "extra.unknown_setting", {"setting": "optim.learning_rate"}),
        ('{"zzzz": 1}', "extra.unheard", {"name": "zzzz"}),
        ('{"accelerator_config": "x.json"}', "extra.refused", {}),
        ('{"accelerator_config": {"foo": 1}}', "extra.no_such_part", {"name": "accelerator_config.foo"}),
        ('{"accelerator_config": {"split_batches": "x"}}', "extra.wrong_kind", {}),
        ('{"accelerator_config": {"gradient_accumulation_kwargs": {"num_steps": 2}}}', "extra.owned", {}),
        ('{"log_level": "loud"}', "check.option_choice", {"name": "log_level"}),
        ('{"log_level_replica": "loud"}', "check.option_choice", {"name": "log_level_replica"}),
        ('{"dataloader_persistent_workers": true}', "extra.needs_workers", {"name": "dataloader_persistent_workers"}),
        ('{"dataloader_multiprocessing_context": "fork"}', "extra.needs_workers", {}),
        ('{"dataloader_multiprocessing_context": "x", "dataloader_num_workers": 1}', "check.option_choice", {}),
        ('{"dataloader_num_workers": -1}', "check.option_at_least", {"low": "0"}),
        ('{"adam_epsilon": NaN}', "check.json_not_finite", {"value": "NaN"}),
        ('{"adam_epsilon": -Infinity}', "check.json_not_finite", {"value": "-Infinity"}),
        ('{"adam_epsilon": 1e400}', "check.json_not_finite", {"value": "1e400"}),
        ('{"tf32": false, "tf32": null}', "check.json_twice", {"name": "tf32"}),
        ('{"torch_compile_backend": "quick"}', "check.option_choice", {"name": "torch_compile_backend"}),
        ('{"torch_compile_mode": "quick"}', "check.option_choice", {"name": "torch_compile_mode"}),
        ('{"ddp_backend": "quick"}', "check.option_choice", {"name": "ddp_backend"}),
        ('{"debug": "everything"}', "extra.refused", {}),
        ("[" * 100_000, "check.json_object", {}),
        ("[1]", "check.json_object", {}),
        ("{", "check.json", {}),
    ],
)
def test_a_wrong_extra_argument_is_named(extra: str, key: str, values: dict[str, str]) -> None:
    (problem,) = extra_problems(small(schedule__extra_arguments=extra))

    assert problem.field == "schedule.extra_arguments" and problem.message.key == key
    assert values.items() <= problem.message.values.items()


@pytest.mark.parametrize(
    "extra",
    [
        {"log_level": "passive", "log_level_replica": "error"},
        {"dataloader_num_workers": 2, "dataloader_persistent_workers": True, "dataloader_prefetch_factor": 2},
        {"dataloader_num_workers": 1, "dataloader_multiprocessing_context": "spawn"},
        {"accelerator_config": {"even_batches": False, "dispatch_batches": None}},
        {"debug": "underflow_overflow", "tf32": None, "dataloader_persistent_workers": False},
    ],
)
def test_sound_values_are_no_problem(extra: dict[str, Any]) -> None:
    assert extra_problems(small(schedule__extra_arguments=json.dumps(extra))) == []


@pytest.mark.parametrize("error", [OSError, TypeError, KeyError, RuntimeError, ZeroDivisionError, NotImplementedError])
def test_whatever_the_constructor_raises_is_told(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**arguments: Any) -> None:
        raise error("no")

    monkeypatch.setattr(extra_module.TrainingArguments, "__init__", lambda self, **arguments: refuse(**arguments))

    (problem,) = extra_problems(small(schedule__extra_arguments='{"tf32": null}'))

    assert problem.message.key == "extra.refused" and error.__name__ in problem.message.values["why"]


def test_all_wrong_ones_are_told_at_once_and_nothing_is_built(tmp_path: Path) -> None:
    extra = '{"seed": 1, "no_such": 2, "bf16": false}'

    with pytest.raises(UserError) as refused:
        made(tmp_path, schedule__extra_arguments=extra)

    assert [each.message.key for each in refused.value.problems] == ["extra.owned", "extra.unheard", "extra.owned"]


def test_whatever_the_form_sets_is_owned_or_kept() -> None:
    calls = [
        node
        for node in ast.walk(ast.parse(Path(arguments_module.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "make_arguments"
    ]
    ours = {keyword.arg for call in calls for keyword in call.keywords if keyword.arg}

    assert len(calls) == 1 and ours - OWNED.keys() - KEPT == set()


def test_the_tables_name_only_what_exists() -> None:
    known = {field.name for field in dataclasses.fields(TrainingArguments)}

    assert {*OWNED, *KEPT} - known == set()
    assert set(OWNED.values()) - setting_by_key().keys() == set()


def test_neftune_and_trackers_reach_the_arguments(tmp_path: Path) -> None:
    arguments = made(tmp_path, optim__neftune_alpha=5.0, output__tracker_project="plants")

    assert arguments.neftune_noise_alpha == 5.0
    assert (arguments.project, arguments.run_name, arguments.report_to) == ("plants", "mine", [])
    assert arguments.trackio_static_space_id is False
    assert made(tmp_path).neftune_noise_alpha is None
