"""How a run goes on: from its newest checkpoint as the same run; from an earlier one, or for longer, as a child.

The parent stays as it is, with its curve and its result. The child begins with a copy of the checkpoint of its own, so
that the parent's may go. Its learning rate follows its own, longer schedule from that step on: where the parent's had
come down, it rises again.
"""

import dataclasses
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tsft.config.run_config import RunConfig
from tsft.errors import UserError, message
from tsft.run.board import replay
from tsft.run.state import RunState
from tsft.store.record import Record
from tsft.store.runs import Checkpoint, RunInfo, run_config, usable_checkpoints


@dataclass(frozen=True)
class Onward:
    """What goes on from where. is_same: as the run itself; else as a child with `config`, and origin says how."""

    run: RunInfo
    config: RunConfig
    checkpoint: Checkpoint
    is_same: bool
    origin: str = ""


def onward(run: RunInfo, checkpoint_step: int = 0, epochs: float = 0.0) -> Onward:
    """The plan for going on from the checkpoint of this step (0: the newest), for so many epochs more (0: to its end).

    Raises UserError when there is no such checkpoint, or when nothing is left to do.
    """
    found = usable_checkpoints(run.folder)
    if run.status == "finished" and not epochs and (not checkpoint_step or checkpoint_step >= run.step):
        raise UserError(message("engine.is_finished", name=run.name))
    if not found:
        raise UserError(message("engine.no_checkpoint", name=run.name))
    chosen = next((each for each in found if each.step == checkpoint_step), None) if checkpoint_step else found[0]
    if chosen is None:
        steps = ", ".join(str(each.step) for each in reversed(found))
        raise UserError(message("engine.no_such_checkpoint", name=run.name, step=checkpoint_step, steps=steps))
    config = run_config(run.folder)
    if not epochs and chosen is found[0] and run.status != "finished":
        return Onward(run, config, chosen, is_same=True)
    name = f"{run.name} @{chosen.step}" + (f" +{epochs:g}" if epochs else "")
    config = dataclasses.replace(config, output=dataclasses.replace(config.output, name=name))
    if not epochs:
        return Onward(run, config, chosen, is_same=False, origin="resumed")
    longer = _longer(config, replay(run.folder.events), chosen.step, epochs)
    return Onward(run, longer, chosen, is_same=False, origin="extended")


def make_child(record: Record, plan: Onward, by: str) -> tuple[RunInfo, Checkpoint]:
    """The new run of a plan and the checkpoint it begins with, which is its own."""
    step = plan.checkpoint.step
    child = record.create_run(plan.config, by, parent=plan.run.id, parent_step=step, origin=plan.origin)
    try:
        _share(plan.checkpoint.path, child.folder.checkpoints / plan.checkpoint.path.name)
    except OSError as error:
        record.delete(child.id)
        why = error.strerror or str(error)
        raise UserError(message("file.not_written", path=str(child.folder.checkpoints), why=why)) from error
    record.measure(child.id)
    return child, usable_checkpoints(child.folder)[0]


def checkpoint_of(run: RunInfo, step: int) -> Checkpoint | None:
    """The checkpoint a waiting run begins with, None for a fresh start. Raises UserError when it is gone."""
    if not step:
        return None
    for each in usable_checkpoints(run.folder):
        if each.step == step:
            return each
    raise UserError(message("engine.no_checkpoint", name=run.name))


def _longer(config: RunConfig, state: RunState, step: int, epochs: float) -> RunConfig:
    """The config with so many epochs after `step`, counted in the parent's own steps an epoch."""
    schedule = config.schedule
    plan = state.plan
    steps_an_epoch = plan.steps / plan.epochs if plan is not None and plan.epochs else 0.0
    if schedule.max_steps:
        more = math.ceil(epochs * steps_an_epoch) if steps_an_epoch else 0
        changed = dataclasses.replace(schedule, max_steps=step + max(1, more))
    else:
        is_at_end = plan is None or step >= plan.steps
        done = schedule.epochs if is_at_end else step / steps_an_epoch
        changed = dataclasses.replace(schedule, epochs=round(done + epochs, 6))
    return dataclasses.replace(config, schedule=changed)


def _share(source: Path, target: Path) -> None:
    """The same files under another name where the disk can do that (they are never written to again), else copies."""

    def link(path: str, new: str) -> None:
        try:
            os.link(path, new)
        except OSError:
            shutil.copy2(path, new)

    shutil.copytree(source, target, copy_function=link)
