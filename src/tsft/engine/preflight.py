"""What the machine, the files and the installed packages say to a config, before anything heavy is loaded."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from tsft.config.catalog import base_model
from tsft.config.check import check
from tsft.config.optimizers import OPTIMIZERS
from tsft.config.probe_rules import readable_pins
from tsft.config.run_config import ADAPTERS, RunConfig
from tsft.config.sampled_rules import is_sampled
from tsft.data.registry import find_dataset
from tsft.engine.adapters import adapter_kind
from tsft.engine.device import has_fast_bf16
from tsft.engine.extra_arguments import extra_problems
from tsft.engine.liger import liger_problems
from tsft.engine.optimizers import missing_for
from tsft.engine.processes import process_problems
from tsft.engine.quantised import quantization_problems, wished
from tsft.engine.restore import result_folder
from tsft.engine.sampled import reward_weights
from tsft.engine.trackers import tracker_problems
from tsft.errors import Problem, UserError, message
from tsft.model.changes import ModelChanges
from tsft.model.families import read_record
from tsft.model.quantization import Quantization
from tsft.model.reward_head import FLAG
from tsft.store.models import local_model
from tsft.store.runs import TRAINED_WEIGHTS, read_json
from tsft.store.workspace import Workspace

# Less than this free and the first checkpoint may not fit.
FREE_DISK_BYTES = 500 * 1024**2
ADAPTER_CONFIG = "adapter_config.json"


def preflight(config: RunConfig, workspace: Workspace) -> list[Problem]:
    """All problems: those of the config itself, then those of this machine and these files. Warnings come last."""
    problems = [*check(config), *machine_problems(config), *_model(config, workspace), *_data(config, workspace)]
    problems += [*extra_problems(config), *_reward_model(config, workspace)]
    if shutil.disk_usage(workspace.root).free < FREE_DISK_BYTES:
        free = shutil.disk_usage(workspace.root).free // 1024**2
        problems.append(Problem("", message("preflight.disk", free=free, wanted=FREE_DISK_BYTES // 1024**2)))
    return sorted(problems, key=lambda problem: problem.is_warning)


def machine_problems(config: RunConfig) -> list[Problem]:
    """What this machine and its packages say, whatever the files are."""
    others = (quantization_problems, tracker_problems, liger_problems, process_problems)
    return [*_machine(config), *(problem for each in others for problem in each(config))]


def _machine(config: RunConfig) -> Iterator[Problem]:
    on_gpu = torch.cuda.is_available()
    if config.model.precision == "fp16" and not on_gpu:
        yield Problem("model.precision", message("preflight.fp16_needs_gpu"))
    if config.model.precision == "bf16" and not has_fast_bf16():
        yield Problem("model.precision", message("preflight.bf16_is_slow"), is_warning=not on_gpu)
    if config.model.attention == "flash_attention_2":
        if not on_gpu:
            yield Problem("model.attention", message("preflight.flash_needs_gpu"))
        elif importlib.util.find_spec("flash_attn") is None:
            yield Problem("model.attention", message("preflight.package", package="flash-attn"))
        elif config.model.precision == "fp32":
            yield Problem("model.attention", message("preflight.flash_needs_half"))
    if config.model.hub == "modelscope" and _is_from_hub(config) and importlib.util.find_spec("modelscope") is None:
        yield Problem("model.hub", message("preflight.package", package="modelscope"))
    if config.optim.optimizer in OPTIMIZERS:
        yield from missing_for(config)
    threads = config.schedule.threads
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or threads
    if threads > cores:
        told = message("preflight.threads", threads=threads, cores=cores)
        yield Problem("schedule.threads", told, is_warning=True)


def _model(config: RunConfig, workspace: Workspace) -> Iterator[Problem]:
    name = config.model.name
    looks_like_path = name.startswith(("/", "./", "../", "~")) or "\\" in name
    if looks_like_path and not Path(name).expanduser().is_dir():
        yield Problem("model.name", message("preflight.no_model_folder", path=name))
    elif name and _is_from_hub(config) and "/" not in name and local_model(workspace, config.model) is None:
        yield Problem("model.name", message("preflight.unknown_model", name=name))
    if config.model.continue_from:
        yield from _continued(config, workspace)


def _continued(config: RunConfig, workspace: Workspace) -> Iterator[Problem]:
    try:
        path = result_folder(config.model.continue_from, workspace)
    except UserError as error:
        yield Problem("model.continue_from", error.message)
        return
    if (path / ADAPTER_CONFIG).is_file() and not config.tuning.create_new_adapter:
        kind = read_json(path / ADAPTER_CONFIG).get("peft_type")
        if config.tuning.method in ADAPTERS and kind != adapter_kind(config.tuning.method):
            yield Problem("tuning.method", message("preflight.other_adapter", path=path.name, kind=str(kind)))
    if (path / ADAPTER_CONFIG).is_file() and wished(config) is not None:
        # The adapter says how its base is held; taken into the base, that is whole and in memory already.
        held = Quantization.from_json(read_record(path).get("quantization"))
        goes_on = config.tuning.method in ADAPTERS and not config.tuning.create_new_adapter
        if goes_on and wished(config) != held:
            how = held.name if held is not None else "–"
            yield Problem("quantization.method", message("preflight.quantised_otherwise", path=path.name, how=how))
    if (path / TRAINED_WEIGHTS).is_file() and config.tuning.method in ADAPTERS:
        # An adapter must name a base that can be loaded on its own, and this checkpoint holds only what was trained.
        yield Problem("model.continue_from", message("preflight.checkpoint_not_for_lora", path=path.name))


def _data(config: RunConfig, workspace: Workspace) -> Iterator[Problem]:
    folders = workspace.dataset_folders(config.data.folder)
    if config.data.folder and not folders[0].is_dir():
        yield Problem("data.folder", message("preflight.no_data_folder", path=config.data.folder))
    named = {"data.datasets": config.data.datasets}
    if config.data.validation == "dataset":
        named["data.validation_datasets"] = config.data.validation_datasets
    if config.probes.source == "pinned":
        named["probes.pinned"] = tuple(dict.fromkeys(pin.dataset for pin in readable_pins(config.probes.pinned)))
    for field, names in named.items():
        for name in names:
            try:
                find_dataset(name, folders, workspace.cache)
            except UserError as error:
                yield Problem(field, error.message)


def _reward_model(config: RunConfig, workspace: Workspace) -> Iterator[Problem]:
    """What is named must be there, and be a reward model as far as its small files tell."""
    if not (is_sampled(config) and "model" in reward_weights(config)):
        return
    try:
        path = result_folder(config.rewards.model, workspace)
    except UserError as error:
        yield Problem("rewards.model", error.message)
        return
    has_config = (path / "config.json").is_file()
    is_known = has_config or (path / ADAPTER_CONFIG).is_file()
    has_head = ModelChanges.from_json(read_record(path).get("changes")).reward_head
    has_head |= has_config and bool(read_json(path / "config.json").get(FLAG))
    if is_known and not has_head:
        yield Problem("rewards.model", message("scoring.no_head", path=config.rewards.model))


def _is_from_hub(config: RunConfig) -> bool:
    """Whether the base model is neither built in, nor shipped in a package, nor a folder, nor known by name."""
    name, entry = config.model.name, base_model(config.model.name)
    return entry is None and not Path(name).expanduser().is_dir()
