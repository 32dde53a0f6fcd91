"""Runs that were started by hand or by a scheduler, here or on another machine: their files are all there is.

Such a run's processes never open the record, which is a file that only one machine may write to. The record takes
the folder in when it finds it (`Record.sweep`), and follows its events and its heartbeat.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsft.atomic import write_json
from tsft.config.codec import to_json
from tsft.config.run_config import RunConfig
from tsft.errors import UserError, message
from tsft.run.board import replay
from tsft.store.owner import Owner, host_name, is_alive, this_process
from tsft.store.rows import default_name, owner_of_heartbeat
from tsft.store.runs import RunFolder, new_folder, read_about, read_json, usable_checkpoints
from tsft.store.workspace import Workspace, readable_part

# A heartbeat comes every five seconds. Clocks of machines differ, and a busy file server keeps things back.
SILENT_SECONDS = 120.0


@dataclass(frozen=True)
class HandRun:
    """A run that this process writes. step: of the checkpoint it goes on from, 0 for none."""

    folder: RunFolder
    step: int = 0
    name: str = ""
    by: str = ""

    def beat(self) -> None:
        """Say that it is alive, and where."""
        owner = this_process()
        signs = {"at": time.time(), "pid": owner.pid, "boot_id": owner.boot_id, "started": owner.started}
        write_json(self.folder.heartbeat, {**signs, "host": host_name()})


def open_hand_run(workspace: Workspace, config: RunConfig, path: Path | None, step: int) -> HandRun:
    """A new run in the workspace, or an earlier one to go on with from `step` (0: its newest checkpoint)."""
    by = os.environ.get("USER") or os.environ.get("USERNAME") or ""
    if path is None:
        folder, name = make_folder(workspace, config, by, {})
        return HandRun(folder, 0, name, by)
    folder = RunFolder(path.resolve())
    saved = usable_checkpoints(folder)
    if step and step not in [each.step for each in saved]:
        steps = ", ".join(str(each.step) for each in reversed(saved))
        raise UserError(message("engine.no_such_checkpoint", name=folder.id, step=step, steps=steps))
    name = str(read_about(folder).get("name") or folder.id)
    return HandRun(folder, step or (saved[0].step if saved else 0), name, by)


def make_folder(workspace: Workspace, config: RunConfig, by: str, more: Mapping[str, Any]) -> tuple[RunFolder, str]:
    """The folder of a new run with its config, and its name. Its id is the time and the name; no two share one."""
    now = time.time()
    name = config.output.name.strip() or default_name(config)
    folder = new_folder(workspace, f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{readable_part(name)}")
    write_json(folder.about, {"name": name, "by": by, "created_at": now, **more})
    write_json(folder.config, to_json(config))
    return folder, name


def refuse_if_busy(folder: RunFolder) -> None:
    """Raise UserError where other processes are at this run."""
    if not replay(folder.events).is_active:
        return
    heartbeat = read_json(folder.heartbeat)
    owner = owner_of_heartbeat(heartbeat)
    if owner is not None and lives(owner, float(heartbeat.get("at") or 0.0)):
        raise UserError(message("record.run_active", name=str(read_about(folder).get("name") or folder.id)))


def lives(owner: Owner, heartbeat_at: float) -> bool:
    """Whether a run's process is there: by its number on this machine, by its heartbeat on another."""
    return is_alive(owner) if owner.is_here else time.time() - heartbeat_at < SILENT_SECONDS


def owner_told(text: str) -> Owner | None:
    """The process that `launching` told its own of; None where nothing was told."""
    return Owner(**json.loads(text)) if text else None
