"""One row as tsft holds it (turns and raw series) and what can be said about it. Readers and checks live elsewhere."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsft.errors import Message, message

PLACEHOLDER = "<ts><ts/>"
# Each problem keeps a row number and a few values: 1,000 stay under 1 MB however bad the file is.
PROBLEMS_KEPT = 1_000

Turn = Mapping[str, str]


@dataclass(frozen=True)
class Example:
    """One checked row: its place in the source, its turns and its raw series (float64[L] each).

    rejected: a worse answer than the last turn's, None where there is none. is_good: what the row says of its answer.
    label: what a right answer to its last question says, as JSON text (`meta.label`); "" where the row has none.
    """

    file_index: int
    row: int
    turns: list[dict[str, str]]
    series: list[np.ndarray]
    series_key: int = 0
    rejected: str | None = None
    is_good: bool | None = None
    label: str = ""


@dataclass(frozen=True)
class RowProblem:
    """One thing said about one row. `row` counts from 1: a line of JSONL, an item of a list, a CSV record."""

    file: str
    row: int
    reason: Message

    def message(self) -> Message:
        """The whole sentence: file, row and reason."""
        return message("data.row.at", file=self.file, row=self.row, reason=self.reason.to_json())

    def to_json(self) -> dict[str, Any]:
        return {"file": self.file, "row": self.row, "reason": self.reason.to_json()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "RowProblem":
        return RowProblem(str(data["file"]), int(data["row"]), Message.from_json(data["reason"]))


class RowRefused(Exception):
    """Raised inside the data layer for a row that cannot be trained; the reader counts it and goes on."""

    def __init__(self, reason: Message) -> None:
        self.reason = reason
        super().__init__(reason.key)


def refuse(key: str, **values: Any) -> RowRefused:
    """Shorthand for `RowRefused(message(key, ...))`."""
    return RowRefused(message(key, **values))


@dataclass
class Findings:
    """What was found in the rows of one dataset: counts for all rows, details for the first `PROBLEMS_KEPT`.

    `dropped`, `warned` and `noted` count rows by the key of the sentence; `rows_read == kept + sum(dropped)`.
    """

    rows_read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    warned: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    problems: list[RowProblem] = field(default_factory=list)
    warnings: list[RowProblem] = field(default_factory=list)
    notes: list[RowProblem] = field(default_factory=list)
    file_notes: list[Message] = field(default_factory=list)

    def drop(self, file: str, row: int, reason: Message) -> None:
        _count(self.dropped, self.problems, RowProblem(file, row, reason))

    def warn(self, file: str, row: int, reason: Message) -> None:
        _count(self.warned, self.warnings, RowProblem(file, row, reason))

    def note(self, file: str, row: int, reason: Message) -> None:
        _count(self.noted, self.notes, RowProblem(file, row, reason))

    def note_file(self, sentence: Message) -> None:
        if sentence not in self.file_notes and len(self.file_notes) < PROBLEMS_KEPT:
            self.file_notes.append(sentence)

    def to_json(self) -> dict[str, Any]:
        return {
            "rows_read": self.rows_read,
            "kept": self.kept,
            **{name: dict(getattr(self, name)) for name in ("dropped", "warned", "noted")},
            **{name: [p.to_json() for p in getattr(self, name)] for name in ("problems", "warnings", "notes")},
            "file_notes": [sentence.to_json() for sentence in self.file_notes],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Findings":
        return Findings(
            rows_read=data["rows_read"],
            kept=data["kept"],
            dropped=Counter(data["dropped"]),
            warned=Counter(data["warned"]),
            noted=Counter(data["noted"]),
            problems=[RowProblem.from_json(each) for each in data["problems"]],
            warnings=[RowProblem.from_json(each) for each in data["warnings"]],
            notes=[RowProblem.from_json(each) for each in data["notes"]],
            file_notes=[Message.from_json(each) for each in data["file_notes"]],
        )


def _count(counts: Counter[str], details: list[RowProblem], problem: RowProblem) -> None:
    # The first row of every kind is always kept in detail, so that no count stands without an example.
    is_first = problem.reason.key not in counts
    counts[problem.reason.key] += 1
    if is_first or len(details) < PROBLEMS_KEPT:
        details.append(problem)
