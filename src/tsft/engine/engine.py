"""The one engine of a process: starts, resumes and stops runs on a background thread, and shows the one in progress.

Importing this module loads neither torch nor transformers, so that the page is there at once: `recipe` and `preflight`,
which do, are loaded by `heavy` at first use or ahead of it by `warm_up`.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence

from tsft.config.run_config import RunConfig
from tsft.engine.control import Control, Pulse, refuse_impossible
from tsft.engine.discarding import end_without_result
from tsft.engine.downloads import Downloads
from tsft.engine.far_control import FarControl
from tsft.engine.gauges import GaugeReader, loaded_cuda
from tsft.engine.heavy import heavy
from tsft.engine.job import Job
from tsft.engine.onward import checkpoint_of, make_child, onward
from tsft.engine.queue import RunQueue, tell_refused
from tsft.engine.side_work import SideWork
from tsft.engine.team import is_launched
from tsft.engine.versions import code_versions
from tsft.errors import Message, Problem, UserError, message, raise_if_any
from tsft.log import run_log
from tsft.run.board import Board, Follower, SharedBoard, mend_cut_line, replay
from tsft.run.events import CheckpointSaved, RunStarted
from tsft.run.gauges import Gauges
from tsft.run.ports import Fetch, QueueEntry, Stopped, Watched
from tsft.run.state import ACTIVE, RunState
from tsft.store.commands import ask
from tsft.store.record import Record, busy
from tsft.store.rows import row_of_state
from tsft.store.runs import Checkpoint, RunInfo, run_config, usable_checkpoints
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)
# Runs in progress on other machines are among so many of the newest.
RECENT_RUNS = 200


class Engine(SideWork):
    """Implements `run.ports.EnginePort`. Every method may be called from any thread."""

    def __init__(self, workspace: Workspace, record: Record) -> None:
        self._job: Job | None = None
        self._thread: threading.Thread | None = None
        self._follower: tuple[str, Follower] | None = None
        self._downloads = Downloads(workspace, lambda: self._is_closing)
        self._gauges = GaugeReader(workspace.root, loaded_cuda)
        self._queue = RunQueue(record, self.check, self._begin_waiting, self._is_idle)
        super().__init__(workspace, record, self._queue.wake)
        self._weighed: tuple[CheckpointSaved, ...] = ()
        self._limits: Mapping[tuple[str, str], Message] = {}
        self._is_closing = False
        # After such an error of the accelerator only a new process can use it: runs wait in the queue for that.
        self._is_poisoned = False

    # -- asking ------------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Load torch, transformers and the recipe now, so that the first Start need not wait for them."""
        heavy("recipe")
        heavy("preflight")
        self._limits = heavy("limits").limits()

    def check(self, config: RunConfig) -> list[Problem]:
        """Everything that is wrong with the config on this machine; no weights are loaded."""
        return heavy("preflight").preflight(config, self._workspace)

    def limits(self) -> Mapping[tuple[str, str], Message]:
        """What Start would refuse on this machine, by setting and choice; empty before `warm_up`."""
        return self._limits

    def watched(self) -> Watched | None:
        """The run in progress here, else one of another process, else whichever of these was last seen."""
        with self._lock:
            job = self._job
        if job is not None and self._is_working():
            return job.board
        other = self._record.active()
        if other is not None:
            return self._following(other)
        with self._lock:
            seen = [job.board] if job is not None else []
            seen += [self._follower[1]] if self._follower is not None else []
        return max(seen, key=lambda each: each.read()[1].updated_at, default=None)

    def gauges(self) -> Gauges:
        return self._gauges.read()

    def fetches(self) -> Mapping[str, Fetch]:
        return self._downloads.all()

    # -- doing -------------------------------------------------------------------------------------------------------

    def start(self, config: RunConfig, by: str = "", parent: str = "") -> str:
        """Begin a run. Raises UserError with all problems, or `engine.busy` naming the run in progress."""
        self._refuse_if_busy()
        self._refuse(config)
        run = self._record.create_run(config, by, parent=parent, origin="cloned" if parent else "")
        try:
            self._begin(run, config, by, None)
        except UserError:  # another process was quicker: nothing of this run is kept
            self._record.delete(run.id)
            raise
        return run.id

    def resume(self, run_id: str, by: str = "", checkpoint_step: int = 0, epochs: float = 0.0) -> str:
        """Go on with a run, as itself or as a child (`engine.onward`). Raises UserError when that cannot be."""
        run = self._record.find(run_id)
        self._refuse_if_busy()
        plan = onward(run, checkpoint_step, epochs)
        self._refuse(plan.config)
        if plan.is_same:
            self._begin(run, plan.config, by, plan.checkpoint)
            return run.id
        child, checkpoint = make_child(self._record, plan, by)
        try:
            self._begin(child, plan.config, by, checkpoint)
        except UserError:
            self._record.delete(child.id)
            raise
        return child.id

    def enqueue(self, configs: Sequence[RunConfig], by: str = "", sweep: str = "", parent: str = "") -> list[str]:
        return self._queue.add(configs, by, sweep, parent)

    def enqueue_resume(self, run_id: str, by: str = "", checkpoint_step: int = 0, epochs: float = 0.0) -> str:
        return self._queue.add_resume(run_id, by, checkpoint_step, epochs)

    def queue(self) -> list[QueueEntry]:
        return self._queue.entries()

    def move(self, run_id: str, position: int) -> None:
        self._record.queue.move(run_id, position)

    def remove(self, run_id: str) -> None:
        self._record.queue.remove(run_id)

    def hold_queue(self, is_held: bool, by: str = "") -> None:
        self._queue.hold(is_held, by)

    def is_queue_held(self) -> bool:
        return self._record.queue.is_held

    def serve_queue(self) -> None:
        """From now on this process starts the runs of the queue as their turn comes."""
        self._queue.serve()

    def start_next(self) -> str:
        """Begin the run whose turn it is; its id, "" when there is none."""
        return self._queue.start_next()

    def stop(self, by: str = "", run_id: str = "") -> bool:
        """Ask the run in progress to stop and keep what it learnt."""
        return self.command("stop", by, run_id)

    def command(self, command: str, by: str = "", run_id: str = "") -> bool:
        """Ask the run in progress for something; a run of another process gets the wish through its folder."""
        with self._lock:
            job = self._job if self._is_working() else None
        if job is not None and run_id in ("", job.folder.id):
            refuse_impossible(command, job.config, job.name)
            job.control.give(command, by)
            return True
        other = self._record.active()
        if other is None or run_id not in ("", other.id):
            other = self._elsewhere(run_id)
        if other is None:
            return False
        refuse_impossible(command, run_config(other.folder), other.name)
        ask(other.folder, command, by)
        return True

    def wait(self, timeout_seconds: float | None = None) -> RunState | None:
        """Wait for the run of this process to end; its state then, or None when there never was one."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_seconds)
        return self._job.board.state if self._job is not None else None

    def close(self, timeout_seconds: float = 60.0) -> bool:
        """Refuse new runs, stop the present one and wait until it has saved. False when it took too long."""
        self._is_closing = True
        self._queue.close()
        self.free_model()
        self.end_examination()
        self._exports.give_up()
        self._evaluations.give_up()
        if self._is_working():
            self.stop()
            self.wait(timeout_seconds)
        return not self._is_working()

    @property
    def board(self) -> Board | None:
        """The board of the run of this process, for listeners."""
        return self._job.board if self._job is not None else None

    def fetch_model(self, name: str, hub: str = "huggingface") -> None:
        """Bring a base model into the workspace on a thread of its own."""
        self._downloads.begin(name, hub)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _refuse_if_busy(self) -> None:
        if self._is_closing:
            raise UserError(message("engine.closing"))
        if self._is_unusable():
            raise UserError(message("engine.poisoned"))
        self._exports.refuse_if_heavy()
        self._evaluations.refuse_if_busy()
        running = self._record.active()
        if running is not None:
            raise busy(running)

    def _refuse(self, config: RunConfig) -> None:
        """Raise everything that is wrong with the config on this machine and with this model, before anything loads."""
        problems, examiner = self.check(config), self._examining()
        if config.processes.machines > 1:
            problems = [*problems, Problem("processes.machines", message("process.several_machines"))]
        if not examiner.knows(config):  # a model is about to be built, if without weights: one at a time
            self._free_for_run()
            self.end_examination()
        raise_if_any([*problems, *examiner.model_problems(config, problems)])

    def _is_idle(self) -> bool:
        is_free = not self._is_working() and not self._exports.is_heavy and not self._evaluations.is_busy
        return is_free and not self._is_unusable() and not self._is_closing

    def _is_unusable(self) -> bool:
        """Whether the accelerator is in a state that only a new process gets over, whatever brought it there."""
        is_poisoned_by_answer = self._desk is not None and self._desk.is_poisoned
        return self._is_poisoned or self._evaluations.is_poisoned or is_poisoned_by_answer

    def _is_working(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _begin(self, run: RunInfo, config: RunConfig, by: str, checkpoint: Checkpoint | None) -> None:
        self._make_room()  # two models at once may not fit, and a run has the random numbers for itself
        with self._admission.lock, self._lock:
            self._claim(run)
            try:
                self._launch(run, config, by, checkpoint)
            except BaseException:
                self._record.release(run.id, status="failed")  # or every later Start would find it in progress
                raise

    def _begin_waiting(self, run: RunInfo) -> None:
        """The same for a run of the queue; one that cannot be started any more is failed with the reasons."""
        self._make_room()
        with self._admission.lock:
            self._claim(run, only_waiting=True)
        try:
            config = run_config(run.folder)
            self._refuse(config)
            checkpoint = checkpoint_of(run, run.queued_step)
            with self._lock:
                if not self._is_closing:
                    self._launch(run, config, run.queued_by, checkpoint)
                    return
            self._record.give_back(run)
        except UserError as error:
            state = tell_refused(run, error)
            self._record.release(run.id, **row_of_state(state))
        except BaseException:
            self._record.release(run.id, status="failed")
            raise

    def _claim(self, run: RunInfo, *, only_waiting: bool = False) -> None:
        """Take the place for a model, unless an export or an evaluation took it since this run was asked for."""
        self._exports.refuse_if_heavy()
        self._evaluations.refuse_if_busy()
        self._record.claim(run.id, only_waiting=only_waiting)

    def _launch(self, run: RunInfo, config: RunConfig, by: str, checkpoint: Checkpoint | None) -> None:
        mend_cut_line(run.folder.events)
        has_own = is_launched(config)
        board = SharedBoard(run.folder.events) if has_own else Board(run.folder.events, replay(run.folder.events))
        control = FarControl(board, run.folder) if has_own else Control(board)
        is_handed_on = bool(run.parent) and checkpoint is not None and checkpoint.step == run.parent_step
        job = Job(config, run.folder, run.name, self._workspace, board, control, checkpoint, is_handed_on)
        # Said before the thread loads anything: from now on this is the run in progress for every reader.
        step, processes = checkpoint.step if checkpoint else 0, config.processes.count if has_own else 0
        board.say(RunStarted(time.time(), run.id, run.name, step, by, code_versions(), processes))
        if run.origin in ("resumed", "extended") and run.status == "queued":
            job.note("info", message(f"run.{run.origin}", parent=run.parent, step=run.parent_step))
        if self._thread is not None:
            self._thread.join()  # its run is over; only its last lines may still be on their way
        self._job = job
        # Not a daemon: torch aborts the process when the interpreter ends under a daemon thread.
        self._thread = threading.Thread(target=self._work, args=(job,), name="tsft-run")
        self._thread.start()

    def _work(self, job: Job) -> None:
        pulse = Pulse(self._record, job.folder, job.control, lambda: self._report(job))
        pulse.start()
        try:
            self._train(job)
        finally:
            pulse.end()
            state = job.board.state
            newest = usable_checkpoints(job.folder)
            checkpoint = newest[0].path.relative_to(job.folder.path).as_posix() if newest else ""
            self._record.release(job.folder.id, **{**row_of_state(state), "checkpoint": checkpoint})
            self._queue.wake()

    def _train(self, job: Job) -> None:
        """Run the recipe; whatever happens ends in one event, with the memory given back."""
        recipe = None
        try:
            self._free_for_run()  # asked in the moment before this run was claimed
            if is_launched(job.config):
                heavy("launching").run_processes(job)
                return
            recipe = heavy("recipe")
            with run_log(job.folder.log):
                recipe.train(job)
        except Stopped:
            job.board.say(end_without_result(job))
        except BaseException as error:  # noqa: BLE001 (the outermost frame of the thread: translated and logged here)
            logger.exception("run %s failed", job.folder.id)
            failures = heavy("failures")
            job.board.say(failures.failure_of(error, job.config, job.board.state.phase))
            self._is_poisoned = self._is_poisoned or failures.is_poisoned(error)
            failures.let_go(error)
        finally:
            if recipe is not None:
                heavy("device").give_memory_back()

    def _report(self, job: Job) -> None:
        state = job.board.state
        if state.checkpoints != self._weighed:  # what makes a folder heavy; the rest is weighed at the end
            self._weighed = state.checkpoints
            self._record.measure(job.folder.id)
        self._record.update(job.folder.id, **row_of_state(state))

    def _elsewhere(self, run_id: str) -> RunInfo | None:
        """The run of this id if it was started by hand and is in progress, on whichever machine."""
        found = [run for run in self._record.list_runs(limit=RECENT_RUNS) if run.id == run_id]
        return found[0] if found and found[0].host and found[0].status in ACTIVE else None

    def _following(self, run: RunInfo) -> Follower:
        with self._lock:
            if self._follower is None or self._follower[0] != run.id:
                self._follower = (run.id, Follower(run.folder.events))
            return self._follower[1]
