"""Answers the Runs tab from the record and the run folders."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tsft.errors import UserError
from tsft.run.board import read_events
from tsft.run.events import Event
from tsft.store import runs
from tsft.store.record import Record
from tsft.store.run_states import RunStates
from tsft.store.runs import RunInfo
from tsft.store.scores import scores_of_run
from tsft.store.shown_rows import ShownRow, read_rows
from tsft.store.workspace import Workspace
from tsft.ui.run_rows import AnswerScore, CheckpointRow, Lineage, RunActions, RunPage, RunQuery, RunRow, RunTold

# A chain of parents that is longer than this is cut: a page has no use for more.
GENERATIONS = 20


class RunSource:
    """The runs of one workspace as the page wants them. Any thread may ask."""

    def __init__(self, workspace: Workspace, record: Record) -> None:
        self._workspace = workspace
        self._record = record
        self._states = RunStates()

    def actions(self) -> RunActions:
        """Everything the tab may do, as the page is given it."""
        record = self._record
        return RunActions(
            find=self.find,
            told=self.told,
            annotate=lambda run_id, notes, tags: record.annotate(run_id, notes=notes, tags=tags),
            rename=record.rename,
            delete=self.delete,
            measure=lambda run_id: runs.folder_bytes(record.get(run_id).folder.path),
            events=self.events,
        )

    def find(self, query: RunQuery) -> RunPage:
        """The page of runs as they are now."""
        record = self._record
        record.sweep()
        found = record.list_runs(
            query.search, query.count, status=query.status, tag=query.tag, sort=query.sort, offset=query.first
        )
        total = record.count_runs(query.search, status=query.status, tag=query.tag)
        return RunPage([row_of(each) for each in found], total, record.tags())

    def shown_rows(self, run_id: str, kind: str) -> Sequence[ShownRow]:
        """The rows a run keeps to be shown: kind "probes", "drawn" (its own answers), or "failed" (at fault)."""
        folder = runs.run_folder(self._workspace, run_id)
        return read_rows({"probes": folder.probes, "drawn": folder.drawn}.get(kind, folder.failed_rows))

    def events(self, run_id: str) -> Iterator[Event]:
        return read_events(runs.run_folder(self._workspace, run_id).events)

    def told(self, run_id: str) -> RunTold:
        """All of one run."""
        run = self._record.get(run_id)
        state = self._states.of(run)
        config = runs.run_config(run.folder)
        answers = [answers_of(each) for each in scores_of_run(self._workspace, run_id)] if run.scores else []
        known = [each for each in answers if each is not None]
        return RunTold(row_of(run), state, config, self.checkpoints(run_id), self._lineage(run), known)

    def checkpoints(self, run_id: str) -> Sequence[CheckpointRow]:
        found = runs.usable_checkpoints(runs.run_folder(self._workspace, run_id))
        return [CheckpointRow(each.step, each.loss, each.size_bytes, str(each.path)) for each in found]

    def _lineage(self, run: RunInfo) -> Lineage:
        """A parent that was deleted stands as a row without a status."""
        run_id = run.id
        ancestors: list[RunRow] = []
        known, parent = {run_id}, run.parent
        while parent and parent not in known and len(ancestors) < GENERATIONS:
            known.add(parent)
            ancestor = self._found(parent)
            ancestors.append(row_of(ancestor) if ancestor else RunRow(parent, parent, ""))
            parent = ancestor.parent if ancestor else ""
        children = [row_of(each) for each in self._record.children(run_id)]
        sweep = self._record.list_runs(sweep=run.sweep, sort="created") if run.sweep else []
        return Lineage(ancestors[::-1], children, [row_of(each) for each in sweep])

    def delete(self, run_id: str) -> None:
        self._record.delete(run_id)
        self._states.forget(run_id)

    def _found(self, run_id: str) -> RunInfo | None:
        try:
            return self._record.get(run_id)
        except UserError:
            return None


def row_of(run: RunInfo) -> RunRow:
    """A run of the record as the page lists it."""
    return RunRow(
        id=run.id,
        name=run.name,
        status=run.status,
        model=run.model,
        datasets=tuple(run.datasets),
        method=run.method,
        step=run.step,
        steps=run.steps,
        loss=run.loss,
        best_validation_loss=run.best_validation_loss,
        started_at=run.started_at or run.created_at,
        size_bytes=run.size_bytes or runs.folder_bytes(run.folder.path),
        result=str(run.folder.path / run.result) if run.result else "",
        folder=str(run.folder.path),
        ended_at=run.ended_at,
        score=run.score,
        notes=run.notes,
        tags=tuple(run.tags),
        parent=run.parent,
        parent_step=run.parent_step,
        origin=run.origin,
        sweep=run.sweep,
        by=run.by,
        versions=run.versions,
        data=run.data,
        answers=answers_of(run.scores),
    )


def answers_of(scores: Mapping[str, Any]) -> AnswerScore | None:
    """`RunInfo.scores` as the page shows it; None where there is none."""
    if not isinstance(scores.get("score"), (int, float)):
        return None
    return AnswerScore(
        score=float(scores["score"]),
        low=scores.get("low"),
        high=scores.get("high"),
        rows=int(scores.get("rows") or 0),
        datasets=tuple(scores.get("datasets") or ()),
        tasks=dict(scores.get("tasks") or {}),
        result=str(scores.get("result") or ""),
        evaluation=str(scores.get("evaluation") or ""),
        at=float(scores.get("at") or 0.0),
    )
