"""What several processes do not go together with. `check.py` asks here."""

from collections.abc import Iterator

from tsft.config.deepspeed_options import check_deepspeed_options
from tsft.config.optimizers import OPTIMIZERS
from tsft.config.run_config import ADAPTERS, SHARDED, STRATEGIES, RunConfig
from tsft.config.sampled_rules import is_sampled
from tsft.config.shares import share_of, world_of
from tsft.config.stages import REFERRING
from tsft.errors import Problem, message

# Optimizers whose steps are the same on a part of a tensor as on the whole.
ELEMENTWISE = ("adamw_torch", "adamw_torch_fused", "sgd", "adagrad", "rmsprop")
# Go from block to block, or change weights while gradients of other processes are still on their way.
_BY_BLOCKS = ("badam",)


def check_processes(config: RunConfig) -> Iterator[Problem]:
    """What is wrong with the wish for several processes, and what of the rest cannot be done by several."""
    settings = config.processes
    world = world_of(settings)
    if world > 1 and share_of(config.schedule, world) is None:
        rows = config.schedule.batch_size * config.schedule.gradient_accumulation
        yield Problem("processes.count", message("check.processes_share", rows=rows, processes=world))
    if settings.machines > 1 and not settings.address.strip():
        yield Problem("processes.address", message("check.processes_address"))
    if any(character.isspace() or character in "'\"`$;|&<>\\" for character in settings.address.strip()):
        yield Problem("processes.address", message("check.processes_address_text", address=settings.address))
    if world == 1 and settings.strategy == "ddp":
        return
    yield from _check_optimizer(config)
    if settings.strategy in STRATEGIES and settings.strategy != "ddp":
        yield from _check_sharding(config)
    if settings.strategy.startswith("deepspeed"):
        yield from check_deepspeed_options(config)


def _check_optimizer(config: RunConfig) -> Iterator[Problem]:
    name = config.optim.optimizer
    facts = OPTIMIZERS.get(name)
    if facts is None:
        return
    if facts.steps_in_backward or facts.family in _BY_BLOCKS:
        yield Problem("optim.optimizer", message("check.processes_optimizer", name=name))
    elif config.processes.strategy != "ddp" and name not in ELEMENTWISE:
        told = message("check.sharded_optimizer", name=name, known=", ".join(ELEMENTWISE))
        yield Problem("optim.optimizer", told)


def _check_sharding(config: RunConfig) -> Iterator[Problem]:
    """What cannot be done where weights or the optimizer's state are in parts."""
    strategy, field = config.processes.strategy, "processes.strategy"
    if config.quantization.method != "none":
        yield Problem(field, message("check.sharded_quantised", strategy=strategy))
    if strategy not in SHARDED:
        return
    if config.probes.source != "off":
        yield Problem("probes.source", message("check.sharded_answers", strategy=strategy))
    if config.stopping.answered_rows:
        yield Problem("stopping.answered_rows", message("check.sharded_answers", strategy=strategy))
    if is_sampled(config):
        yield Problem(field, message("check.sharded_generating", strategy=strategy, task=config.data.task))
    if config.data.task in REFERRING and config.tuning.method not in ADAPTERS:
        # A copy is put in the model's place tensor by tensor, and here no process has a whole tensor.
        yield Problem(field, message("check.sharded_reference", strategy=strategy, task=config.data.task))
