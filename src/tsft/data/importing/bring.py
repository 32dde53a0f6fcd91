"""Bring files, folders and archives into the workspace: rows become datasets, tables wait for the builder.

What can be read as it is, is copied; published shapes, spreadsheets and UTF-16 become JSON Lines. The original is
never touched, and every dataset says in its provenance what it was made of.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tsft.atomic import replacing
from tsft.data.arrow_cache import Progress, ShouldStop, throttled
from tsft.data.builder.tables import KINDS as TABLE_KINDS
from tsft.data.builder.tables import TEXT_KINDS, read_table, separator_of
from tsft.data.content import content_hash
from tsft.data.dataset_info import FILE_NAME, read_dataset_info
from tsft.data.encodings import UTF_8, encoding_of
from tsft.data.examples import RowRefused
from tsft.data.files import SUFFIXES, RawRow, read_raw
from tsft.data.importing.published import Published, published_shape
from tsft.data.importing.unpack import files_in, is_archive, unpacked
from tsft.data.mapping import GUESS, ColumnMapping, guess_mapping
from tsft.data.provenance import Parent, Provenance, Step, write_provenance
from tsft.data.registry import safe_name
from tsft.data.row_files import json_line
from tsft.errors import Message, UserError, message
from tsft.run.ports import Stopped

KINDS = tuple(dict.fromkeys((*SUFFIXES, *TABLE_KINDS)))
ROWS, TABLE = "rows", "table"
_CHUNK_BYTES = 8 * 1024 * 1024
# Records at the start of a file that tell what it holds.
_LOOKED_AT = 20


@dataclass(frozen=True)
class Brought:
    """One thing that arrived. kind: ROWS (a dataset) or TABLE. rows and left_out: counted where rows were rewritten.

    shape: the published set whose columns it has, "" for none.
    """

    name: str
    kind: str
    path: Path
    rows: int | None = None
    left_out: int = 0
    shape: str = ""

    def message(self) -> Message:
        """What arrived, as a sentence."""
        if self.kind == TABLE:
            return message("data.import.table", name=self.path.name)
        if self.rows is None:
            return message("data.import.copied", name=self.name)
        shape = message(f"data.import.shape.{self.shape or 'plain'}").to_json()
        return message("data.import.rewritten", name=self.name, rows=self.rows, left_out=self.left_out, shape=shape)


@dataclass(frozen=True)
class Arrival:
    """Everything that arrived of what was handed in, and a sentence for each file that did not."""

    brought: tuple[Brought, ...]
    refused: tuple[Message, ...]


@dataclass
class _Errand:
    """Where things go, and how far it is."""

    datasets: Path
    tables: Path
    cache: Path
    by: str
    report: Progress
    should_stop: ShouldStop | None
    total: int = 0
    done: int = 0
    brought: list[Brought] = field(default_factory=list)
    refused: list[Message] = field(default_factory=list)

    def move(self, count: int) -> None:
        if self.should_stop is not None and self.should_stop():
            raise Stopped
        self.done += count
        self.report(min(self.done, self.total), self.total)


def bring(
    path: Path,
    datasets: Path,
    tables: Path,
    cache: Path,
    *,
    by: str = "",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Arrival:
    """Bring in what lies at `path`: a file of one of `KINDS`, a folder of such files (one of LLaMA-Factory's, with its
    dataset_info.json, too), or a .zip of them. `progress(bytes, bytes in all)`.

    UserError where nothing of it can be brought in. A name that is taken gets "-2" behind it.
    """
    if not path.exists():
        raise UserError(message("data.file.missing", file=str(path)))
    errand = _Errand(datasets, tables, cache, by, throttled(progress), should_stop)
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="import-", dir=cache) as folder:
        try:
            if is_archive(path):
                _bring_folder(unpacked(path, Path(folder), should_stop), errand, is_closed=True)
            elif path.is_dir():
                _bring_folder(path, errand)
            else:
                errand.total = path.stat().st_size
                _bring_or_refuse(path, errand)
        except Stopped:
            if not errand.brought:
                raise
            errand.refused.append(message("data.import.stopped"))
    if not errand.brought:
        raise UserError(*(errand.refused or [message("data.import.nothing", path=path.name, kinds=", ".join(KINDS))]))
    return Arrival(tuple(errand.brought), tuple(errand.refused))


def _bring_folder(folder: Path, errand: _Errand, is_closed: bool = False) -> None:
    """is_closed: what an entry of dataset_info.json names outside the folder is refused, as of an archive."""
    files = files_in(folder)
    errand.total = sum(each.stat().st_size for each in files)
    described: set[Path] = set()
    for info in (each for each in files if each.name == FILE_NAME):
        entries, problem = read_dataset_info(info.parent)
        described.add(info)
        errand.refused += [problem] if problem is not None else []
        for entry in entries:
            described.update(entry.files)
            if entry.problem is not None:
                errand.refused.append(entry.problem)
            if is_closed and not all(each.resolve().is_relative_to(folder.resolve()) for each in entry.files):
                errand.refused.append(message("data.import.outside", name=entry.name))
                continue
            for number, file in enumerate(entry.files, 1):
                name = entry.name if len(entry.files) == 1 else f"{entry.name}-{number}"
                _bring_or_refuse(file, errand, name, entry.mapping)
    for file in files:
        if file not in described and (file.suffix.lower() in KINDS):
            _bring_or_refuse(file, errand)


def _bring_or_refuse(path: Path, errand: _Errand, name: str = "", mapping: ColumnMapping = GUESS) -> None:
    """One file; where it cannot be brought in, the others still are."""
    try:
        errand.brought.append(_bring_file(path, errand, name or path.stem, mapping))
    except UserError as error:
        errand.refused += [each.message for each in error.problems]


def _bring_file(path: Path, errand: _Errand, name: str, mapping: ColumnMapping) -> Brought:
    if path.suffix.lower() not in KINDS:
        raise UserError(message("data.file.kind", file=path.name, kinds=", ".join(KINDS)))
    first = _first_records(path)
    shape = next((found for found in map(published_shape, first) if found is not None), None)
    if shape is None and mapping.is_guessed and not _has_rows(first):
        return Brought(path.stem, TABLE, _copied(path, _free(errand.tables, path.stem, path.suffix.lower()), errand))
    is_table = path.suffix.lower() in (*TEXT_KINDS, ".xlsx")
    is_readable = path.suffix.lower() in SUFFIXES and encoding_of(path) == UTF_8
    is_readable = is_readable and (not is_table or _is_plain_csv(path))
    if shape is None and is_readable:
        target = _copied(path, _free(errand.datasets, name, path.suffix.lower()), errand)
        _describe(target, path, errand, None, {}, mapping)
        return Brought(target.stem, ROWS, target)
    target = _free(errand.datasets, name, ".jsonl")
    counts = _rewritten(path, target, errand, shape)
    how: dict[str, Any] = {"shape": shape.name if shape is not None else "", "encoding": encoding_of(path), **counts}
    _describe(target, path, errand, counts["rows"], how, mapping)
    return Brought(target.stem, ROWS, target, counts["rows"], counts["left_out"], how["shape"])


def _first_records(path: Path) -> list[Mapping[str, Any]]:
    """The first readable records; [] for what is no list of records (an interval file, a table of numbers)."""
    try:
        found: list[Mapping[str, Any]] = []
        for raw, _ in zip(_raw_rows(path), range(_LOOKED_AT), strict=False):
            if raw.record is not None:
                found.append(raw.record)
        return found
    except UserError:
        if path.suffix.lower() in TABLE_KINDS and path.suffix.lower() not in (".jsonl", ".json", ".parquet"):
            return []  # it may still be a table; the builder says what is wrong with it
        raise


def _has_rows(records: Iterable[Mapping[str, Any]]) -> bool:
    return any(guess_mapping(each) is not None for each in records)


def _raw_rows(path: Path) -> Iterator[RawRow]:
    """Records of any kind of file: those the reader knows, and the rows of spreadsheets and separated text."""
    if path.suffix.lower() in SUFFIXES and path.suffix.lower() != ".csv":
        return _json_rows(path)
    return _table_rows(path)


def _json_rows(path: Path) -> Iterator[RawRow]:
    encoding = encoding_of(path)
    if encoding != "utf-16":
        yield from read_raw(path, encoding)
        return
    with TemporaryDirectory() as folder:
        plain = Path(folder) / path.name
        with path.open("r", encoding=encoding, newline="") as source, plain.open("w", encoding="utf-8") as target:
            while text := source.read(_CHUNK_BYTES):
                target.write(text)
        yield from read_raw(plain, UTF_8)


def _table_rows(path: Path) -> Iterator[RawRow]:
    if _is_plain_csv(path):
        yield from read_raw(path, UTF_8)
        return
    table = read_table(path)
    columns = {name: table.texts(name) for name in table.columns}
    for number, cells in enumerate(zip(*columns.values(), strict=True), 1):
        yield RawRow(number, dict(zip(columns, cells, strict=True)), None, 0)


def _is_plain_csv(path: Path) -> bool:
    """Whether it is what the reader of rows takes as CSV: UTF-8, with commas between the cells."""
    return path.suffix.lower() == ".csv" and encoding_of(path) == UTF_8 and separator_of(path) == ","


def _rewritten(path: Path, target: Path, errand: _Errand, shape: Published | None) -> dict[str, int]:
    """Every readable record as a line of JSON."""
    counts = {"rows": 0, "left_out": 0}
    before = errand.done
    with replacing(target) as part, part.open("w", encoding="utf-8") as file:
        for raw in _raw_rows(path):
            errand.move(max(0, before + raw.done_bytes - errand.done))
            try:
                record = None if raw.record is None else shape.row(raw.record) if shape is not None else raw.record
            except (RowRefused, KeyError, TypeError):
                record = None
            if record is None:
                counts["left_out"] += 1
                continue
            counts["rows"] += 1
            file.write(json_line(record))
        if not counts["rows"]:
            raise UserError(message("data.none_left", read=counts["left_out"]))
    errand.move(max(0, before + path.stat().st_size - errand.done))
    return counts


def _copied(path: Path, target: Path, errand: _Errand) -> Path:
    with replacing(target) as part, path.open("rb") as source, part.open("wb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            file.write(chunk)
            errand.move(len(chunk))
    return target


def _free(folder: Path, name: str, suffix: str) -> Path:
    """A path that is not taken; two names never become one, whatever their kind of file."""
    stem, number = safe_name(name), 1
    taken = {each.stem for each in folder.iterdir() if each.is_file()} if folder.is_dir() else set()
    free = stem
    while free in taken:
        number += 1
        free = f"{stem}-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{free}{suffix}"


def _describe(
    target: Path, source: Path, errand: _Errand, rows: int | None, how: Mapping[str, Any], mapping: ColumnMapping
) -> None:
    """The provenance beside a dataset. Of a copy the rows are not counted: whoever looks at it does."""
    content = content_hash([target], errand.cache)
    # A copy holds what its source does.
    parent = Parent(source.name, content_hash([source], errand.cache) if how else content, (source.name,))
    step = Step("import", dict(how), rows_out=rows)
    table = {} if mapping.is_guessed or how.get("shape") else mapping.to_json()
    write_provenance(target, Provenance((parent,), (step,), content, rows, table, by=errand.by))
