"""Raw records from files, one at a time: JSON Lines, JSON lists, CSV and Parquet. Knows bytes, not shapes."""

import codecs
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as parquet

from tsft.data.encodings import UTF_8, UTF_16
from tsft.data.examples import RowRefused, refuse
from tsft.errors import Message, UserError, message

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")
# One line longer than this is not a row: 256 MiB is about 13 million values written out.
LINE_BYTES = 256 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)


@dataclass(frozen=True)
class RawRow:
    """A record, or the reason why there is none. `done_bytes` says how far into the file the reader is."""

    row: int
    record: dict[str, Any] | None
    reason: Message | None
    done_bytes: int


def data_files(path: Path) -> list[Path]:
    """The data files at `path`: itself, or all files of a known kind in that folder, by name; hidden ones left out."""
    if path.is_dir():
        inside = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES and each.is_file())
        return [each for each in inside if not each.name.startswith(".") and each.name != "dataset_info.json"]
    return [path]


def read_raw(path: Path, encoding: str) -> Iterator[RawRow]:
    """Every row of one file, in order; `encoding` from `encoding_of`. A row that cannot be read comes with a reason.

    Lines of UTF-16 are a UserError: a row there has no bytes of its own. `importing` makes UTF-8 of them.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path)
    if suffix == ".csv":
        return _read_csv(path, encoding)
    if suffix in (".jsonl", ".json"):
        # Many files named .json hold one object a line, and some .jsonl files hold a list: the first byte tells.
        if _first_byte(path) == b"[":
            return _read_list(path, encoding)
        if encoding == UTF_16:
            raise UserError(message("data.file.utf16_lines", file=path.name))
        return _read_lines(path, encoding)
    raise UserError(message("data.file.kind", file=path.name, kinds=", ".join(SUFFIXES)))


def has_lines(path: Path) -> bool:
    """Whether each row of the file is a line of JSON."""
    return path.suffix.lower() in (".jsonl", ".json") and _first_byte(path) != b"["


def parse_json(text: bytes | str) -> Any:
    """The value; NaN and Infinity are read as such (orjson refuses them). Broken text: RowRefused with its place."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass  # broken, or only NaN, Infinity or a lone surrogate: the slower reader decides
    try:
        return json.loads(text)
    except UnicodeDecodeError:
        raise refuse("data.row.encoding") from None
    except json.JSONDecodeError as error:
        near = error.doc[max(0, error.pos - 10) : error.pos + 20]
        raise refuse("data.row.broken_json", column=error.pos + 1, near=_printable(near)) from None
    except (RecursionError, ValueError):  # nested a thousand deep, or an integer of more than 4,300 digits
        start = text[:30] if isinstance(text, str) else text[:30].decode("utf-8", "replace")
        raise refuse("data.row.broken_json", column=1, near=_printable(start)) from None


def _read_lines(path: Path, encoding: str) -> Iterator[RawRow]:
    with path.open("rb") as file:
        number = 0
        done = 0
        while line := file.readline(LINE_BYTES):
            number += 1
            done += len(line)
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                yield parsed_row(number, line, encoding, done)


def _read_list(path: Path, encoding: str) -> Iterator[RawRow]:
    number = 0
    with path.open("rb") as file:
        # In other encodings a bracket or a quote may be the second byte of a character.
        plain = file if encoding == UTF_8 else codecs.EncodedFile(file, "utf-8", encoding, "surrogateescape")
        try:
            for number, (piece, done) in enumerate(_list_items(plain), 1):
                yield parsed_row(number, piece, UTF_8, done)
        except UnicodeError:
            yield RawRow(number + 1, None, message("data.row.encoding"), file.tell())


def _list_items(file: Any) -> Iterator[tuple[bytes, int]]:
    """The text of each item of a top-level list, without holding the file: brackets are counted, strings skipped.

    What stands between two items and is neither comma nor space is given out as an item, to be refused by the parser.
    """
    buffer, position, depth, start = b"", 0, 0, 0
    at_end = False
    while True:
        found = _BRACKET.search(buffer, position)
        # A lone quote is a string that is not complete yet (or, at the end of the file, never).
        if found is None or found.group() == b'"':
            if at_end:
                break
            chunk = file.read(_CHUNK_BYTES)
            at_end = not chunk
            position = found.start() if found else len(buffer)
            buffer, position, start = buffer[start:] + chunk, position - start, 0
            continue
        position = found.end()
        mark = found.group()
        if mark in (b"[", b"{"):
            depth += 1
            if depth == 2 or (depth == 1 and mark == b"["):
                stray = buffer[start : found.start()].removeprefix(codecs.BOM_UTF8).strip(b", \t\r\n")
                if stray:
                    yield stray, file.tell()
                start = found.start() if depth == 2 else found.end()
        elif mark in (b"]", b"}"):
            depth -= 1
            if depth == 1:
                yield buffer[start:position], file.tell()
                start = position
            elif depth == 0:
                stray = buffer[start : found.start()].strip(b", \t\r\n")
                if stray:
                    yield stray, file.tell()
                start = position
                break
    rest = (buffer[start:] + file.read(_CHUNK_BYTES)).strip(b", \t\r\n")
    if rest:
        yield rest, file.tell()


def parsed_row(number: int, text: bytes, encoding: str, done: int) -> RawRow:
    """One line, or one item of a list, as a raw row."""
    from_other = encoding != UTF_8
    try:
        value = parse_json(text.decode(encoding) if from_other else text)
    except UnicodeDecodeError:
        return RawRow(number, None, message("data.row.encoding"), done)
    except RowRefused as refused:
        return RawRow(number, None, refused.reason, done)
    if not isinstance(value, dict):
        return RawRow(number, None, message("data.row.not_object", type=json_type(value)), done)
    return RawRow(number, value, None, done)


def _read_csv(path: Path, encoding: str) -> Iterator[RawRow]:
    # The default limit of 131,072 characters a field is one series of about 10,000 points.
    csv.field_size_limit(LINE_BYTES)
    with path.open("rb") as raw:
        lines = codecs.getreader(encoding)(raw, "surrogateescape")
        reader = csv.reader(lines)
        header: list[str] | None = None
        number = 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                number += 1
                yield RawRow(number, None, message("data.row.broken_csv", detail=str(error)), raw.tell())
                continue
            if not cells:
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                continue
            number += 1
            yield _csv_row(number, header, cells, raw.tell())


def _csv_row(number: int, header: list[str], cells: list[str], done: int) -> RawRow:
    if len(cells) != len(header):
        reason = message("data.row.csv_cells", cells=len(cells), expected=len(header))
        return RawRow(number, None, reason, done)
    return RawRow(number, dict(zip(header, cells, strict=True)), None, done)


def _read_parquet(path: Path) -> Iterator[RawRow]:
    try:
        file = parquet.ParquetFile(path)
        total, size, number = max(1, file.metadata.num_rows), path.stat().st_size, 0
        for batch in file.iter_batches(batch_size=256):
            for record in batch.to_pylist():
                number += 1
                yield RawRow(number, record, None, size * number // total)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise UserError(message("data.file.parquet", file=path.name, detail=str(error)[:200])) from error


def _first_byte(path: Path) -> bytes:
    """The first byte that is no blank; of UTF-16 the zero bytes between are left out."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        start = start[2:].replace(b"\0", b"")
    return start.removeprefix(codecs.BOM_UTF8).lstrip()[:1]


def json_type(value: Any) -> str:
    """The type in JSON's own words, which need no translation."""
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), type(value).__name__)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
