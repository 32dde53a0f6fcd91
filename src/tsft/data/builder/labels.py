"""Labelled stretches from a file: NAB's windows, a list of pairs, a table with start and end; times or row numbers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsft.data.builder.tables import read_table
from tsft.data.builder.times import guess_format, seconds_of
from tsft.errors import UserError, message

_START = re.compile(r"start|begin|from|起|开始", re.IGNORECASE)
_END = re.compile(r"end|stop|until|\bto\b|止|结束", re.IGNORECASE)


@dataclass(frozen=True)
class Stretches:
    """The labelled stretches of one recording: float64[n, 2], as seconds in UTC (both ends belong to them), or as row
    numbers [start, end) where is_rows."""

    pairs: np.ndarray
    is_rows: bool


def read_stretches(path: Path, zone: str) -> dict[str, Stretches]:
    """By recording, "" where the file names none. UserError where it holds no stretches."""
    if not path.is_file():
        raise UserError(message("data.file.missing", file=str(path)))
    entries = _from_json(path) if path.suffix.lower() == ".json" else _from_table(path)
    return {name: _stretches(path, pairs, zone) for name, pairs in entries.items()}


def stretches_of(found: Mapping[str, Stretches], path: Path, group: str, source: Path) -> Stretches:
    """Those of one recording: named like its group or its file, or all where the file names no recordings.

    UserError where the file speaks of other recordings only: "nothing unusual" would then be an invention.
    """
    for name, each in found.items():
        if name and (name == group or Path(name).name in (source.name, source.stem)):
            return each
    if "" in found:
        return found[""]
    names = ", ".join(list(found)[:8])
    raise UserError(message("data.build.no_stretches_for", file=path.name, name=group or source.name, known=names))


def _from_json(path: Path) -> dict[str, list[list[Any]]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError) as error:
        raise UserError(message("data.build.broken_stretches", file=path.name, detail=str(error)[:200])) from error
    entries = data if isinstance(data, dict) else {"": data}
    found = {}
    for name, pairs in entries.items():
        if not isinstance(pairs, list):
            raise UserError(message("data.build.broken_stretches", file=path.name, detail=str(name)))
        found[str(name)] = [_pair(path, each) for each in pairs]
    return found


def _pair(path: Path, value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        value = [next((value[name] for name in value if pattern.search(str(name))), None) for pattern in (_START, _END)]
    if not isinstance(value, list) or len(value) != 2 or any(each is None for each in value):
        raise UserError(message("data.build.broken_stretches", file=path.name, detail=str(value)[:80]))
    return value


def _from_table(path: Path) -> dict[str, list[list[Any]]]:
    table = read_table(path)
    start = next((name for name in table.columns if _START.search(name)), "")
    end = next((name for name in table.columns if _END.search(name) and name != start), "")
    if not start or not end:
        columns = ", ".join(table.columns)
        raise UserError(message("data.build.stretch_columns", file=path.name, columns=columns))
    rest = [name for name in table.columns if name not in (start, end)]
    owners = table.texts(rest[0]) if rest else [""] * table.rows
    found: dict[str, list[list[Any]]] = {}
    for owner, first, last in zip(owners, table.texts(start), table.texts(end), strict=True):
        found.setdefault(owner, []).append([first, last])
    return found


def _stretches(path: Path, pairs: list[list[Any]], zone: str) -> Stretches:
    texts = [str(each).strip() for pair in pairs for each in pair]
    form = guess_format(texts)
    values = seconds_of(texts, form, zone) if form else np.array([_number(text) for text in texts])
    bad = [text for text, value in zip(texts, values.tolist(), strict=True) if not np.isfinite(value)]
    shaped = values.reshape(-1, 2)
    bad += [f"{texts[2 * row]} - {texts[2 * row + 1]}" for row in np.flatnonzero(shaped[:, 1] < shaped[:, 0]).tolist()]
    if bad:
        raise UserError(message("data.build.broken_stretches", file=path.name, detail=bad[0][:80]))
    return Stretches(shaped, not form)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
