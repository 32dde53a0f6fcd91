"""The gauges are sane, and measured at most once a second however many ask."""

from pathlib import Path

from tsft.engine.gauges import GaugeReader
from tsft.run.gauges import Amount, Gpu


class FakeCuda:
    """An accelerator with a quarter of its memory taken; `is_dead` after a device-side assert."""

    is_dead = False

    def mem_get_info(self, device: int) -> tuple[int, int]:
        if self.is_dead:
            raise RuntimeError("CUDA error: device-side assert triggered")
        return 6 * 10**9, 8 * 10**9

    def get_device_name(self, device: int) -> str:
        return "Fake 8"

    def utilization(self, device: int) -> int:
        return 50


def test_what_is_measured_is_within_its_bounds(tmp_path: Path) -> None:
    gauges = GaugeReader(tmp_path, lambda: None).read()

    assert gauges.cpu is not None and 0 <= gauges.cpu <= 1
    assert gauges.memory is not None and 0 < gauges.memory.used_bytes < gauges.memory.total_bytes
    assert gauges.disk is not None and 0 < gauges.disk.fraction <= 1
    assert gauges.process_bytes > 10**7
    assert gauges.gpu is None


def test_a_second_question_within_a_second_measures_nothing(tmp_path: Path) -> None:
    now = [100.0]
    reader = GaugeReader(tmp_path, lambda: None, clock=lambda: now[0])
    first = reader.read()
    now[0] = 100.9
    assert reader.read() is first
    now[0] = 101.0
    assert reader.read() is not first


def test_an_accelerator_is_shown_and_a_poisoned_one_is_not(tmp_path: Path) -> None:
    cuda = FakeCuda()
    gpu = GaugeReader(tmp_path, lambda: cuda).read().gpu
    assert gpu is not None and (gpu.name, gpu.memory) == ("Fake 8", Amount(2 * 10**9, 8 * 10**9))
    assert isinstance(gpu, Gpu) and gpu.memory.fraction == 0.25
    cuda.is_dead = True
    assert GaugeReader(tmp_path, lambda: cuda).read().gpu is None
