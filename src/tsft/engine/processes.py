"""What this machine and its packages say to the wish for several processes."""

import importlib.util
from collections.abc import Iterator

import torch

from tsft.config.run_config import RunConfig
from tsft.engine.team import is_launched
from tsft.errors import Problem, message


def process_problems(config: RunConfig) -> Iterator[Problem]:
    """Too few GPUs, a missing package; on a CPU a word that it is no quicker. Several machines are not looked at."""
    settings = config.processes
    if not is_launched(config):
        return
    if settings.strategy.startswith("deepspeed") and importlib.util.find_spec("deepspeed") is None:
        yield Problem("processes.strategy", message("preflight.package", package="deepspeed"))
    if settings.machines > 1:
        return
    if torch.cuda.is_available():
        gpus = torch.cuda.device_count()
        if settings.count > gpus:
            yield Problem("processes.count", message("process.more_than_gpus", count=settings.count, gpus=gpus))
    elif torch.backends.mps.is_available():
        yield Problem("processes.count", message("process.no_mps"))
    elif settings.count > 1:
        yield Problem("processes.count", message("process.on_cpu"), is_warning=True)
