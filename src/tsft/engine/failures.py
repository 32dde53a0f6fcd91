"""What an exception of a run means to a person: its kind, a sentence, and what to do. Unknown ones stay bugs.

Kinds are `run.events.FAILURES`; what would help is `first_aid.py`.
"""

import errno
import pickle
import re
import time
import traceback
import zipfile

from tsft.config.run_config import RunConfig
from tsft.engine.first_aid import Proposal, for_batch, for_disk, for_memory, for_package
from tsft.errors import Message, Problem, UserError, message
from tsft.log import without_secrets
from tsft.run.events import Failed

_MEMORY = re.compile(r"out of memory|can't allocate memory|cannot allocate memory|bad_alloc", re.IGNORECASE)
_DRIVER = re.compile(r"CUDA error|device-side assert|CUBLAS_STATUS|NCCL|cuDNN|HIP error", re.IGNORECASE)
_TOO_LARGE = re.compile(r"file too large|os error 27\b", re.IGNORECASE)
_DAMAGED = re.compile(
    r"PytorchStreamReader|central directory|invalid load key|pickle data was truncated|Weights only load failed|"
    r"weights_only=True|"
    r"HeaderTooLarge|HeaderTooSmall|InvalidHeader|MetadataIncompleteBuffer|incomplete metadata|not fully covered",
    re.IGNORECASE,
)
_DISK_FULL = re.compile(r"no space left|disk quota|file write failed|unexpected pos|os error 28", re.IGNORECASE)


class BatchAtFaultError(Exception):
    """A batch whose loss is not finite. rows: "dataset:row" of each; extreme: those with values far out of range."""

    def __init__(self, step: int, rows: tuple[str, ...], extreme: tuple[str, ...] = ()) -> None:
        super().__init__(f"loss not finite at step {step} on rows {', '.join(rows)}")
        self.step = step
        self.rows = rows
        self.extreme = extreme


def failure_of(error: BaseException, config: RunConfig, phase: str = "") -> Failed:
    """The event for this exception. phase: what the run was at, one of PHASES."""
    kind, told, proposal = _told(error, config, phase)
    text = "" if isinstance(error, UserError) else without_secrets("".join(traceback.format_exception(error)))
    rows = error.rows if isinstance(error, BatchAtFaultError) else ()
    if proposal is None:
        fields = tuple(dict.fromkeys(each.field for each in error.problems)) if isinstance(error, UserError) else ()
        return Failed(time.time(), kind, told, None, text, settings=tuple(field for field in fields if field))
    return Failed(time.time(), kind, told, proposal.advice, text, proposal.settings, proposal.change, rows)


def problems_of(error: BaseException, config: RunConfig) -> tuple[Problem, ...]:
    """What went wrong in words, and what can be done about it, for work that is no run."""
    failed = failure_of(error, config)
    told = (failed.message, failed.advice) if failed.advice is not None else (failed.message,)
    return tuple(Problem("", each) for each in told)


def let_go(error: BaseException | None) -> None:
    """Free what the frames of a caught exception hold: a model, its gradients, a batch (164 MB in a small run)."""
    while error is not None:
        if error.__traceback__ is not None:
            traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or isinstance(error, RuntimeError) and bool(_MEMORY.search(str(error)))


def is_poisoned(error: BaseException) -> bool:
    """Whether the accelerator is of no use any more in this process: after such an error every further call fails."""
    return not is_out_of_memory(error) and isinstance(error, RuntimeError) and bool(_DRIVER.search(str(error)))


def _told(error: BaseException, config: RunConfig, phase: str) -> tuple[str, Message, Proposal | None]:
    if isinstance(error, UserError):
        if _is_disk_full(error) or isinstance(error.__cause__, OSError) and _is_disk_full(error.__cause__):
            return "disk", error.message, for_disk(config)
        return _kind_of_sentence(error), error.message, None
    if isinstance(error, BatchAtFaultError):
        told = message("failure.not_finite", rows=", ".join(error.rows), step=error.step)
        return "not_finite", told, for_batch(config, error.extreme)
    if is_out_of_memory(error):
        return "memory", message("failure.memory"), for_memory(config, phase)
    if _is_disk_full(error):
        return "disk", message("failure.disk"), for_disk(config)
    if isinstance(error, OSError) and error.errno == errno.EFBIG or _TOO_LARGE.search(str(error)):
        return "disk", message("failure.disk_limit"), for_disk(config)
    if _is_damaged(error):
        return "disk", message("failure.damaged"), Proposal(message("failure.damaged_advice"))
    if isinstance(error, ImportError):
        name = error.name or str(error)
        return "package", message("failure.package", name=name), for_package(config, name)
    if is_poisoned(error):
        return "driver", message("failure.driver"), Proposal(message("failure.driver_advice"))
    why = f"{type(error).__name__}: {error}"[:300]
    return "bug", message("failure.bug", why=without_secrets(why)), Proposal(message("failure.bug_advice"))


def _kind_of_sentence(error: UserError) -> str:
    """What a sentence for a person is about, by its key: the data, the model, else the settings."""
    about = error.problems[0].field.split(".")[0] or error.message.key.split(".")[0]
    return about if about in ("data", "model") else "settings"


def _is_damaged(error: BaseException) -> bool:
    """A file of a checkpoint or a model that is not what was written: cut short, or overwritten."""
    if isinstance(error, (pickle.UnpicklingError, zipfile.BadZipFile)):
        return True
    is_reader = isinstance(error, RuntimeError) or type(error).__name__ == "SafetensorError"
    return is_reader and bool(_DAMAGED.search(str(error)))


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    # torch.save and safetensors wrap the system's error in their own.
    return (
        isinstance(error, (RuntimeError, OSError))
        and bool(_DISK_FULL.search(str(error)))
        or (type(error).__name__ == "SafetensorError" and bool(_DISK_FULL.search(str(error))))
    )
