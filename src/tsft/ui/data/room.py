"""What the Data tab works on: a workspace's datasets, cache and label room, the engine, and the jobs of the process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tsft.config.catalog import BASE_MODELS
from tsft.data.labelling.inbox import Inbox
from tsft.data.preferences.verdicts import Verdicts
from tsft.data.registry import DatasetInfo, list_datasets
from tsft.run.ports import EnginePort
from tsft.store.models import is_here
from tsft.store.runs import list_results
from tsft.store.workspace import Workspace
from tsft.ui.data.jobs import Jobs


@dataclass(frozen=True)
class DataRoom:
    """Beside `ui/workspace.py` the one place of the page that reads disk: through `tsft.data` only."""

    workspace: Workspace
    engine: EnginePort
    jobs: Jobs = field(default_factory=Jobs)

    @property
    def folders(self) -> list[Path]:
        return self.workspace.dataset_folders()

    @property
    def cache(self) -> Path:
        return self.workspace.cache

    @property
    def exports(self) -> Path:
        """Rows that were taken away; anybody who may see the page may download them."""
        return self.workspace.exports / "data"

    @cached_property
    def inbox(self) -> Inbox:
        """What lies in the label room. Other rooms send to it with `labelling.inbox.flag(workspace.labels, …)`."""
        return Inbox(self.workspace.labels)

    @cached_property
    def verdicts(self) -> Verdicts:
        """What people said of answers in the Chat."""
        return Verdicts(self.workspace.chat)

    def models(self) -> list[str]:
        """Models that can answer at once: what runs left, newest first, then base models that are in the workspace."""
        results = [each.name for each in list_results(self.workspace)]
        return [*results, *(each.name for each in BASE_MODELS if is_here(self.workspace, each.name))]

    def datasets(self) -> Sequence[DatasetInfo]:
        return list_datasets(self.folders)

    def usable(self) -> list[str]:
        """Names that can be read."""
        return [each.name for each in self.datasets() if each.problem is None]
