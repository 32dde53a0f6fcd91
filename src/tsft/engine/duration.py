"""How long a run may take: from the speed of earlier runs with this model, else from a short measurement here."""

import statistics
import time
from collections.abc import Iterator

import torch

from tsft.config.run_config import RunConfig
from tsft.engine.estimate import Sizes
from tsft.run.board import read_events
from tsft.run.events import StepLogged
from tsft.store.record import Record

RUNS_LOOKED_AT = 5
# What a whole training step reaches of a bare matrix product's speed; measured on CPUs with 4 M and 135 M parameters.
EFFICIENCY = 0.4
_MEASURED_ROWS = 512
_MEASURED_SECONDS = 0.15


def recorded_speed(config: RunConfig, record: Record) -> float | None:
    """Tokens a second of the newest run with the same model and method that logged steps; None when there is none."""
    looked_at = 0
    for run in record.list_runs():
        if run.model != config.model.name or run.method != config.tuning.method:
            continue
        rates = list(_rates(read_events(run.folder.events)))
        if rates:
            return statistics.median(rates)
        looked_at += 1
        if looked_at == RUNS_LOOKED_AT:
            return None
    return None


def guessed_speed(sizes: Sizes, config: RunConfig, *, is_half: bool) -> float:
    """Tokens a second from arithmetic: two operations a weight forward, two for inputs and two for trained weights."""
    matrices = max(1, sizes.parameters - sizes.vocabulary * sizes.hidden)
    passes = 3 if config.schedule.gradient_checkpointing else 2
    operations = 2 * (passes * matrices + min(sizes.trained, matrices))
    return _operations_a_second(sizes, is_half) * EFFICIENCY / operations


def _rates(events: Iterator[object]) -> Iterator[float]:
    """Tokens a second between logged steps; the first is left out, it warms up."""
    before: StepLogged | None = None
    for event in events:
        if isinstance(event, StepLogged):
            if before is not None and event.at > before.at and event.tokens > before.tokens:
                yield (event.tokens - before.tokens) / (event.at - before.at)
            before = event


def _operations_a_second(sizes: Sizes, is_half: bool) -> float:
    """Measured on the matrix product of the model's own feed-forward part."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = torch.bfloat16 if is_half else torch.float32
    left = torch.ones(_MEASURED_ROWS, sizes.hidden, device=device, dtype=kind)
    right = torch.ones(sizes.hidden, sizes.forward, device=device, dtype=kind)
    products, started = 0, time.perf_counter()
    while time.perf_counter() - started < _MEASURED_SECONDS:
        (left @ right).sum().item()
        products += 1
    return 2 * _MEASURED_ROWS * sizes.hidden * sizes.forward * products / (time.perf_counter() - started)
