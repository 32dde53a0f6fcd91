"""One of the processes that train a run together: `torchrun … -m tsft.engine.worker --run FOLDER`.

An engine starts it (`engine/launching.py`), or a person or a scheduler does, on any machine that sees the workspace;
then `--config FILE --workspace FOLDER` makes a new run. The first process writes the run's folder, all compute.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tsft.config.codec import read_config
from tsft.config.run_config import RunConfig
from tsft.engine import recipe
from tsft.engine.agreement import AgreedControl
from tsft.engine.control import Pulse
from tsft.engine.discarding import end_without_result, ended_by_force
from tsft.engine.failures import failure_of
from tsft.engine.job import Job
from tsft.engine.launching import SUPERVISOR
from tsft.engine.preflight import preflight
from tsft.engine.process_team import join, leave
from tsft.engine.team import Team
from tsft.engine.verdict import fault_of, has_lost_others, hung, is_still
from tsft.engine.versions import code_versions
from tsft.engine.vital_signs import BEAT_SECONDS, VitalSigns
from tsft.errors import UserError, raise_if_any
from tsft.i18n import FALLBACK, say_all
from tsft.log import run_log, set_up
from tsft.run.board import Board, mend_cut_line, replay
from tsft.run.events import CommandGiven, RunStarted, to_line
from tsft.run.ports import Stopped
from tsft.store.hand_runs import HandRun, open_hand_run, owner_told, refuse_if_busy
from tsft.store.owner import Owner, host_name
from tsft.store.ranks import Sign, clear_signs, read_signs
from tsft.store.runs import Checkpoint, RunFolder, read_about, run_config, usable_checkpoints
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)

FINISHED, FAILED, BAD_SETTINGS = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    options = _parser().parse_args(arguments)
    config = read_config(options.config) if options.config else run_config(RunFolder(options.run))
    supervisor = owner_told(os.environ.get(SUPERVISOR, ""))
    set_up(logging.INFO if supervisor is None else logging.WARNING)
    team = join(config.processes.timeout_minutes)
    try:
        started = _opened(options, config, team, supervisor)
        if started is None:
            return BAD_SETTINGS
        return _work(started, config, team, supervisor)
    finally:
        leave()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tsft.engine.worker", allow_abbrev=False)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, metavar="FOLDER")
    what.add_argument("--config", type=Path, metavar="FILE")
    parser.add_argument("--workspace", type=Path, metavar="FOLDER")
    parser.add_argument("--step", type=int, default=0, metavar="N")
    parser.add_argument("--handed-on", action="store_true")
    return parser


@dataclass(frozen=True)
class _Started:
    """The run that this process is one of."""

    folder: RunFolder
    checkpoint: Checkpoint | None
    is_handed_on: bool

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.folder.path.parent.parent)


def _opened(options: argparse.Namespace, config: RunConfig, team: Team, supervisor: Owner | None) -> _Started | None:
    """The run's folder, made by the first process where it is new; None where the run is refused."""
    made: HandRun | None = None
    if team.is_first and supervisor is None:
        try:
            made = _by_hand(options, config, team)
        except UserError as error:
            sys.stderr.write(say_all(FALLBACK, error) + "\n")
    path = options.run
    if supervisor is None:
        path, step = team.told((made.folder.path, made.step) if made is not None else (None, 0))
    else:
        step = options.step
    if path is None:
        return None
    folder = RunFolder(path.resolve())
    checkpoint = next((each for each in usable_checkpoints(folder) if each.step == step), None) if step else None
    return _Started(folder, checkpoint, options.handed_on)


def _by_hand(options: argparse.Namespace, config: RunConfig, team: Team) -> HandRun:
    """Take the run for these processes, as an engine does for its own. Raises UserError where that cannot be."""
    workspace = Workspace((options.workspace or options.run.resolve().parent.parent).resolve())
    raise_if_any(preflight(config, workspace))
    if options.run is not None:
        refuse_if_busy(RunFolder(options.run.resolve()))
    made = open_hand_run(workspace, config, options.run, options.step)
    clear_signs(made.folder)
    made.beat()
    mend_cut_line(made.folder.events)
    started = RunStarted(
        time.time(), made.folder.id, made.name, made.step, made.by, code_versions(), team.size, host_name()
    )
    Board(made.folder.events, replay(made.folder.events)).say(started)
    return made


def _work(started: _Started, config: RunConfig, team: Team, supervisor: Owner | None) -> int:
    folder = started.folder
    board = Board(folder.events, replay(folder.events)) if team.is_first else Board()
    control = AgreedControl(board, team)
    name = str(read_about(folder).get("name") or folder.id)
    job = Job(config, folder, name, started.workspace, board, control, started.checkpoint, started.is_handed_on, team)
    if team.is_first and supervisor is None:
        control.force = lambda by: _end_by_force(job, by)
    watch = _Watch(job, supervisor)
    signs = VitalSigns(folder, team, control, lambda: board.state.step, supervisor, watch.look)
    signs.start()
    pulse = Pulse(_Beats(folder, is_quiet=supervisor is not None), folder, control, lambda: None)
    _obey_signals(control, team)
    if team.is_first:
        pulse.start()
    try:
        return _trained(job, signs, supervisor)
    finally:
        if team.is_first:
            pulse.end()


def _trained(job: Job, signs: VitalSigns, supervisor: Owner | None) -> int:
    """Run the recipe; whatever happens is said before this process leaves."""
    try:
        with run_log(job.folder.log) if job.team.is_first else nullcontext():
            recipe.train(job)
    except Stopped:
        if job.team.is_first:
            job.board.say(end_without_result(job))
    except BaseException as error:  # noqa: BLE001 (the outermost frame of the run: translated and logged here)
        return _failed(job, signs, supervisor, error)
    signs.end(is_done=True)
    return FINISHED


def _failed(job: Job, signs: VitalSigns, supervisor: Owner | None, error: BaseException) -> int:
    """The fault into this process's sign, and where it is the first one's own, or nobody watches, onto the board."""
    first = read_signs(job.folder).get(0)
    if job.team.rank and first is not None and first.is_done:
        return FINISHED  # the run was stopped before all were together
    logger.exception("run %s failed in process %d", job.folder.id, job.team.rank)
    is_lost = has_lost_others(error)
    failed = failure_of(error, job.config, job.board.state.phase)
    signs.end(failed=json.loads(to_line(failed)), has_lost_others=is_lost)
    if job.team.is_first and not is_lost:
        job.board.say(failed)
    elif job.team.is_first and supervisor is None:
        gone = _gone(job)
        job.board.say(fault_of(read_signs(job.folder), {}, {}, job.board.state.step, job.team.size, gone))
    return FAILED


def _end_by_force(job: Job, by: str) -> None:
    """The end of this process makes torchrun end the others."""
    job.board.say(CommandGiven(time.time(), "force_stop", by))
    job.board.say(ended_by_force(job))
    os._exit(FAILED)


def _gone(job: Job) -> list[int]:
    """The processes that say nothing any more, seen over a few of their beats."""
    before = read_signs(job.folder)
    time.sleep(4 * BEAT_SECONDS)
    after = read_signs(job.folder)
    return [rank for rank, sign in after.items() if rank in before and sign.at == before[rank].at and not sign.failed]


class _Watch:
    """What the first process of a run that nobody supervises looks at: whether the others still move."""

    def __init__(self, job: Job, supervisor: Owner | None) -> None:
        self._job = job
        self._is_watching = job.team.is_first and supervisor is None

    def look(self, own: Sign) -> None:
        job, minutes = self._job, self._job.config.processes.silence_minutes
        if not self._is_watching:
            return
        found = list(read_signs(job.folder).values())
        if len(found) == job.team.size and is_still(found, minutes, time.time()):
            job.board.say(hung(found, minutes, job.board.state.step, {}))
            os._exit(FAILED)


class _Beats:
    """The heartbeat of a run whose folder is all there is; an engine that supervises writes its own."""

    def __init__(self, folder: RunFolder, *, is_quiet: bool) -> None:
        self._folder = folder
        self._is_quiet = is_quiet

    def heartbeat(self, run_id: str) -> None:
        if not self._is_quiet:
            HandRun(self._folder).beat()


def _obey_signals(control: AgreedControl, team: Team) -> None:
    """A scheduler that wants the machine back, or Ctrl-C, is a wish to stop; the first process tells the others."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        if team.is_first:
            # A thread: the handler runs between two instructions of this one, which may hold the board's lock.
            by = signal.Signals(number).name
            threading.Thread(target=control.stop, args=(by,), name="tsft-stop", daemon=True).start()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, on_signal)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: threads of libraries may hold the interpreter's end for long, and all is on disk by now.
    os._exit(code)
