"""What the built-in model reads: its scores on series it was not trained on, against the majority answer and no series.

Prints a table with 95 % intervals and the figures to reach. 500 series of each task take about five minutes on one
core. `--model` names a run or a folder instead; with `--workspace` the rows and the evaluation are kept.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tsft.cli import main as tsft
from tsft.evaluate.predictions import Prediction
from tsft.evaluate.reporting import make_report

TASKS = ("trend", "season", "period", "events", "spike", "level_shift")
# The splits "train" and "validation" and other seeds make other series.
SEED, LENGTHS = 104, "48-192"
# Task, field, figure and the least it should be; accuracy of yes and no is balanced over both.
TARGETS = (
    ("trend", "trend", "accuracy", 0.90),
    ("season", "periodic", "balanced", 0.92),
    ("season", "period", "within_tolerance", 0.80),
    ("period", "period", "within_tolerance", 0.80),
    ("events", "events", "f1", 0.70),
    ("spike", "spike", "balanced", 0.90),
    ("level_shift", "level_shift", "balanced", 0.90),
)
LEAST_JSON = 0.98


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--rows", type=int, default=500, help="series of each task")
    parser.add_argument("--control-rows", type=int, default=500, help="of them asked again with another row's series")
    parser.add_argument("--workspace", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(examine(given.model, given.rows, given.control_rows, given.workspace or folder))


def examine(model: str, rows: int, control_rows: int, workspace: str) -> str:
    """The table for this model, as Markdown."""
    for task in TASKS:
        asked = {"count": rows, "seed": SEED, "split": "test", "series": "1-1", "lengths": LENGTHS, "tasks": task}
        _run("data", "synth", f"exam-{task}", "--replace", *_flags(asked, workspace))
    asked = {"controls": "swapped", "control-rows": control_rows * len(TASKS), "batch-size": 32, "max-new-tokens": 128}
    names = [f"exam-{task}" for task in TASKS]
    _run("evaluate", model, "--data", *names, "--no-loss", *_flags(asked, workspace))
    folder = max((Path(workspace) / "evaluations").iterdir(), key=lambda each: each.stat().st_mtime)
    told = [json.loads(line) for line in (folder / "predictions.jsonl").open(encoding="utf-8")]
    by_control = {
        name: [Prediction.from_json(each["prediction"]) for each in told if each["control"] == name]
        for name in ("", "swapped")
    }
    return "\n".join(_table(by_control[""], by_control["swapped"]))


def _flags(values: Mapping[str, Any], workspace: str) -> list[str]:
    return [word for name, value in {**values, "workspace": workspace}.items() for word in (f"--{name}", str(value))]


def _run(*words: str) -> None:
    code = tsft([*words, "--lang", "en"])
    if code:
        raise SystemExit(f"tsft {' '.join(words)} ended with {code}")


def _table(asked: Sequence[Prediction], blind: Sequence[Prediction]) -> list[str]:
    tasks, unseen = _by_task(asked), _by_task(blind)
    lines = [
        "| task | figure | reached (95 %) | target | en / zh right | another row's series | most frequent answer |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for task, field, figure, target in TARGETS:
        value, spread = _figure(tasks[task], field, figure)
        seen = _figure(unseen[task], field, figure)[0] if task in unseen else float("nan")
        often = _majority(asked, task, field) if figure in ("accuracy", "balanced") else "–"
        parts = " / ".join(f"{_percent(_part(tasks[task], language))}" for language in ("en", "zh"))
        lines.append(
            f"| {task} | {field}: {figure.replace('_', ' ')} | {_percent(value)} {spread} | {_percent(target)} "
            f"| {parts} | {_percent(seen)} | {often} |"
        )
    read = [_parses(each.answer) for each in asked if each.label["style"] == "json"]
    share = sum(read) / max(1, len(read))
    lines.append(f"| all | JSON that parses ({len(read)} answers) | {_percent(share)} | {_percent(LEAST_JSON)} | | | |")
    return lines


def _by_task(predictions: Sequence[Prediction]) -> dict[str, Mapping[str, Any]]:
    report = make_report({"model": predictions}).to_json()
    return {each["task"]: each for each in report["models"][0]["tasks"]}


def _figure(task: Mapping[str, Any], field: str, figure: str) -> tuple[float, str]:
    told = next(each for each in task["fields"] if each["name"] == field)
    if figure == "balanced":
        table = told["confusion"]
        # An answer that could not be read is wrong.
        recalls = [
            counts[place] / (sum(counts) + unread)
            for place, (counts, unread) in enumerate(zip(table["counts"], table["unread"], strict=True))
        ]
        return sum(recalls) / len(recalls), _spread(told["metrics"]["accuracy"])
    return told["metrics"][figure]["value"], _spread(told["metrics"][figure])


def _spread(estimate: Mapping[str, float]) -> str:
    return f"({100 * estimate['low']:.1f}–{100 * estimate['high']:.1f})"


def _part(task: Mapping[str, Any], language: str) -> float:
    return float(task["by_language"][language]["right"]["value"])


def _majority(asked: Iterable[Prediction], task: str, field: str) -> str:
    values = [
        str(each["value"])
        for prediction in asked
        if prediction.label["task"] == task
        for each in prediction.label["fields"]
        if each["name"] == field
    ]
    return _percent(max(values.count(each) for each in set(values)) / len(values))


def _percent(value: float) -> str:
    return "–" if value != value else f"{100 * value:.1f} %"


def _parses(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


if __name__ == "__main__":
    main()
