"""The optimizer of a run by its name, over groups that keep the learning rate and the `kind` of each part.

Which names there are and what they need stands in `config/optimizers.py`. Classes come from transformers' table where
it knows them; it would make its own groups, and then the encoder's learning rate would be lost.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer, TrainingArguments

from tsft.config.optimizers import OPTIMIZERS
from tsft.config.run_config import RunConfig
from tsft.engine.block_optimizers import BlockAdamW, Groups, MuonWithAdamW, StepInBackward, split
from tsft.engine.parts import decoder_layers, linear_names, targets_among
from tsft.engine.tuning import ParameterGroup
from tsft.errors import Problem, UserError, message

# What of a low-rank optimizer's state is no tensor, by module and class: it may be read back from a checkpoint.
_STATE_CLASSES = (
    ("galore_torch.galore_projector", "GaLoreProjector"),
    ("apollo_torch.random_projector", "GradientProjector"),
    ("apollo_torch.svd_projector", "GaLoreProjector"),
)


def make_optimizer(
    model: nn.Module, parts: list[ParameterGroup], config: RunConfig, arguments: TrainingArguments, steps: int
) -> Optimizer:
    """The optimizer that `optim.optimizer` names; `steps` is the length of the whole run."""
    facts = OPTIMIZERS[config.optim.optimizer]
    groups = [
        {
            "params": list(part.parameters),
            "lr": part.learning_rate,
            "weight_decay": part.weight_decay,
            "kind": part.kind,
        }
        for part in parts
    ]
    match facts.family:
        case "muon":
            return _muon(model, groups, config, arguments)
        case "badam":
            return _badam(model, groups, config, arguments)
        case "galore" | "apollo":
            return _low_rank(model, groups, config, arguments)
    with _quiet_root_logger():
        kind, options = Trainer.get_optimizer_cls_and_kwargs(arguments, model)
    if facts.family == "lomo":
        options["model"] = model
        return kind(**options, weight_decay=config.optim.weight_decay)
    if facts.family == "schedule_free" and "warmup_steps" in options:
        options["warmup_steps"] = arguments.get_warmup_steps(steps)  # ours is a share of all steps
    return kind(groups, **options)


def refuse_unfit(model: nn.Module, config: RunConfig) -> None:
    """Raise UserError where the optimizer is told of layers that this tuned model has not."""
    family = OPTIMIZERS[config.optim.optimizer].family
    if family in ("galore", "apollo"):
        wanted = config.galore.targets if family == "galore" else config.apollo.targets
        targets_among(linear_names(model, in_encoder=False), wanted, f"{family}.targets")
    if family == "badam":
        blocks, start = len(_blocks(model)), config.badam.start_block
        if not blocks:
            raise UserError(Problem("optim.optimizer", message("tuning.no_blocks")))
        if start >= blocks:
            told = message("tuning.no_such_block", wanted=start, last=blocks - 1)
            raise UserError(Problem("badam.start_block", told))


def is_installed(module: str) -> bool:
    """Whether the module could be imported."""
    return find_spec(module) is not None


def missing_for(config: RunConfig, has_module: Callable[[str], bool] = is_installed) -> Iterator[Problem]:
    """What this machine lacks for the chosen optimizer: a GPU, packages."""
    facts = OPTIMIZERS[config.optim.optimizer]
    if facts.needs_cuda and not torch.cuda.is_available():
        yield Problem("optim.optimizer", message("preflight.optimizer_needs_gpu", name=facts.name))
    for package in facts.packages:
        if not has_module(package.module):
            yield Problem("optim.optimizer", message("preflight.package", package=package.name))


@contextmanager
def evaluation_weights(optimizer: Optimizer | None) -> Iterator[None]:
    """The weights to judge and to keep. A schedule-free optimizer trains at another point than the one it has found.

    Afterwards the weights are what they were, to the last bit.
    """
    inner = getattr(optimizer, "optimizer", optimizer)
    if inner is None or not callable(getattr(inner, "eval", None)) or not inner.param_groups[0].get("train_mode"):
        yield
        return
    parameters = [parameter for group in inner.param_groups for parameter in group["params"]]
    kept = [parameter.detach().clone() for parameter in parameters]
    inner.eval()
    try:
        yield
    finally:
        inner.train()
        for parameter, weights in zip(parameters, kept, strict=True):
            parameter.data.copy_(weights)


@contextmanager
def readable_state(name: str) -> Iterator[None]:
    """Within it a checkpoint of this optimizer can be read, whose state holds a few objects beside tensors."""
    modules = {package.module for package in OPTIMIZERS[name].packages}
    classes = [getattr(import_module(path), kind) for path, kind in _STATE_CLASSES if path.split(".")[0] in modules]
    with torch.serialization.safe_globals(classes):
        yield


def _muon(model: nn.Module, groups: Groups, config: RunConfig, arguments: TrainingArguments) -> Optimizer:
    """Muon is for the matrices within the layers; embeddings, head, encoder and everything else stay with AdamW."""
    inside = [each for each in decoder_layers(model).parameters() if each.requires_grad and each.dim() == 2]
    return MuonWithAdamW(
        split(groups, inside, {"uses_muon": True}, {"uses_muon": False}),
        lr=config.optim.learning_rate,
        momentum=config.optim.muon_momentum,
        betas=(config.optim.beta1, config.optim.beta2),
        eps=arguments.adam_epsilon,
    )


def _badam(model: nn.Module, groups: Groups, config: RunConfig, arguments: TrainingArguments) -> Optimizer:
    badam = config.badam
    return BlockAdamW(
        groups,
        blocks=_blocks(model),
        interval=badam.switch_interval,
        mode=badam.switch_mode,
        start=badam.start_block,
        seed=config.schedule.seed,
        lr=config.optim.learning_rate,
        betas=(config.optim.beta1, config.optim.beta2),
        eps=arguments.adam_epsilon,
    )


def _blocks(model: nn.Module) -> list[list[nn.Parameter]]:
    """What trains of each layer, without layers of which nothing does."""
    layers = [[each for each in layer.parameters() if each.requires_grad] for layer in decoder_layers(model)]
    return [layer for layer in layers if layer]


def _low_rank(model: nn.Module, groups: Groups, config: RunConfig, arguments: TrainingArguments) -> Optimizer:
    """GaLore and APOLLO: the gradients of the targeted matrices are projected to a low rank."""
    name = config.optim.optimizer
    facts = OPTIMIZERS[name]
    if facts.family == "galore":
        chosen = config.galore
        marks: dict[str, Any] = {"proj_type": chosen.projection}
    else:
        chosen = config.apollo  # type: ignore[assignment]
        marks = {"proj_type": "std", "proj": config.apollo.projection, "scale_type": config.apollo.scale_type}
    marks |= {"rank": chosen.rank, "update_proj_gap": chosen.update_interval, "scale": chosen.scale}
    names = targets_among(linear_names(model, in_encoder=False), chosen.targets, f"{facts.family}.targets")
    weights = [model.get_submodule(each).weight for each in names]
    groups = split(groups, [each for each in weights if each.requires_grad], marks, {})
    kind = _low_rank_class(name)
    options: dict[str, Any] = {"lr": config.optim.learning_rate}
    if "adafactor" in name:
        options |= {"scale_parameter": False, "relative_step": False}
    else:
        options |= {"betas": (config.optim.beta1, config.optim.beta2), "eps": arguments.adam_epsilon}
        options |= {"no_deprecation_warning": True} if not facts.needs_cuda else {}
    if facts.steps_in_backward:
        return StepInBackward(groups, lambda group: kind(group, **options), config.optim.learning_rate)
    return kind(groups, **options)


def _low_rank_class(name: str) -> type[Optimizer]:
    if name.startswith("apollo"):
        return import_module("apollo_torch").APOLLOAdamW
    galore = import_module("galore_torch")
    if "adafactor" in name:
        return galore.GaLoreAdafactor
    return galore.GaLoreAdamW8bit if "8bit" in name else galore.GaLoreAdamW


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Importing grokadamw sets the root logger up to print everything; take that back."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def follow_schedule(optimizer: Optimizer, scheduler: Any) -> None:
    """Give the optimizer the rates of this run's own schedule: a checkpoint of a shorter run brings that one's."""
    schedule = getattr(scheduler, "scheduler", scheduler)  # accelerate may have wrapped it
    if isinstance(schedule, LambdaLR):
        for group, base, rate_at in zip(optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
            group["lr"] = base * rate_at(schedule.last_epoch)
