"""What the answers of an evaluation scored, kept beside them: a large evaluation is judged once, then opens quickly.

The file may be deleted at any time. It counts for the scorers, the items and the lines that it was made of.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from sys import intern
from typing import Any

import tsft.evaluate
from tsft.atomic import write_text
from tsft.errors import UserError
from tsft.store.evaluations import EvaluationFolder
from tsft.ui.evaluate.judging import Entry, Key

# Of the lines read before: enough to tell another file from one that has grown.
_END_BYTES = 4_096


@dataclass(frozen=True)
class Kept:
    """rows: entries by row and model. models: as asked. controlled: answers under controls.

    read_bytes: how much of `predictions.jsonl` it was made of.
    """

    rows: dict[Key, dict[str, Entry]] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    controlled: int = 0
    read_bytes: int = 0


def keep(folder: EvaluationFolder, state: str, kept: Kept) -> None:
    """Write them down; where the disk refuses, they are judged again the next time."""
    rows = [[*key, [list(each) for each in models.values()]] for key, models in kept.rows.items()]
    about = {"stamp": _stamp(folder, state, kept.read_bytes), "models": kept.models, "controlled": kept.controlled}
    try:
        write_text(folder.judged, json.dumps({**about, "read_bytes": kept.read_bytes, "rows": rows}))
    except (UserError, OSError):
        return


def kept_scores(folder: EvaluationFolder, state: str) -> Kept:
    """What was kept; nothing where it does not fit (any more)."""
    try:
        told: Mapping[str, Any] = json.loads(folder.judged.read_text(encoding="utf-8"))
        if told["stamp"] != _stamp(folder, state, told["read_bytes"]):
            return Kept()
        rows = {(intern(dataset), row): _entries(models) for dataset, row, models in told["rows"]}
        return Kept(rows, tuple(map(intern, told["models"])), told["controlled"], told["read_bytes"])
    except (OSError, ValueError, TypeError, KeyError):
        return Kept()


def _entries(models: list[Any]) -> dict[str, Entry]:
    found = {}
    for offset, model, task, language, value, outcome in models:
        model = intern(model)
        found[model] = Entry(offset, model, intern(task), intern(language), value, intern(outcome))
    return found


def _stamp(folder: EvaluationFolder, state: str, read_bytes: int) -> str:
    """Of the scorers, the items and the end of what was read: lines are only ever added behind it."""
    with folder.predictions.open("rb") as file:
        file.seek(max(0, read_bytes - _END_BYTES))
        end = file.read(min(read_bytes, _END_BYTES))
    return blake2b(_scorers() + state.encode() + b"%d:" % read_bytes + end, digest_size=16).hexdigest()


@lru_cache(maxsize=1)
def _scorers() -> bytes:
    """Changes when a scorer does, so that nobody has to remember a version."""
    found = blake2b(digest_size=16)
    for path in sorted(Path(tsft.evaluate.__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.digest()
