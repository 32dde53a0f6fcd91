"""Files that are taken away: every answer with its score, the scores as a table, the report as JSON or as one page."""

import csv
import json
import time
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from tsft.atomic import replacing
from tsft.errors import UserError, message
from tsft.evaluate.chatts import ChattsReport
from tsft.evaluate.report import Report
from tsft.evaluate.statistics import Estimate
from tsft.i18n import translate
from tsft.run.evaluation import CHATTS
from tsft.store.evaluations import EvaluationInfo, read_answers
from tsft.store.workspace import readable_part
from tsft.ui.evaluate.judging import corrected, judged
from tsft.ui.evaluate.room import EvaluateRoom
from tsft.ui.readings import moment
from tsft.ui.theme import asset, style

ANSWERS_CSV, ANSWERS_JSONL, SCORES_CSV, REPORT_JSON, REPORT_HTML = (
    "answers_csv",
    "answers_jsonl",
    "scores_csv",
    "report_json",
    "report_html",
)
ENDINGS = {
    ANSWERS_CSV: "answers.csv",
    ANSWERS_JSONL: "answers.jsonl",
    SCORES_CSV: "scores.csv",
    REPORT_JSON: "report.json",
    REPORT_HTML: "report.html",
}
KINDS = tuple(ENDINGS)
COLUMNS = (
    *("dataset", "row", "model", "control", "task", "language", "score", "outcome", "loss"),
    *("question", "truth", "reference", "answer"),
)
SCORE_COLUMNS = ("model", "is_baseline", "task", "field", "metric", "value", "low", "high", "series")
# Nothing is fetched or sent, whatever a name or an answer holds: a browser refuses it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
SCHEME = "document.documentElement.classList.toggle('dark', matchMedia('(prefers-color-scheme: dark)').matches);"
# A table program takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_export(room: EvaluateRoom, info: EvaluationInfo, kind: str, shown: str, language: str) -> Path:
    """Write a file of one of KINDS and return where it lies. shown: the report as the page shows it.

    UserError where there is nothing to write, or it cannot be written.
    """
    report, path = room.report(info), _path(room, info, kind)
    if kind not in (ANSWERS_CSV, ANSWERS_JSONL) and not report:
        raise UserError(message("page.evaluate.no_report"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished, unfinished.open("w", encoding=_encoding(kind), newline="") as file:
            if kind == ANSWERS_CSV:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                writer.writerows([_cell(each[name]) for name in COLUMNS] for each in answers(room, info))
            elif kind == ANSWERS_JSONL:
                file.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in answers(room, info))
            elif kind == SCORES_CSV:
                writer = csv.writer(file)
                writer.writerow(SCORE_COLUMNS)
                writer.writerows([_cell(cell) for cell in each] for each in scores(report, info))
            elif kind == REPORT_JSON:
                json.dump(report, file, ensure_ascii=False, indent=1)
            else:
                file.write(page_html(info, shown, language))
    except OSError as error:
        raise UserError(message("file.not_written", path=str(path), why=error.strerror or str(error))) from error
    return path


def delete_exports(room: EvaluateRoom, info: EvaluationInfo) -> None:
    """Take away what was taken from an evaluation that is deleted: its answers are said to go with it.

    UserError where the disk refuses.
    """
    for path in (_path(room, info, kind) for kind in KINDS):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                message("evaluation.not_deleted", path=str(path), why=error.strerror or str(error))
            ) from error


def answers(room: EvaluateRoom, info: EvaluationInfo) -> Iterator[dict[str, Any]]:
    """Every answer with its score, those under controls too; one at a time, so that a long file takes no memory."""
    is_chatts, rows = info.settings.mode == CHATTS, room.asked(info)
    for each in read_answers(info.folder):
        told = each.prediction
        label: Mapping[str, Any] = told.get("label") or {}
        key = (each.dataset, int(told.get("row", 0)))
        _, value, outcome = judged(told)
        if is_chatts:
            value, outcome = corrected(str(told.get("answer", "")), rows.item(key))
        yield {
            "dataset": each.dataset,
            "row": key[1] + 1,
            "model": each.model,
            "control": each.control,
            "task": str(label.get("task") or ""),
            "language": str(label.get("language") or ""),
            "score": value,
            "outcome": outcome,
            "loss": each.loss,
            "question": rows.whole_question(key),
            "truth": {field["name"]: field["value"] for field in label.get("fields") or ()},
            "reference": str(told.get("reference") or ""),
            "answer": str(told.get("answer", "")),
        }


def scores(report: Mapping[str, Any], info: EvaluationInfo) -> Iterator[list[Any]]:
    """Every figure of the report as one line of SCORE_COLUMNS."""
    if info.settings.mode == CHATTS:
        for name, told in report.items():
            chatts = ChattsReport.from_json(told)
            for group, value in chatts.original.items():
                yield [name, False, "", "", f"original.{group}", value, "", "", ""]
            for group, estimate in chatts.corrected.items():
                yield from _line(name, False, "", "", f"corrected.{group}", estimate)
        return
    for model in Report.from_json(report).models:
        about = (model.name, model.is_baseline)
        for task, part in (("", model.everything), *((each.task, each.everything) for each in model.tasks)):
            for name in ("score", "right", "unread"):
                yield from _line(*about, task, "", name, getattr(part, name))
        for each in model.tasks:
            for name, estimate in each.texts.items():
                yield from _line(*about, each.task, "", name, estimate)
            for field in each.fields:
                for name, estimate in field.metrics.items():
                    yield from _line(*about, each.task, field.name, name, estimate)


def page_html(info: EvaluationInfo, shown: str, language: str) -> str:
    """The report as one file that opens without a network. shown: its HTML; everything in it is escaped already."""
    written = translate(language, "report.written", run=info.id, at=moment(time.time()))
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(info.name)} · tsft</title>
<style>{style()}{asset("report.css")}</style><script>{SCHEME}</script></head>
<body><h1>{escape(info.name)}</h1><p>{escape(written)}</p><div id="evaluate-report">{shown}</div></body></html>
"""


def _path(room: EvaluateRoom, info: EvaluationInfo, kind: str) -> Path:
    return room.exports / f"{readable_part(info.id)}-{ENDINGS[kind]}"


def _line(
    model: str, is_baseline: bool, task: str, field: str, metric: str, found: Estimate | None
) -> Iterator[list[Any]]:
    if found is not None:
        yield [model, is_baseline, task, field, metric, found.value, found.low, found.high, found.series_count]


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _encoding(kind: str) -> str:
    """A table program takes a CSV file for Chinese only with the mark in front."""
    return "utf-8-sig" if kind.endswith("csv") else "utf-8"
