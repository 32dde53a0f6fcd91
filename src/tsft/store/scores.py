"""What evaluations say of runs: the newest one of each run's results, as columns of the record."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from tsft.store.database import runs_table
from tsft.store.evaluations import FINISHED, EvaluationInfo, list_evaluations
from tsft.store.rows import parent_in
from tsft.store.workspace import Workspace


def scores_by_run(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """By run id, what `RunInfo.scores` holds: of the newest evaluation that was finished, else of the newest at all.

    Of one evaluation a run's result counts before its checkpoints.
    """
    found: dict[str, dict[str, Any]] = {}
    for evaluation in sorted(list_evaluations(workspace), key=lambda each: each.status != FINISHED):
        for run_id, scores in _scores_in(evaluation).items():
            found.setdefault(run_id, scores)
    return found


def scores_of_run(workspace: Workspace, run_id: str) -> list[dict[str, Any]]:
    """What evaluations say of one run, each as `RunInfo.scores`, the newest first; once for each set of datasets."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for evaluation in list_evaluations(workspace):
        scores = _scores_in(evaluation).get(run_id)
        if scores is not None:
            found.setdefault(tuple(sorted(scores["datasets"])), scores)
    return list(found.values())


def take_scores(connection: Connection, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Put them into the runs' rows; runs that no evaluation speaks of any more have none."""
    connection.execute(runs_table.update().values(answer_score=None, scores="{}"))
    for run_id, scores in found.items():
        values = {"answer_score": scores["score"], "scores": json.dumps(scores, ensure_ascii=False)}
        connection.execute(runs_table.update().where(runs_table.c.id == run_id).values(values))


def _scores_in(evaluation: EvaluationInfo) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    by_source = sorted(evaluation.sources.items(), key=lambda each: _weight(each[1]))
    for model, source in by_source:
        run_id, headline = parent_in(source), evaluation.headlines.get(model)
        if run_id and headline:
            found[run_id] = {
                **headline,
                "evaluation": evaluation.id,
                "result": source,
                "datasets": list(evaluation.settings.datasets),
                "mode": evaluation.settings.mode,
                "at": evaluation.ended_at or evaluation.created_at,
            }
    return found


def _weight(source: str) -> tuple[bool, int]:
    """What comes last counts: the result, before it the checkpoint of the latest step."""
    step = source.rpartition("-")[2]
    is_checkpoint = "/checkpoints/" in source
    return not is_checkpoint, int(step) if is_checkpoint and step.isdecimal() else 0
