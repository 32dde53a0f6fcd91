"""One row under the doctor's eyes: what training checks, and whether its answers fit its series."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsft.data.checks.findings import kind_of
from tsft.data.checks.quality import meta_of, quality
from tsft.data.doctor import CheckedRow, check_record
from tsft.data.examples import RowRefused
from tsft.data.mapping import ColumnMapping
from tsft.errors import Message


@dataclass(frozen=True)
class ExaminedRow:
    """The row as training would take it (None where it would not), its labels, and a sentence for each finding."""

    row: CheckedRow | None
    meta: Mapping[str, Any]
    sentences: tuple[Message, ...]

    @property
    def kinds(self) -> list[str]:
        return [kind_of(sentence) for sentence in self.sentences]


def examine_row(record: Mapping[str, Any], mapping: ColumnMapping) -> ExaminedRow:
    """The first error, or else every warning and note, one of a kind."""
    meta = meta_of(record)
    try:
        row = check_record(record, mapping)
    except RowRefused as refused:
        return ExaminedRow(None, meta, (refused.reason,))
    sentences = {kind_of(each): each for each in reversed([*row.warnings, *row.notes])}
    # An answer that was judged bad is there because it does not fit.
    for sentence in quality(row.turns, row.series, meta) if row.is_good is not False else ():
        sentences.setdefault(kind_of(sentence), sentence)
    return ExaminedRow(row, meta, tuple(sentences.values()))
