"""Fills the page's context from the workspace: datasets, presets, runs, results. Nothing else in ui reads disk."""

from collections.abc import Sequence
from pathlib import Path

from tsft.config.catalog import BUILTIN
from tsft.config.run_config import ModelSettings
from tsft.data.preparation import read_dataset
from tsft.data.registry import list_datasets
from tsft.run.board import replay
from tsft.run.ports import EnginePort
from tsft.store import presets, runs
from tsft.store.models import local_model
from tsft.store.record import Record
from tsft.store.runs import RunInfo
from tsft.store.workspace import Workspace
from tsft.ui.context import (
    CheckpointRow,
    DatasetChoice,
    PageContext,
    PresetActions,
    PresetChoice,
    Preview,
    PreviewRow,
    ResultChoice,
    RunRow,
)

# Rows that are read for the preview: enough to see what the data is like, and quick however large the file.
PREVIEW_ROWS = 200
REMARKS_SHOWN = 12


def page_context(engine: EnginePort, workspace: Workspace, record: Record) -> PageContext:
    """Everything the page asks for, over one workspace."""
    reader = _Reader(workspace, record)
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
        run_state=lambda run_id: replay(runs.run_folder(workspace, run_id).events),
        run_config=lambda run_id: runs.run_config(runs.run_folder(workspace, run_id)),
        run_checkpoints=reader.checkpoints,
        record_notes=record.notes,
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

    def runs(self) -> Sequence[RunRow]:
        self._record.sweep()
        return [_row(each) for each in self._record.list_runs()]

    def checkpoints(self, run_id: str) -> Sequence[CheckpointRow]:
        found = runs.usable_checkpoints(runs.run_folder(self._workspace, run_id))
        return [CheckpointRow(each.step, each.loss, each.size_bytes, str(each.path)) for each in found]


def preset_choice(preset: presets.Preset) -> PresetChoice:
    """A preset as the page lists it."""
    if preset.is_shipped:
        keys = (preset.title_key, preset.about_key, preset.needs_key)
        return PresetChoice(preset.name, *keys, waits_for=preset.waits_for)
    return PresetChoice(preset.name, about=preset.about, waits_for=preset.waits_for)


def _row(run: RunInfo) -> RunRow:
    return RunRow(
        id=run.id,
        name=run.name,
        status=run.status,
        model=run.model,
        datasets=tuple(run.datasets),
        method=run.method,
        step=run.step,
        steps=run.steps,
        loss=run.loss,
        best_validation_loss=run.best_validation_loss,
        started_at=run.started_at or run.created_at,
        size_bytes=run.size_bytes or runs.folder_bytes(run.folder.path),
        result=str(run.folder.path / run.result) if run.result else "",
        folder=str(run.folder.path),
    )
