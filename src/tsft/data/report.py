"""What preparing the data found: counts, reasons and lengths of each dataset, and the sentences that say so."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tsft.data.examples import Findings, RowProblem
from tsft.errors import Message, message

# Row numbers that the sentence about a reason carries; `tsft data check` shows the rows themselves.
ROWS_NAMED = 20


@dataclass(frozen=True)
class LengthStatistics:
    """Smallest, median, 95th percentile and largest of some lengths."""

    minimum: int = 0
    median: int = 0
    p95: int = 0
    maximum: int = 0

    @staticmethod
    def of(lengths: np.ndarray) -> "LengthStatistics":
        if not len(lengths):
            return LengthStatistics()
        # "higher" gives a length that some row really has.
        median, p95 = np.percentile(lengths, [50, 95], method="higher")
        return LengthStatistics(int(lengths.min()), int(median), int(p95), int(lengths.max()))


@dataclass(frozen=True)
class DatasetReport:
    """One dataset: `rows_read == kept + sum(dropped) + left_out`. Details hold the first 1,000 rows of each list.

    content: a hash of the bytes of its files, "" when it was only looked at.
    """

    name: str
    rows_read: int
    kept: int
    dropped: Mapping[str, int]
    warned: Mapping[str, int]
    noted: Mapping[str, int]
    problems: tuple[RowProblem, ...]
    warnings: tuple[RowProblem, ...]
    notes: tuple[RowProblem, ...]
    file_notes: tuple[Message, ...] = ()
    shortened: int = 0
    cut: int = 0
    left_out: int = 0
    content: str = ""
    trained_tokens: int = 0
    tokens: LengthStatistics = field(default_factory=LengthStatistics)
    patches: LengthStatistics = field(default_factory=LengthStatistics)

    @property
    def dropped_rows(self) -> int:
        return sum(self.dropped.values())

    def without_warnings(self, kinds: Collection[str]) -> "DatasetReport":
        """The same without the warnings of these kinds (the last part of a sentence's key)."""
        warned = {key: count for key, count in self.warned.items() if key.rsplit(".", 1)[-1] not in kinds}
        warnings = tuple(each for each in self.warnings if each.reason.key in warned)
        return replace(self, warned=warned, warnings=warnings)

    def messages(self) -> list[Message]:
        """Counts first, then one sentence for each reason, warning and note with its first row as the example."""
        return list(self._sentences())

    def _sentences(self) -> Iterator[Message]:
        yield message("data.report.rows", dataset=self.name, read=self.rows_read, kept=self.kept)
        yield from self.file_notes
        for sort, counts, details in (
            ("data.report.dropped", self.dropped, self.problems),
            ("data.report.warned", self.warned, self.warnings),
            ("data.report.noted", self.noted, self.notes),
        ):
            for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
                those = [each for each in details if each.reason.key == key]
                values = {"dataset": self.name, "count": count, "first": those[0].message().to_json()}
                if sort == "data.report.dropped":
                    values["rows"] = row_numbers(those, count)
                yield message(sort, **values)
        for sort, count in (
            ("data.report.shortened", self.shortened),
            ("data.report.cut", self.cut),
            ("data.report.left_out", self.left_out),
        ):
            if count:
                yield message(sort, dataset=self.name, count=count)


@dataclass(frozen=True)
class PreparationReport:
    """All datasets of a run (training and validation) and the rows that came out of the mix."""

    datasets: tuple[DatasetReport, ...]
    train_rows: int
    evaluation_rows: int
    train_tokens: int
    trained_tokens: int
    tokens: LengthStatistics
    patches: LengthStatistics
    remarks: tuple[Message, ...] = ()

    def messages(self) -> list[Message]:
        """Everything as sentences, the totals last."""
        sentences = [sentence for dataset in self.datasets for sentence in dataset.messages()]
        totals = message(
            "data.report.totals",
            train=self.train_rows,
            evaluation=self.evaluation_rows,
            tokens=self.train_tokens,
            trained=self.trained_tokens,
        )
        lengths = message(
            "data.report.lengths", median=self.tokens.median, p95=self.tokens.p95, max=self.tokens.maximum
        )
        return [*sentences, *self.remarks, totals, lengths]


def dataset_report(name: str, *stages: Findings, **more: Any) -> DatasetReport:
    """One report from the findings of reading and, where it happened, of encoding (whose input were the kept rows)."""
    return DatasetReport(
        name,
        rows_read=stages[0].rows_read,
        kept=stages[-1].kept,
        dropped=_added(stage.dropped for stage in stages),
        warned=_added(stage.warned for stage in stages),
        noted=_added(stage.noted for stage in stages),
        problems=tuple(each for stage in stages for each in stage.problems),
        warnings=tuple(each for stage in stages for each in stage.warnings),
        notes=tuple(each for stage in stages for each in stage.notes),
        file_notes=tuple(each for stage in stages for each in stage.file_notes),
        **more,
    )


def row_numbers(problems: Sequence[RowProblem], count: int) -> str:
    """The first row numbers of one reason as text, "3, 17, 40 …"; with their files where there are several."""
    shown = problems[:ROWS_NAMED]
    rows_by_file: dict[str, list[str]] = {}
    for each in shown:
        rows_by_file.setdefault(each.file, []).append(str(each.row))
    parts = [
        ", ".join(rows) if len(rows_by_file) == 1 else f"{file}: {', '.join(rows)}"
        for file, rows in rows_by_file.items()
    ]
    return "; ".join(parts) + (" …" if count > len(shown) else "")


def _added(counts: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total += each
    return total
