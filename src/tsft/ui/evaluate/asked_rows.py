"""The rows that an evaluation asked about, read from their datasets as these are now."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from tsft.data.examples import PLACEHOLDER, RowRefused
from tsft.data.row_access import LocatedRow, RowAccess
from tsft.data.shapes import turns_of
from tsft.errors import UserError
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_source import open_rows
from tsft.ui.evaluate.judging import Key

# Questions that are kept for the search and the table, and how much of each.
QUESTIONS_KEPT, QUESTION_LENGTH = 10_000, 1_200

# By the fingerprint of the dataset's files and the number of the row: a changed file has other questions.
Questions = OrderedDict[tuple[str, int], str]


class AskedRows:
    """Opens each dataset once, and so is made anew for each call of a handler: files change between them."""

    def __init__(self, room: DataRoom, questions: Questions) -> None:
        self._room, self._questions = room, questions
        self._opened: dict[str, tuple[RowAccess, str] | UserError] = {}

    def state(self, datasets: Iterable[str]) -> str:
        """Changes when a file of these datasets does."""
        found = (self._open(each) for each in datasets)
        return " ".join("" if isinstance(each, UserError) else each[1] for each in found)

    def row(self, key: Key) -> LocatedRow:
        """The row that was asked about. UserError where its dataset has no such row any more.

        The index of a large file is made here where it is not yet; the evaluation has read all of it before.
        """
        found = self._open(key[0])
        if isinstance(found, UserError):
            raise found
        return found[0].row(key[1])

    def item(self, key: Key) -> Mapping[str, Any]:
        """The raw record of a row, {} where it cannot be had any more."""
        try:
            return self.row(key).raw.record or {}
        except UserError:
            return {}

    def question(self, key: Key) -> str:
        """The end of the question, kept; what is asked stands behind the lines that introduce the series."""
        opened = self._open(key[0])
        if isinstance(opened, UserError):
            return ""
        kept = (opened[1], key[1])
        found = self._questions.get(kept)
        if found is None:
            found = self._questions[kept] = self.whole_question(key)[-QUESTION_LENGTH:]
            while len(self._questions) > QUESTIONS_KEPT:
                self._questions.popitem(last=False)
        return found

    def whole_question(self, key: Key) -> str:
        """The last question of a row, its series as "…"; "" where the row cannot be had any more."""
        try:
            located = self.row(key)
            turns = turns_of(located.raw.record, located.mapping) if located.raw.record is not None else []
        except (UserError, RowRefused):
            return ""
        asked = [each["content"] for each in turns if each["role"] == "user"]
        return asked[-1].replace(PLACEHOLDER, "…").strip() if asked else ""

    def _open(self, dataset: str) -> tuple[RowAccess, str] | UserError:
        if dataset not in self._opened:
            try:
                rows = open_rows(self._room, dataset)
                rows.index()
                self._opened[dataset] = rows, rows.source.fingerprint()
            except UserError as error:
                self._opened[dataset] = error
        return self._opened[dataset]
