"""`check(config)`: everything that is wrong with a config as far as the config alone can tell, all at once.

What needs the machine, the model or the files is checked by the engine's preflight, in the same `Problem` type.
"""

from collections.abc import Iterator
from typing import Any

from tsft.config.data_rules import check_both_sides
from tsft.config.fields import ABOVE_ZERO
from tsft.config.metrics import ANSWER_SCORE
from tsft.config.probe_rules import check_probes
from tsft.config.process_rules import check_processes
from tsft.config.quantization_rules import check_quantization
from tsft.config.run_config import RunConfig
from tsft.config.sampled_rules import check_sampled
from tsft.config.scheduler_options import check_scheduler_options
from tsft.config.schema import Setting, is_active, settings, value_of
from tsft.config.stage_rules import check_stage
from tsft.config.tracker_rules import check_addresses
from tsft.config.tuning_rules import check_adapter, check_optimizer
from tsft.errors import Problem, message


def check(config: RunConfig) -> list[Problem]:
    """All problems, each tied to its field; none for a sound config. Settings without a meaning are not judged."""
    problems: list[Problem] = []
    for setting in settings():
        if is_active(config, setting):
            problems.extend(check_value(setting, value_of(config, setting.key)))
    problems.extend(_check_together(config))
    return problems


def check_value(setting: Setting, value: Any) -> Iterator[Problem]:
    """What is wrong with one value by its setting's own bounds and choices."""
    for each in value if setting.is_list else (value,):
        facts = setting.facts
        if facts.choices and each not in facts.choices:
            choices = ", ".join(facts.choices)
            yield Problem(setting.key, message("check.choice", value=each, choices=choices))
        if isinstance(each, (int, float)) and not isinstance(each, bool):
            yield from _check_bounds(setting, each)


def _check_bounds(setting: Setting, value: float) -> Iterator[Problem]:
    low, high = setting.facts.low, setting.facts.high
    if low is not None and value < low:
        if low == ABOVE_ZERO:
            yield Problem(setting.key, message("check.above_zero", value=_plain(value)))
        else:
            yield Problem(setting.key, message("check.at_least", low=_plain(low), value=_plain(value)))
    if high is not None and value > high:
        yield Problem(setting.key, message("check.at_most", high=_plain(high), value=_plain(value)))


def _check_together(config: RunConfig) -> Iterator[Problem]:
    if not config.model.name:
        yield Problem("model.name", message("check.no_model"))
    if not config.data.datasets:
        yield Problem("data.datasets", message("check.no_dataset"))
    data = config.data
    if data.validation == "dataset" and not data.validation_datasets:
        yield Problem("data.validation_datasets", message("check.no_validation_dataset"))
    yield from check_both_sides(data)
    if data.weights and data.mixing != "concatenate":
        if len(data.weights) != len(data.datasets):
            counts = {"weights": len(data.weights), "datasets": len(data.datasets)}
            yield Problem("data.weights", message("check.weights_count", **counts))
        elif sum(data.weights) <= 0:
            yield Problem("data.weights", message("check.weights_zero"))
    if config.model.continue_from and (config.model.rope_scaling != "none" or config.model.resize_vocabulary):
        field = "model.rope_scaling" if config.model.rope_scaling != "none" else "model.resize_vocabulary"
        yield Problem(field, message("check.change_on_result"))
    yield from _check_tuning(config)
    yield from check_stage(config)
    yield from check_sampled(config)
    yield from check_adapter(config)
    yield from check_quantization(config)
    yield from check_processes(config)
    yield from check_optimizer(config)
    yield from _check_schedule(config)
    yield from check_probes(config)
    yield from check_addresses(config)


def _check_tuning(config: RunConfig) -> Iterator[Problem]:
    if config.tuning.method == "encoder" and config.encoder.training == "frozen":
        yield Problem("encoder.training", message("check.nothing_trained"))
    if config.encoder.training == "lora" and config.tuning.method != "lora":
        yield Problem("encoder.training", message("check.encoder_lora_needs_lora"))
    if config.tuning.method == "freeze" and config.tuning.freeze_layers == 0 and not config.tuning.freeze_modules:
        yield Problem("tuning.freeze_layers", message("check.freeze_nothing"))
    if config.tuning.method == "lora" and config.lora.dora and config.lora.initialisation == "pissa":
        yield Problem("lora.initialisation", message("check.dora_pissa"))


def _check_schedule(config: RunConfig) -> Iterator[Problem]:
    name = config.schedule.scheduler
    if name in ("reduce_lr_on_plateau", "greedy") and config.data.validation == "none":
        yield Problem("schedule.scheduler", message("check.scheduler_needs_validation", scheduler=name))
    if config.stopping.early == "on" and config.data.validation == "none":
        yield Problem("stopping.early", message("check.stopping_needs_validation"))
    yield from check_scheduler_options(config)
    yield from _check_answers(config)


def _check_answers(config: RunConfig) -> Iterator[Problem]:
    """Validation rows that are answered need rows, and questions; a score needs answers."""
    count = config.stopping.answered_rows
    if config.stopping.metric == ANSWER_SCORE and not count:
        yield Problem("stopping.answered_rows", message("check.score_needs_answers"))
    if count and config.data.validation == "none":
        yield Problem("stopping.answered_rows", message("check.answers_need_validation"))
    if count and config.data.task == "pretraining":
        yield Problem("stopping.answered_rows", message("check.answers_need_questions"))


def _plain(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)
