"""Values of extra arguments that TrainingArguments takes without a word and that fail once the training begins."""

from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

import torch
from transformers.trainer_pt_utils import AcceleratorConfig
from transformers.training_args import trainer_log_levels

from tsft.engine.json_kinds import fits, in_words
from tsft.errors import Message, message

_AT_LEAST: Mapping[str, float] = {
    "adam_epsilon": 0.0,
    "dataloader_num_workers": 0,
    "dataloader_prefetch_factor": 1,
    "ddp_bucket_cap_mb": 1,
    "ddp_timeout": 1,
    "torch_empty_cache_steps": 1,
}
# What only the processes that load data ahead can do.
_OF_WORKERS = ("dataloader_persistent_workers", "dataloader_prefetch_factor", "dataloader_multiprocessing_context")
# accelerate's names of the backends that torch itself brings or finds.
_BACKENDS = ("aot_eager", "cudagraphs", "eager", "inductor")
_DDP_BACKENDS = ("nccl", "gloo", "mpi", "ccl", "xccl", "hccl", "cncl", "mccl")


def value_problems(extra: Mapping[str, Any]) -> Iterator[Message]:
    """What is wrong with the values of arguments that exist and are of their kind."""
    choices = _choices()
    for name, value in extra.items():
        if value is None:
            continue
        if name in choices and value not in choices[name]:
            yield message("check.option_choice", name=name, value=str(value)[:60], choices=", ".join(choices[name]))
        elif name in _AT_LEAST and value < _AT_LEAST[name]:
            yield message("check.option_at_least", name=name, value=str(value), low=f"{_AT_LEAST[name]:g}")
        elif name in _OF_WORKERS and value and not extra.get("dataloader_num_workers"):
            yield message("extra.needs_workers", name=name)
        elif name == "accelerator_config" and isinstance(value, dict):
            yield from _accelerator(value)


def _choices() -> Mapping[str, tuple[str, ...]]:
    levels = tuple(trainer_log_levels)
    return {
        "log_level": levels,
        "log_level_replica": levels,
        "dataloader_multiprocessing_context": tuple(torch.multiprocessing.get_all_start_methods()),
        "torch_compile_backend": _BACKENDS,
        "torch_compile_mode": tuple(torch._inductor.list_mode_options()),
        "ddp_backend": _DDP_BACKENDS,
    }


def _accelerator(config: Mapping[str, Any]) -> Iterator[Message]:
    hints = get_type_hints(AcceleratorConfig)
    for name, value in config.items():
        full = f"accelerator_config.{name}"
        if name not in hints:
            yield message("extra.no_such_part", name=full, known=", ".join(hints))
        elif name == "gradient_accumulation_kwargs":
            yield message("extra.owned", name=full, setting="schedule.gradient_accumulation")
        elif not fits(value, hints[name]):
            yield message("extra.wrong_kind", name=full, value=str(value)[:60], wanted=in_words(hints[name]))
