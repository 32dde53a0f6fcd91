"""What the Evaluate tab works on: the evaluations of a workspace, their answers, and the rows that were asked about."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tsft.data.row_access import LocatedRow
from tsft.run.evaluation import CHATTS
from tsft.run.ports import EnginePort
from tsft.store.evaluations import EvaluationInfo, evaluation_folder, list_evaluations, read_evaluation, read_report
from tsft.store.workspace import Workspace
from tsft.ui.context import PageContext
from tsft.ui.data.room import DataRoom
from tsft.ui.evaluate.answer_index import AnswerIndex, Query, Shelf
from tsft.ui.evaluate.asked_rows import AskedRows, Questions
from tsft.ui.evaluate.judging import Key
from tsft.ui.top_bar import result_choices


@dataclass(frozen=True)
class OwnRoom(DataRoom):
    """The room of the Data tab, with the folder in which an evaluation looked for its datasets first."""

    own: str = ""

    @property
    def folders(self) -> list[Path]:
        return self.workspace.dataset_folders(self.own)


@dataclass(frozen=True)
class EvaluateRoom:
    """Beside `ui/workspace.py` and the Data tab's room the one place of the page that reads disk."""

    context: PageContext
    data: DataRoom
    shelf: Shelf = field(default_factory=Shelf)
    questions: Questions = field(default_factory=OrderedDict)

    @property
    def engine(self) -> EnginePort:
        return self.context.engine

    @property
    def workspace(self) -> Workspace:
        return self.data.workspace

    @property
    def exports(self) -> Path:
        """Answers and reports that were taken away; anybody who may see the page may download them."""
        return self.workspace.exports / "evaluations"

    def models(self, language: str) -> list[tuple[str, str]]:
        """(words, name) of what can be evaluated: results of runs, newest first, then base models that are here."""
        results = [each for each in result_choices(self.context, language) if each[1]]
        known = {name for _, name in results}
        return [*results, *((each, each) for each in self.data.models() if each not in known)]

    def datasets(self) -> list[str]:
        return self.data.usable()

    def listed(self) -> list[EvaluationInfo]:
        return list_evaluations(self.workspace)

    def info(self, evaluation_id: str) -> EvaluationInfo:
        """UserError where there is none (any more)."""
        return read_evaluation(evaluation_folder(self.workspace, evaluation_id))

    def report(self, info: EvaluationInfo) -> Mapping[str, Any]:
        return read_report(info.folder)

    def index(self, info: EvaluationInfo) -> AnswerIndex:
        """The answers as the file stands now; those to ChatTS's own sets are judged by their items."""
        if info.settings.mode != CHATTS:
            return self.shelf.index(info.folder)
        rows = self.asked(info)
        return self.shelf.index(info.folder, rows.item, rows.state(info.settings.datasets))

    def find(self, info: EvaluationInfo, query: Query, rows: AskedRows) -> list[Key]:
        """The rows that pass; a search looks into the questions as their datasets have them now."""
        index = self.index(info)
        return index.find(query, rows.question, rows.state(index.datasets) if query.text else "")

    def asked(self, info: EvaluationInfo) -> AskedRows:
        """The rows that were asked about, for one call."""
        room = OwnRoom(self.data.workspace, self.data.engine, self.data.jobs, info.settings.folder)
        return AskedRows(room, self.questions)


def label_of(located: LocatedRow) -> Mapping[str, Any]:
    """The label in a row's meta, {} without one."""
    meta = (located.raw.record or {}).get("meta")
    try:
        told = json.loads(meta) if isinstance(meta, str) else meta
    except ValueError:
        return {}
    label = told.get("label") if isinstance(told, Mapping) else None
    return label if isinstance(label, Mapping) else {}
