"""A finished evaluation on disk: a small generated dataset, answers of scripted "models", and their report."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tests.data_fakes import write_lines
from tests.evaluate_rows import generated, question
from tsft.atomic import write_json
from tsft.evaluate.baselines import fit_baselines
from tsft.evaluate.chatts import chatts_report
from tsft.evaluate.control_rows import CONTROLS
from tsft.evaluate.field_reports import Drawing
from tsft.evaluate.predictions import Prediction, span_of
from tsft.evaluate.reporting import Controlled, answered_by, make_report
from tsft.run.evaluation import CHATTS, EvaluationSettings
from tsft.store.evaluations import FINISHED, AnsweredRow, EvaluationFolder, answer_line, new_evaluation, note
from tsft.store.workspace import Workspace

# Of ChatTS's sets: two items with two parts each.
ITEMS: list[dict[str, Any]] = [
    {
        "timeseries": [[float(value % 40) for value in range(80)]],
        "question": f"1. What is the trend of <ts><ts/>? 2. Which changes are there in set {number}?",
        "answer": "1. increase. 2. upward spike, position around point 30, amplitude 10",
        "cols": ["a"],
        "ability_types": ["trend", "local"],
        "attributes": [
            {"type": "increase", "start": 10.0, "amplitude": 20.0},
            [{"type": "upward spike", "position": 30.0, "amplitude": 10.0}],
        ],
    }
    for number in range(2)
]
# Of a row without a label of its own.
TEXT_LABEL: dict[str, Any] = {
    "task": "free_text",
    "style": "prose",
    "language": "en",
    "fields": [{"name": "text", "word": "text", "kind": "text", "value": "1. increase."}],
    "parameters": {},
}
TASKS = {"trend": 1, "anomalies": 2, "extreme": 1, "value_at": 1, "events": 1, "caption": 1}
DRAWING = Drawing(resamples=100, with_point_adjusted=True)
Script = Callable[[int, Mapping[str, Any]], str]


def right(index: int, row: Mapping[str, Any]) -> str:
    return str(row["output"])


def often_right(index: int, row: Mapping[str, Any]) -> str:
    """Right but for every third row; of these every other cannot be read."""
    if index % 3:
        return str(row["output"])
    return "<b>no idea</b>" if index % 2 else shifted(row)


def shifted(row: Mapping[str, Any]) -> str:
    """The right answer with every number twelve larger."""
    return "".join(_moved(part) for part in _pieces(str(row["output"])))


def dataset(workspace: Workspace, name: str = "sensors", count: int = 24, **recipe: Any) -> list[dict[str, Any]]:
    """A generated dataset in the workspace; its rows with their labels read."""
    rows = generated(count, seed=4, **{"tasks": TASKS, **recipe})
    workspace.datasets.mkdir(parents=True, exist_ok=True)
    plain = ("input", "output", "timeseries", "meta")
    write_lines(workspace.datasets / f"{name}.jsonl", [{key: row[key] for key in plain} for row in rows])
    return rows


def predictions(rows: Sequence[Mapping[str, Any]], script: Script) -> list[Prediction]:
    found = []
    for index, row in enumerate(rows):
        series = [np.asarray(each) for each in row["timeseries"]]
        told = (row["series"], row["label"], script(index, row), row["output"], span_of(row["label"], series))
        found.append(Prediction(index, *told))
    return found


def evaluation(
    workspace: Workspace,
    models: Mapping[str, Script],
    name: str = "first look",
    dataset_name: str = "sensors",
    with_controls: bool = True,
    **recipe: Any,
) -> EvaluationFolder:
    """An evaluation of these models on a generated dataset, as the engine leaves it."""
    rows = dataset(workspace, dataset_name, **recipe)
    settings = EvaluationSettings(tuple(models), (dataset_name,), controls=("swapped", "noisy"), name=name)
    folder = new_evaluation(workspace, settings, models, by="ada")
    said = {model: predictions(rows, script) for model, script in models.items()}
    train = [question(row) for row in generated(60, seed=9, tasks=recipe.get("tasks", TASKS))]
    series = [[np.asarray(each) for each in row["timeseries"]] for row in rows]
    cheap = answered_by(fit_baselines(train), next(iter(said.values())), series)
    controls = []
    if with_controls:
        for control in settings.controls:
            asked = cheap["majority"] if control == "swapped" else next(iter(said.values()))
            controls.append(Controlled(next(iter(models)), CONTROLS[control], control, asked))
    with folder.predictions.open("w", encoding="utf-8") as file:
        for model, each in said.items():
            file.writelines(answer_line(AnsweredRow(model, dataset_name, "", one.to_json(), 0.5)) for one in each)
        for tried in controls:
            told = [AnsweredRow(tried.model, dataset_name, tried.control, one.to_json()) for one in tried.predictions]
            file.writelines(answer_line(each) for each in told)
    report = make_report(said, baselines=cheap, controls=controls, drawing=DRAWING)
    write_json(folder.report, report.to_json())
    scores = {each.name: each.everything.score.value for each in report.models if each.everything.score}
    losses = [(model, dataset_name, 0.25 * number) for number, model in enumerate(models, 1)]
    note(folder, status=FINISHED, ended_at=2e9, answered=len(rows) * len(models), scores=scores, losses=losses)
    return folder


def chatts_evaluation(workspace: Workspace, answers: Mapping[str, Sequence[str]]) -> EvaluationFolder:
    """An evaluation of two items as ChatTS's own tool scores them."""
    settings = EvaluationSettings(tuple(answers), ("set_a",), mode=CHATTS, name="set A")
    folder = new_evaluation(workspace, settings, answers)
    workspace.datasets.mkdir(parents=True, exist_ok=True)
    (workspace.datasets / "set_a.json").write_text(json.dumps(ITEMS), encoding="utf-8")
    with folder.predictions.open("w", encoding="utf-8") as file:
        for model, texts in answers.items():
            for index, (item, text) in enumerate(zip(ITEMS, texts, strict=True)):
                one = Prediction(index, str(index), TEXT_LABEL, text, str(item["answer"]))
                file.write(answer_line(AnsweredRow(model, "set_a", "", one.to_json())))
    found = {model: chatts_report(ITEMS, list(texts), DRAWING) for model, texts in answers.items()}
    write_json(folder.report, {model: each.to_json() for model, each in found.items()})
    note(folder, status=FINISHED, answered=len(ITEMS) * len(answers))
    return folder


def _pieces(text: str) -> list[str]:
    pieces, kept = [], ""
    for letter in text:
        if kept and letter.isdecimal() != kept[-1].isdecimal():
            pieces.append(kept)
            kept = ""
        kept += letter
    return [*pieces, kept]


def _moved(part: str) -> str:
    return str(int(part) + 12) if part.isdecimal() else part
