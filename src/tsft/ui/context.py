"""What the page is given: the engine's port and the few things it asks of the workspace, as plain callables.

`app.py` fills it from the store and the data layer; tests fill it with fakes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsft.config.run_config import RunConfig
from tsft.errors import Message, Problem
from tsft.run.ports import EnginePort
from tsft.ui.data.room import DataRoom
from tsft.ui.export.room import ExportRoom
from tsft.ui.run_rows import RunActions, RunRow


@dataclass(frozen=True)
class PreviewRow:
    """One example for the dataset box: turns with the literal placeholders, and raw series (float64[L] each)."""

    row: int
    turns: Sequence[Mapping[str, str]]
    series: Sequence[np.ndarray]


@dataclass(frozen=True)
class Preview:
    """A page of a dataset: some rows, how many there are, how many were dropped, and what was said about them."""

    rows: Sequence[PreviewRow] = ()
    total: int = 0
    dropped: int = 0
    remarks: Sequence[Message] = ()


@dataclass(frozen=True)
class DatasetChoice:
    """A dataset offered by name. rows: how many, 0 when not counted yet."""

    name: str
    rows: int = 0


@dataclass(frozen=True)
class PresetChoice:
    """A preset offered by name: a shipped one has its sentences in the locales under the keys, an own its `about`."""

    name: str
    title_key: str = ""
    about_key: str = ""
    needs_key: str = ""
    about: str = ""


@dataclass(frozen=True)
class ResultChoice:
    """Something to continue from. name: what the config holds. kind: adapter, model or checkpoint."""

    name: str
    run_name: str
    kind: str
    step: int
    loss: float | None


def _nothing(*_: Any) -> Any:
    return ()


@dataclass(frozen=True)
class PresetActions:
    """What can be done with presets beside loading and saving. Each may raise UserError.

    readable: what can be read of a preset, and what in it is unknown or wrong. rename: (old, new), gives the new name.
    export: the file name and text of a preset. bring: import a file that somebody has uploaded.
    """

    readable: Callable[[str], tuple[RunConfig, Sequence[Problem]]] = lambda name: (RunConfig(), ())
    rename: Callable[[str, str], str] = lambda name, new_name: new_name
    delete: Callable[[str], None] = lambda name: None
    export: Callable[[str], tuple[str, str]] = lambda name: (f"{name}.json", "{}")
    bring: Callable[[Path], Any] = lambda path: None


@dataclass(frozen=True)
class PageContext:
    """Everything the page may ask for. Callables may raise UserError; nothing here is called before a page is open.

    datasets: what is offered by name, given the own data folder ("" for none).
    results: what can be continued from, newest first.
    is_here: whether a run with this base model and hub would find its weights in the workspace.
    preview: (dataset, own folder, first row, count).
    log_tail: the last lines of a run's log. debug_bundle: file name and bytes of a run's.
    record_notes: what the record of runs has to say of itself, a broken file that was set aside.
    default_language: for visitors who have chosen none, "" to ask their browser. with_defaults: the first settings of a
    visitor with the workspace's own in them. plateau_evaluations: after how many without a better one people are told.
    app_notes: what is wrong with the settings of the app. gather_scores: lets the runs' scores follow an evaluation
    that was deleted. data, exports: what the Data and the Export tab work on; without it there is none.
    """

    engine: EnginePort
    workspace: str = ""
    datasets: Callable[[str], Sequence[DatasetChoice]] = _nothing
    results: Callable[[], Sequence[ResultChoice]] = _nothing
    preview: Callable[[str, str, int, int], Preview] = lambda *_: Preview()
    is_here: Callable[[str, str], bool] = lambda name, hub: True
    presets: Callable[[], Sequence[PresetChoice]] = _nothing
    load_preset: Callable[[str], RunConfig] = lambda name: RunConfig()
    save_preset: Callable[[str, RunConfig], str] = lambda name, config: name
    preset_actions: PresetActions = PresetActions()
    runs: Callable[[], Sequence[RunRow]] = _nothing
    run_actions: RunActions = RunActions()
    shown_rows: Callable[[str, str], Sequence[Any]] = lambda run_id, kind: ()
    log_tail: Callable[[str], str] = lambda run_id: ""
    debug_bundle: Callable[[str], tuple[str, bytes]] = lambda run_id: ("", b"")
    record_notes: Callable[[], Sequence[Message]] = _nothing
    first_preset: str = "first_run"
    default_language: Callable[[], str] = lambda: ""
    with_defaults: Callable[[RunConfig], RunConfig] = lambda config: config
    plateau_evaluations: Callable[[], int] = lambda: 3
    app_notes: Callable[[], Sequence[Message]] = _nothing
    gather_scores: Callable[[], None] = lambda: None
    data: DataRoom | None = None
    exports: ExportRoom | None = None
