"""The record of a workspace's runs: which there are, how they stand, and which process works on one.

The run folders stay the truth: the table can be made anew from them at any time, and is when the file is broken.
"""

import dataclasses
import json
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, exc, select

from tsft.config.codec import to_json
from tsft.config.run_config import RunConfig
from tsft.errors import Message, UserError, message
from tsft.run.board import mend_cut_line, replay
from tsft.run.events import Finished, to_line
from tsft.run.state import ACTIVE, RunState
from tsft.store.atomic import write_json
from tsft.store.database import Database, runs_table
from tsft.store.owner import is_alive, this_process
from tsft.store.rows import (
    default_name,
    info_of_row,
    owner_columns,
    owner_of_row,
    row_of_config,
    row_of_folder,
    row_of_state,
    search_text,
)
from tsft.store.runs import (
    RunFolder,
    RunInfo,
    all_folders,
    folder_bytes,
    read_about,
    remove_folder,
    run_folder,
    usable_checkpoints,
)
from tsft.store.workspace import Workspace, readable_part

logger = logging.getLogger(__name__)
_NO_OWNER = owner_columns(None)


class Record:
    """The runs of one workspace. Every method may be called from any thread; the file is opened at first use."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._database = Database(workspace.database, self._match_folders)
        # Changes that the disk refused; they are tried again with the next one.
        self._behind: dict[str, dict[str, Any]] = {}
        self._behind_lock = threading.Lock()

    # -- the list ------------------------------------------------------------------------------------------------

    def list_runs(self, search: str = "", limit: int = 200) -> list[RunInfo]:
        """Newest first; each word of `search` must be in the name, id, model, data sets, method or status."""
        query = select(runs_table).order_by(runs_table.c.created_at.desc(), runs_table.c.id.desc()).limit(limit)
        for word in search.casefold().split():
            within = runs_table.c.search_text.contains(word, autoescape=True)
            query = query.where(within | (runs_table.c.status == word))
        return self._select(query)

    def get(self, run_id: str) -> RunInfo:
        """The run with this id. Raises UserError when there is none."""
        found = self._select(select(runs_table).where(runs_table.c.id == run_id))
        if not found:
            raise UserError(message("record.no_run", run=run_id))
        return found[0]

    def find(self, text: str) -> RunInfo:
        """The run a person means: by id, else the newest of that name, else the newest whose id or name begins so."""
        runs = self._select(select(runs_table).order_by(runs_table.c.created_at.desc()))
        tests = (
            lambda run: run.id == text,
            lambda run: run.name == text,
            lambda run: text and (run.id.startswith(text) or run.name.startswith(text)),
        )
        for test in tests:
            for run in runs:
                if test(run):
                    return run
        raise UserError(message("record.no_run", run=text))

    def active(self) -> RunInfo | None:
        """The run in progress, of whichever process; None when its process is gone."""
        query = select(runs_table).where(runs_table.c.status.in_(ACTIVE))
        alive = [row for row in self._rows(query) if is_alive(owner_of_row(row))]
        return self._info(alive[0]) if alive else None

    def notes(self) -> list[Message]:
        """What the record has to say of itself: a broken file that was set aside."""
        return [message("record.set_aside", file=path.name) for path in self._database.set_aside]

    # -- one run -------------------------------------------------------------------------------------------------

    def create_run(self, config: RunConfig, by: str = "") -> RunInfo:
        """Make the folder of a new run with its config. Its id is the time and the name; no two runs share one."""
        now = time.time()
        name = config.output.name.strip() or default_name(config)
        folder = self._new_folder(f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{readable_part(name)}")
        write_json(folder.about, {"name": name, "by": by, "created_at": now})
        write_json(folder.config, to_json(config))
        row = {"id": folder.id, "name": name, "status": "queued", "created_at": now, "by": by, **row_of_config(config)}
        row["search_text"] = search_text(row)

        def insert(connection: Connection) -> None:
            # Opening the file may have found the new folder already.
            connection.execute(runs_table.delete().where(runs_table.c.id == folder.id))
            connection.execute(runs_table.insert().values(row))

        self._database.write(insert)
        return self.get(folder.id)

    def claim(self, run_id: str) -> None:
        """Make this process the owner of the workspace's one active run.

        Raises UserError `engine.busy`, naming the run in progress, when another is active.
        """
        self.sweep()
        now, owner = time.time(), this_process()

        def take(connection: Connection) -> Mapping[str, Any] | None:
            rows = _fetch(connection, select(runs_table).where(runs_table.c.status.in_(ACTIVE)))
            if rows:
                return rows[0]
            change = {"status": "preparing", "heartbeat_at": now, "ended_at": 0.0, **owner_columns(owner)}
            connection.execute(runs_table.update().where(runs_table.c.id == run_id).values(change))
            return None

        self.get(run_id)
        other = self._database.write(take)
        if other is not None:
            raise busy(self._info(other))
        run_folder(self.workspace, run_id).commands.unlink(missing_ok=True)
        self.heartbeat(run_id)

    def heartbeat(self, run_id: str) -> None:
        """Say that the run's process is alive; every few seconds. A full disk is logged, it never ends a run."""
        now, owner = time.time(), this_process()
        signs = {"at": now, "pid": owner.pid, "boot_id": owner.boot_id, "started": owner.started}
        try:
            write_json(run_folder(self.workspace, run_id).heartbeat, signs)
        except UserError as error:
            logger.warning("could not write the heartbeat of %s: %s", run_id, error)
        self.update(run_id, heartbeat_at=now)

    def update(self, run_id: str, **fields: Any) -> None:
        """Change columns of a run. What the disk refuses now is kept and tried again with the next change."""
        unknown = set(fields) - set(runs_table.c.keys())
        if unknown:
            raise TypeError(f"the record has no column {sorted(unknown)}")
        with self._behind_lock:
            self._behind.setdefault(run_id, {}).update(fields)
            try:
                self._database.write(self._catch_up)
                self._behind.clear()
            except exc.OperationalError as error:
                logger.warning("could not write to the record (%s); trying again with the next change", error.orig)

    def release(self, run_id: str, **fields: Any) -> None:
        """Give the run up, with the last changes (status, result …) in the same write."""
        size_bytes = folder_bytes(run_folder(self.workspace, run_id).path)
        self.update(run_id, **{"ended_at": time.time(), "size_bytes": size_bytes, **_NO_OWNER, **fields})

    def rename(self, run_id: str, name: str) -> RunInfo:
        """Give a run another name; its id and folder stay."""
        if not name.strip():
            raise UserError(message("record.empty_name"))
        run = dataclasses.replace(self.get(run_id), name=name.strip())
        write_json(run.folder.about, {**read_about(run.folder), "name": run.name})
        searched = {**vars(run), "datasets": json.dumps(run.datasets)}
        self.update(run_id, name=run.name, search_text=search_text(searched))
        return self.get(run_id)

    def delete(self, run_id: str) -> None:
        """Delete a run with its folder. Raises UserError while it is in progress."""
        run = self.get(run_id)
        active = self.active()
        if active is not None and active.id == run_id:
            raise UserError(message("record.run_active", name=run.name))
        remove_folder(run.folder)
        self._database.write(lambda connection: connection.execute(_delete(run_id)))

    # -- truth ---------------------------------------------------------------------------------------------------

    def sweep(self) -> list[RunInfo]:
        """Mark every active run whose process is gone as interrupted, in the table and in its `events.jsonl`.

        Returns them with the step they had reached and, in `checkpoint`, the newest one they can go on from.
        """
        query = select(runs_table).where(runs_table.c.status.in_(ACTIVE))
        swept = [row["id"] for row in self._rows(query) if not is_alive(owner_of_row(row)) and self._interrupt(row)]
        return [self.get(run_id) for run_id in swept]

    def rebuild(self) -> None:
        """Make the table anew from the run folders."""

        def refill(connection: Connection) -> None:
            connection.execute(runs_table.delete())
            self._match_folders(connection)

        self._database.write(refill)

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        self._database.close()

    def _interrupt(self, row: Mapping[str, Any]) -> bool:
        """Returns False when another process was quicker."""
        folder = run_folder(self.workspace, row["id"])
        state = _told(folder)
        change = {**row_of_state(state), **_NO_OWNER}
        if state.is_active or state.status == "queued":
            ended_at = max(state.updated_at, row["heartbeat_at"])
            change |= {"status": "interrupted", "ended_at": ended_at, "checkpoint": _newest_checkpoint(folder)}
        same_owner = runs_table.c.owner_pid.is_(row["owner_pid"])
        where = (runs_table.c.id == row["id"]) & (runs_table.c.status == row["status"]) & same_owner
        update = runs_table.update().where(where).values(change)
        if self._database.write(lambda connection: connection.execute(update).rowcount) == 0:
            return False
        if change["status"] != "interrupted":
            return False  # its events say how it ended; only the table had missed it
        try:
            _say_interrupted(folder, state.step, change["ended_at"], change["checkpoint"])
        except OSError as error:
            # Every Start sweeps first: an old run whose file cannot be written must not be in the way of a new one.
            logger.warning("could not write the end of %s into its events: %s", folder.id, error)
        return True

    def _match_folders(self, connection: Connection) -> None:
        """Take in folders that the table does not know, and forget rows whose folder is gone."""
        known = set(connection.execute(select(runs_table.c.id)).scalars())
        folders = {folder.id: folder for folder in all_folders(self.workspace)}
        for run_id in known - folders.keys():
            connection.execute(_delete(run_id))
        for run_id in folders.keys() - known:
            connection.execute(runs_table.insert().values(row_of_folder(folders[run_id])))

    def _catch_up(self, connection: Connection) -> None:
        for run_id, fields in self._behind.items():
            connection.execute(runs_table.update().where(runs_table.c.id == run_id).values(fields))

    def _new_folder(self, name: str) -> RunFolder:
        for number in range(1, 1_000):
            folder = run_folder(self.workspace, name if number == 1 else f"{name}.{number}")
            try:
                folder.path.mkdir()
                return folder
            except FileExistsError:
                continue
            except OSError as error:
                why = error.strerror or str(error)
                raise UserError(message("file.not_written", path=str(folder.path), why=why)) from error
        raise UserError(message("file.not_written", path=name, why="1,000"))

    def _select(self, query: Any) -> list[RunInfo]:
        return [self._info(row) for row in self._rows(query)]

    def _rows(self, query: Any) -> list[dict[str, Any]]:
        return self._database.read(lambda connection: _fetch(connection, query))

    def _info(self, row: Mapping[str, Any]) -> RunInfo:
        return info_of_row(row, RunFolder(self.workspace.runs / row["id"]))


def busy(run: RunInfo) -> UserError:
    """The refusal that names the run in progress."""
    return UserError(message("engine.busy", name=run.name, id=run.id, step=run.step, steps=run.steps))


def _fetch(connection: Connection, query: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _delete(run_id: str) -> Any:
    return runs_table.delete().where(runs_table.c.id == run_id)


def _newest_checkpoint(folder: RunFolder) -> str:
    usable = usable_checkpoints(folder)
    return usable[0].path.relative_to(folder.path).as_posix() if usable else ""


def _told(folder: RunFolder) -> RunState:
    """What the events add up to; a run that said nothing where they cannot be read."""
    try:
        return replay(folder.events)
    except OSError as error:
        logger.warning("could not read the events of %s: %s", folder.id, error)
        return RunState()


def _say_interrupted(folder: RunFolder, step: int, at: float, checkpoint: str) -> None:
    """Write the end that the process could not write itself, so that the folder alone tells the truth."""
    if checkpoint:
        told = message("run.interrupted_resumable", step=step, checkpoint=checkpoint.rpartition("-")[2])
    else:
        told = message("run.interrupted", step=step)
    mend_cut_line(folder.events)
    with folder.events.open("a", encoding="utf-8") as file:
        file.write(to_line(Finished(at, "interrupted", step, "", told)) + "\n")
