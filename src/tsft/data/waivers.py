"""Warnings that somebody looked at and let pass, remembered in a folder of datasets by what a dataset holds."""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tsft.atomic import write_text

FILE_NAME = ".waivers.json"


def waived_kinds(folders: Iterable[Path], content: str) -> frozenset[str]:
    """The kinds of warnings that were waived for this content (`content.content_hash`) in any of the folders."""
    return frozenset(kind for folder in folders for kind in _read(folder).get(content, {}))


def has_waivers(folders: Iterable[Path]) -> bool:
    """Whether anything was ever waived: only then is it worth a dataset's hash."""
    return any((folder / FILE_NAME).is_file() for folder in folders)


def waive(folder: Path, content: str, kind: str, by: str = "") -> None:
    """Let a kind of warning pass for this content from now on."""
    table = _read(folder)
    table.setdefault(content, {})[kind] = {"at": time.time(), "by": by}
    _write(folder, table)


def unwaive(folder: Path, content: str, kind: str) -> None:
    """Warn about it again."""
    table = _read(folder)
    table.get(content, {}).pop(kind, None)
    _write(folder, {key: kinds for key, kinds in table.items() if kinds})


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        table = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # a broken file waives nothing: warnings come back, which is the safe side
    return table if isinstance(table, dict) else {}


def _write(folder: Path, table: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / FILE_NAME, json.dumps(table, indent=1) + "\n")
