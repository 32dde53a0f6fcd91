"""One evaluation from top to bottom: look, read, for each model load, measure, ask and ask under controls; score.

`evaluate` is the whole story. What it is told and says is `run/evaluation.py`; its thread is `evaluation_desk.py`.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from transformers.utils import logging as transformers_logging

from tsft.atomic import write_json
from tsft.config.run_config import RunConfig
from tsft.data.registry import DatasetInfo
from tsft.engine.device import give_memory_back
from tsft.engine.evaluation_asking import Opening, open_model
from tsft.engine.evaluation_models import Candidate, candidates
from tsft.engine.evaluation_report import Fitting, Scored, chatts_scores, tasks_report
from tsft.engine.evaluation_rows import find_sets
from tsft.engine.evaluation_work import Say, Work
from tsft.engine.failures import failure_of, is_poisoned, let_go
from tsft.errors import Message, Problem, UserError, message, raise_if_any
from tsft.evaluate.control_rows import CONTROLS
from tsft.run.evaluation import CHATTS, SCORING, EvaluationSettings, check_evaluation
from tsft.run.ports import Stopped
from tsft.store.evaluations import (
    FAILED,
    FINISHED,
    STOPPED,
    EvaluationFolder,
    EvaluationInfo,
    note,
    read_answers,
)
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """One evaluation ready to be done. train_sets: what baselines are fitted on."""

    settings: EvaluationSettings
    workspace: Workspace
    models: Sequence[Candidate]
    datasets: Sequence[DatasetInfo]
    train_sets: Sequence[DatasetInfo]
    notes: tuple[Message, ...] = ()

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.models]

    @property
    def sources(self) -> dict[str, str]:
        return {each.name: each.source for each in self.models}


@dataclass(frozen=True)
class Ending:
    """How it ended. is_poisoned: the accelerator is of no use any more in this process."""

    is_stopped: bool = False
    problems: tuple[Problem, ...] = ()
    is_poisoned: bool = False

    @property
    def status(self) -> str:
        return STOPPED if self.is_stopped else FAILED if self.problems else FINISHED


def evaluation_plan(settings: EvaluationSettings, workspace: Workspace) -> Plan:
    """What is to be done, looked at before any model is loaded. Raises UserError with everything that is wrong."""
    problems = check_evaluation(settings, tuple(CONTROLS))
    if settings.mode == CHATTS and settings.controls:
        problems.append(Problem("controls", message("evaluation.chatts_has_no_controls")))
    models, wrong = candidates(settings, workspace)
    problems += wrong
    datasets, wrong = find_sets(settings.datasets, "datasets", settings, workspace)
    problems += wrong
    train_sets, notes = _train_sets(settings, models, workspace, problems)
    raise_if_any(problems)
    return Plan(settings, workspace, models, datasets, train_sets, tuple(notes))


def resumed_plan(info: EvaluationInfo, workspace: Workspace) -> Plan:
    """The same for one that goes on: its models keep the names that they were asked under."""
    plan = evaluation_plan(info.settings, workspace)
    if [each.source for each in plan.models] != [info.sources.get(name) for name in info.models]:
        raise UserError(Problem("models", message("evaluation.models_changed", models=", ".join(info.models))))
    models = [replace(each, name=name) for each, name in zip(plan.models, info.models, strict=True)]
    return replace(plan, models=models)


def evaluate(
    plan: Plan, folder: EvaluationFolder, say: Say, should_stop: Callable[[], bool], opening: Opening = open_model
) -> Ending:
    """Do it, or go on with it. Whatever ends it, what was answered until then is kept and scored."""
    transformers_logging.disable_progress_bar()
    work = Work(plan.settings, plan.workspace, plan.models, plan.datasets, folder, say, should_stop, opening)
    ending = Ending()
    try:
        work.tell(*plan.notes)
        work.ask_everyone()
    except Stopped as error:
        ending = Ending(is_stopped=True)
        let_go(error)
    except Exception as error:  # noqa: BLE001 (whatever it is, what was answered is scored, and it is told)
        logger.exception("evaluation %s failed", folder.id)
        ending = Ending(problems=_problems(error), is_poisoned=is_poisoned(error))
        let_go(error)
    give_memory_back()
    say(phase=SCORING, subject="")
    scored = _scored(plan, folder, work)
    answered = sum(1 for _ in read_answers(folder))
    found = {"scores": scored.scores, "headlines": scored.headlines} if scored is not None else {}
    if scored is not None:
        write_json(folder.report, scored.tree)
        work.tell(*scored.notes)
    told = tuple(each.message for each in ending.problems)
    note(folder, **work.state(), **found, answered=answered, problems=told)
    return ending


def _scored(plan: Plan, folder: EvaluationFolder, work: Work) -> Scored | None:
    if not folder.predictions.is_file():
        return None
    if plan.settings.mode == CHATTS:
        return chatts_scores(plan.names, folder, work.rows, plan.settings)
    fitting = Fitting(plan.train_sets, plan.settings, plan.workspace)
    return tasks_report(plan.names, folder, work.rows, fitting)


def _train_sets(
    settings: EvaluationSettings, models: Sequence[Candidate], workspace: Workspace, problems: list[Problem]
) -> tuple[list[DatasetInfo], list[Message]]:
    """Those that are named, else those of the first model's run, of which one may be gone by now."""
    if not settings.baselines or settings.mode == CHATTS or not settings.writes_answers:
        return [], []
    if settings.train_datasets:
        found, wrong = find_sets(settings.train_datasets, "train_datasets", settings, workspace)
        problems += wrong
        return found, []
    trained = next((each.trained for each in models if each.trained.data.datasets), None)
    if trained is None:
        return [], []
    found, wrong = find_sets(trained.data.datasets, "train_datasets", _as_trained(settings, trained), workspace)
    return found, [each.message for each in wrong]


def _as_trained(settings: EvaluationSettings, trained: RunConfig) -> EvaluationSettings:
    return EvaluationSettings(folder=trained.data.folder or settings.folder)


def _problems(error: Exception) -> tuple[Problem, ...]:
    if isinstance(error, UserError):
        return error.problems
    failed = failure_of(error, RunConfig())
    # The advice is about a run's settings, except where there is nothing to set.
    told = (failed.message,) if failed.kind == "memory" else (failed.message, failed.advice)
    return tuple(Problem("", each) for each in told if each is not None)
