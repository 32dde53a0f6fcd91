"""How single arguments of LLaMA-Factory turn into settings, where the value or the name alone does not tell."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tsft.config.catalog import BASE_MODELS, base_model
from tsft.config.llamafactory_names import ARGUMENTS, SAME_OPTIMIZERS, SWITCHED_OPTIMIZERS
from tsft.config.llamafactory_preferences import PREFERENCE_CONVERTERS
from tsft.config.llamafactory_processes import PROCESS_CONVERTERS
from tsft.config.llamafactory_tuning import TUNING_CONVERTERS
from tsft.config.llamafactory_work import OFF, Work, is_on
from tsft.config.optimizers import OPTIMIZERS
from tsft.config.schema import setting_by_key


def _model(work: Work, argument: str, value: Any) -> None:
    hubs = {name: each.name for each in BASE_MODELS for name in (each.huggingface, each.modelscope) if name}
    work.put(argument, "model.name", hubs.get(str(value), value)) if value else work.leave(argument, "off")


def _model_title(work: Work, argument: str, value: Any) -> None:
    """The page saves the name in its own list of models, not where the model is."""
    work.put(argument, "model.name", value) if base_model(str(value)) else work.leave(argument, "model_title")


def _adapter(work: Work, argument: str, value: Any) -> None:
    paths = value if isinstance(value, list) else [part.strip() for part in str(value or "").split(",") if part.strip()]
    if len(paths) == 1:
        return work.put(argument, "model.continue_from", paths[0])
    return work.leave(argument, "several" if paths else "off")


def _precision(work: Work, argument: str, value: Any) -> None:
    work.put(argument, "model.precision", argument) if is_on(value) else work.leave(argument, "off")


def _compute_type(work: Work, argument: str, value: Any) -> None:
    work.put(argument, "model.precision", value)  # pure_bf16 is none of the choices


def _attention(work: Work, argument: str, value: Any) -> None:
    # YAML reads a bare `off` as false.
    names = {"auto": "sdpa", "sdpa": "sdpa", "disabled": "eager", "False": "eager", "fa2": "flash_attention_2"}
    work.put(argument, "model.attention", names.get(str(value), str(value)))


def _booster(work: Work, argument: str, value: Any) -> None:
    if value == "liger_kernel":
        return work.put(argument, "model.liger", True)
    name = {"auto": "sdpa", "flashattn2": "flash_attention_2"}.get(str(value))
    return work.put(argument, "model.attention", name) if name else work.leave(argument, "none")


def _hub(work: Work, argument: str, value: Any) -> None:
    work.put(argument, "model.hub", value)


def _folder(work: Work, argument: str, value: Any) -> None:
    is_folder = bool(value) and str(value) != "ONLINE" and not str(value).startswith("REMOTE:")
    work.put(argument, "data.folder", value) if is_folder else work.leave(argument, "none" if value else "off")


def _validation_size(work: Work, argument: str, value: Any) -> None:
    """A share of the rows below 1, a number of rows from 1 on; tsft knows shares."""
    if _is_never(work.arguments.get("eval_strategy")):
        return work.leave(argument, "no_validation")
    share = work.number(argument)
    if share is None or share < 0:
        return work.leave(argument, "value")
    if share >= 1:
        return work.leave(argument, "validation_rows")
    if share == 0 and work.arguments.get("eval_dataset"):
        return work.leave(argument, "off")
    if share == 0:
        return work.put(argument, "data.validation", "none")
    work.put(argument, "data.validation", "fraction")
    return work.put(argument, "data.validation_fraction", share)


def _validation_data(work: Work, argument: str, value: Any) -> None:
    if not value:
        return work.leave(argument, "off")
    if _is_never(work.arguments.get("eval_strategy")):
        return work.leave(argument, "no_validation")
    work.put(argument, "data.validation", "dataset")
    return work.put(argument, "data.validation_datasets", value)


def _train_on(work: Work, argument: str, value: Any) -> None:
    """Two switches there, which exclude each other; the one that trains on less counts."""
    if not is_on(value):
        return work.leave(argument, "off")
    if argument == "train_on_prompt" and is_on(work.arguments.get("mask_history")):
        return work.leave(argument, "overruled_history")
    return work.put(argument, "data.train_on", "everything" if argument == "train_on_prompt" else "last_answer")


def _packing(work: Work, argument: str, value: Any) -> None:
    """Plain packing there lets rows of one pack see each other; neat packing does not, and wins over plain."""
    if not is_on(value):
        is_packed = is_on(work.arguments.get("packing")) or is_on(work.arguments.get("neat_packing"))
        return work.leave(argument, "off") if is_packed else work.put(argument, "data.packing", "none")
    is_neat = is_on(work.arguments.get("neat_packing"))
    return work.put(argument, "data.packing", "separate" if is_neat else "continuous")


def _rope_scaling(work: Work, argument: str, value: Any) -> None:
    work.put(argument, "model.rope_scaling", "none" if value in OFF else value)


def _trackers(work: Work, argument: str, value: Any) -> None:
    known, unknown = _reported(value)
    if unknown:
        work.leave(argument, "value", unknown)
    if known or not unknown:
        work.put(argument, "output.trackers", _with_swanlab(work, known))


def _swanlab(work: Work, argument: str, value: Any) -> None:
    """Its own switch there; here it is one tracker beside those of `report_to`."""
    if not is_on(value):
        return work.leave(argument, "off")
    known, _ = _reported(work.arguments.get("report_to"))
    return work.put(argument, "output.trackers", _with_swanlab(work, known))


def _reported(value: Any) -> tuple[list[str], list[Any]]:
    """Of what `report_to` names, the trackers that there are here, and the others."""
    if value in OFF or value == ["none"]:
        return [], []
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    choices = setting_by_key()["output.trackers"].facts.choices
    listed = names if isinstance(names, (list, tuple)) else [names]
    return [name for name in listed if name in choices], [name for name in listed if name not in choices]


def _with_swanlab(work: Work, names: list[str]) -> tuple[str, ...]:
    also = ("swanlab",) if is_on(work.arguments.get("use_swanlab")) else ()
    return tuple(dict.fromkeys((*names, *also)))


def _layers_modules(work: Work, argument: str, value: Any) -> None:
    work.leave(argument, "own_way" if value in ("all", *OFF) else "none")


def _targets(work: Work, argument: str, value: Any) -> None:
    """ "all" there is an empty list here."""
    work.put(argument, ARGUMENTS[argument], () if value in ("all", ["all"], "", None) else value)


def _rank(work: Work, argument: str, value: Any) -> None:
    rank = work.number(argument)
    if value is None:
        return work.leave(argument, "off")
    work.put(argument, ARGUMENTS[argument], value)
    if "lora_alpha" not in work.arguments and rank is not None and rank.is_integer():
        work.put(argument, ARGUMENTS["lora_alpha"], 2 * rank)  # what LLaMA-Factory takes then
    return None


def _alpha(work: Work, argument: str, value: Any) -> None:
    rank = work.number("lora_rank")
    if value is None and rank is not None:
        value = 2 * rank  # what LLaMA-Factory takes then
    if value is None:
        return work.leave(argument, "off")
    return work.put(argument, ARGUMENTS[argument], value)


def _pissa(work: Work, argument: str, value: Any) -> None:
    work.put(argument, "lora.initialisation", "pissa") if is_on(value) else work.leave(argument, "off")


def _optimizer(work: Work, argument: str, value: Any) -> None:
    """Unless a switch of its own chooses another one."""
    is_overruled = any(is_on(work.arguments.get(switch)) for switch in SWITCHED_OPTIMIZERS)
    name = SAME_OPTIMIZERS.get(str(value), str(value))
    if is_overruled or name not in OPTIMIZERS:
        return work.leave(argument, "overruled" if is_overruled else "value")
    return work.put(argument, "optim.optimizer", name)


def _switched_optimizer(work: Work, argument: str, value: Any) -> None:
    if not is_on(value):
        return work.leave(argument, "off")
    name = SWITCHED_OPTIMIZERS[argument]
    is_layerwise = is_on(work.arguments.get(f"{argument.removeprefix('use_')}_layerwise"))
    return work.put(argument, "optim.optimizer", f"{name}_layerwise" if is_layerwise else name)


def _layerwise(work: Work, argument: str, value: Any) -> None:
    switch = f"use_{argument.removesuffix('_layerwise')}"
    if not is_on(value) or not is_on(work.arguments.get(switch)):
        return work.leave(argument, "off")
    return work.put(argument, "optim.optimizer", f"{SWITCHED_OPTIMIZERS[switch]}_layerwise")


def _badam_mode(work: Work, argument: str, value: Any) -> None:
    work.leave(argument, "own_way" if value in ("layer", None) else "none")


def _scheduler_options(work: Work, argument: str, value: Any) -> None:
    if not value:
        return work.leave(argument, "off")
    return work.put(argument, "schedule.scheduler_options", value if isinstance(value, str) else json.dumps(value))


def _max_steps(work: Work, argument: str, value: Any) -> None:
    steps = work.number(argument)
    work.put(argument, "schedule.max_steps", 0 if steps is not None and steps < 0 else value)


def _warmup_steps(work: Work, argument: str, value: Any) -> None:
    """Steps there, a share here: it can be told when the number of all steps is set, or when there are none."""
    steps, all_steps = work.number(argument), work.number("max_steps")
    if steps is None or steps < 0:
        return work.leave(argument, "value")
    if steps == 0 and work.number("warmup_ratio") is not None:
        return work.leave(argument, "off")
    if steps < 1:  # newer versions take a share in this field too
        return work.put(argument, "schedule.warmup_fraction", steps)
    if not all_steps or all_steps < steps:
        return work.leave(argument, "warmup_steps")
    return work.put(argument, "schedule.warmup_fraction", steps / all_steps)


def _no_checkpointing(work: Work, argument: str, value: Any) -> None:
    work.put(argument, "schedule.gradient_checkpointing", not is_on(value))


def _output_name(work: Work, argument: str, value: Any) -> None:
    """A run has a folder of its own in the workspace; the last part of the path becomes its name."""
    name = str(value or "").replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    if argument == "output_dir" and work.arguments.get("run_name"):
        return work.leave(argument, "own_way")
    return work.put(argument, "output.name", name) if name else work.leave(argument, "off")


def _when(work: Work, argument: str, value: Any) -> None:
    """`eval_strategy` and `save_strategy`: tsft validates and saves by steps or by itself."""
    if argument == "eval_strategy" and _is_never(value):
        return work.put(argument, "data.validation", "none")
    if argument == "eval_strategy" and value == "epoch":
        return work.put(argument, "output.eval_steps", 0)
    return work.leave(argument, "own_way" if value == "steps" else "off" if value in ("no", *OFF) else "none")


def _is_never(value: Any) -> bool:
    """YAML reads a bare `no` as false."""
    return value is False or str(value).lower() in ("no", "false")


def _project(work: Work, argument: str, value: Any) -> None:
    """What stands in the fields unasked names no project."""
    is_unasked = value in OFF or value == {"project": "huggingface", "swanlab_project": "llamafactory"}[argument]
    if is_unasked:
        return work.leave(argument, "off")
    return work.put(argument, ARGUMENTS[argument], value)


CONVERTERS: Mapping[str, Callable[[Work, str, Any], None]] = {
    "model_name_or_path": _model,
    "model_title": _model_title,
    "adapter_name_or_path": _adapter,
    "bf16": _precision,
    "fp16": _precision,
    "compute_type": _compute_type,
    "flash_attn": _attention,
    "booster": _booster,
    "hub": _hub,
    "dataset_dir": _folder,
    "val_size": _validation_size,
    "eval_dataset": _validation_data,
    "train_on_prompt": _train_on,
    "mask_history": _train_on,
    **PREFERENCE_CONVERTERS,
    **PROCESS_CONVERTERS,
    **TUNING_CONVERTERS,
    "project": _project,
    "swanlab_project": _project,
    "packing": _packing,
    "neat_packing": _packing,
    "rope_scaling": _rope_scaling,
    "report_to": _trackers,
    "use_swanlab": _swanlab,
    "freeze_trainable_modules": _layers_modules,
    "lora_target": _targets,
    "oft_target": _targets,
    "galore_target": _targets,
    "apollo_target": _targets,
    "lora_rank": _rank,
    "lora_alpha": _alpha,
    "pissa_init": _pissa,
    "optim": _optimizer,
    **{switch: _switched_optimizer for switch in SWITCHED_OPTIMIZERS},
    "galore_layerwise": _layerwise,
    "apollo_layerwise": _layerwise,
    "badam_mode": _badam_mode,
    "lr_scheduler_kwargs": _scheduler_options,
    "max_steps": _max_steps,
    "warmup_steps": _warmup_steps,
    "disable_gradient_checkpointing": _no_checkpointing,
    "output_dir": _output_name,
    "run_name": _output_name,
    "eval_strategy": _when,
    "save_strategy": _when,
}
