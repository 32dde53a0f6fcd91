"""What an exception of a run means to a person: its kind, a sentence, and what to do. Unknown ones stay bugs.

Kinds: memory, data, not_finite, disk, model, driver, package, settings, bug.
"""

import errno
import re
import time
import traceback

from tsft.config.run_config import RunConfig
from tsft.errors import Message, UserError, message
from tsft.log import without_secrets
from tsft.run.events import Failed

_MEMORY = re.compile(r"out of memory|can't allocate memory|cannot allocate memory|bad_alloc", re.IGNORECASE)
_DRIVER = re.compile(r"CUDA error|device-side assert|CUBLAS_STATUS|NCCL|cuDNN|HIP error", re.IGNORECASE)
_DISK_FULL = re.compile(r"no space left|disk quota|file write failed|unexpected pos|os error 28", re.IGNORECASE)


class BatchAtFaultError(Exception):
    """A batch whose loss is not finite. rows: dataset and row number of each of its rows."""

    def __init__(self, step: int, rows: str) -> None:
        super().__init__(f"loss not finite at step {step} on rows {rows}")
        self.step = step
        self.rows = rows


def failure_of(error: BaseException, config: RunConfig) -> Failed:
    """The event for this exception."""
    kind, told, advice = _told(error, config)
    text = "" if isinstance(error, UserError) else without_secrets("".join(traceback.format_exception(error)))
    return Failed(time.time(), kind, told, advice, text)


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or isinstance(error, RuntimeError) and bool(_MEMORY.search(str(error)))


def _told(error: BaseException, config: RunConfig) -> tuple[str, Message, Message | None]:
    if isinstance(error, UserError):
        return "settings", error.message, None
    if isinstance(error, BatchAtFaultError):
        told = message("failure.not_finite", rows=error.rows, step=error.step)
        return "not_finite", told, message("failure.not_finite_advice")
    if is_out_of_memory(error):
        return "memory", message("failure.memory"), _smaller(config)
    if _is_disk_full(error):
        return "disk", message("failure.disk"), message("failure.disk_advice")
    if isinstance(error, ImportError):
        name = error.name or str(error)
        return "package", message("failure.package", name=name), message("failure.package_advice", name=name)
    if isinstance(error, RuntimeError) and _DRIVER.search(str(error)):
        return "driver", message("failure.driver"), message("failure.driver_advice")
    return "bug", message("failure.bug", why=f"{type(error).__name__}: {error}"[:300]), message("failure.bug_advice")


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    # torch.save and safetensors wrap the system's error in their own.
    return (
        isinstance(error, (RuntimeError, OSError))
        and bool(_DISK_FULL.search(str(error)))
        or (type(error).__name__ == "SafetensorError" and bool(_DISK_FULL.search(str(error))))
    )


def _smaller(config: RunConfig) -> Message:
    """The smallest change that lowers the peak, in the order in which it costs least."""
    schedule = config.schedule
    if schedule.batch_size > 1:
        smaller = max(1, schedule.batch_size // 2)
        steps = schedule.gradient_accumulation * schedule.batch_size // smaller
        return message("failure.memory_batch", batch=smaller, accumulation=steps)
    if not schedule.gradient_checkpointing:
        return message("failure.memory_checkpointing")
    if config.data.cutoff_length > 512:
        return message("failure.memory_cutoff", cutoff=max(512, config.data.cutoff_length // 2))
    if config.tuning.method == "full":
        return message("failure.memory_lora")
    return message("failure.memory_model")
