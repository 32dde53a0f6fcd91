"""Evaluations for tests: a small labelled dataset, an engine that asks it, and answerers whose answers are known."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.engine_runs import Bench, until_done
from tsft.data.synth.recipe import SynthRecipe
from tsft.data.synth.rows import synth_rows
from tsft.engine.evaluation_models import Candidate
from tsft.engine.evaluation_rows import EvaluatedRow
from tsft.evaluate.shown import Shown
from tsft.model.answer import Sampling
from tsft.run.evaluation import Evaluation, EvaluationSettings
from tsft.store.evaluations import AnsweredRow, EvaluationInfo, evaluation_folder, read_answers, read_evaluation
from tsft.store.workspace import Workspace

TASKS = {"value_at": 1, "trend": 1, "extreme": 1, "mcq": 1}
# A few short rows, a few tokens an answer: about a second with the built-in model.
QUICK = {"rows": 6, "batch_size": 3, "max_new_tokens": 4, "baselines": False}


def write_rows(path: Path, count: int, seed: int = 1, **recipe: Any) -> list[dict[str, Any]]:
    """A dataset of generated rows with labels; without them where `labelled` is False."""
    has_labels = recipe.pop("labelled", True)
    made = SynthRecipe(count=count, seed=seed, **{"tasks": TASKS, "lengths": (16, 40), "series": (1, 1), **recipe})
    rows = list(synth_rows(made))
    kept = rows if has_labels else [{name: row[name] for name in ("input", "output", "timeseries")} for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in kept))
    return rows


def quick(*models: str, **changes: Any) -> EvaluationSettings:
    return EvaluationSettings(**{**QUICK, "models": models, "datasets": ("held",), **changes})


def evaluated(bench: Bench, settings: EvaluationSettings) -> tuple[Evaluation, EvaluationInfo]:
    """Begin one and wait for its end."""
    bench.engine.begin_evaluation(settings, "test")
    return ended(bench)


def ended(bench: Bench) -> tuple[Evaluation, EvaluationInfo]:
    now: Evaluation = until_done(bench.engine.evaluation, seconds=60)
    return now, info_of(bench.workspace, now)


def info_of(workspace: Workspace, evaluation: Evaluation) -> EvaluationInfo:
    return read_evaluation(evaluation_folder(workspace, evaluation.id))


def answers_of(info: EvaluationInfo, control: str = "") -> dict[tuple[str, str, int], str]:
    """Answers by model, dataset and row; each is there once."""
    rows: list[AnsweredRow] = [each for each in read_answers(info.folder) if each.control == control]
    found = {(e.model, e.dataset, e.prediction["row"]): str(e.prediction["answer"]) for e in rows}
    assert len(found) == len(rows)
    return found


class FakeAnswerer:
    """Answers by a function of what it is shown; `fits` questions at once, else it is out of memory."""

    def __init__(self, answer: Callable[[Shown], str], fits: int = 100) -> None:
        self._answer = answer
        self.fits = fits
        self.asked: list[int] = []

    def length(self, row: EvaluatedRow) -> int:
        return sum(len(turn["content"]) for turn in row.turns)

    def losses(self, rows: Sequence[EvaluatedRow]) -> list[tuple[float, int]]:
        return [(1.0, 2) for _ in rows]

    def answers(self, shown: Sequence[Shown], sampling: Sampling, should_stop: Callable[[], bool]) -> list[str]:
        if len(shown) > self.fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        self.asked.append(len(shown))
        return [self._answer(each) for each in shown]

    def open(self, candidate: Candidate, *_: Any) -> "FakeAnswerer":
        return self
