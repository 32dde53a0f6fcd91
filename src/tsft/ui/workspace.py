"""Fills the page's context from the workspace: datasets, presets, results; `run_source.py` has the runs.

Nothing else in ui reads disk, but the rooms of tabs (`data/room.py`, `export/room.py`).
"""

from collections.abc import Sequence
from pathlib import Path

from tsft.config.catalog import BUILTIN
from tsft.config.run_config import ModelSettings
from tsft.data.preparation import read_dataset
from tsft.data.registry import list_datasets
from tsft.run.ports import EnginePort
from tsft.store import presets, runs
from tsft.store.debug_bundle import bundle_name, debug_bundle, log_tail
from tsft.store.models import local_model
from tsft.store.record import Record
from tsft.store.workspace import Workspace
from tsft.ui.context import (
    DatasetChoice,
    PageContext,
    PresetActions,
    PresetChoice,
    Preview,
    PreviewRow,
    ResultChoice,
    RunRow,
)
from tsft.ui.data.room import DataRoom
from tsft.ui.export.room import ExportRoom
from tsft.ui.run_source import RunSource, row_of

# Rows that are read for the preview: enough to see what the data is like, and quick however large the file.
PREVIEW_ROWS = 200
REMARKS_SHOWN = 12
# Lines of the log below a failure; the bundle has more.
LOG_LINES = 40


def page_context(engine: EnginePort, workspace: Workspace, record: Record) -> PageContext:
    """Everything the page asks for, over one workspace."""
    reader, run_source = _Reader(workspace, record), RunSource(workspace, record)
    return PageContext(
        engine=engine,
        workspace=str(workspace.root),
        datasets=reader.datasets,
        results=reader.results,
        preview=reader.preview,
        is_here=reader.is_here,
        presets=reader.presets,
        load_preset=lambda name: presets.load_preset(workspace, name),
        save_preset=lambda name, config: presets.save_preset(workspace, name, config, overwrite=True).name,
        preset_actions=preset_actions(workspace),
        runs=reader.runs,
        run_actions=run_source.actions(),
        shown_rows=run_source.shown_rows,
        log_tail=reader.log_tail,
        debug_bundle=reader.debug_bundle,
        record_notes=record.notes,
        gather_scores=record.gather_scores,
        data=DataRoom(workspace, engine),
        exports=ExportRoom(workspace, engine),
    )


def preset_actions(workspace: Workspace) -> PresetActions:
    """What the page does with presets beside loading and saving."""

    def bring(path: Path) -> presets.ImportedPreset:
        return presets.import_preset(workspace, path.read_bytes(), path.name)

    return PresetActions(
        readable=lambda name: presets.readable_preset(workspace, name),
        rename=lambda name, new_name: presets.rename_preset(workspace, name, new_name).name,
        delete=lambda name: presets.delete_preset(workspace, name),
        export=lambda name: presets.export_preset(workspace, name),
        bring=bring,
    )


class _Reader:
    def __init__(self, workspace: Workspace, record: Record) -> None:
        self._workspace = workspace
        self._record = record

    def datasets(self, own_folder: str) -> Sequence[DatasetChoice]:
        found = list_datasets(self._workspace.dataset_folders(own_folder))
        return [DatasetChoice(each.name, each.rows or 0) for each in found if each.problem is None]

    def preview(self, name: str, own_folder: str, first: int, count: int) -> Preview:
        folders, cache = self._workspace.dataset_folders(own_folder), self._workspace.cache
        examples, report = read_dataset(name, folders, cache, max_rows=PREVIEW_ROWS)
        kept = [examples[index] for index in range(min(first, len(examples)), min(first + count, len(examples)))]
        return Preview(
            rows=[PreviewRow(each.row, each.turns, each.series) for each in kept],
            total=report.rows_read,
            dropped=report.dropped_rows,
            remarks=report.messages()[1 : REMARKS_SHOWN + 1],
        )

    def is_here(self, name: str, hub: str) -> bool:
        return name == BUILTIN or local_model(self._workspace, ModelSettings(name=name, hub=hub)) is not None

    def presets(self) -> Sequence[PresetChoice]:
        found = [each for each in presets.list_presets(self._workspace) if each.problem is None]
        return [preset_choice(each) for each in found]

    def results(self) -> Sequence[ResultChoice]:
        found = runs.list_results(self._workspace)
        return [ResultChoice(each.name, each.run_name, each.kind, each.step, each.loss) for each in found]

    def log_tail(self, run_id: str) -> str:
        return log_tail(runs.run_folder(self._workspace, run_id), LOG_LINES)

    def debug_bundle(self, run_id: str) -> tuple[str, bytes]:
        run = self._record.get(run_id)
        return bundle_name(run), debug_bundle(self._workspace, run)

    def runs(self) -> Sequence[RunRow]:
        self._record.sweep()
        return [row_of(each) for each in self._record.list_runs()]


def preset_choice(preset: presets.Preset) -> PresetChoice:
    """A preset as the page lists it."""
    if preset.is_shipped:
        keys = (preset.title_key, preset.about_key, preset.needs_key)
        return PresetChoice(preset.name, *keys)
    return PresetChoice(preset.name, about=preset.about)
