"""LLaMA-Factory's dataset_info.json: each entry as a source, or as a sentence naming file and line."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsft.data.files import SUFFIXES, data_files, json_type
from tsft.data.mapping import FORMATTINGS, GUESS, ColumnMapping, mapping_of
from tsft.errors import Message, message

FILE_NAME = "dataset_info.json"
_HUBS = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")


@dataclass(frozen=True)
class InfoEntry:
    """One entry: where its rows lie and how they are read, or the problem that keeps it from being used."""

    name: str
    path: Path
    files: tuple[Path, ...] = ()
    mapping: ColumnMapping = GUESS
    sample_rows: int = 0
    problem: Message | None = None


def read_dataset_info(folder: Path) -> tuple[list[InfoEntry], Message | None]:
    """All entries, good and bad, and what is wrong with the file as a whole (None when it is fine or not there)."""
    path = folder / FILE_NAME
    if not path.is_file():
        return [], None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return [], message("data.file.encoding", file=str(path))
    try:
        table = json.loads(text)
    except json.JSONDecodeError as error:
        return [], message("data.info.syntax", file=str(path), line=error.lineno, column=error.colno)
    except (RecursionError, ValueError):
        return [], message("data.info.syntax", file=str(path), line=1, column=1)
    if not isinstance(table, dict):
        return [], message("data.info.not_object", file=str(path), type=json_type(table))
    return [_entry(name, value, path, text) for name, value in table.items()], None


def _entry(name: str, value: Any, path: Path, text: str) -> InfoEntry:
    place = {"file": str(path), "line": _line_of(name, text), "name": name}
    problem = next(_problems(value, place), None)
    if problem is not None:
        return InfoEntry(name, path.parent, problem=problem)
    rows_path = path.parent / value["file_name"]
    if not rows_path.exists():
        return InfoEntry(
            name, rows_path, problem=message("data.info.missing_file", **place, missing=value["file_name"])
        )
    files = tuple(data_files(rows_path))
    if not files or any(each.suffix.lower() not in SUFFIXES for each in files):
        kinds = ", ".join(SUFFIXES)
        return InfoEntry(name, rows_path, problem=message("data.info.kind", **place, found=rows_path.name, kinds=kinds))
    return InfoEntry(name, rows_path, files, mapping_of(value), int(value.get("num_samples") or 0))


def _problems(value: Any, place: Mapping[str, Any]) -> Iterator[Message]:
    """What is wrong with one entry's own text, before any file is looked at."""
    if not isinstance(value, dict):
        yield message("data.info.entry_type", **place, type=json_type(value))
        return
    hub = next((key for key in _HUBS if value.get(key)), None)
    if hub and not value.get("file_name"):
        yield message("data.info.hub", **place, link=hub, address=str(value[hub])[:200])
        return
    file_name = value.get("file_name")
    if not isinstance(file_name, str) or not file_name.strip():
        yield message("data.info.field_type", **place, field="file_name", wanted="string", type=json_type(file_name))
    formatting = value.get("formatting", "alpaca")
    if formatting not in FORMATTINGS:
        yield message("data.info.formatting", **place, value=str(formatting)[:40], choices=", ".join(FORMATTINGS))
    for field in ("columns", "tags"):
        yield from _table_problems(value.get(field), field, place)
    samples = value.get("num_samples")
    if samples is not None and (not isinstance(samples, int) or isinstance(samples, bool) or samples < 1):
        wanted = "number >= 1"
        yield message("data.info.field_type", **place, field="num_samples", wanted=wanted, type=json_type(samples))
    ranking = value.get("ranking")
    if ranking is not None and not isinstance(ranking, bool):
        yield message("data.info.field_type", **place, field="ranking", wanted="boolean", type=json_type(ranking))


def _table_problems(table: Any, field: str, place: Mapping[str, Any]) -> Iterator[Message]:
    if table is None:
        return
    if not isinstance(table, dict):
        yield message("data.info.field_type", **place, field=field, wanted="object", type=json_type(table))
        return
    for key, name in table.items():
        if name is not None and not isinstance(name, str):
            full = f"{field}.{key}"
            yield message("data.info.field_type", **place, field=full, wanted="string", type=json_type(name))


def _line_of(name: str, text: str) -> int:
    """The line on which an entry begins, counted from 1."""
    for spelling in (json.dumps(name, ensure_ascii=False), json.dumps(name)):
        found = re.search(re.escape(spelling) + r"\s*:", text)
        if found:
            return text.count("\n", 0, found.start()) + 1
    return 1
