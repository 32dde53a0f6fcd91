"""What the REST interface does with engine and record: forms in, forms out, UserError for everything refused."""

from collections.abc import Sequence
from typing import Any

from tsft.api.answers import faults
from tsft.api.forms import (
    Begun,
    Checked,
    Enqueued,
    Obeyed,
    Queue,
    RunLine,
    RunPage,
    WaitingRun,
    Wanted,
    WantedResume,
    WantedRun,
    WantedRuns,
)
from tsft.config.check import check
from tsft.config.codec import from_flat, readable_part, to_json
from tsft.config.run_config import RunConfig
from tsft.errors import Problem, UserError, message, raise_if_any
from tsft.run.outline import metrics, outline
from tsft.run.ports import EnginePort
from tsft.run.state import CURVES, RunState
from tsft.store import presets
from tsft.store.app_settings import SettingsFile, first_config
from tsft.store.record import Record
from tsft.store.run_states import RunStates
from tsft.store.runs import RunInfo, run_config
from tsft.store.workspace import Workspace

# In the place of a run's id: the one in progress, else the last one of this process.
CURRENT = "current"


class Service:
    """Any thread may ask; nothing of a caller is kept."""

    def __init__(self, engine: EnginePort, workspace: Workspace, record: Record, settings: SettingsFile) -> None:
        self.engine = engine
        self.workspace = workspace
        self.record = record
        self.settings = settings
        self._states = RunStates()

    # -- looking -----------------------------------------------------------------------------------------------------

    def runs(self, search: str, status: str, tag: str, sort: str, limit: int, offset: int) -> RunPage:
        self.record.sweep()
        found = self.record.list_runs(search, limit + 1, status=status, tag=tag, sort=sort, offset=offset)
        more = offset + limit if len(found) > limit else None
        return RunPage(runs=[_line(each) for each in found[:limit]], next_offset=more)

    def state(self, run_id: str) -> dict[str, Any]:
        return outline(self._state(run_id))

    def metrics(self, run_id: str, names: Sequence[str], points: int) -> dict[str, Any]:
        unknown = [name for name in names if name not in CURVES]
        if unknown:
            told = message("api.unknown_metric", name=", ".join(unknown), known=", ".join(CURVES))
            raise UserError(Problem("names", told))
        return metrics(self._state(run_id), names or CURVES, points)

    def config(self, run_id: str) -> dict[str, Any]:
        return to_json(run_config(self.record.get(self._id(run_id)).folder))

    def queue(self) -> Queue:
        waiting = [
            WaitingRun(
                position=number,
                run=each.run_id,
                name=each.name,
                model=each.model,
                datasets=list(each.datasets),
                by=each.by,
                at=each.at,
                sweep=each.sweep,
            )
            for number, each in enumerate(self.engine.queue(), start=1)
        ]
        return Queue(is_held=self.engine.is_queue_held(), runs=waiting)

    # -- doing -------------------------------------------------------------------------------------------------------

    def check(self, wanted: Wanted, language: str) -> Checked:
        """What `start` would refuse, without starting anything."""
        config, problems = self._config(wanted)
        read = {problem.field for problem in problems}
        problems += [each for each in self.engine.check(config) if each.field not in read]
        errors = faults([each for each in problems if not each.is_warning], language)
        return Checked(problems=errors, warnings=faults([each for each in problems if each.is_warning], language))

    def start(self, wanted: WantedRun, by: str) -> Begun:
        config = self._sound(wanted)
        if wanted.queue:
            return Begun(run=self.engine.enqueue([config], by)[0], queued=True)
        return Begun(run=self.engine.start(config, by))

    def enqueue(self, wanted: WantedRuns, by: str) -> Enqueued:
        configs = [self._sound(each) for each in wanted.runs]
        return Enqueued(runs=list(self.engine.enqueue(configs, by, wanted.sweep)))

    def resume(self, run_id: str, wanted: WantedResume, by: str) -> Begun:
        run = self._id(run_id)
        if wanted.queue:
            return Begun(run=self.engine.enqueue_resume(run, by, wanted.checkpoint_step, wanted.epochs), queued=True)
        return Begun(run=self.engine.resume(run, by, wanted.checkpoint_step, wanted.epochs))

    def command(self, run_id: str, command: str, by: str) -> Obeyed:
        run = self._id(run_id)
        if not self.engine.command(command, by, run):
            raise UserError(message("api.nothing_runs", run=run))
        return Obeyed(run=run, command=command)

    def move(self, run_id: str, position: int) -> Queue:
        self.engine.move(run_id, position)
        return self.queue()

    def hold(self, is_held: bool, by: str) -> Queue:
        self.engine.hold_queue(is_held, by)
        return self.queue()

    def remove(self, run_id: str) -> Queue:
        self.engine.remove(run_id)
        return self.queue()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _config(self, wanted: Wanted) -> tuple[RunConfig, list[Problem]]:
        """What can be read of a wish, and everything in it that cannot."""
        config = first_config(self.settings.current().defaults)
        problems: list[Problem] = []
        if wanted.preset:
            config = presets.load_preset(self.workspace, wanted.preset)
        if wanted.config is not None:
            config, found = readable_part(wanted.config, config)
            problems += found
        for key, value in wanted.overrides.items():
            try:
                config = from_flat({key: value}, config)
            except UserError as error:
                problems += error.problems
        return config, problems

    def _sound(self, wanted: Wanted) -> RunConfig:
        config, problems = self._config(wanted)
        if problems:
            read = {problem.field for problem in problems}
            problems += [each for each in check(config) if each.field not in read]
        raise_if_any(problems)
        return config

    def _id(self, run_id: str) -> str:
        if run_id != CURRENT:
            return self.record.get(run_id).id
        live = self._live()
        if not live.run_id:
            raise UserError(message("record.no_run", run=run_id))
        return live.run_id

    def _state(self, run_id: str) -> RunState:
        live = self._live()
        if live.run_id and run_id in (CURRENT, live.run_id):
            return live
        return self._states.of(self.record.get(self._id(run_id)))

    def _live(self) -> RunState:
        watched = self.engine.watched()
        return watched.read()[1] if watched is not None else RunState()


def _line(run: RunInfo) -> RunLine:
    return RunLine(
        run=run.id,
        name=run.name,
        status=run.status,
        model=run.model,
        datasets=list(run.datasets),
        method=run.method,
        step=run.step,
        steps=run.steps,
        loss=run.loss,
        best_loss=run.best_validation_loss,
        created_at=run.created_at or None,
        started_at=run.started_at or None,
        ended_at=run.ended_at or None,
        bytes=run.size_bytes,
        by=run.by,
        result=run.result,
    )
