"""The SQLite file behind the record: its table, its transactions, and what happens when the file is broken."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    exc,
    text,
)

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")
# What any work with the file may raise, for those who only want to know whether it answers.
DatabaseFault = exc.SQLAlchemyError

# Grows with each change of the table; a file of another version is made anew from the run folders.
VERSION = 4
# How long a writer waits for another process's transaction; ours take milliseconds.
BUSY_MILLISECONDS = 10_000
_BROKEN = ("malformed", "not a database", "disk image", "no such table", "no such column", "encrypted")

metadata = MetaData()
runs_table = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("model", String, nullable=False, default=""),
    Column("datasets", Text, nullable=False, default="[]"),
    Column("method", String, nullable=False, default=""),
    Column("created_at", Float, nullable=False, default=0.0, index=True),
    Column("started_at", Float, nullable=False, default=0.0),
    Column("ended_at", Float, nullable=False, default=0.0),
    Column("step", Integer, nullable=False, default=0),
    Column("steps", Integer, nullable=False, default=0),
    Column("loss", Float),
    Column("best_validation_loss", Float),
    Column("score", Float, index=True),
    Column("score_name", String, nullable=False, default=""),
    # Of the newest evaluation that asked what the run left; the evaluations' folders are the truth.
    Column("answer_score", Float, index=True),
    Column("scores", Text, nullable=False, default="{}"),
    Column("result", String, nullable=False, default=""),
    Column("checkpoint", String, nullable=False, default=""),
    Column("size_bytes", Integer, nullable=False, default=0),
    Column("owner_pid", Integer),
    Column("owner_boot_id", String),
    Column("owner_started", Float),
    # The machine of a run whose files are all there is (store/hand_runs.py), while it is in progress.
    Column("host", String, nullable=False, default=""),
    Column("heartbeat_at", Float, nullable=False, default=0.0),
    Column("by", String, nullable=False, default=""),
    Column("notes", Text, nullable=False, default=""),
    Column("tags", Text, nullable=False, default="[]"),
    Column("parent", String, nullable=False, default="", index=True),
    Column("parent_step", Integer, nullable=False, default=0),
    Column("origin", String, nullable=False, default=""),
    Column("sweep", String, nullable=False, default="", index=True),
    Column("versions", Text, nullable=False, default="{}"),
    Column("data", Text, nullable=False, default="[]"),
    # Where a waiting run stands; a queued one without a place is only just being started.
    Column("place", Float),
    Column("queued_by", String, nullable=False, default=""),
    Column("queued_step", Integer, nullable=False, default=0),
    Column("config", Text, nullable=False, default="{}"),
    Column("search_text", Text, nullable=False, default=""),
)


class Database:
    """The file, opened at first use. `refill` is called (inside a transaction) whenever the table was made anew."""

    def __init__(self, path: Path, refill: Callable[[Connection], None]) -> None:
        self._path = path
        self._refill = refill
        self._engine: Engine | None = None
        self._lock = threading.RLock()
        self.set_aside: list[Path] = []

    def read(self, work: Callable[[Connection], Answer]) -> Answer:
        """What `work` returns; it sees one moment of the file."""
        return self._run(work, writes=False)

    def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """The same with the file's only write lock taken first (BEGIN IMMEDIATE): what `work` reads stays true."""
        return self._run(work, writes=True)

    def close(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _run(self, work: Callable[[Connection], Answer], *, writes: bool) -> Answer:
        try:
            return self._once(work, writes)
        except exc.DatabaseError as error:
            if not _is_broken(error):
                raise
            with self._lock:
                self._set_aside(str(error.orig))
            return self._once(work, writes)

    def _once(self, work: Callable[[Connection], Answer], writes: bool) -> Answer:
        with self._opened().connect().execution_options(writes=writes) as connection, connection.begin():
            return work(connection)

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                engine = create_engine(f"sqlite:///{self._path}", connect_args={"timeout": BUSY_MILLISECONDS / 1000})
                event.listen(engine, "connect", _set_up)
                event.listen(engine, "begin", _begin)
                self._engine = engine
                with engine.connect().execution_options(writes=True) as connection, connection.begin():
                    self._prepare(connection)
            return self._engine

    def _prepare(self, connection: Connection) -> None:
        version = connection.execute(text("PRAGMA user_version")).scalar()
        if version != VERSION:
            connection.execute(text("DROP TABLE IF EXISTS runs"))
            metadata.create_all(connection)
            connection.execute(text(f"PRAGMA user_version = {VERSION}"))
        self._refill(connection)

    def _set_aside(self, why: str) -> None:
        """Move a broken file out of the way; it is kept, for it may be wanted by somebody who can mend it."""
        self.close()
        if not self._path.exists():
            return
        kept = self._path.with_name(f"{self._path.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}")
        self._path.replace(kept)
        for ending in ("-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        self.set_aside.append(kept)
        logger.warning("set the record aside as %s (%s) and made it anew from the run folders", kept.name, why)


def _is_broken(error: exc.DatabaseError) -> bool:
    return any(sign in str(error.orig) for sign in _BROKEN)


def _set_up(raw: Any, _record: Any) -> None:
    # The driver's own implicit BEGIN would come too late for BEGIN IMMEDIATE; `_begin` sends it instead.
    raw.isolation_level = None
    cursor = raw.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
