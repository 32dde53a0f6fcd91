"""Several processes as a team, over gloo and beside the group that gradients travel on.

A wait here may be long (the first process prepares data, answers probes, pauses), so these meetings have a time limit
of days: whether everybody is alive is seen by the signs of life, not by a meeting that lasts.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from tsft.engine.team import Team

T = TypeVar("T")
PATIENCE = timedelta(days=30)


class ProcessTeam(Team):
    """This process of the group that `join` made."""

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()
        self._group = dist.new_group(backend="gloo", timeout=PATIENCE)

    def told(self, value: T) -> T:
        box = [value if self.is_first else None]
        dist.broadcast_object_list(box, src=0, group=self._group, device=torch.device("cpu"))
        return box[0]  # type: ignore[return-value]

    def number(self, value: int) -> int:
        box = torch.tensor([value], dtype=torch.int64)
        dist.broadcast(box, src=0, group=self._group)
        return int(box[0])

    def gathered(self, value: T) -> list[T]:
        values: list[T | None] = [None] * self.size
        dist.all_gather_object(values, value, group=self._group)
        return values  # type: ignore[return-value]

    def summed(self, values: Sequence[float]) -> list[float]:
        box = torch.tensor(list(values), dtype=torch.float64)
        dist.all_reduce(box, group=self._group)
        return [float(each) for each in box]

    def wait(self) -> None:
        dist.barrier(group=self._group)


def join(timeout_minutes: float) -> ProcessTeam:
    """Meet the others, by the environment that torchrun sets (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT).

    timeout_minutes: how long an exchange of gradients may last before it counts as broken.
    """
    timeout = timedelta(minutes=timeout_minutes)
    if torch.cuda.is_available():
        # Chosen before the first exchange, or every process would put its buffers on the first device.
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("cuda:nccl,cpu:gloo", timeout=timeout)
    else:
        dist.init_process_group("gloo", timeout=timeout)
    return ProcessTeam()


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
