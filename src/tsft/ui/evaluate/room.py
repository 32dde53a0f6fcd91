"""What the Evaluate tab works on: the evaluations of a workspace, their answers, and the rows that were asked about."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tsft.data.examples import PLACEHOLDER, RowRefused
from tsft.data.row_access import LocatedRow
from tsft.data.shapes import turns_of
from tsft.errors import UserError
from tsft.run.evaluation import CHATTS
from tsft.run.ports import EnginePort
from tsft.store.evaluations import EvaluationInfo, evaluation_folder, list_evaluations, read_evaluation, read_report
from tsft.store.workspace import Workspace
from tsft.ui.context import PageContext
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_source import open_rows
from tsft.ui.evaluate.answer_index import AnswerIndex, Key, Shelf
from tsft.ui.top_bar import result_choices

# Questions that are kept for the search and the table, and how much of each.
QUESTIONS_KEPT, QUESTION_LENGTH = 10_000, 1_200


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
    questions: OrderedDict[tuple[str, str, int], str] = field(default_factory=OrderedDict)

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
        is_chatts = info.settings.mode == CHATTS
        return self.shelf.index(info.folder, (lambda key: self.item(info, key)) if is_chatts else None)

    def item(self, info: EvaluationInfo, key: Key) -> Mapping[str, Any]:
        """The raw record of a row, {} where it cannot be had any more."""
        try:
            return self.row(info, key).raw.record or {}
        except UserError:
            return {}

    def rows_room(self, info: EvaluationInfo) -> DataRoom:
        return OwnRoom(self.data.workspace, self.data.engine, self.data.jobs, info.settings.folder)

    def row(self, info: EvaluationInfo, key: Key) -> LocatedRow:
        """The row that was asked about. UserError where its dataset has no such row any more.

        The index of a large file is made here where it is not yet; the evaluation has read all of it before.
        """
        rows = open_rows(self.rows_room(info), key[0])
        rows.index()
        return rows.row(key[1])

    def question(self, info: EvaluationInfo, key: Key) -> str:
        """The end of the question, kept; what is asked stands behind the lines that introduce the series."""
        kept = (info.settings.folder, *key)
        found = self.questions.get(kept)
        if found is None:
            found = self.questions[kept] = self.whole_question(info, key)[-QUESTION_LENGTH:]
            while len(self.questions) > QUESTIONS_KEPT:
                self.questions.popitem(last=False)
        return found

    def whole_question(self, info: EvaluationInfo, key: Key) -> str:
        """The last question of a row, its series as "…"; "" where the row cannot be had any more."""
        try:
            located = self.row(info, key)
            turns = turns_of(located.raw.record, located.mapping) if located.raw.record is not None else []
        except (UserError, RowRefused):
            return ""
        asked = [each["content"] for each in turns if each["role"] == "user"]
        return asked[-1].replace(PLACEHOLDER, "…").strip() if asked else ""


def label_of(located: LocatedRow) -> Mapping[str, Any]:
    """The label in a row's meta, {} without one."""
    meta = (located.raw.record or {}).get("meta")
    try:
        told = json.loads(meta) if isinstance(meta, str) else meta
    except ValueError:
        return {}
    label = told.get("label") if isinstance(told, Mapping) else None
    return label if isinstance(label, Mapping) else {}
