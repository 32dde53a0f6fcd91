"""Measures how busy the machine is, at most once a second however many pages ask."""

import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from tsft.run.gauges import Amount, Gauges, Gpu

FRESH_SECONDS = 1.0
_CGROUP = Path("/sys/fs/cgroup")


class GaugeReader:
    """The gauges of this machine; `folder` says which disk. Any thread may ask.

    cuda: torch's module for accelerators once it is loaded and has one, else None; torch is never loaded for a gauge.
    """

    def __init__(self, folder: Path, cuda: Callable[[], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._cuda = cuda
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._now = Gauges()
        self._process = psutil.Process()

    def read(self) -> Gauges:
        """What was measured less than a second ago, or now."""
        with self._lock:
            now = self._clock()
            if now - self._read_at >= FRESH_SECONDS:
                self._read_at, self._now = now, self._measured()
            return self._now

    def _measured(self) -> Gauges:
        disk = psutil.disk_usage(str(self._folder))
        return Gauges(
            at=time.time(),
            # Since the last call, in percent of one core for each core: psutil says 0.0 the first time.
            cpu=min(1.0, psutil.cpu_percent() / 100),
            memory=_memory(),
            disk=Amount(disk.total - disk.free, disk.total),
            gpu=_gpu(self._cuda()),
            process_bytes=self._process.memory_info().rss,
        )


def loaded_cuda() -> Any:
    """`torch.cuda` once torch is loaded and uses an accelerator, else None."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda if cuda is not None and hasattr(cuda, "is_initialized") and cuda.is_initialized() else None


def _memory() -> Amount:
    """Of the container where it has a limit, else of the machine; caches that can be dropped count as free."""
    machine = psutil.virtual_memory()
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if limit is None or used is None or limit >= machine.total:
        return Amount(machine.total - machine.available, machine.total)
    return Amount(min(limit, max(0, used - _reclaimable())), limit)


def _reclaimable() -> int:
    """Bytes of the container's file cache that nobody has touched for a while."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def _number(path: Path) -> int | None:
    """The number in a file of the kernel; None where there is no such file or it says "max"."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _gpu(cuda: Any) -> Gpu | None:
    """The first accelerator. Its utilisation is asked of the driver's library where that is installed."""
    if cuda is None:
        return None
    try:
        free, total = cuda.mem_get_info(0)
        utilisation = cuda.utilization(0) / 100 if find_spec("pynvml") else None
        return Gpu(cuda.get_device_name(0), utilisation, Amount(total - free, total))
    except (RuntimeError, ImportError, *_driver_errors()):  # a poisoned accelerator, or a library without its driver
        return None


def _driver_errors() -> tuple[type[Exception], ...]:
    return (import_module("pynvml").NVMLError,) if find_spec("pynvml") else ()
