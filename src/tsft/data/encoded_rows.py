"""The encoded rows of one dataset in an Arrow cache, ready for batches: ids, labels, scaled series, lengths."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from tsft.data.arrow_cache import (
    BatchWriter,
    MappedRows,
    Progress,
    ShouldStop,
    cached,
    fingerprint,
    list_array,
    list_slice,
    throttled,
)
from tsft.data.budget import Budget, FittedRow, fit, patch_count, pieces
from tsft.data.encoding import EncodedRow, PromptEncoder, RowEncoder
from tsft.data.examples import Example, Findings, RowRefused, refuse
from tsft.data.mapping import PLAIN_TEXT
from tsft.data.readers import ExampleRows
from tsft.errors import message
from tsft.run.ports import Stopped

ENCODING_VERSION = 1
SCHEMA = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("values", pa.list_(pa.float32())),
        ("value_lengths", pa.list_(pa.int32())),
        ("length", pa.int32()),
        ("patches", pa.int32()),
        ("trained", pa.int32()),
        ("file", pa.int32()),
        ("row", pa.int64()),
        ("series_key", pa.int64()),
    ]
)
# What of a row's answers is encoded. one: the answer, or the better of two; pair: both; judged: each with its verdict;
# asked: none, the row ends with the question.
ANSWERS = ("one", "pair", "judged", "asked")
_EXTRA = {
    "one": [],
    "pair": [pa.field("rejected_ids", pa.list_(pa.int32())), pa.field("rejected_labels", pa.list_(pa.int32()))],
    "judged": [pa.field("is_good", pa.int32())],
    "asked": [pa.field("label", pa.string())],
}


class EncodedRows:
    """The encoded rows of one dataset, memory-mapped. A row is a dict of input_ids, labels and values.

    input_ids and labels are lists of int; values is a list of float32[L], one a series, copies that may be written to.
    A pair has rejected_ids and rejected_labels besides, over the same series; a judged answer has is_good, 0 or 1; a
    question has no labels to train on, but its label as JSON text ("" where the row has none).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows = MappedRows(folder)
        self._lists = [name for name in ("rejected_ids", "rejected_labels") if name in self._rows.names]
        self._cells = [name for name in ("is_good", "label") if name in self._rows.names]

    def __len__(self) -> int:
        return len(self._rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return (EncodedRows, (self.folder,))

    def __getitem__(self, index: int) -> dict[str, Any]:
        batch, place = self._rows.locate(index)
        flat = list_slice(batch, "values", place).copy()
        ends = np.cumsum(list_slice(batch, "value_lengths", place))
        return {
            "input_ids": list_slice(batch, "input_ids", place).tolist(),
            "labels": list_slice(batch, "labels", place).tolist(),
            "values": np.split(flat, ends[:-1]) if len(ends) else [],
            **{name: list_slice(batch, name, place).tolist() for name in self._lists},
            **{name: batch.column(name)[place].as_py() for name in self._cells},
        }

    def column(self, name: str) -> np.ndarray:
        """One of length, patches, trained (tokens), file, row, series_key, for all rows."""
        return self._rows.column(name)

    @property
    def lengths(self) -> np.ndarray:
        """int32[rows], tokens of each row with its patches."""
        return self.column("length")

    def source_row(self, index: int) -> int:
        """The row's number in its file, as every report names it."""
        batch, place = self._rows.locate(index)
        return int(batch.column("row")[place].as_py())


@dataclass(frozen=True)
class EncodingPlan:
    """Everything the encoded rows depend on besides the rows themselves."""

    budget: Budget
    system_prompt: str = ""
    sample_rows: int = 0
    sample_seed: int = 0
    takes_text: bool = False
    answers: str = "one"
    needs_label: bool = False


@dataclass(frozen=True)
class EncodingOutcome:
    """What encoding did to the rows of one dataset; `left_out` rows were not drawn for num_samples."""

    findings: Findings
    shortened: int
    cut: int
    left_out: int


def encode_rows(
    examples: ExampleRows,
    source_key: str,
    file_names: Sequence[str],
    encoder: RowEncoder,
    plan: EncodingPlan,
    cache: Path,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> tuple[EncodedRows, EncodingOutcome]:
    """All examples encoded within the budget, from the cache when nothing has changed.

    `progress(done_rows, total_rows)`; `should_stop()` is asked before every row, True raises Stopped.
    """
    budget = plan.budget
    settings = [budget.cutoff_length, budget.overlong, budget.train_on, plan.system_prompt, plan.takes_text]
    settings += [plan.answers] if plan.answers != "one" else []
    settings += ["labelled"] if plan.needs_label else []
    chosen = _sample(len(examples), plan)
    sampling = (plan.sample_rows, plan.sample_seed) if len(chosen) < len(examples) else ()
    key = fingerprint(ENCODING_VERSION, source_key, encoder.fingerprint, settings, sampling)
    folder = cache / f"encoded-{key}"

    def build(unfinished: Path) -> Mapping[str, Any]:
        schema = pa.schema([*SCHEMA, *_EXTRA[plan.answers]])
        with BatchWriter(unfinished, schema, lambda rows: _to_batch(rows, schema)) as writer:
            return _encode_all(examples, chosen, file_names, encoder, plan, writer, throttled(progress), should_stop)

    report = cached(folder, build)
    outcome = EncodingOutcome(
        Findings.from_json(report["findings"]), report["shortened"], report["cut"], len(examples) - len(chosen)
    )
    return EncodedRows(folder), outcome


def _sample(count: int, plan: EncodingPlan) -> np.ndarray:
    """The rows drawn for num_samples, in file order; all of them when it asks for as many or more."""
    if not plan.sample_rows or plan.sample_rows >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(plan.sample_seed).permutation(count)[: plan.sample_rows])


def _encode_all(
    examples: ExampleRows,
    chosen: np.ndarray,
    file_names: Sequence[str],
    encoder: RowEncoder,
    plan: EncodingPlan,
    writer: BatchWriter,
    report: Callable[[int, int], None],
    should_stop: ShouldStop | None,
) -> Mapping[str, Any]:
    findings = Findings()
    shortened = cut = 0
    for done, index in enumerate(chosen.tolist()):
        if should_stop is not None and should_stop():
            raise Stopped
        report(done, len(chosen))
        example = examples[index]
        findings.rows_read += 1
        try:
            rows = fitted(example, encoder, plan)
        except RowRefused as refused:
            findings.drop(file_names[example.file_index], example.row, refused.reason)
            continue
        findings.kept += 1
        if plan.answers == "one" and example.rejected is not None:
            findings.note(file_names[example.file_index], example.row, message("data.note.rejected_unused"))
        shortened += rows[0].row.is_shortened
        cut += rows[0].row.is_cut
        place = {"file": example.file_index, "row": example.row, "series_key": example.series_key}
        for each in rows:
            columns = _columns(each, encoder.patch_size) | place
            writer.add(columns, 16 * columns["length"] + 4 * len(columns["values"]))
    report(len(chosen), len(chosen))
    return {"findings": findings.to_json(), "shortened": shortened, "cut": cut}


@dataclass(frozen=True)
class FittedAnswers:
    """A fitted row, with the worse answer over the same series for a pair, or with the verdict on its own.

    question: the same without the answer, where only that is asked; label: what a right answer says, as JSON text.
    """

    row: FittedRow
    rejected: FittedRow | None = None
    is_good: bool | None = None
    question: EncodedRow | None = None
    label: str = ""


def fitted(example: Example, encoder: RowEncoder, plan: EncodingPlan) -> list[FittedAnswers]:
    """The example as one row, a long text as several, a pair as two judged answers where those are wanted.

    RowRefused when it cannot be trained.
    """
    is_text = example.turns[0]["role"] == PLAIN_TEXT
    if is_text and not plan.takes_text:
        raise refuse("data.row.text_needs_pretraining")
    if is_text and not example.series:
        return [FittedAnswers(piece) for piece in pieces(example.turns, encoder, plan.budget)]
    turns = example.turns if is_text else with_system(example.turns, plan.system_prompt)
    if plan.answers == "pair":
        if example.rejected is None:
            raise refuse("data.row.no_pair")
        return [_fitted_pair(turns, example.rejected, example.series, encoder, plan.budget)]
    if plan.answers == "judged":
        return _judged(turns, example, encoder, plan.budget)
    if plan.answers == "asked":
        return [_asked(turns, example, encoder, plan)]
    if example.is_good is False:
        raise refuse("data.row.judged_bad")
    return [FittedAnswers(_learnable(fit(turns, example.series, encoder, plan.budget)))]


def _judged(turns: list[dict[str, str]], example: Example, encoder: RowEncoder, budget: Budget) -> list[FittedAnswers]:
    if example.rejected is not None:
        pair = _fitted_pair(turns, example.rejected, example.series, encoder, budget)
        assert pair.rejected is not None
        return [FittedAnswers(pair.row, is_good=True), FittedAnswers(pair.rejected, is_good=False)]
    if example.is_good is None:
        raise refuse("data.row.no_verdict")
    row = _learnable(fit(turns, example.series, encoder, budget))
    return [FittedAnswers(row, is_good=example.is_good)]


def _asked(turns: list[dict[str, str]], example: Example, encoder: RowEncoder, plan: EncodingPlan) -> FittedAnswers:
    """The question as it is: of a shortened series the label would say what is not there any more."""
    if turns[0]["role"] == PLAIN_TEXT:
        raise refuse("data.row.text_needs_pretraining")
    if plan.needs_label and not example.label:
        raise refuse("data.row.no_label")
    row = fit(turns, example.series, encoder, replace(plan.budget, overlong="drop"))
    question = cast(PromptEncoder, encoder).prompt(row.turns[:-1], row.series)
    return FittedAnswers(row, question=question, label=example.label)


def _fitted_pair(
    turns: list[dict[str, str]], rejected: str, series: list[np.ndarray], encoder: RowEncoder, budget: Budget
) -> FittedAnswers:
    """Both answers within the budget over the same question and series: those of the one that had to give more up."""
    last = {"role": "assistant", "content": rejected}
    chosen_row = fit(turns, series, encoder, budget)
    rejected_row = fit([*turns[:-1], last], series, encoder, budget)
    if _room(chosen_row) < _room(rejected_row):
        rejected_row = fit([*chosen_row.turns[:-1], last], chosen_row.series, encoder, budget)
    elif _room(rejected_row) < _room(chosen_row):
        chosen_row = fit([*rejected_row.turns[:-1], turns[-1]], rejected_row.series, encoder, budget)
    if [*map(len, chosen_row.series)] != [*map(len, rejected_row.series)]:
        raise refuse("data.row.too_long", length=len(chosen_row.encoded.input_ids), limit=budget.cutoff_length)
    return FittedAnswers(_learnable(chosen_row), _learnable(rejected_row))


def _room(row: FittedRow) -> tuple[int, int]:
    """What is left of series and question, in points and characters."""
    return sum(len(points) for points in row.series), sum(len(turn["content"]) for turn in row.turns[:-1])


def _learnable(row: FittedRow) -> FittedRow:
    if not any(label != -100 for label in row.encoded.labels):
        raise refuse("data.row.nothing_trained")
    return row


def with_system(turns: list[dict[str, str]], system_prompt: str) -> list[dict[str, str]]:
    """The turns with the system prompt in front, where the row has none of its own and the prompt is not empty."""
    if not system_prompt or turns[0]["role"] == "system":
        return turns
    return [{"role": "system", "content": system_prompt}, *turns]


def _columns(fitted: FittedAnswers, patch_size: int) -> dict[str, Any]:
    encoded = fitted.question or fitted.row.encoded
    learnt = np.asarray(fitted.row.encoded.labels, dtype=np.int32)
    labels = learnt if fitted.question is None else np.full(len(encoded.input_ids), -100, dtype=np.int32)
    values = [np.asarray(points, dtype=np.float32).reshape(-1) for points in encoded.values]
    columns: dict[str, Any] = {
        "input_ids": np.asarray(encoded.input_ids, dtype=np.int32),
        "labels": labels,
        "values": np.concatenate(values) if values else np.zeros(0, dtype=np.float32),
        "value_lengths": np.array([len(points) for points in values], dtype=np.int32),
        "length": len(encoded.input_ids),
        "patches": patch_count(encoded, patch_size),
        # The first token of a row has nothing before it to be predicted from. Of a question: what its answer has.
        "trained": int(np.count_nonzero(learnt[1:] != -100)),
    }
    if fitted.question is not None:
        columns["label"] = fitted.label
    if fitted.is_good is not None:
        columns["is_good"] = int(fitted.is_good)
    if fitted.rejected is not None:
        worse = fitted.rejected.encoded
        labels = np.asarray(worse.labels, dtype=np.int32)
        columns |= {"rejected_ids": np.asarray(worse.input_ids, dtype=np.int32), "rejected_labels": labels}
        # Both are padded to the longer one.
        columns["length"] = max(len(encoded.input_ids), len(worse.input_ids))
        columns["trained"] += int(np.count_nonzero(labels[1:] != -100))
    return columns


def _to_batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = []
    for column in schema:
        cells = [row[column.name] for row in rows]
        if pa.types.is_list(column.type):
            arrays.append(list_array(cells, column.type.value_type.to_pandas_dtype()))
        else:
            arrays.append(pa.array(cells, column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
