"""The machine a run trains on: which device, which number format, how many threads, and giving memory back."""

import ctypes
import gc
import logging
import sys
from dataclasses import dataclass

import torch

from tsft.config.run_config import RunConfig

logger = logging.getLogger(__name__)

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Precision:
    """name: fp32, bf16 or fp16. frozen: type of the weights that do not train; weights that train are always float32,
    since an update of a billionth is lost in a half-precision weight."""

    name: str
    frozen: torch.dtype

    @property
    def is_mixed(self) -> bool:
        return self.name != "fp32"


def device_name() -> str:
    """ "cuda: NVIDIA …", "mps" or "cpu"."""
    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name(0)}"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def has_fast_bf16() -> bool:
    """Whether this device multiplies bfloat16 in hardware; elsewhere it is emulated and slower than float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if torch.backends.mps.is_available():
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def choose_precision(config: RunConfig, weights_bytes: int) -> Precision:
    """What "auto" means here: bf16 where the hardware has it, fp16 on older GPUs, fp32 elsewhere.

    weights_bytes: the base model's files. Below 60 MB (15 to 30 million parameters) a CPU spends more on casting than
    it saves.
    """
    name = config.model.precision
    if name == "auto":
        on_gpu = torch.cuda.is_available()
        worth_it = on_gpu or weights_bytes >= 60_000_000
        name = "bf16" if has_fast_bf16() and worth_it else "fp16" if on_gpu else "fp32"
    trains_all = config.tuning.method == "full"
    return Precision(name, torch.float32 if trains_all else _TYPES[name])


# What torch chose for itself, before any run set it.
_OWN_THREADS = torch.get_num_threads()


def use_threads(wanted: int) -> int:
    """Let torch compute with so many CPU threads (0: as many as it chose itself) and return how many it uses."""
    torch.set_num_threads(wanted or _OWN_THREADS)
    return torch.get_num_threads()


def give_memory_back() -> None:
    """After a run: collect, empty the GPU's cache, and let the C library return free pages to the system."""
    gc.collect()
    if torch.cuda.is_available():
        try:
            torch.cuda.empty_cache()
        except RuntimeError as error:  # after a device-side assert every call fails
            logger.warning("could not empty the accelerator's cache: %s", error)
    if sys.platform == "linux":
        # glibc keeps freed pages otherwise: 637 MB against 467 MB after five runs of a 19 M model.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
