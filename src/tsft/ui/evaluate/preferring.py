"""Preference rows from the answers of evaluations: which answers belong together, and what their scorers say.

The page and the command line use it alike; nothing of a page is in here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tsft.data.arrow_cache import Progress, ShouldStop
from tsft.data.checks.diagnosis import source_of
from tsft.data.content import content_hash
from tsft.data.preferences.answers import AskedRow, Located, rows_from_answers
from tsft.data.preferences.exams import is_exam
from tsft.data.preferences.ranking import OTHER, PAIRS, Rule, ScoredAnswer, check_rule
from tsft.data.preferences.writing import (
    Origin,
    PreferenceRow,
    Tally,
    Written,
    count,
    nothing,
    one_sided,
    write_preferences,
)
from tsft.data.provenance import Parent
from tsft.data.registry import DatasetInfo, find_dataset
from tsft.data.row_access import LocatedRow, RowAccess
from tsft.errors import Message, Problem, UserError, message, raise_if_any
from tsft.evaluate.free_text import FREE_TEXT
from tsft.evaluate.scores import score
from tsft.run.evaluation import CHATTS
from tsft.store.evaluations import EvaluationInfo, list_evaluations, read_answers
from tsft.store.runs import run_config, run_folder
from tsft.store.workspace import Workspace
from tsft.ui.evaluate.judging import Key, judged


@dataclass(frozen=True)
class Wanted:
    """What rows are to be made. evaluations: ids or names; models: as the reports name them, () for all of them.

    with_free_text: rows without a label count too, by the likeness of the answer to the row's own.
    """

    evaluations: tuple[str, ...]
    rule: Rule = Rule()
    models: tuple[str, ...] = ()
    with_free_text: bool = False


@dataclass(frozen=True)
class Answers:
    """The answers of all evaluations, row by row, with the datasets as they are now and what is to be said of them."""

    infos: Sequence[EvaluationInfo]
    rows: Sequence[AskedRow]
    datasets: Mapping[str, DatasetInfo]
    contents: Mapping[str, str]
    notes: tuple[Message, ...]


@dataclass
class _Asked:
    label: Mapping[str, Any]
    reference: str
    answers: dict[tuple[str, str], ScoredAnswer] = field(default_factory=dict)


def find_evaluation(workspace: Workspace, text: str) -> EvaluationInfo:
    """The evaluation of this id, else the newest of this name, else the only one whose id begins so."""
    found = list_evaluations(workspace)
    for matches in (
        [each for each in found if each.id == text],
        [each for each in found if each.name == text][:1],
        [each for each in found if text and each.id.startswith(text)],
    ):
        if len(matches) == 1:
            return matches[0]
    raise UserError(Problem("from", message("evaluation.unknown", id=text)))


def answers_of(workspace: Workspace, wanted: Wanted, should_stop: ShouldStop | None = None) -> Answers:
    """Everything that is needed to make rows. UserError with all that stands in the way."""
    raise_if_any(check_rule(wanted.rule))
    infos = _infos(workspace, wanted)
    asked = _asked(infos, wanted)
    names = list(dict.fromkeys(name for name, _ in asked))
    datasets, contents = {}, {}
    for name in names:
        datasets[name] = _dataset(workspace, infos, name)
        contents[name] = content_hash(datasets[name].files, workspace.cache, should_stop)
    changed = {
        name for each in infos for name, content in each.contents.items() if contents.get(name, content) != content
    }
    raise_if_any([Problem("from", message("preferences.dataset_changed", name=name)) for name in sorted(changed)])
    if not asked:
        raise UserError(Problem("from", message("preferences.no_answers")))
    is_paired = wanted.rule.kind == PAIRS and wanted.rule.against == OTHER
    if is_paired and all(len(each.answers) < 2 for each in asked.values()):
        raise UserError(Problem("from", message("preferences.no_common_rows")))
    rows = [_row(key, each, wanted) for key, each in sorted(asked.items())]
    notes = tuple(message("preferences.exam", name=name) for name in _exams(workspace, infos, datasets))
    return Answers(infos, rows, datasets, contents, notes)


def counted(
    workspace: Workspace, wanted: Wanted, progress: Progress | None = None, should_stop: ShouldStop | None = None
) -> tuple[Tally, tuple[Message, ...]]:
    """What would be written, and what else to know. UserError where nothing would be."""
    found, tally = answers_of(workspace, wanted, should_stop), Tally()
    count(preference_rows(workspace, found, wanted, tally), tally, len(found.rows), progress, should_stop)
    if not tally.rows:
        raise nothing(tally)
    return tally, (*one_sided(tally), *found.notes)


def prefer(
    workspace: Workspace,
    wanted: Wanted,
    name: str,
    *,
    by: str = "",
    replaces: bool = False,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Written:
    """Write the rows as a dataset of the workspace."""
    found, tally = answers_of(workspace, wanted, should_stop), Tally()
    rows = preference_rows(workspace, found, wanted, tally)
    written = write_preferences(
        rows,
        tally,
        name,
        workspace.datasets,
        workspace.cache,
        _origin(found, wanted),
        by=by,
        replaces=replaces,
        total=len(found.rows),
        progress=progress,
        should_stop=should_stop,
    )
    return replace(written, notes=(*one_sided(tally), *found.notes))


def preference_rows(workspace: Workspace, found: Answers, wanted: Wanted, tally: Tally) -> Iterator[PreferenceRow]:
    """The rows that the rule makes, with the series of the datasets."""
    origin = {"evaluations": [each.id for each in found.infos]}
    return rows_from_answers(found.rows, _located(workspace, found.datasets), wanted.rule, tally, origin)


def _infos(workspace: Workspace, wanted: Wanted) -> list[EvaluationInfo]:
    if not wanted.evaluations:
        raise UserError(Problem("from", message("preferences.no_evaluation")))
    found = {info.id: info for info in (find_evaluation(workspace, each) for each in wanted.evaluations)}
    problems = []
    for info in found.values():
        if info.settings.mode == CHATTS:
            problems.append(Problem("from", message("preferences.of_chatts", name=info.name)))
        elif not info.settings.writes_answers:
            problems.append(Problem("from", message("preferences.without_answers", name=info.name)))
    known = list(dict.fromkeys(model for info in found.values() for model in info.models))
    for each in wanted.models:
        if each not in known:
            told = message("evaluation.no_such_choice", value=each, choices=", ".join(known))
            problems.append(Problem("models", told))
    raise_if_any(problems)
    return list(found.values())


def _asked(infos: Sequence[EvaluationInfo], wanted: Wanted) -> dict[Key, _Asked]:
    """By row; of answers that were judged by another label than the first one's the row is not the same any more."""
    found: dict[Key, _Asked] = {}
    for info in infos:
        for each in read_answers(info.folder):
            if each.control or (wanted.models and each.model not in wanted.models):
                continue
            told = each.prediction
            label, reference = told.get("label") or {}, str(told.get("reference") or "")
            key = (each.dataset, int(told["row"]))
            asked = found.setdefault(key, _Asked(label, reference))
            if (asked.label, asked.reference) == (label, reference):
                asked.answers[info.id, each.model] = _scored(each.model, told, wanted)
    return found


def _scored(model: str, told: Mapping[str, Any], wanted: Wanted) -> ScoredAnswer:
    text = str(told.get("answer") or "")
    if (told.get("label") or {}).get("task") == FREE_TEXT and not wanted.with_free_text:
        return ScoredAnswer(model, text, None)
    _, value, outcome = judged(told)
    return ScoredAnswer(model, text, value, outcome != "unread")


def _row(key: Key, asked: _Asked, wanted: Wanted) -> AskedRow:
    has_own = asked.label.get("task") != FREE_TEXT
    own = score(asked.reference, asked.label) if asked.label.get("fields") and asked.reference else None
    reference = ScoredAnswer("reference", asked.reference, None if own is None else own.value)
    return AskedRow(*key, asked.label if has_own else {}, reference, tuple(asked.answers.values()))


def _dataset(workspace: Workspace, infos: Sequence[EvaluationInfo], name: str) -> DatasetInfo:
    """As the evaluation that asked it found it: in its own folder first."""
    own = next((each.settings.folder for each in infos if name in each.settings.datasets), "")
    return find_dataset(name, workspace.dataset_folders(own), workspace.cache)


def _located(workspace: Workspace, datasets: Mapping[str, DatasetInfo]) -> Located:
    opened: dict[str, RowAccess] = {}

    def located(name: str, row: int) -> LocatedRow:
        if name not in opened:
            opened[name] = RowAccess(source_of(datasets[name]), workspace.cache)
            opened[name].index()
        return opened[name].row(row)

    return located


def _exams(workspace: Workspace, infos: Sequence[EvaluationInfo], datasets: Mapping[str, DatasetInfo]) -> list[str]:
    """Datasets that are kept for examinations: by their names and records, or by a run that is judged by them."""
    judging: set[str] = set()
    for source in {source for info in infos for source in info.sources.values() if source.startswith("runs/")}:
        try:
            judging.update(run_config(run_folder(workspace, source.split("/")[1])).data.validation_datasets)
        except (UserError, OSError):
            continue  # the run was deleted meanwhile
    return [name for name, dataset in datasets.items() if name in judging or is_exam(dataset)]


def _origin(found: Answers, wanted: Wanted) -> Origin:
    parents = tuple(
        Parent(name, found.contents[name], tuple(each.name for each in dataset.files))
        for name, dataset in found.datasets.items()
    )
    rule = wanted.rule
    models = wanted.models or tuple(dict.fromkeys(model for each in found.infos for model in each.models))
    of_kind: dict[str, Any] = {"against": rule.against, "margin": rule.margin, "per_row": rule.per_row}
    if rule.kind != PAIRS:
        of_kind = {"good": rule.good, "bad": rule.bad}
    sources = {model: source for each in found.infos for model, source in each.sources.items() if model in models}
    told = {"from": [each.id for each in found.infos], "as": rule.kind, "models": list(models), "sources": sources}
    return Origin(parents, {**told, **of_kind, "free_text": wanted.with_free_text})
