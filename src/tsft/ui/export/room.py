"""What the Export tab works on: the results and exports of a workspace, the engine, and whether there are tokens."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tsft.errors import Problem, UserError, message
from tsft.run.export import Exported, ExportSettings
from tsft.run.ports import EnginePort
from tsft.store.exports import ExportInfo, Outlook, card_of, find_export, list_exports, outlook, remove_export
from tsft.store.runs import Result, list_results
from tsft.store.workspace import Workspace


@dataclass(frozen=True)
class ExportRoom:
    """One of the places of the page that read disk: through `tsft.store` only."""

    workspace: Workspace
    engine: EnginePort
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def folder(self) -> Path:
        """What was exported; anybody who may see the page may download it."""
        return self.workspace.exports

    def results(self) -> Sequence[Result]:
        return list_results(self.workspace)

    def exports(self) -> Sequence[ExportInfo]:
        return list_exports(self.workspace)

    def outlook(self, settings: ExportSettings) -> Outlook:
        title = next((each.run_name for each in self.results() if each.name == settings.result), "")
        return outlook(self.workspace, settings, title)

    def begin(self, settings: ExportSettings) -> int:
        """Raises UserError with every problem. What is not in the list is no result: a page names no other folder."""
        if settings.result and settings.result not in [each.name for each in self.results()]:
            raise UserError(Problem("result", message("export.no_result")))
        return self.engine.begin_export(settings)

    def made(self) -> Exported | None:
        """The last export of this process, under way or ended; None where what it wrote was deleted since."""
        now = self.engine.exported()
        return None if now is not None and now.path and not Path(now.path).exists() else now

    def card(self, name: str) -> str:
        """The model card of an export. Raises UserError when it is gone."""
        return card_of(find_export(self.workspace, name))

    def delete(self, name: str) -> None:
        """Raises UserError when it is gone, or while it goes to a hub."""
        found, now = find_export(self.workspace, name), self.engine.exported()
        if now is not None and not now.is_done and now.path == str(found.path):
            raise UserError(message("export.busy"))
        remove_export(found)
