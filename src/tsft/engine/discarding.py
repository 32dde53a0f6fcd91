"""What a run leaves when it ends without a result of its own: stopped before its first step, or thrown away."""

import logging
import shutil
import time

from tsft.engine.job import Job
from tsft.errors import message
from tsft.run.events import CheckpointRemoved, Finished
from tsft.store.runs import is_weights_folder, usable_checkpoints

logger = logging.getLogger(__name__)


def end_without_result(job: Job) -> Finished:
    """The last event of a run that was stopped with nothing new to keep; throws its checkpoints away when asked to.

    What an attempt before this one left (a result, the checkpoint it went on from) stays as it was.
    """
    state = job.board.state
    earlier = next((path.name for path in (job.folder.adapter, job.folder.model) if is_weights_folder(path)), "")
    if job.control.is_discarding:
        told = message("run.discarded", step=state.step, checkpoints=_throw_away(job))
    elif job.resume_from is not None:
        told = message("run.stopped_before_going_on", step=job.resume_from.step)
    else:
        told = message("run.stopped_early")
    return Finished(time.time(), "stopped", state.step, earlier, told)


def ended_by_force(job: Job) -> Finished:
    """The last event of a run whose processes were ended at once: what it can be gone on from."""
    step, saved = job.board.state.step, usable_checkpoints(job.folder)
    if saved:
        told = message("run.forced_resumable", step=step, checkpoint=saved[0].step)
    else:
        told = message("run.forced", step=step)
    return Finished(time.time(), "stopped", step, "", told)


def _throw_away(job: Job) -> int:
    """Remove the checkpoints that this attempt wrote, whole or not; how many whole ones they were."""
    whole = {each.path: each for each in usable_checkpoints(job.folder)}
    found = list(job.folder.checkpoints.iterdir()) if job.folder.checkpoints.is_dir() else []
    removed = 0
    for path in found:
        is_earlier = path in whole and whole[path].saved_at < job.began_at
        if not path.is_dir() or is_earlier or (job.resume_from is not None and path == job.resume_from.path):
            continue
        try:
            shutil.rmtree(path)
        except OSError as error:
            logger.warning("could not remove %s: %s", path.name, error)
            continue
        if path in whole:
            removed += 1
            job.board.say(CheckpointRemoved(time.time(), path.relative_to(job.folder.path).as_posix()))
    return removed
