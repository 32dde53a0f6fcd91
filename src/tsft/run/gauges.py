"""How busy the machine is at one moment, as plain numbers. Measuring is the engine's (`engine/gauges.py`)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Amount:
    """How much of something is taken, in bytes."""

    used_bytes: int
    total_bytes: int

    @property
    def fraction(self) -> float:
        """Between 0 and 1."""
        return min(1.0, self.used_bytes / self.total_bytes) if self.total_bytes else 0.0


@dataclass(frozen=True)
class Gpu:
    """One accelerator. utilisation: between 0 and 1, None where the driver does not tell."""

    name: str
    utilisation: float | None
    memory: Amount


@dataclass(frozen=True)
class Gauges:
    """at: seconds since the epoch. cpu: between 0 and 1 over all cores this process may use, None when not known.

    memory: of the machine or of the container that the process lives in. disk: where the workspace lies.
    gpu: the accelerator that trains, None without one. process_bytes: what this process holds in memory.
    """

    at: float = 0.0
    cpu: float | None = None
    memory: Amount | None = None
    disk: Amount | None = None
    gpu: Gpu | None = None
    process_bytes: int = 0
