"""Runs for tests: an engine in a fresh workspace with the built-in model, and what its events say."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tsft.config.codec import from_flat
from tsft.config.run_config import RunConfig
from tsft.engine.engine import Engine
from tsft.run.board import read_events
from tsft.run.events import Event, StepLogged
from tsft.run.state import RunState
from tsft.store.record import Record
from tsft.store.runs import RunInfo
from tsft.store.workspace import Workspace, open_workspace

# A run of a few seconds: short rows, few of them.
SMALL = {
    "model.name": "builtin",
    "data.datasets": "demo",
    "data.max_rows": 40,
    "data.cutoff_length": 400,
    "lora.rank": 4,
    "optim.learning_rate": 1e-3,
    "schedule.batch_size": 2,
    "schedule.gradient_accumulation": 1,
    "schedule.max_steps": 4,
    "schedule.warmup_fraction": 0,
    "schedule.threads": 1,
}
SECONDS = 120


def until_done(read: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What `read` gives once it `is_done`: an answer, or a look at a config."""
    deadline = time.monotonic() + seconds
    while True:
        now = read()
        assert now is not None and time.monotonic() < deadline
        if now.is_done:
            return now
        time.sleep(0.02)


def long_but(quick: tuple[str, ...], names: list[str]) -> list[object]:
    """Parameters of which all but a few are variants that are run now and then."""
    marks = (pytest.mark.slow, pytest.mark.long)
    return [name if name in quick else pytest.param(name, marks=marks) for name in names]


def small(**changes: Any) -> RunConfig:
    """The small run with some settings changed; `__` stands for the dot (`optim__learning_rate=1e-3`)."""
    return from_flat({**SMALL, **{name.replace("__", "."): value for name, value in changes.items()}})


@dataclass
class Bench:
    """An engine and its workspace."""

    workspace: Workspace
    engine: Engine
    record: Record
    seconds: float = SECONDS

    def run(self, config: RunConfig, on_event: Callable[[Event], None] | None = None) -> RunState:
        """Start and wait for the end. `on_event` is called on the run's thread."""
        self.engine.start(config, "test")
        return self._to_end(on_event)

    def resume(self, run_id: str) -> RunState:
        self.engine.resume(run_id, "test")
        return self._to_end(None)

    def _to_end(self, on_event: Callable[[Event], None] | None) -> RunState:
        board = self.engine.board
        assert board is not None
        if on_event is not None:
            board.listen(on_event)
        state = self.engine.wait(self.seconds)
        assert state is not None and not state.is_active, "the run did not end in time"
        return state

    def swept(self) -> list[RunInfo]:
        """The runs as the page lists them."""
        self.record.sweep()
        return self.record.list_runs()

    def events(self, state: RunState) -> list[Event]:
        return list(read_events(self.record.get(state.run_id).folder.events))


def make_bench(root: Path, model: Path | None = None) -> Bench:
    """A bench at `root`; `model` is a built-in model made before, to save the time of making it."""
    workspace = open_workspace(root)
    if model is not None:
        shutil.copytree(model, workspace.models / model.name)
    record = Record(workspace)
    return Bench(workspace, Engine(workspace, record), record)


def losses(events: list[Event]) -> dict[int, float | None]:
    """Logged loss by step; a step logged again after a resume counts as it was logged last."""
    return {event.step: event.loss for event in events if isinstance(event, StepLogged)}
