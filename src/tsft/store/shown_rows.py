"""Rows that a run keeps to be shown: its probes, and the rows at fault. One JSON file each, written whole."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsft.atomic import write_text
from tsft.store.runs import read_json


@dataclass(frozen=True)
class ShownRow:
    """source: "dataset:row". turns hold the literal placeholders; series are raw values, None where not finite."""

    source: str
    turns: tuple[Mapping[str, str], ...]
    series: tuple[tuple[float | None, ...], ...]


def write_rows(path: Path, rows: Sequence[ShownRow]) -> None:
    """Write the rows; an older file is replaced."""
    tree = {"rows": [{"source": row.source, "turns": row.turns, "series": row.series} for row in rows]}
    write_text(path, json.dumps(tree, ensure_ascii=False))


def read_rows(path: Path) -> list[ShownRow]:
    """The rows of a file; none when it is missing or broken."""
    try:
        return [_row(each) for each in read_json(path).get("rows", ())]
    except (KeyError, TypeError, ValueError):
        return []


def _row(data: Mapping[str, Any]) -> ShownRow:
    turns = tuple({"role": str(turn["role"]), "content": str(turn["content"])} for turn in data["turns"])
    series = tuple(tuple(None if value is None else float(value) for value in points) for points in data["series"])
    return ShownRow(str(data["source"]), turns, series)
