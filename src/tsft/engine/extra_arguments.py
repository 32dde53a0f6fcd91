"""Further TrainingArguments as JSON: checked by name and kind, refused where a setting of the form owns them."""

import dataclasses
import difflib
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_type_hints

from transformers import TrainingArguments

from tsft.config.json_object import json_object
from tsft.config.run_config import RunConfig
from tsft.engine.argument_values import value_problems
from tsft.engine.json_kinds import fits, in_words
from tsft.errors import Message, Problem, UserError, message

FIELD = "schedule.extra_arguments"
EXAMPLE = '{"adam_epsilon": 1e-6}'

# Argument of transformers to the setting that sets it: two places for one value would hide one of them.
OWNED: Mapping[str, str] = MappingProxyType(
    {
        "per_device_train_batch_size": "schedule.batch_size",
        "per_device_eval_batch_size": "schedule.eval_batch_size",
        "gradient_accumulation_steps": "schedule.gradient_accumulation",
        "num_train_epochs": "schedule.epochs",
        "max_steps": "schedule.max_steps",
        "lr_scheduler_type": "schedule.scheduler",
        "lr_scheduler_kwargs": "schedule.scheduler_options",
        "warmup_steps": "schedule.warmup_fraction",
        "seed": "schedule.seed",
        "data_seed": "schedule.seed",
        "activation_checkpointing": "schedule.gradient_checkpointing",
        "activation_checkpointing_kwargs": "schedule.gradient_checkpointing",
        "gradient_checkpointing": "schedule.gradient_checkpointing",
        "gradient_checkpointing_kwargs": "schedule.gradient_checkpointing",
        "train_sampling_strategy": "schedule.group_by_length",
        "learning_rate": "optim.learning_rate",
        "weight_decay": "optim.weight_decay",
        "max_grad_norm": "optim.max_grad_norm",
        "adam_beta1": "optim.beta1",
        "adam_beta2": "optim.beta2",
        "optim": "optim.optimizer",
        "optim_args": "optim.optimizer",
        "optim_target_modules": "optim.optimizer",
        "label_smoothing_factor": "optim.label_smoothing",
        "neftune_noise_alpha": "optim.neftune_alpha",
        "bf16": "model.precision",
        "fp16": "model.precision",
        "use_liger_kernel": "model.liger",
        "liger_kernel_config": "model.liger",
        "logging_steps": "output.logging_steps",
        "eval_steps": "output.eval_steps",
        "save_steps": "output.save_steps",
        "save_total_limit": "output.save_limit",
        "report_to": "output.trackers",
        "run_name": "output.tracker_run",
        "project": "output.tracker_project",
        "trackio_space_id": "output.trackio_space",
    }
)

# What the run itself decides: where it writes, when it logs, saves and evaluates, and that nothing leaves the machine.
KEPT = frozenset(
    [
        "output_dir",
        "use_cpu",
        "logging_strategy",
        "logging_first_step",
        "logging_nan_inf_filter",
        "save_strategy",
        "eval_strategy",
        "eval_on_start",
        "eval_delay",
        "disable_tqdm",
        "remove_unused_columns",
        "label_names",
        "use_cache",
        "auto_find_batch_size",
        "include_num_input_tokens_seen",
        "trackio_bucket_id",
        "trackio_static_space_id",
        "prediction_loss_only",
        "eval_do_concat_batches",
        "eval_use_gather_object",
        "eval_accumulation_steps",
        "include_for_metrics",
        "batch_eval_metrics",
        "save_only_model",
        "save_on_each_node",
        "enable_jit_checkpoint",
        "push_to_hub",
        "hub_token",
        "hub_private_repo",
        "hub_model_id",
        "hub_strategy",
        "hub_always_push",
        "hub_revision",
        "load_best_model_at_end",
        "metric_for_best_model",
        "greater_is_better",
        "ignore_data_skip",
        "restore_callback_states_from_checkpoint",
        "length_column_name",
        "fsdp",
        "fsdp_config",
        "deepspeed",
        "parallelism_config",
        "do_train",
        "do_eval",
        "do_predict",
        "resume_from_checkpoint",
        "local_rank",
        "bf16_full_eval",
        "fp16_full_eval",
        "dataloader_pin_memory",
        "dataloader_drop_last",
    ]
)


# Whatever the constructor of another library says of a value: it means that the value cannot be used.
_REFUSALS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, ImportError, OSError, RuntimeError)


def extra_problems(config: RunConfig) -> list[Problem]:
    """Everything that is wrong with the extra arguments, by name."""
    try:
        extra = extra_arguments(config)
    except UserError as error:
        return [Problem(FIELD, error.message)]
    problems = [Problem(FIELD, told) for told in _wrong(extra)]
    if extra and not problems:
        try:
            TrainingArguments(output_dir="unused", **extra)
        except _REFUSALS as error:
            why = f"{type(error).__name__}: {error}"[:300]
            problems.append(Problem(FIELD, message("extra.refused", why=why)))
    return problems


def extra_arguments(config: RunConfig) -> dict[str, Any]:
    """The names and values as written, false included. UserError when it is no JSON object."""
    return json_object(config.schedule.extra_arguments, EXAMPLE)


def make_arguments(config: RunConfig, **own: Any) -> TrainingArguments:
    """TrainingArguments from what the form sets and the extra ones. UserError where both name the same."""
    extra = extra_arguments(config)
    overlap = sorted((own.keys() & extra.keys()) - OWNED.keys() - KEPT)
    wrong = [*_wrong(extra), *(message("extra.kept", name=name) for name in overlap)]
    if wrong:
        raise UserError(*wrong)
    return TrainingArguments(**own, **extra)


def _wrong(extra: Mapping[str, Any]) -> Iterator[Message]:
    hints = get_type_hints(TrainingArguments)
    known = {field.name for field in dataclasses.fields(TrainingArguments)}
    sound: dict[str, Any] = {}
    for name, value in extra.items():
        if name in OWNED:
            yield message("extra.owned", name=name, setting=OWNED[name])
        elif name in KEPT:
            yield message("extra.kept", name=name)
        elif name not in known:
            yield _unknown(name, known)
        elif not fits(value, hints[name]):
            yield message("extra.wrong_kind", name=name, value=json.dumps(value)[:60], wanted=in_words(hints[name]))
        else:
            sound[name] = value
    yield from value_problems(sound)


def _unknown(name: str, known: set[str]) -> Message:
    """With the nearest name that could be meant: an argument that is free, or the setting that stands for one."""
    near = difflib.get_close_matches(name, known - KEPT, n=1, cutoff=0.6)
    if not near:
        return message("extra.unheard", name=name)
    if near[0] in OWNED:
        return message("extra.unknown_setting", name=name, setting=OWNED[near[0]])
    return message("extra.unknown", name=name, hint=near[0])
