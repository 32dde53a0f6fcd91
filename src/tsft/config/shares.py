"""How the rows of an optimizer step are shared among several processes: the step stays what it is with one."""

from dataclasses import dataclass

from tsft.config.run_config import ProcessSettings, ScheduleSettings


@dataclass(frozen=True)
class Share:
    """What one process does of each step: `accumulation` micro-batches of `batch_size` rows."""

    batch_size: int
    accumulation: int


def share_of(schedule: ScheduleSettings, processes: int) -> Share | None:
    """The largest batch up to the wanted one with which all processes together do the same rows a step as one would.

    None where the rows of a step cannot be divided evenly.
    """
    rows = schedule.batch_size * schedule.gradient_accumulation
    if rows % processes:
        return None
    own = rows // processes
    size = next(size for size in range(min(schedule.batch_size, own), 0, -1) if own % size == 0)
    return Share(size, own // size)


def world_of(settings: ProcessSettings) -> int:
    """How many processes a run has in all."""
    return settings.count * settings.machines
