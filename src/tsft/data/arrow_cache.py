"""Arrow files in the cache folder: written in bounded memory, published whole by one rename, read memory-mapped."""

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc

ROWS_FILE = "rows.arrow"
REPORT_FILE = "report.json"
BATCH_ROWS = 1_000
BATCH_BYTES = 32 * 1024 * 1024
# An unfinished folder older than this was left by a process that died.
_STALE_SECONDS = 24 * 3600

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


def fingerprint(*parts: Any) -> str:
    """A short name for everything a cached file depends on (JSON values only)."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode("ascii"), digest_size=12).hexdigest()


def cached(folder: Path, build: Callable[[Path], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The report of the finished cache at `folder`; where there is none, `build(temporary folder)` makes it first.

    Nothing half-written ever has the final name: an exception (a stop among them) removes what was begun.
    """
    found = _finished(folder)
    if found is not None:
        return found
    shutil.rmtree(folder, ignore_errors=True)
    made: Mapping[str, Any] = {}

    def write(unfinished: Path) -> None:
        nonlocal made
        made = build(unfinished)
        (unfinished / REPORT_FILE).write_text(json.dumps(made), encoding="utf-8")

    cached_folder(folder, write)
    return made


def cached_folder(folder: Path, build: Callable[[Path], None]) -> None:
    """Let `build(temporary folder)` make a folder that is then published whole; what is there already stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder.parent)
    unfinished = folder.parent / f"{folder.name}.part-{uuid.uuid4().hex[:8]}"
    unfinished.mkdir()
    try:
        build(unfinished)
        try:
            os.replace(unfinished, folder)
        except OSError:
            # Another process may have published the same meanwhile; theirs is as good as ours.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class BatchWriter:
    """Rows gathered to batches of about 1,000 rows or 32 MiB, whichever comes first, then written out."""

    def __init__(self, folder: Path, schema: pa.Schema, to_batch: Callable[[list[Any]], pa.RecordBatch]) -> None:
        self._to_batch = to_batch
        self._pending: list[Any] = []
        self._pending_bytes = 0
        self._sink = pa.OSFile(str(folder / ROWS_FILE), "wb")
        self._writer = ipc.new_file(self._sink, schema)

    def add(self, row: Any, size_bytes: int) -> None:
        self._pending.append(row)
        self._pending_bytes += size_bytes
        if len(self._pending) >= BATCH_ROWS or self._pending_bytes >= BATCH_BYTES:
            self._flush()

    def __enter__(self) -> "BatchWriter":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self._flush()
            self._writer.close()
        finally:
            self._sink.close()

    def _flush(self) -> None:
        if self._pending:
            self._writer.write_batch(self._to_batch(self._pending))
            self._pending, self._pending_bytes = [], 0


def write_table(folder: Path, table: pa.Table, batch_rows: int = BATCH_ROWS) -> None:
    """The rows file of a folder from a table that is in memory already."""
    with pa.OSFile(str(folder / ROWS_FILE), "wb") as sink, ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch_rows)


class MappedRows:
    """Random access to the rows of a finished cache without reading it: pages come from the file as they are touched.

    Only the path travels to a worker process; the mapping is opened where it is used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._source = pa.memory_map(str(folder / ROWS_FILE), "r")
        self._reader = ipc.open_file(self._source)
        self._batches: list[pa.RecordBatch] = [
            self._reader.get_batch(index) for index in range(self._reader.num_record_batches)
        ]
        self._starts = np.concatenate(([0], np.cumsum([batch.num_rows for batch in self._batches]))).astype(np.int64)

    @property
    def names(self) -> list[str]:
        """The columns."""
        return list(self._reader.schema.names)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.folder,))

    def locate(self, index: int) -> tuple[pa.RecordBatch, int]:
        """The batch that holds row `index` (negative counts from the end) and the row's place in it."""
        count = len(self)
        if not -count <= index < count:
            raise IndexError(index)
        index = index % count
        batch = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._batches[batch], index - int(self._starts[batch])

    def column(self, name: str) -> np.ndarray:
        """One fixed-width column of all rows, as a numpy array."""
        parts = [batch.column(name).to_numpy() for batch in self._batches]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def list_slice(batch: pa.RecordBatch, name: str, place: int) -> np.ndarray:
    """One row of a list column of numbers, as a view of the file."""
    column = batch.column(name)
    begin, end = column.offsets[place].as_py(), column.offsets[place + 1].as_py()
    return np.asarray(column.values.slice(begin, end - begin).to_numpy())


def list_array(rows: list[np.ndarray], dtype: Any) -> pa.ListArray:
    """A list column from one array a row."""
    offsets = np.zeros(len(rows) + 1, dtype=np.int32)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    flat = np.concatenate(rows).astype(dtype, copy=False) if rows else np.zeros(0, dtype=dtype)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))


def throttled(progress: Progress | None, interval_seconds: float = 0.25) -> Progress:
    """`progress` at most four times a second, and always for the last call (done == total)."""
    last = -interval_seconds

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if progress is not None and (done >= total or now - last >= interval_seconds):
            last = now
            progress(done, total)

    return report


def _finished(folder: Path) -> Mapping[str, Any] | None:
    """The report of a whole cache; None where there is none, or where a crash or a hand left it damaged."""
    try:
        report = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
        with pa.memory_map(str(folder / ROWS_FILE), "r") as source:
            ipc.open_file(source)
    except (FileNotFoundError, ValueError, pa.ArrowInvalid):
        return None
    return dict(report)


def _remove_stale(parent: Path) -> None:
    for each in _unfinished(parent):
        with contextlib.suppress(FileNotFoundError):  # another process may tidy at the same time
            if time.time() - each.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(each, ignore_errors=True)


def _unfinished(parent: Path) -> Iterator[Path]:
    return (each for each in parent.iterdir() if ".part-" in each.name)
