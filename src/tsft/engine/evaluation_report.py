"""From an evaluation's answers to its report: scores, baselines fitted on training rows, controls, ChatTS's scoring."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from tsft.data.registry import DatasetInfo
from tsft.engine.evaluation_rows import EvaluatedRow, read_rows
from tsft.errors import Message, message
from tsft.evaluate.answers import Baseline, Question
from tsft.evaluate.baselines import fit_baselines
from tsft.evaluate.chatts import ChattsReport, chatts_report
from tsft.evaluate.control_rows import CONTROLS
from tsft.evaluate.detectors import all_anomalous
from tsft.evaluate.field_reports import Drawing
from tsft.evaluate.predictions import Prediction
from tsft.evaluate.report import ModelReport
from tsft.evaluate.reporting import Controlled, answered_by, make_report
from tsft.evaluate.statistics import Estimate
from tsft.run.evaluation import EvaluationSettings
from tsft.store.evaluations import EvaluationFolder, read_answers
from tsft.store.workspace import Workspace

# Training rows that baselines are fitted on: the nearest of so many is found in about a millisecond.
FITTED_ROWS = 20_000


@dataclass(frozen=True)
class Scored:
    """tree: what `report.json` holds; headlines: by model, as `EvaluationInfo.headlines` has them."""

    tree: Mapping[str, Any]
    headlines: Mapping[str, Mapping[str, Any]]
    notes: tuple[Message, ...] = ()

    @property
    def scores(self) -> dict[str, float]:
        return {name: each["score"] for name, each in self.headlines.items()}


@dataclass(frozen=True)
class Fitting:
    """What baselines are fitted on, and how its rows are read."""

    datasets: Sequence[DatasetInfo]
    settings: EvaluationSettings
    workspace: Workspace


def tasks_report(
    models: Sequence[str], folder: EvaluationFolder, rows: Sequence[EvaluatedRow], fitting: Fitting
) -> Scored | None:
    """Each row by the scorer of its task; None where nothing was answered."""
    settings, by_key = fitting.settings, {each.key: each for each in rows}
    # A row of a report is known by one number, whichever dataset it is of.
    number = {key: place for place, key in enumerate(by_key)}
    answered: dict[tuple[str, str], dict[int, Prediction]] = defaultdict(dict)
    for each in read_answers(folder):
        place = number.get((each.dataset, int(each.prediction["row"])))
        if place is not None:
            answered[each.model, each.control][place] = replace(Prediction.from_json(each.prediction), row=place)
    in_order = {key: [found[place] for place in sorted(found)] for key, found in answered.items()}
    own = {name: in_order[name, ""] for name in models if in_order.get((name, ""))}
    if not own:
        return None
    baselines, notes = _baselines(own, list(by_key.values()), fitting) if settings.baselines else ({}, [])
    controls = [
        Controlled(name, kind, control, in_order[name, control])
        for name in own
        for control, kind in CONTROLS.items()
        if in_order.get((name, control))
    ]
    drawing = Drawing(seed=settings.seed, with_point_adjusted=settings.point_adjusted)
    report = make_report(own, baselines=baselines, controls=controls, drawing=drawing)
    headlines = {each.name: _headline(each) for each in report.models if not each.is_baseline}
    return Scored(report.to_json(), {name: each for name, each in headlines.items() if each}, tuple(notes))


def chatts_scores(
    models: Sequence[str], folder: EvaluationFolder, rows: Sequence[EvaluatedRow], settings: EvaluationSettings
) -> Scored | None:
    """ChatTS's own scoring and the corrected one by model; by model and dataset where several are evaluated."""
    by_key = {each.key: each for each in rows}
    texts: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for each in read_answers(folder):
        place = int(each.prediction["row"])
        if not each.control and (each.dataset, place) in by_key:
            texts[each.model, each.dataset][place] = str(each.prediction["answer"])
    datasets = list(dict.fromkeys(each.dataset for each in rows))
    tree: dict[str, Any] = {}
    found: dict[str, list[ChattsReport]] = defaultdict(list)
    for model in models:
        for dataset in datasets:
            said = texts.get((model, dataset))
            if said:
                items = [by_key[dataset, place].item for place in sorted(said)]
                drawing = Drawing(seed=settings.seed)
                report = chatts_report(items, [said[place] for place in sorted(said)], drawing)
                tree[model if len(datasets) == 1 else f"{model} · {dataset}"] = report.to_json()
                found[model].append(report)
    headlines = {name: _chatts_headline(each) for name, each in found.items()}
    return Scored(tree, {name: each for name, each in headlines.items() if each}) if tree else None


def _baselines(
    own: Mapping[str, Sequence[Prediction]], rows: Sequence[EvaluatedRow], fitting: Fitting
) -> tuple[dict[str, list[Prediction]], list[Message]]:
    """What each says to every row that some model answered; fitted on rows that are not among those evaluated."""
    answered = {each.row: each for predictions in own.values() for each in predictions}
    asked = [answered[place] for place in sorted(answered)]
    train, notes = _train_rows(rows, fitting)
    fitted: dict[str, Baseline]
    if train:
        fitted = fit_baselines([_question(each) for each in train], fitting.settings.seed)
    else:
        notes.append(message("evaluation.note.no_baseline_rows"))
        fitted = {"all_anomalous": all_anomalous()}
    return answered_by(fitted, asked, [rows[each.row].shown.series for each in asked]), notes


def _train_rows(rows: Sequence[EvaluatedRow], fitting: Fitting) -> tuple[list[EvaluatedRow], list[Message]]:
    if not fitting.datasets:
        return [], []
    settings = replace(fitting.settings, mode="tasks")
    read = read_rows(fitting.datasets, settings, fitting.workspace, _obey, lambda: False, FITTED_ROWS)
    held = {each.content() for each in rows}
    kept = [each for each in read.rows if each.content() not in held]
    notes = []
    if len(kept) < len(read.rows):
        notes.append(message("evaluation.note.rows_on_both_sides", count=len(read.rows) - len(kept)))
    if any(each.rows is not None and each.rows > FITTED_ROWS for each in fitting.datasets):
        notes.append(message("evaluation.note.baseline_rows_drawn", count=FITTED_ROWS))
    return kept, notes


def _question(row: EvaluatedRow) -> Question:
    return Question(row.shown.label, row.shown.series)


def _obey() -> None:
    """What was answered is scored whole."""


def _headline(report: ModelReport) -> dict[str, Any]:
    score = report.everything.score
    if score is None:
        return {}
    tasks = {each.task: each.everything.score.value for each in report.tasks if each.everything.score is not None}
    rows = report.everything.rows
    return {"score": score.value, "low": score.low, "high": score.high, "rows": rows, "tasks": tasks}


def _chatts_headline(reports: Sequence[ChattsReport]) -> dict[str, Any]:
    """The mean of the corrected groups; without an interval, as they share their items."""
    groups: dict[str, list[Estimate]] = defaultdict(list)
    for report in reports:
        for name, each in report.corrected.items():
            groups[name].append(each)
    tasks = {name: float(np.mean([one.value for one in each])) for name, each in groups.items()}
    if not tasks:
        return {}
    rows = sum(each.items for each in reports)
    return {"score": fmean(tasks.values()), "low": None, "high": None, "rows": rows, "tasks": tasks}
