"""A dataset at a glance: rows, series, lengths, languages, tasks, and where it is from; by its first rows."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsft.atomic import write_text
from tsft.data.arrow_cache import fingerprint
from tsft.data.checks.diagnosis import last_diagnosis, source_of
from tsft.data.checks.rows import examine_row
from tsft.data.power_days import POWER_POINTS, POWER_ROWS, power_file
from tsft.data.provenance import Provenance, read_provenance
from tsft.data.registry import DatasetInfo, find_dataset
from tsft.data.row_access import LocatedRow, RowAccess
from tsft.errors import UserError

# Enough to see what a dataset is like, and quick however large the file.
ROWS_LOOKED_AT = 200
_VERSION = 1
_SCRIPTS = {
    "zh": re.compile(r"[\u4e00-\u9fff]"),
    "ja": re.compile(r"[\u3040-\u30ff]"),
    "ko": re.compile(r"[\uac00-\ud7a3]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "en": re.compile(r"[A-Za-z]"),
}
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Overview:
    """What the first rows show. rows: how many the dataset has; is_estimated: worked out from its size.

    series and points are (least, median, most): series a row, points of a row's longest series; None without series.
    languages and tasks: the most frequent first.
    """

    rows: int
    is_estimated: bool
    looked_at: int
    unreadable: int
    series: tuple[int, int, int] | None
    points: tuple[int, int, int] | None
    languages: tuple[str, ...]
    tasks: tuple[str, ...]


_POWER = Overview(POWER_ROWS, False, 0, 0, (1, 1, 1), 3 * (POWER_POINTS,), ("en", "zh"), ("classify",))


def overview(dataset: DatasetInfo, folders: Sequence[Path], cache: Path) -> Overview:
    """Look at the first rows of a dataset (name and files from the registry). Kept in the cache until a file changes.

    UserError where the files cannot be read at all.
    """
    if dataset.origin == "package" and not power_file(cache).is_file():
        # A list is no reason to fetch anything.
        return _POWER
    found = find_dataset(dataset.name, folders, cache) if dataset.origin in ("builtin", "package") else dataset
    source = source_of(found)
    access = RowAccess(source, cache)
    state = [_VERSION, source.fingerprint(), access.is_indexed]
    path = cache / f"overview-{fingerprint(*state)}.json"
    try:
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        made = _look(found, access, folders, cache)
    cache.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(asdict(made)))
    return made


def ancestry(dataset: DatasetInfo) -> Provenance | None:
    """Where a dataset comes from, as it says itself."""
    return read_provenance(dataset.path)


def languages_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The languages of some texts by their scripts, those in at least a tenth of them; Chinese is not Japanese."""
    found: Counter[str] = Counter()
    count = 0
    for text in texts:
        count += 1
        letters = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
        # A Latin unit or name in a Chinese sentence does not make it English.
        letters["en"] //= 6
        if letters["ja"]:
            letters["zh"] = 0
        best = max(letters, key=lambda name: letters[name])
        found[best] += letters[best] > 0
    return tuple(name for name, times in found.most_common() if times >= max(1, _LEAST_SHARE * count))


def _look(dataset: DatasetInfo, access: RowAccess, folders: Sequence[Path], cache: Path) -> Overview:
    rows = access.first(ROWS_LOOKED_AT)
    texts, tasks, series, points = [], Counter[str](), [], []
    unreadable = 0
    for each in rows:
        examined = examine_row(each.raw.record, each.mapping) if each.raw.record is not None else None
        if examined is None or examined.row is None:
            unreadable += 1
            continue
        texts.append("\n".join(turn["content"] for turn in examined.row.turns))
        tasks[str(examined.meta.get("task") or "")] += 1
        series.append(len(examined.row.series))
        points += [max(map(len, examined.row.series))] if examined.row.series else []
    count, is_estimated = _count(dataset, access, rows, folders, cache)
    return Overview(
        count, is_estimated, len(rows), unreadable, _spread(series), _spread(points), languages_of(texts),
        tuple(name for name, _ in tasks.most_common() if name),
    )  # fmt: skip


def _count(
    dataset: DatasetInfo, access: RowAccess, rows: Sequence[LocatedRow], folders: Sequence[Path], cache: Path
) -> tuple[int, bool]:
    if len(rows) < ROWS_LOOKED_AT:
        return len(rows), False
    if access.is_indexed:
        return len(access), False
    if dataset.rows is not None:
        return dataset.rows, False
    try:
        known = last_diagnosis(dataset.name, folders, cache)
    except UserError:
        known = None
    if known is not None:
        return known.report.rows_read, False
    # Of one file only the bytes of its first rows are known.
    done = max(1, rows[-1].raw.done_bytes)
    return round(len(rows) * dataset.size_bytes / done), True


def _spread(values: Sequence[int]) -> tuple[int, int, int] | None:
    if not values or not max(values):
        return None
    return min(values), int(np.median(values)), max(values)


def _from_json(data: dict[str, Any]) -> Overview:
    told: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Overview(**told)
