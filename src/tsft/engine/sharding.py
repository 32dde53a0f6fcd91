"""Models and optimizers of which each process holds a part: FSDP2 and DeepSpeed's ZeRO. Their results are whole.

What a checkpoint or a result needs is gathered tensor by tensor to the first process, and put back the same way. Every
function here is a meeting of all processes.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, OffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from tsft.config.run_config import SHARDED, ProcessSettings, RunConfig
from tsft.engine.parts import decoder_layers
from tsft.engine.team import Team
from tsft.errors import Problem, UserError, message

# The trained weights of a checkpoint by parameter name, beside the adapter that it also holds.
TRAINED = "trained.safetensors"


def is_in_parts(config: RunConfig) -> bool:
    """Whether no process has whole weights."""
    return config.processes.strategy in SHARDED


def uses_deepspeed(config: RunConfig) -> bool:
    return config.processes.strategy.startswith("deepspeed")


def choose_accelerator() -> None:
    """Tell DeepSpeed to compute on the CPU where there is no GPU; it would look for one and fail. Before its import."""
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")


def parts_of(config: RunConfig, team: Team) -> dict[str, Any]:
    """How a checkpoint's optimizer is divided, as the checkpoint carries it."""
    return {"strategy": config.processes.strategy, "processes": team.size}


def refuse_other_parts(place: Mapping[str, Any], config: RunConfig, team: Team) -> None:
    """Raise UserError where the optimizer of a checkpoint does not fit these processes. place: of that checkpoint."""
    before, count = str(place.get("strategy", "ddp")), int(place.get("processes", 1))
    now = config.processes.strategy
    if before == now and (not before.startswith("deepspeed") or count == team.size):
        return
    values = {"before": before, "count": count, "now": now, "processes": team.size}
    raise UserError(Problem("processes.strategy", message("run.other_parts", **values)))


def split_by_layers(model: nn.Module, settings: ProcessSettings) -> nn.Module:
    """FSDP2: each layer, then the rest, in parts over all processes. Parameters are other objects afterwards."""
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    mesh = init_device_mesh(kind, (dist.get_world_size(),))
    offload = CPUOffloadPolicy() if settings.offload_parameters and kind == "cuda" else OffloadPolicy()
    for layer in decoder_layers(model):
        fully_shard(layer, mesh=mesh, offload_policy=offload)
    fully_shard(model, mesh=mesh, offload_policy=offload)
    return model


def is_split(model: nn.Module) -> bool:
    return isinstance(model, FSDPModule)


def split_again(model: nn.Module) -> None:
    """FSDP2: after a forward pass without a backward one, what is not of a layer is whole still."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def whole_weights(named: Iterable[tuple[str, Tensor]], team: Team) -> dict[str, Tensor]:
    """Whole tensors on the CPU by name, in the first process; none in the others."""
    found: dict[str, Tensor] = {}
    for name, weights in named:
        whole = _gathered(weights)
        if team.is_first:
            found[name] = whole
    return found


def put_weights(named: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Into the parameters of these names; every process has read the whole tensors."""
    for name, whole in weights.items():
        parameter = named[name]
        if isinstance(parameter, DTensor):
            whole = whole.to(device=parameter.device_mesh.device_type, dtype=parameter.dtype)
            parameter.data.copy_(distribute_tensor(whole, parameter.device_mesh, parameter.placements))
        elif hasattr(parameter, "ds_id"):
            from deepspeed.runtime.zero import GatheredParameters

            with GatheredParameters([parameter], modifier_rank=0):
                if not dist.get_rank():
                    parameter.data.copy_(whole)
        else:
            parameter.data.copy_(whole)


def save_parts(model: nn.Module, names: Iterable[str], folder: Path, team: Team) -> None:
    """The weights of these parameters, whole, as `TRAINED`."""
    named = dict(model.named_parameters())
    found = whole_weights(((name, named[name]) for name in names), team)
    if team.is_first:
        save_file(found, folder / TRAINED)


def load_parts(model: nn.Module, folder: Path) -> None:
    put_weights(dict(model.named_parameters()), load_file(folder / TRAINED))


def optimizer_state(model: nn.Module, optimizer: Any) -> dict[str, Any]:
    """FSDP2: the whole state by parameter name, in the first process; it fits any number of processes."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return get_optimizer_state_dict(model, optimizer, options=options)


def set_optimizer_state(model: nn.Module, optimizer: Any, state: dict[str, Any]) -> None:
    set_optimizer_state_dict(model, optimizer, state, options=StateDictOptions(full_state_dict=True))


def _gathered(weights: Tensor) -> Tensor:
    if isinstance(weights, DTensor):
        return weights.full_tensor().detach().cpu().contiguous()
    if hasattr(weights, "ds_id"):
        from deepspeed.runtime.zero import GatheredParameters

        with GatheredParameters([weights]):
            return weights.data.detach().cpu().clone().contiguous()
    return weights.detach().cpu().clone().contiguous()
