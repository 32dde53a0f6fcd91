"""How long a run may take: from the speed of earlier runs with this model, else from a short measurement here."""

import dataclasses
import statistics
import time
from collections.abc import Iterator

import torch

from tsft.config.run_config import RunConfig
from tsft.config.stages import JUDGED, PAIRED
from tsft.engine.estimate import Sizes
from tsft.engine.sampled import answers_a_question, keeps_reference
from tsft.engine.tried_layer import TriedLayer
from tsft.errors import UserError
from tsft.run.board import read_events
from tsft.run.events import StepLogged
from tsft.store.record import Record
from tsft.store.runs import RunFolder, run_config

RUNS_LOOKED_AT = 5
# What a whole training step reaches of a bare matrix product's speed; measured on CPUs with 4 M and 135 M parameters.
EFFICIENCY = 0.4
_MEASURED_ROWS = 512
_MEASURED_SECONDS = 0.15
# A layer of this many weights is small enough to be tried out (an 8 B model's has 220 M); larger ones are reckoned.
_TRIED_WEIGHTS = 32_000_000
_TRIED_TOKENS = 4096
_TRIED_SECONDS = 0.3


def recorded_speed(config: RunConfig, record: Record) -> float | None:
    """Tokens a second of the newest run with the same model, method and task that logged steps; None without one."""
    looked_at = 0
    for run in record.list_runs():
        if run.model != config.model.name or run.method != config.tuning.method:
            continue
        if _task_of(run.folder) != config.data.task:
            continue
        rates = list(_rates(read_events(run.folder.events)))
        if rates:
            return statistics.median(rates)
        looked_at += 1
        if looked_at == RUNS_LOOKED_AT:
            return None
    return None


def _task_of(folder: RunFolder) -> str:
    """Of a run; "" where its config cannot be read any more."""
    try:
        return run_config(folder).data.task
    except UserError:
        return ""


def rows_for_each(config: RunConfig) -> int:
    """Rows that pass the model for a row of the data: both answers of a pair, an answer and another row's, or as many
    as are written to a question."""
    return 2 if config.data.task in (*PAIRED, *JUDGED) else answers_a_question(config)


def guessed_speed(sizes: Sizes, config: RunConfig, tokens_a_row: int, *, is_half: bool) -> float:
    """Tokens a second: from trying one layer of this shape out, or reckoned from its matrices where it is large."""
    if keeps_reference(config):  # and once forward for the model of before
        plain = dataclasses.replace(config, data=dataclasses.replace(config.data, task="sft"))
        return guessed_speed(sizes, plain, tokens_a_row, is_half=is_half) * 3 / 4
    layer = sizes.hidden * (2 * sizes.query + 2 * sizes.key + 3 * sizes.forward)
    if layer <= _TRIED_WEIGHTS and sizes.layers:
        return _tried_speed(sizes, config, tokens_a_row, is_half)
    return _reckoned_speed(sizes, config, is_half)


def _tried_speed(sizes: Sizes, config: RunConfig, tokens_a_row: int, is_half: bool) -> float:
    """All layers at the speed of one like them, forward and backward, and once more forward with checkpointing."""
    tokens = max(16, min(tokens_a_row, _TRIED_TOKENS))
    rows = max(1, min(config.schedule.batch_size, _TRIED_TOKENS // tokens))
    layer = TriedLayer(sizes, trains_weights=2 * sizes.trained > sizes.parameters)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layer.to(device)
    kind = torch.bfloat16 if is_half else torch.float32
    forward, backward, rounds, began_at = 0.0, 0.0, 0, time.perf_counter()
    while rounds < 2 or time.perf_counter() - began_at < _TRIED_SECONDS:
        given = torch.randn(rows, tokens, sizes.hidden, device=device, requires_grad=True)
        marks = [time.perf_counter()]
        with torch.autocast(device, dtype=kind, enabled=is_half):
            result = layer(given)
        _wait(device)
        marks.append(time.perf_counter())
        result.float().sum().backward()
        _wait(device)
        marks.append(time.perf_counter())
        rounds += 1
        if rounds > 1:  # the first warms up
            forward, backward = forward + marks[1] - marks[0], backward + marks[2] - marks[1]
    if config.schedule.gradient_checkpointing:
        backward += forward
    return rows * tokens * (rounds - 1) / ((forward + backward) * sizes.layers)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _reckoned_speed(sizes: Sizes, config: RunConfig, is_half: bool) -> float:
    """Two operations a weight forward, two for inputs and two for trained weights."""
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
