"""The rows of an evaluation: read from their datasets with labels, drawn, laid out in batches, and under controls."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsft.data.checks.quality import meta_of
from tsft.data.doctor import check_record
from tsft.data.examples import PLACEHOLDER, RowRefused, refuse
from tsft.data.mapping import PLAIN_TEXT
from tsft.data.readers import Source
from tsft.data.registry import DatasetInfo, find_dataset
from tsft.data.row_access import LocatedRow, RowAccess
from tsft.errors import Message, Problem, UserError, message
from tsft.evaluate.control_rows import CONTROLS, control_rows
from tsft.evaluate.free_text import free_text_label, label_or_free_text
from tsft.evaluate.predictions import span_of
from tsft.evaluate.shown import Shown
from tsft.run.evaluation import CHATTS, EvaluationSettings
from tsft.store.workspace import Workspace

# Rows of about one length are asked together; within so many batches only, so that what is answered until a stop is
# no choice of the short or the long ones.
WINDOW_BATCHES = 16

Turns = list[dict[str, str]]


@dataclass(frozen=True)
class EvaluatedRow:
    """A row that is asked. index: its number in the dataset from 0, as `data.row_access` counts.

    turns: the whole conversation, what the loss is measured on; shown: the question with label and series.
    reference: the row's own answer; item: the raw record, for ChatTS's own scoring.
    """

    dataset: str
    index: int
    turns: Turns
    shown: Shown
    reference: str
    span: float
    item: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        return self.dataset, self.index

    def content(self) -> bytes:
        """The same for two rows exactly when turns and series are."""
        digest = hashlib.blake2b(digest_size=16)
        for turn in self.turns:
            digest.update(f"{turn['role']}\0{turn['content']}\0".encode("utf-8", errors="surrogatepass"))
        for each in self.shown.series:
            digest.update(len(each).to_bytes(8, "little") + np.ascontiguousarray(each).tobytes())
        return digest.digest()


@dataclass(frozen=True)
class RowsRead:
    """The rows of all datasets, and how many of each could not be read, with the first reason."""

    rows: list[EvaluatedRow]
    refused: dict[str, list[Message]]
    bad_labels: int

    @property
    def left_out(self) -> int:
        return sum(len(each) for each in self.refused.values())


def find_sets(
    names: Sequence[str], fieldname: str, settings: EvaluationSettings, workspace: Workspace
) -> tuple[list[DatasetInfo], list[Problem]]:
    """The datasets by name, and what is wrong with them at `fieldname`; their first rows are looked at."""
    folders, found, problems = workspace.dataset_folders(settings.folder), [], []
    for name in dict.fromkeys(names):
        try:
            dataset = find_dataset(name, folders, workspace.cache)
            first = _access(dataset, workspace).first(1)
        except UserError as error:
            problems += [Problem(fieldname, each.message) for each in error.problems]
            continue
        if not first:
            problems.append(Problem(fieldname, message("evaluation.empty_dataset", name=name)))
        elif settings.mode == CHATTS and fieldname == "datasets" and not _is_chatts(first[0]):
            problems.append(Problem(fieldname, message("evaluation.not_chatts", name=name)))
        else:
            found.append(dataset)
    return found, problems


def read_rows(
    datasets: Sequence[DatasetInfo],
    settings: EvaluationSettings,
    workspace: Workspace,
    obey: Callable[[], None],
    should_stop: Callable[[], bool],
    most: int = 0,
) -> RowsRead:
    """Up to `most` rows of each (0: all), drawn by the seed. `obey` may raise at any row."""
    rows: list[EvaluatedRow] = []
    refused: dict[str, list[Message]] = {}
    bad_labels = 0
    for dataset in datasets:
        access = _access(dataset, workspace)
        access.index(should_stop=should_stop)
        for located in access.rows(drawn(len(access), most, settings.seed)):
            obey()
            try:
                row, has_bad_label = _row(dataset.name, located, settings.mode)
            except RowRefused as reason:
                refused.setdefault(dataset.name, []).append(reason.reason)
                continue
            rows.append(row)
            bad_labels += has_bad_label
    return RowsRead(rows, refused, bad_labels)


def drawn(count: int, most: int, seed: int) -> np.ndarray:
    """int64[rows] in order: all, or `most` of them drawn by the seed."""
    if not most or most >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def batches(lengths: Sequence[int], size: int, seed: int) -> list[list[int]]:
    """Places of rows in batches, the same whenever asked: drawn, then by length within a window, longest first."""
    order = np.random.default_rng(seed).permutation(len(lengths)).tolist()
    made = []
    for start in range(0, len(order), size * WINDOW_BATCHES):
        window = sorted(order[start : start + size * WINDOW_BATCHES], key=lambda place: -lengths[place])
        made += [window[at : at + size] for at in range(0, len(window), size)]
    return made


@dataclass(frozen=True)
class Controls:
    """Which rows each control is asked on; what is shown then is made when it is asked."""

    settings: EvaluationSettings
    rows: Sequence[EvaluatedRow]
    places: Mapping[str, Sequence[int]]

    def shown(self, control: str) -> list[tuple[EvaluatedRow, Shown]]:
        candidates = self._candidates(control)
        changed = dict(control_rows(control, [each.shown for each in candidates], self.settings.seed))
        return [(candidates[place], changed[place]) for place in self.places[control]]

    def _candidates(self, control: str) -> list[EvaluatedRow]:
        return control_candidates(self.rows, self.settings, CONTROLS[control] == "blind")


def choose_controls(rows: Sequence[EvaluatedRow], settings: EvaluationSettings) -> tuple[Controls, list[Message]]:
    """The rows of each control that is asked for, and what is to be said of those that say nothing here."""
    places: dict[str, list[int]] = {}
    notes: list[Message] = []
    for control in dict.fromkeys(settings.controls):
        candidates = control_candidates(rows, settings, CONTROLS[control] == "blind")
        try:
            found = [place for place, _ in control_rows(control, [each.shown for each in candidates], settings.seed)]
        except UserError as error:
            notes += [each.message for each in error.problems]
            continue
        if found:
            places[control] = found[: settings.control_rows or None]
        else:
            name = message(f"evaluate.control.{control}").to_json()
            notes.append(message("evaluation.note.control_without_rows", control=name))
    return Controls(settings, rows, places), notes


def control_candidates(
    rows: Sequence[EvaluatedRow], settings: EvaluationSettings, is_blind: bool
) -> list[EvaluatedRow]:
    """Rows whose answer hangs on their series, in a drawn order; for a blind control no more than are asked."""
    able = [each for each in rows if each.shown.series and not each.shown.label.get("prefix_answerable")]
    order = np.random.default_rng(settings.seed).permutation(len(able)).tolist()
    chosen = order[: settings.control_rows or None] if is_blind else order
    return [able[place] for place in chosen]


def _access(dataset: DatasetInfo, workspace: Workspace) -> RowAccess:
    return RowAccess(Source(dataset.name, dataset.files, dataset.mapping), workspace.cache)


def _row(dataset: str, located: LocatedRow, mode: str) -> tuple[EvaluatedRow, bool]:
    """The row, and whether its label cannot be used. RowRefused with the reason where it cannot be asked."""
    record = located.raw.record
    if record is None:
        raise RowRefused(located.raw.reason or message("data.row.encoding"))
    if mode == CHATTS:
        return _chatts_row(dataset, located.index, record), False
    checked = check_record(record, located.mapping)
    if checked.turns[0]["role"] == PLAIN_TEXT:
        raise refuse("evaluation.row_without_question")
    last = max(number for number, turn in enumerate(checked.turns) if turn["role"] == "assistant")
    reference = checked.turns[last]["content"]
    meta = meta_of(record)
    if checked.is_good is False and not meta.get("label"):
        raise refuse("evaluation.row_judged_bad")
    label, is_bad = label_or_free_text(meta.get("label"), reference)
    key = f"{dataset}/{meta['series']}" if meta.get("series") else f"{checked.series_key & (2**64 - 1):016x}"
    shown = Shown(tuple(checked.turns[:last]), tuple(checked.series), label, key)
    return EvaluatedRow(dataset, located.index, checked.turns, shown, reference, span_of(label, checked.series)), is_bad


def _chatts_row(dataset: str, index: int, record: Mapping[str, Any]) -> EvaluatedRow:
    question, answer = str(record.get("question") or ""), str(record.get("answer") or "")
    try:
        series = tuple(np.asarray(each, dtype=np.float64).reshape(-1) for each in record.get("timeseries") or ())
    except (TypeError, ValueError):
        raise refuse("data.row.not_list", column="timeseries", type="?") from None
    if not question.strip():
        raise refuse("data.row.empty_question", turn=1)
    if question.count(PLACEHOLDER) != len(series):
        raise refuse("data.row.placeholder_count", placeholders=question.count(PLACEHOLDER), series=len(series))
    asked = {"role": "user", "content": question}
    turns = [asked, {"role": "assistant", "content": answer or "?"}]
    shown = Shown((asked,), series, free_text_label(answer), str(index))
    return EvaluatedRow(dataset, index, turns, shown, answer, 0.0, record)


def _is_chatts(row: LocatedRow) -> bool:
    record = row.raw.record
    return isinstance(record, Mapping) and {"question", "attributes", "ability_types", "timeseries"} <= set(record)


def refusals(read: RowsRead) -> Iterator[Message]:
    """How many rows of each dataset could not be read, with the first reason."""
    for name, reasons in read.refused.items():
        yield message("evaluation.note.unreadable", dataset=name, count=len(reasons), reason=reasons[0].to_json())
    if read.bad_labels:
        yield message("evaluation.note.bad_labels", count=read.bad_labels)
