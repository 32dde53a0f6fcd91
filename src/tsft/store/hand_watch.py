"""Keeps the record true about runs that write only files: started by hand, by a scheduler, on another machine."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from tsft.run.board import Follower
from tsft.run.state import ACTIVE
from tsft.store.cut_off import newest_checkpoint
from tsft.store.database import Database, runs_table
from tsft.store.hand_runs import lives
from tsft.store.rows import owner_columns, owner_of_heartbeat, row_of_folder, row_of_state
from tsft.store.runs import RunFolder, folder_bytes, read_json, run_folder
from tsft.store.workspace import Workspace

# The folders are looked at so often at most, whoever asks.
LOOK_SECONDS = 2.0
# Of the runs that have ended, so many of the newest are looked at: somebody may go on with one by hand.
RECENT = 50


class HandWatch:
    """Over one workspace and its record. Any thread may call `look`."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self._workspace = workspace
        self._database = database
        self._followers: dict[str, Follower] = {}
        self._lock = threading.Lock()
        self._looked_at = float("-inf")

    def look(self) -> None:
        """Take in runs that are new or went on, and how those in progress stand."""
        with self._lock:
            if time.monotonic() - self._looked_at < LOOK_SECONDS:
                return
            self._looked_at = time.monotonic()
            rows = self._database.read(_rows)
            changes = {**self._new(rows), **self._went_on(rows), **self._in_progress(rows)}
            if changes:
                self._database.write(lambda connection: _put(connection, rows.keys(), changes))

    def _new(self, rows: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Folders of which the record knows nothing, and which say themselves that they were started by hand."""
        names = {path.name for path in self._workspace.runs.iterdir() if not path.name.startswith(".")}
        found = (run_folder(self._workspace, name) for name in names - rows.keys())
        return {each.id: row_of_folder(each) for each in found if each.config.is_file() and _is_by_hand(each)}

    def _went_on(self, rows: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Runs that had ended and have a newer heartbeat of somebody who keeps no record."""
        ended = [row for row in rows.values() if row["status"] not in ACTIVE and not row["host"]]
        changes: dict[str, dict[str, Any]] = {}
        for row in sorted(ended, key=lambda row: -row["created_at"])[:RECENT]:
            folder = run_folder(self._workspace, row["id"])
            heartbeat = read_json(folder.heartbeat)
            is_newer = float(heartbeat.get("at") or 0.0) > max(row["heartbeat_at"], row["ended_at"])
            if is_newer and heartbeat.get("host"):
                made = row_of_folder(folder)
                changes |= {row["id"]: made} if made["status"] in ACTIVE else {}
        return changes

    def _in_progress(self, rows: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        changes = {}
        for run_id, row in rows.items():
            if not row["host"]:
                self._followers.pop(run_id, None)
                continue
            told = self._told(run_folder(self._workspace, run_id))
            if any(row[name] != value for name, value in told.items()):
                changes[run_id] = told
        return changes

    def _told(self, folder: RunFolder) -> dict[str, Any]:
        """What its files say now. Silent for too long it counts as interrupted, until it is heard of again."""
        follower = self._followers.setdefault(folder.id, Follower(folder.events))
        state, heartbeat = follower.read()[1], read_json(folder.heartbeat)
        told = {**row_of_state(state), "heartbeat_at": float(heartbeat.get("at") or 0.0)}
        if not state.is_active:
            told |= {"checkpoint": newest_checkpoint(folder), "size_bytes": folder_bytes(folder.path)}
            return {**told, **owner_columns(None)}
        owner = owner_of_heartbeat(heartbeat)
        if owner is not None and not owner.is_here and not lives(owner, told["heartbeat_at"]):
            told |= {"status": "interrupted", "ended_at": told["heartbeat_at"], "checkpoint": newest_checkpoint(folder)}
        return told


def _is_by_hand(folder: RunFolder) -> bool:
    return bool(read_json(folder.heartbeat).get("host"))


def _rows(connection: Connection) -> dict[str, dict[str, Any]]:
    return {row["id"]: dict(row) for row in connection.execute(select(runs_table)).mappings()}


def _put(connection: Connection, known: Any, changes: Mapping[str, Mapping[str, Any]]) -> None:
    for run_id, values in changes.items():
        if run_id in known:
            connection.execute(runs_table.update().where(runs_table.c.id == run_id).values(dict(values)))
        else:
            connection.execute(runs_table.insert().values(dict(values)))
