"""From dataset names to rows in training order: read, check, encode, split, mix, with a report of what was left out.

The engine calls `prepare`; `check_dataset` is the same reading without a model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsft.config.data_rules import check_both_sides
from tsft.config.run_config import DataSettings
from tsft.config.stages import answers_of
from tsft.data.arrow_cache import Progress, ShouldStop
from tsft.data.budget import Budget
from tsft.data.content import content_hash
from tsft.data.encoded_rows import EncodedRows, EncodingPlan, encode_rows
from tsft.data.encoding import RowEncoder
from tsft.data.leave_out import kept_rows
from tsft.data.mapping import for_pretraining
from tsft.data.mixing import MixedRows, plan
from tsft.data.readers import ExampleRows, Source, read_source
from tsft.data.registry import DatasetInfo, find_dataset
from tsft.data.report import DatasetReport, LengthStatistics, PreparationReport, dataset_report
from tsft.data.split import by_fraction, by_time, shared_keys
from tsft.data.waivers import has_waivers, waived_kinds
from tsft.errors import Message, Problem, UserError, message, raise_if_any

# What is being done, done so far, in all: bytes while reading, rows while encoding.
PhaseProgress = Callable[[Message, int, int], None]
Notify = Callable[[Message], None]


@dataclass(frozen=True)
class PreparedData:
    """The rows to train on and to validate on, and what was found on the way."""

    train: MixedRows
    evaluation: MixedRows | None
    report: PreparationReport


@dataclass(frozen=True)
class _Encoded:
    rows: EncodedRows
    report: DatasetReport
    repeats_to: int = 0

    @property
    def keys(self) -> np.ndarray:
        return self.rows.column("series_key")


def prepare(
    settings: DataSettings,
    encoder: RowEncoder,
    folders: Sequence[Path],
    cache: Path,
    seed: int = 0,
    progress: PhaseProgress | None = None,
    should_stop: ShouldStop | None = None,
    notify: Notify | None = None,
    needs_labels: bool = False,
) -> PreparedData:
    """The rows of a run. Both stages are cached under `cache`; the split and the mix depend on `seed` alone.

    needs_labels: rows that are asked must say what is right; those without a label are left out.

    UserError when a dataset cannot be read, or when no row is left to train on (with the counts by reason).
    Stopped (tsft.run.ports) when `should_stop()` is True, which is asked at every row.
    """
    found = _find_all(settings, folders, cache)
    context = _Context(settings, encoder, folders, cache, seed, progress, should_stop, needs_labels)
    train_sets = [context.encoded(found[name]) for name in settings.datasets]
    names = settings.validation_datasets if settings.validation == "dataset" else ()
    evaluation_sets = [context.encoded(found[name]) for name in names]
    reports = tuple(each.report for each in (*train_sets, *evaluation_sets))
    _refuse_without_rows(train_sets, reports)

    masks = _validation_masks(settings, train_sets, seed)
    remarks = _remarks(settings, train_sets, evaluation_sets, masks)
    kept = [kept_rows(each.report.name, each.rows, settings.leave_out) for each in train_sets]
    trained = [~mask & here for mask, here in zip(masks, kept, strict=True)]
    chosen = [_repeated(np.flatnonzero(rows), each, seed) for rows, each in zip(trained, train_sets, strict=True)]
    train = MixedRows([each.rows for each in train_sets], *plan(chosen, settings.mixing, settings.weights, seed))
    held_back = [mask & here for mask, here in zip(masks, kept, strict=True)]
    evaluation = _evaluation_rows(train_sets, held_back, evaluation_sets, settings.leave_out)
    if not len(train):
        raise UserError(message("data.none_after_split", rows=len(evaluation) if evaluation else 0))
    report = _report(reports, train, evaluation, remarks)
    if notify is not None:
        for sentence in report.messages():
            notify(sentence)
    return PreparedData(train, evaluation, report)


def check_dataset(
    name: str,
    folders: Sequence[Path],
    cache: Path,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    max_rows: int = 0,
) -> DatasetReport:
    """Read and check every row of a dataset without a model. `progress(done_bytes, total_bytes)`."""
    _, report = read_dataset(name, folders, cache, progress, should_stop, max_rows)
    return report


def read_dataset(
    name: str,
    folders: Sequence[Path],
    cache: Path,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    max_rows: int = 0,
) -> tuple[ExampleRows, DatasetReport]:
    """The trainable rows of a dataset (of its first `max_rows`, unless 0) and what was found; for looking at them."""
    dataset = find_dataset(name, folders, cache)
    source = Source(dataset.name, dataset.files, dataset.mapping, max_rows)
    examples, findings = read_source(source, cache, progress, should_stop)
    return examples, dataset_report(name, findings)


@dataclass(frozen=True)
class _Context:
    """What reading and encoding one dataset after another needs."""

    settings: DataSettings
    encoder: RowEncoder
    folders: Sequence[Path]
    cache: Path
    seed: int
    progress: PhaseProgress | None
    should_stop: ShouldStop | None
    needs_labels: bool

    def encoded(self, dataset: DatasetInfo) -> _Encoded:
        settings = self.settings
        is_text = settings.task == "pretraining"
        mapping = for_pretraining(dataset.mapping) if is_text else dataset.mapping
        source = Source(dataset.name, dataset.files, mapping, settings.max_rows)
        examples, read = read_source(
            source, self.cache, self._progress("data.progress.reading", dataset.name), self.should_stop
        )
        answers = answers_of(settings.task)
        train_on = "everything" if is_text else settings.train_on if answers == "one" else "last_answer"
        budget = Budget(settings.cutoff_length, settings.overlong, train_on)
        rows, outcome = encode_rows(
            examples,
            source.fingerprint(),
            [path.name for path in dataset.files],
            self.encoder,
            EncodingPlan(
                budget, settings.system_prompt, dataset.sample_rows, self.seed, is_text, answers, self.needs_labels
            ),
            self.cache,
            self._progress("data.progress.encoding", dataset.name),
            self.should_stop,
        )
        report = dataset_report(
            dataset.name,
            read,
            outcome.findings,
            shortened=outcome.shortened,
            cut=outcome.cut,
            left_out=outcome.left_out,
            content=content_hash(dataset.files, self.cache, self.should_stop),
            trained_tokens=int(rows.column("trained").sum()),
            tokens=LengthStatistics.of(rows.lengths),
            patches=LengthStatistics.of(rows.column("patches")),
        )
        report = self._without_waived(report, dataset)
        repeats_to = dataset.sample_rows if dataset.sample_rows > len(examples) else 0
        return _Encoded(rows, report, repeats_to)

    def _without_waived(self, report: DatasetReport, dataset: DatasetInfo) -> DatasetReport:
        """Warnings that somebody let pass for this very content stay quiet."""
        if not report.warned or not has_waivers(self.folders):
            return report
        content = content_hash(dataset.files, self.cache, self.should_stop)
        return report.without_warnings(waived_kinds(self.folders, content))

    def _progress(self, key: str, name: str) -> Progress | None:
        report = self.progress
        if report is None:
            return None
        what = message(key, dataset=name)
        return lambda done, total: report(what, done, total)


def _find_all(settings: DataSettings, folders: Sequence[Path], cache: Path) -> dict[str, DatasetInfo]:
    """Every dataset the settings name; all that cannot be found are said at once."""
    found: dict[str, DatasetInfo] = {}
    problems: list[Problem] = []
    validation = settings.validation_datasets if settings.validation == "dataset" else ()
    for field, names in (("data.datasets", settings.datasets), ("data.validation_datasets", validation)):
        for name in names:
            try:
                found.setdefault(name, find_dataset(name, folders, cache))
            except UserError as error:
                problems += [Problem(field, each.message) for each in error.problems]
    if not settings.datasets:
        problems.append(Problem("data.datasets", message("data.no_dataset")))
    problems.extend(check_both_sides(settings))
    raise_if_any(problems)
    return found


# Why no row of a dataset serves a task, by the reason of each row.
_NOT_FOR_TASK = {
    "data.row.no_pair": "data.no_pairs",
    "data.row.no_verdict": "data.no_verdicts",
    "data.row.no_label": "data.no_labels",
}


def _refuse_without_rows(train_sets: Sequence[_Encoded], reports: Sequence[DatasetReport]) -> None:
    if any(len(each.rows) for each in train_sets):
        return
    read = sum(each.report.rows_read for each in train_sets)
    why = {key for each in train_sets for key in each.report.dropped}
    for key, sentence in _NOT_FOR_TASK.items():
        if why == {key}:
            names = ", ".join(each.report.name for each in train_sets)
            raise UserError(Problem("data.task", message(sentence, datasets=names)))
    reasons = [
        sentence for report in reports for sentence in report.messages() if sentence.key == "data.report.dropped"
    ]
    raise UserError(message("data.none_left", read=read), *reasons)


def _validation_masks(settings: DataSettings, train_sets: Sequence[_Encoded], seed: int) -> list[np.ndarray]:
    if settings.validation == "fraction":
        return by_fraction([each.keys for each in train_sets], settings.validation_fraction, seed)
    if settings.validation == "time":
        return by_time([len(each.rows) for each in train_sets], settings.validation_fraction)
    return [np.zeros(len(each.rows), dtype=bool) for each in train_sets]


def _remarks(
    settings: DataSettings,
    train_sets: Sequence[_Encoded],
    evaluation_sets: Sequence[_Encoded],
    masks: Sequence[np.ndarray],
) -> list[Message]:
    """What is correct but may surprise: unused weights, series on both sides, a dataset that gave nothing back."""
    remarks: list[Message] = []
    if settings.weights and settings.mixing == "concatenate":
        remarks.append(message("data.remark.weights_unused"))
    if settings.validation in ("fraction", "time"):
        for each, mask in zip(train_sets, masks, strict=True):
            if len(mask) and (not mask.any() or mask.all()):
                key = "data.remark.all_held_back" if mask.all() else "data.remark.none_held_back"
                remarks.append(message(key, dataset=each.report.name))
    empty = [np.zeros(0, dtype=np.int64)]
    train = np.concatenate([*empty, *(each.keys[~mask] for each, mask in zip(train_sets, masks, strict=True))])
    held = [each.keys[mask] for each, mask in zip(train_sets, masks, strict=True)]
    evaluation = np.concatenate([*empty, *held, *(each.keys for each in evaluation_sets)])
    shared = shared_keys(train, evaluation)
    if shared:
        remarks.append(message("data.remark.shared_series", count=shared))
    return remarks


def _repeated(rows: np.ndarray, dataset: _Encoded, seed: int) -> np.ndarray:
    """The training rows, drawn again until num_samples is reached where it asks for more rows than there are."""
    total = len(dataset.rows)
    if not dataset.repeats_to or not len(rows):
        return rows
    # Rows held back for validation are not repeated, so training gets its share of the number only.
    wanted = round(dataset.repeats_to * len(rows) / total)
    extra = np.random.default_rng(seed).choice(rows, size=max(0, wanted - len(rows)))
    return np.concatenate([rows, extra])


def _evaluation_rows(
    train_sets: Sequence[_Encoded],
    masks: Sequence[np.ndarray],
    evaluation_sets: Sequence[_Encoded],
    leave_out: Sequence[str],
) -> MixedRows | None:
    sets = [*train_sets, *evaluation_sets]
    whole = [kept_rows(each.report.name, each.rows, leave_out) for each in evaluation_sets]
    chosen = [np.flatnonzero(mask) for mask in (*masks, *whole)]
    rows = MixedRows([each.rows for each in sets], *plan(chosen, "concatenate", (), 0))
    return rows if len(rows) else None


def _report(
    reports: tuple[DatasetReport, ...], train: MixedRows, evaluation: MixedRows | None, remarks: Sequence[Message]
) -> PreparationReport:
    lengths = train.lengths
    return PreparationReport(
        datasets=reports,
        train_rows=len(train),
        evaluation_rows=len(evaluation) if evaluation is not None else 0,
        train_tokens=int(lengths.sum()),
        trained_tokens=int(train.gather("trained").sum()),
        tokens=LengthStatistics.of(lengths),
        patches=LengthStatistics.of(train.gather("patches")),
        remarks=tuple(remarks),
    )
