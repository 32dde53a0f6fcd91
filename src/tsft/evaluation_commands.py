"""`tsft evaluate` and `tsft predict`: from flags to an evaluation followed to its end, and its scores as a table."""

import argparse
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tsft.atomic import replacing
from tsft.config.catalog import base_model
from tsft.data.readers import Source
from tsft.data.registry import find_dataset
from tsft.data.row_access import RowAccess
from tsft.data.shapes import turns_of
from tsft.endings import BAD_SETTINGS, BUSY, FAILED, FINISHED, STOPPED, complain, tell, user
from tsft.engine.engine import Engine
from tsft.errors import Problem, UserError, message
from tsft.evaluate.chatts import ChattsReport
from tsft.evaluate.control_rows import CONTROLS
from tsft.evaluate.report import Part, Report
from tsft.evaluate.scores import score
from tsft.evaluate.statistics import Estimate
from tsft.evaluation_flags import flag_of, settings_of
from tsft.export_commands import result_of
from tsft.i18n import say, translate
from tsft.run.evaluation import CHATTS, Evaluation
from tsft.run.export import MERGED
from tsft.store.evaluations import EvaluationInfo, evaluation_folder, read_answers, read_evaluation, read_report
from tsft.store.record import Record
from tsft.store.workspace import Workspace, open_workspace
from tsft.terminal import duration, follow_work, number, print_table, stopping

ENDINGS = (".csv", ".jsonl")
_BUSY = ("engine.busy", "export.busy", "evaluation.busy", "evaluation.in_progress")
COLUMNS = ("dataset", "row", "model", "task", "question", "answer", "reference", "score", "is_right", "is_read", "loss")


def evaluate(options: argparse.Namespace, language: str) -> int:
    """Evaluate, or go on with an evaluation, and show the scores. Ctrl-C stops it, keeps and scores what there is."""
    workspace = open_workspace(options.workspace)
    return _done(workspace, options, language, lambda info: _show(info, language))


def predict(options: argparse.Namespace, language: str) -> int:
    """Let a model answer and write the answers into a file, also those of one that was stopped."""
    target = Path(options.to).expanduser()
    problems = []
    if target.suffix.lower() not in ENDINGS:
        problems.append(message("cli.predict.ending", path=str(target)))
    if target.exists():
        problems.append(message("cli.predict.exists", path=str(target)))
    if problems:
        _complain([Problem("", each) for each in problems], language)
        return BAD_SETTINGS
    workspace = open_workspace(options.workspace)

    def write(info: EvaluationInfo) -> None:
        count = write_answers(target, rows_of(info, workspace))
        tell(translate(language, "cli.predict.written", count=count, path=str(target)))

    return _done(workspace, options, language, write)


def rows_of(info: EvaluationInfo, workspace: Workspace) -> Iterator[dict[str, Any]]:
    """Each answer with its question and its score; controls are left out. Rows count from 1."""
    questions = {name: _questions(info, name, workspace) for name in info.settings.datasets}
    for each in read_answers(info.folder):
        if each.control:
            continue
        row, label = int(each.prediction["row"]), each.prediction["label"]
        judged = score(str(each.prediction["answer"]), label)
        yield {
            "dataset": each.dataset,
            "row": row + 1,
            "model": each.model,
            "task": label["task"],
            "question": questions[each.dataset](row),
            "answer": each.prediction["answer"],
            "reference": each.prediction.get("reference", ""),
            "score": round(judged.value, 6),
            "is_right": judged.is_right,
            "is_read": judged.is_read,
            "loss": each.loss,
        }


def write_answers(target: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """The rows as CSV or as lines of JSON, by the ending; returns how many."""
    count = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        is_table = target.suffix.lower() == ".csv"
        if is_table:
            table.writeheader()
        for row in rows:
            count += 1
            if is_table:
                table.writerow(row)
            else:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


def _done(
    workspace: Workspace, options: argparse.Namespace, language: str, show: Callable[[EvaluationInfo], None]
) -> int:
    record = Record(workspace)
    record.sweep()
    engine = Engine(workspace, record)
    try:
        evaluation_id = _begun(engine, options, workspace, record)
    except UserError as error:
        _complain(error.problems, language)
        return BUSY if error.message.key in _BUSY else BAD_SETTINGS
    try:
        with stopping(engine.stop_evaluation):
            evaluation = follow_work(engine.evaluation, lambda now: _words(now, language))
    finally:
        engine.close()
    info = read_evaluation(evaluation_folder(workspace, evaluation_id))
    for note in evaluation.notes:
        complain(f"- {say(language, note)}")
    show(info)
    tell(translate(language, "cli.evaluate.here", id=info.id, path=str(info.folder.path)))
    if evaluation.is_stopped:
        complain(translate(language, "cli.evaluate.stopped", id=info.id))
        return STOPPED
    _complain(evaluation.problems, language)
    return FAILED if evaluation.problems else FINISHED


def _begun(engine: Engine, options: argparse.Namespace, workspace: Workspace, record: Record) -> str:
    resumed = getattr(options, "resume", "")
    if resumed:
        engine.resume_evaluation(resumed, user())
        return str(resumed)
    settings = settings_of(options, tuple(CONTROLS))
    problems: list[Problem] = []
    models = []
    for source in settings.models:
        try:
            # A base model is meant before a run whose name begins like it.
            models.append(source if base_model(source) else result_of(source, MERGED, workspace, record))
        except UserError as error:
            problems += [Problem("models", each.message) for each in error.problems]
    if problems:
        raise UserError(*problems)
    return engine.begin_evaluation(replace(settings, models=tuple(models)), user())


def _words(evaluation: Evaluation, language: str) -> tuple[str, str]:
    parts = [translate(language, f"evaluation.phase.{evaluation.phase}"), evaluation.subject]
    left = "" if evaluation.eta_seconds is None else f" · {duration(evaluation.eta_seconds)}"
    return " · ".join(part for part in parts if part), left


def _show(info: EvaluationInfo, language: str) -> None:
    """Losses, scores with their intervals, and what they mean in words."""
    if info.losses:
        titles = [translate(language, f"cli.evaluate.{name}") for name in ("model", "dataset", "loss")]
        print_table(titles, ((model, dataset, number(loss)) for model, dataset, loss in info.losses))
    tree = read_report(info.folder)
    if not tree:
        return
    if info.settings.mode == CHATTS:
        _show_chatts(tree, language)
        return
    report = Report.from_json(tree)
    titles = [translate(language, f"cli.evaluate.{name}") for name in ("model", "task", "rows", "score")]
    titles += [translate(language, f"cli.evaluate.{name}") for name in ("right", "unread")]
    rows = []
    for model in report.models:
        name = translate(language, "cli.evaluate.baseline", name=model.name) if model.is_baseline else model.name
        rows.append(_part(name, translate(language, "cli.evaluate.all_tasks"), model.everything))
        rows += [_part(name, each.task, each.everything) for each in model.tasks if len(model.tasks) > 1]
    print_table(titles, rows)
    for verdict in report.verdicts:
        tell(say(language, verdict))


def _show_chatts(tree: Mapping[str, Any], language: str) -> None:
    titles = [translate(language, f"cli.evaluate.{name}") for name in ("model", "group", "original", "corrected")]
    reports = {name: ChattsReport.from_json(each) for name, each in tree.items()}
    rows = []
    for name, report in reports.items():
        for group in dict.fromkeys((*report.original, *report.corrected)):
            original = report.original.get(group)
            told = "—" if original is None else f"{100 * original:.1f}"
            rows.append((name, group, told, _interval(report.corrected.get(group))))
    print_table(titles, rows)
    defects = [say(language, each.sentence) for report in reports.values() for each in report.defects]
    for defect in dict.fromkeys(defects):
        tell(f"- {defect}")


def _part(name: str, task: str, part: Part) -> tuple[str, ...]:
    shares = [f"{100 * each.value:.1f}" if each is not None else "—" for each in (part.right, part.unread)]
    return (name, task, f"{part.rows:,}", _interval(part.score), *shares)


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return "—"
    if estimate.low is None or estimate.high is None:
        return f"{100 * estimate.value:.1f}"
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f}-{100 * estimate.high:.1f})"


def _questions(info: EvaluationInfo, name: str, workspace: Workspace) -> Callable[[int], str]:
    """The text of the last question of each row."""
    dataset = find_dataset(name, workspace.dataset_folders(info.settings.folder), workspace.cache)
    access = RowAccess(Source(dataset.name, dataset.files, dataset.mapping), workspace.cache)
    access.index()

    def question(row: int) -> str:
        located = access.row(row)
        turns = turns_of(located.raw.record or {}, located.mapping)
        asked = [turn["content"] for turn in turns if turn["role"] == "user"]
        return asked[-1] if asked else ""

    return question


def _complain(problems: Iterable[Problem], language: str) -> None:
    for problem in problems:
        text = say(language, problem.message)
        complain(f"{flag_of(problem.field)}: {text}" if problem.field else text)
