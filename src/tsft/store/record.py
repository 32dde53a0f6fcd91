"""The record of a workspace's runs: which there are, how they stand, and which process works on one.

The run folders stay the truth: the table can be made anew from them at any time, and is when the file is broken.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, exc, select

from tsft.atomic import write_json
from tsft.config.run_config import RunConfig
from tsft.errors import Message, UserError, message
from tsft.run.state import ACTIVE
from tsft.store.cut_off import newest_checkpoint, say_interrupted, told_state
from tsft.store.database import Database, runs_table
from tsft.store.hand_runs import make_folder
from tsft.store.hand_watch import HandWatch
from tsft.store.listing import children_query, count_query, runs_query, tidy_tags
from tsft.store.owner import is_alive, this_process
from tsft.store.rows import (
    info_of_row,
    owner_columns,
    owner_of_row,
    parent_in,
    row_of_about,
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
)
from tsft.store.scores import scores_by_run, take_scores
from tsft.store.waiting import WaitingRuns
from tsft.store.workspace import Workspace

logger = logging.getLogger(__name__)
# A run waits so long between its folder and its first event at most.
STARTING_SECONDS = 60.0
_NO_OWNER = owner_columns(None)


class Record:
    """The runs of one workspace. Every method may be called from any thread; the file is opened at first use."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._database = Database(workspace.database, self._match_folders)
        self.queue = WaitingRuns(workspace, self._database)
        self._by_hand = HandWatch(workspace, self._database)
        # Changes that the disk refused; they are tried again with the next one.
        self._behind: dict[str, dict[str, Any]] = {}
        self._behind_lock = threading.Lock()

    # -- the list ------------------------------------------------------------------------------------------------

    def list_runs(
        self,
        search: str = "",
        limit: int = 200,
        *,
        status: str = "",
        tag: str = "",
        sweep: str = "",
        sort: str = "-created",
        offset: int = 0,
    ) -> list[RunInfo]:
        """The newest first unless `sort`, one of `listing.SORTS`, says otherwise ("-" before it turns it round).

        Each word of `search` must be in the name, id, model, data sets, method, notes, tags, owner or status.
        """
        return self._select(runs_query(search, status, tag, sweep, sort, limit, offset))

    def count_runs(self, search: str = "", *, status: str = "", tag: str = "", sweep: str = "") -> int:
        """How many runs `list_runs` would give without a limit."""
        return int(self._rows(count_query(search, status, tag, sweep))[0]["count"])

    def children(self, run_id: str) -> list[RunInfo]:
        """The runs that come from this one, the oldest first."""
        return self._select(children_query(run_id))

    def waiting(self) -> list[RunInfo]:
        """The runs in the queue, the next one first."""
        return [self.get(run_id) for run_id in self.queue.ids()]

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
        self._by_hand.look()
        self._write_behind()  # or a run whose end the disk refused would be in progress for ever
        query = select(runs_table).where(runs_table.c.status.in_(ACTIVE))
        alive = [row for row in self._rows(query) if is_alive(owner_of_row(row))]
        return self._info(alive[0]) if alive else None

    def notes(self) -> list[Message]:
        """What the record has to say of itself: a broken file that was set aside."""
        return [message("record.set_aside", file=path.name) for path in self._database.set_aside]

    # -- one run -------------------------------------------------------------------------------------------------

    def create_run(
        self,
        config: RunConfig,
        by: str = "",
        *,
        parent: str = "",
        parent_step: int = 0,
        origin: str = "",
        sweep: str = "",
    ) -> RunInfo:
        """Make the folder of a new run with its config. Its id is the time and the name; no two runs share one.

        A run that trains the result of another further has that one as its parent unless it is given one.
        """
        if not parent:
            parent = parent_in(config.model.continue_from)
            origin = "continued" if parent else ""
        lineage = {"parent": parent, "parent_step": parent_step, "origin": origin, "sweep": sweep}
        folder, _ = make_folder(self.workspace, config, by, lineage)
        about = dict(read_about(folder))
        row = {"id": folder.id, "status": "queued", **about, **row_of_config(config)}
        row["search_text"] = search_text(row)

        def insert(connection: Connection) -> None:
            # Opening the file may have found the new folder already.
            connection.execute(runs_table.delete().where(runs_table.c.id == folder.id))
            connection.execute(runs_table.insert().values(row))

        self._database.write(insert)
        return self.get(folder.id)

    def claim(self, run_id: str, *, only_waiting: bool = False) -> None:
        """Make this process the owner of the workspace's one active run.

        Raises UserError `engine.busy`, naming the run in progress, when another is active, and with `only_waiting`
        `queue.not_waiting` when the run does not wait any more: another process had it, or somebody took it out.
        """
        self.sweep()
        now, owner = time.time(), this_process()

        def take(connection: Connection) -> Mapping[str, Any] | None:
            rows = _fetch(connection, select(runs_table).where(runs_table.c.status.in_(ACTIVE)))
            if rows:
                return rows[0]
            begun = {"status": "preparing", "heartbeat_at": now, "ended_at": 0.0, "place": None}
            change = {**begun, **owner_columns(owner)}
            where = runs_table.c.id == run_id
            if only_waiting:
                where &= (runs_table.c.status == "queued") & runs_table.c.place.is_not(None)
            if connection.execute(runs_table.update().where(where).values(change)).rowcount == 0:
                raise UserError(message("queue.not_waiting", run=run_id))
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
        self._write_behind()

    def release(self, run_id: str, **fields: Any) -> None:
        """Give the run up, with the last changes (status, result …) in the same write."""
        size_bytes = folder_bytes(run_folder(self.workspace, run_id).path)
        self.update(run_id, **{"ended_at": time.time(), "size_bytes": size_bytes, **_NO_OWNER, **fields})

    def give_back(self, run: RunInfo) -> None:
        """Let a run that was claimed from the queue wait on at its old place: it was not begun after all."""
        self.update(run.id, status="queued", place=run.place, **_NO_OWNER)

    def rename(self, run_id: str, name: str) -> RunInfo:
        """Give a run another name; its id and folder stay."""
        if not name.strip():
            raise UserError(message("record.empty_name"))
        return self._describe(run_id, name=name.strip())

    def annotate(self, run_id: str, *, notes: str | None = None, tags: Sequence[str] | None = None) -> RunInfo:
        """Write down what a person has to say about a run; what is None stays."""
        changes: dict[str, Any] = {}
        if notes is not None:
            changes["notes"] = notes.strip()
        if tags is not None:
            changes["tags"] = tidy_tags(tags)
        return self._describe(run_id, **changes)

    def tags(self) -> list[str]:
        """Every tag that some run has, in order."""
        rows = self._rows(select(runs_table.c.tags).where(runs_table.c.tags != "[]").distinct())
        return sorted({tag for row in rows for tag in json.loads(row["tags"])}, key=str.casefold)

    def measure(self, run_id: str) -> int:
        """Weigh a run's folder anew, after files came or went. Returns its size in bytes."""
        size_bytes = folder_bytes(run_folder(self.workspace, run_id).path)
        self.update(run_id, size_bytes=size_bytes)
        return size_bytes

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
        self._by_hand.look()
        # A run that neither waits nor began after a minute: its process was ended while it was being started.
        is_lost = (runs_table.c.status == "queued") & runs_table.c.place.is_(None)
        is_lost &= runs_table.c.created_at < time.time() - STARTING_SECONDS
        query = select(runs_table).where(runs_table.c.status.in_(ACTIVE) | is_lost)
        lost = [row for row in self._rows(query) if not self._is_elsewhere(row) and not is_alive(owner_of_row(row))]
        swept = [row["id"] for row in lost if self._interrupt(row)]
        return [self.get(run_id) for run_id in swept]

    def rebuild(self) -> None:
        """Make the table anew from the run folders."""

        def refill(connection: Connection) -> None:
            connection.execute(runs_table.delete())
            self._match_folders(connection)

        self._database.write(refill)

    def gather_scores(self) -> None:
        """Take in what the evaluations say of the runs, after one was made or deleted."""
        found = scores_by_run(self.workspace)
        self._database.write(lambda connection: take_scores(connection, found))

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        self._database.close()

    @staticmethod
    def _is_elsewhere(row: Mapping[str, Any]) -> bool:
        """Whether a run's files alone say how it stands: it was started by hand on another machine."""
        owner = owner_of_row(row)
        return owner is not None and bool(owner.host) and not owner.is_here

    def _interrupt(self, row: Mapping[str, Any]) -> bool:
        """Returns False when another process was quicker."""
        folder = run_folder(self.workspace, row["id"])
        state = told_state(folder)
        about = row_of_about(read_about(folder), state)
        change = {**row_of_state(state), **about, **_NO_OWNER}
        if state.is_active or state.status == "queued" and about["place"] is None:
            ended_at = max(state.updated_at, row["heartbeat_at"])
            change |= {"status": "interrupted", "ended_at": ended_at, "checkpoint": newest_checkpoint(folder)}
            change["size_bytes"] = folder_bytes(folder.path)
        same_owner = runs_table.c.owner_pid.is_(row["owner_pid"])
        where = (runs_table.c.id == row["id"]) & (runs_table.c.status == row["status"]) & same_owner
        update = runs_table.update().where(where).values(change)
        if self._database.write(lambda connection: connection.execute(update).rowcount) == 0:
            return False
        if change["status"] != "interrupted":
            return False  # its events say how it ended; only the table had missed it
        try:
            say_interrupted(folder, state.step, change["ended_at"], change["checkpoint"])
        except OSError as error:
            # Every Start sweeps first: an old run whose file cannot be written must not be in the way of a new one.
            logger.warning("could not write the end of %s into its events: %s", folder.id, error)
        return True

    def _describe(self, run_id: str, **changes: Any) -> RunInfo:
        """Change what `about.json` says, and the row with it, under the write lock: of two people none is lost."""
        folder = self.get(run_id).folder

        def write(connection: Connection) -> None:
            write_json(folder.about, {**read_about(folder), **changes})
            row = _fetch(connection, select(runs_table).where(runs_table.c.id == run_id))[0]
            listed = {"tags": json.dumps(changes["tags"], ensure_ascii=False)} if "tags" in changes else {}
            row |= {**changes, **listed}
            row["search_text"] = search_text(row)
            values = {name: row[name] for name in (*changes, "search_text")}
            connection.execute(runs_table.update().where(runs_table.c.id == run_id).values(values))

        self._database.write(write)
        return self.get(run_id)

    def _match_folders(self, connection: Connection) -> None:
        """Take in folders that the table does not know, and forget rows whose folder is gone."""
        known = set(connection.execute(select(runs_table.c.id)).scalars())
        folders = {folder.id: folder for folder in all_folders(self.workspace)}
        for run_id in known - folders.keys():
            connection.execute(_delete(run_id))
        for run_id in folders.keys() - known:
            connection.execute(runs_table.insert().values(row_of_folder(folders[run_id])))
        if folders.keys() - known:
            take_scores(connection, scores_by_run(self.workspace))

    def _write_behind(self) -> None:
        with self._behind_lock:
            if not self._behind:
                return
            try:
                self._database.write(self._catch_up)
                self._behind.clear()
            except exc.OperationalError as error:
                logger.warning("could not write to the record (%s); trying again later", error.orig)

    def _catch_up(self, connection: Connection) -> None:
        for run_id, fields in self._behind.items():
            connection.execute(runs_table.update().where(runs_table.c.id == run_id).values(fields))

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
