"""The doctor's round: one pass over every row of a dataset, then what only all rows together show.

The result lies in the cache (`doctor-…`): a report, and a few numbers about every row. Memory does not grow with the
rows' sizes: about 100 bytes a row, and `windows.LIMIT` fingerprints in all.
"""

import json
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tsft.data.arrow_cache import Progress, ShouldStop, cached, fingerprint, throttled
from tsft.data.checks.classes import Names, label_of, surpluses
from tsft.data.checks.facts import Facts, FactsWriter
from tsft.data.checks.findings import DoctorReport, Tally, kind_of
from tsft.data.checks.rows import ExaminedRow, examine_row
from tsft.data.checks.signatures import GRIDS, near_keys, repeats, row_key
from tsft.data.checks.windows import WindowIndex, digest_of, shares
from tsft.data.content import content_hash
from tsft.data.encoded_rows import with_system
from tsft.data.encoding import RowEncoder
from tsft.data.examples import Findings, RowProblem
from tsft.data.mapping import PLAIN_TEXT
from tsft.data.readers import Source, checked_rows, mapped_rows, total_bytes
from tsft.data.registry import DatasetInfo, find_dataset
from tsft.data.waivers import waived_kinds
from tsft.errors import Message, UserError, message

# Raise when a check or the order of kinds changes: reports in the cache are then made again.
DOCTOR_VERSION = 2
# After so many rows the file's number of rows is known well enough to spread the measured ones.
_ROWS_BEFORE_STRIDE = 200


@dataclass(frozen=True)
class Look:
    """What to look for. is_deep: compare rows with each other. validation: datasets that must share no values.

    encoder: measure rows in tokens (against cutoff_length, unless 0); token_rows: at most about so many, 0 for all
    model: what the encoder's model is called, for the report
    """

    is_deep: bool = True
    validation: tuple[str, ...] = ()
    encoder: RowEncoder | None = None
    cutoff_length: int = 0
    token_rows: int = 0
    system_prompt: str = ""
    max_rows: int = 0
    model: str = ""

    def key(self) -> list[Any]:
        if self.encoder is None:
            return [self.is_deep, self.max_rows]
        measured = [self.encoder.fingerprint, self.cutoff_length, self.token_rows, self.system_prompt]
        return [self.is_deep, self.max_rows, *measured]


@dataclass(frozen=True)
class Diagnosis:
    """The report with its waivers, the facts of every row, and where the rows are."""

    report: DoctorReport
    facts: Facts
    source: Source


def diagnose(
    name: str,
    folders: Sequence[Path],
    cache: Path,
    look: Look | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Diagnosis:
    """Examine every row of a dataset, or take what was found before in the same content.

    `progress(done_bytes, total_bytes)` comes at most four times a second; `should_stop()` is asked at every row, and
    True raises Stopped and leaves nothing behind.
    """
    look = look or Look()
    source = source_of(find_dataset(name, folders, cache), look.max_rows)
    others = [source_of(find_dataset(each, folders, cache)) for each in look.validation]
    key = fingerprint(DOCTOR_VERSION, source.fingerprint(), look.key(), [each.fingerprint() for each in others])
    folder = cache / f"doctor-{key}"

    def build(unfinished: Path) -> Mapping[str, Any]:
        content = content_hash(source.files, cache, should_stop)
        found = _Round(source, look, content).go(others, throttled(progress), should_stop)
        found.facts.save(unfinished)
        return found.report().to_json()

    report = DoctorReport.from_json(cached(folder, build))
    _remember(cache, source, folder)
    return _diagnosis(report, folder, source, folders)


def last_diagnosis(name: str, folders: Sequence[Path], cache: Path) -> Diagnosis | None:
    """What the last round over this dataset found, as long as its files are unchanged; None where there was none."""
    source = source_of(find_dataset(name, folders, cache))
    try:
        folder = cache / _pointer(cache, source).read_text(encoding="ascii")
        report = DoctorReport.from_json(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None
    return _diagnosis(report, folder, source, folders)


def source_of(dataset: DatasetInfo, max_rows: int = 0) -> Source:
    return Source(dataset.name, dataset.files, dataset.mapping, max_rows)


def _diagnosis(report: DoctorReport, folder: Path, source: Source, folders: Sequence[Path]) -> Diagnosis:
    waived = report.waiving(waived_kinds(folders, report.content))
    return Diagnosis(waived, Facts(folder, report.tasks, report.labels), source)


def _pointer(cache: Path, source: Source) -> Path:
    return cache / f"last-doctor-{source.fingerprint()}"


def _remember(cache: Path, source: Source, folder: Path) -> None:
    _pointer(cache, source).write_text(folder.name, encoding="ascii")


@dataclass
class _Round:
    """Everything that is kept while the rows go by."""

    source: Source
    look: Look
    content: str
    facts: FactsWriter = field(default_factory=FactsWriter)
    tally: Tally = field(default_factory=Tally)
    tasks: Names = field(default_factory=Names)
    labels: Names = field(default_factory=Names)
    file_notes: list[Message] = field(default_factory=list)
    tokens_counted: int = 0
    # Of the good rows only: their numbers, keys of whole rows, keys of series, and the near keys of each grid.
    good: "array[int]" = field(default_factory=lambda: array("q"))
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    series_keys: "array[int]" = field(default_factory=lambda: array("q"))
    near: "list[array[int]]" = field(default_factory=lambda: [array("q") for _ in range(GRIDS)])
    windows: WindowIndex = field(default_factory=WindowIndex)
    _held_windows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    _held_keys: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _stride: int = 1

    def go(self, others: Sequence[Source], progress: Progress, should_stop: ShouldStop | None) -> "_Round":
        size = total_bytes(self.source.files)
        total = size + sum(total_bytes(other.files) for other in others)
        begun = self._read_validation(others, lambda done: progress(done, total), should_stop)
        for each in mapped_rows(self.source, self._note_file, should_stop):
            index = self.facts.add(each.file_index, each.raw.row)
            if index == _ROWS_BEFORE_STRIDE and self.look.token_rows:
                rows = index * size / max(1, each.done_bytes)
                self._stride = max(1, round(rows / self.look.token_rows))
            if each.raw.record is None:
                self._say(index, each.raw.reason or message("data.row.encoding"))
            else:
                self._take(index, examine_row(each.raw.record, each.mapping))
            progress(min(begun + each.done_bytes, total - 1), total)
        if self.look.is_deep:
            self._compare()
        progress(total, total)
        return self

    def report(self) -> DoctorReport:
        return DoctorReport(
            name=self.source.name,
            content=self.content,
            rows_read=len(self.facts.columns["row"]),
            rows_good=len(self.good),
            findings=self.tally.findings(),
            tasks=tuple(self.tasks.names),
            labels=tuple(self.labels.names),
            file_notes=tuple(self.file_notes),
            is_deep=self.look.is_deep,
            cutoff_length=self.look.cutoff_length,
            tokens_counted=self.tokens_counted,
            validation=self.look.validation,
            model=self.look.model if self.look.encoder is not None else "",
            token_rows=self.look.token_rows,
        )

    # -- one row -----------------------------------------------------------------------------------------------------

    def _take(self, index: int, examined: ExaminedRow) -> None:
        for sentence in examined.sentences:
            self._say(index, sentence)
        row = examined.row
        if row is None:
            return
        columns = self.facts.columns
        columns["points"][index] = max((len(points) for points in row.series), default=0)
        columns["series"][index] = len(row.series)
        columns["task"][index] = self.tasks.number(str(examined.meta.get("task") or ""))
        columns["label"][index] = self.labels.number(label_of(row.turns, examined.meta))
        self.good.append(index)
        if self.look.encoder is not None and index % self._stride == 0:
            self._measure(index, row.turns, row.series, self.look.encoder)
        if self.look.is_deep:
            self.keys.append(row_key(row.turns, row.series_key))
            self.series_keys.append(row.series_key)
            for kept, key in zip(self.near, near_keys(row.turns, row.series), strict=True):
                kept.append(key)
            hashes = digest_of(row.series)
            self.windows.add(len(self.good) - 1, hashes)
            self._against_validation(index, hashes, row.series_key)

    def _measure(self, index: int, turns: list[dict[str, str]], series: list[np.ndarray], encoder: RowEncoder) -> None:
        turns = turns if turns[0]["role"] == PLAIN_TEXT else with_system(turns, self.look.system_prompt)
        try:
            length = len(encoder.encode(turns, series).input_ids)
        except UserError as error:
            if kind_of(error.message) == "too_long":
                self._say(index, error.message)
            return
        self.tokens_counted += 1
        self.facts.columns["tokens"][index] = length
        if 0 < self.look.cutoff_length < length:
            self._say(index, message("data.row.too_long", length=length, limit=self.look.cutoff_length))

    def _against_validation(self, index: int, hashes: np.ndarray, series_key: int) -> None:
        held = self._held_keys
        if not len(held) and not len(self._held_windows):
            return
        place = int(np.searchsorted(held, series_key))
        is_same = place < len(held) and int(held[place]) == series_key
        if is_same or shares(hashes, self._held_windows):
            self._say(index, message("data.warning.validation_overlap"))

    def _read_validation(
        self, others: Sequence[Source], progress: Callable[[int], None], should_stop: ShouldStop | None
    ) -> int:
        """The fingerprints of all rows that validate; returns the bytes that were read."""
        begun = 0
        windows, keys = WindowIndex(), array("q")
        for other in others:
            before = begun

            def move(done: int, total: int, before: int = before) -> None:
                progress(before + done)

            for example, _ in checked_rows(other, Findings(), move, should_stop):
                if example.series:
                    windows.add(len(keys), digest_of(example.series))
                    keys.append(example.series_key)
            begun += total_bytes(other.files)
        self._held_windows = windows.sorted_hashes()[0]
        self._held_keys = np.unique(np.asarray(keys, dtype=np.int64))
        return begun

    # -- all rows ----------------------------------------------------------------------------------------------------

    def _compare(self) -> None:
        good, keys = np.asarray(self.good, dtype=np.int64), np.asarray(self.keys, dtype=np.int64)
        same = self._find_repeats("duplicate", *repeats(keys), good)
        near: dict[int, int] = {}
        for each in self.near:
            for later, origin in zip(*(part.tolist() for part in repeats(np.asarray(each, np.int64))), strict=True):
                if later not in same:
                    near[later] = min(origin, near.get(later, origin))
        places = np.array(sorted(near), dtype=np.int64)
        self._find_repeats("near_duplicate", places, np.array([near[each] for each in places.tolist()]), good)
        series_keys = np.asarray(self.series_keys, dtype=np.int64)
        for row, earlier in self.windows.overlapping(series_keys):
            self._say(int(good[row]), message("data.warning.window_overlap", of=self._row(int(good[earlier]))))
        self._weigh_classes()

    def _find_repeats(self, kind: str, later: np.ndarray, origin: np.ndarray, good: np.ndarray) -> set[int]:
        for place, first in zip(later.tolist(), origin.tolist(), strict=True):
            self._say(int(good[place]), message(f"data.warning.{kind}", of=self._row(int(good[first]))))
        return set(later.tolist())

    def _weigh_classes(self) -> None:
        good = np.asarray(self.good, dtype=np.int64)
        columns = {name: np.asarray(self.facts.columns[name])[good] for name in ("task", "label")}
        for each in surpluses(columns["task"], columns["label"]):
            told = {
                "label": self.labels.names[each.label - 1],
                "task": self.tasks.names[each.task - 1] if each.task > 0 else "-",
                "count": each.count,
                "total": each.total,
            }
            rows = each.rows
            sentence = message("data.warning.imbalance", **told)
            if not len(rows):
                rows = np.flatnonzero((columns["task"] == each.task) & (columns["label"] == each.label))
                sentence = message("data.warning.single_class", **told)
            for row in rows.tolist():
                self._say(int(good[row]), sentence)

    def _row(self, index: int) -> int:
        return int(self.facts.columns["row"][index])

    def _say(self, index: int, sentence: Message) -> None:
        file = self.source.files[self.facts.columns["file"][index]].name
        self.tally.add(RowProblem(file, self._row(index), sentence))
        self.facts.mark(index, kind_of(sentence))

    def _note_file(self, sentence: Message) -> None:
        if sentence not in self.file_notes:
            self.file_notes.append(sentence)
