"""A run whose process is gone: what its folder says of it, and the end that is written in the process's place."""

import logging

from tsft.errors import message
from tsft.run.board import mend_cut_line, replay
from tsft.run.events import Finished, to_line
from tsft.run.state import RunState
from tsft.store.runs import RunFolder, usable_checkpoints

logger = logging.getLogger(__name__)


def newest_checkpoint(folder: RunFolder) -> str:
    """The newest checkpoint that can be gone on from, relative to the run's folder; "" when there is none."""
    usable = usable_checkpoints(folder)
    return usable[0].path.relative_to(folder.path).as_posix() if usable else ""


def told_state(folder: RunFolder) -> RunState:
    """What the events add up to; a run that said nothing where they cannot be read."""
    try:
        return replay(folder.events)
    except OSError as error:
        logger.warning("could not read the events of %s: %s", folder.id, error)
        return RunState()


def say_interrupted(folder: RunFolder, step: int, at: float, checkpoint: str) -> None:
    """Write the end that the process could not write itself, so that the folder alone tells the truth."""
    if checkpoint:
        told = message("run.interrupted_resumable", step=step, checkpoint=checkpoint.rpartition("-")[2])
    else:
        told = message("run.interrupted", step=step)
    mend_cut_line(folder.events)
    with folder.events.open("a", encoding="utf-8") as file:
        file.write(to_line(Finished(at, "interrupted", step, "", told)) + "\n")
