"""Signs of life of the processes that train one run together: a small file each, with its last words."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tsft.atomic import write_json
from tsft.store.owner import Owner
from tsft.store.runs import RunFolder, read_json

# Of a log, the end that is read for last words.
TAIL_BYTES = 8_192


@dataclass(frozen=True)
class Sign:
    """What a process says of itself. Times are seconds since the epoch by its own clock.

    moves: grows whenever its training gets on (a micro-batch, a row, a file), moved_at is when it last did.
    failed: its fault as the line of a `Failed` event, {} while there is none. has_lost_others: that fault is only that
    another process went away. is_done: it ended as it should.
    """

    rank: int
    host: str
    pid: int
    boot_id: str
    started: float
    at: float
    moves: int = 0
    moved_at: float = 0.0
    step: int = 0
    failed: Mapping[str, Any] = field(default_factory=dict)
    has_lost_others: bool = False
    is_done: bool = False

    @property
    def owner(self) -> Owner:
        return Owner(self.pid, self.boot_id, self.started, self.host)


def sign_path(folder: RunFolder, rank: int) -> Path:
    return folder.ranks / f"{rank}.json"


def log_path(folder: RunFolder, rank: int) -> Path:
    return folder.ranks / f"{rank}.log"


def write_sign(folder: RunFolder, sign: Sign) -> None:
    """Raises UserError when the disk refuses."""
    folder.ranks.mkdir(exist_ok=True)
    write_json(sign_path(folder, sign.rank), asdict(sign))


def read_signs(folder: RunFolder) -> dict[int, Sign]:
    """By rank; a file that is missing or broken is left out."""
    if not folder.ranks.is_dir():
        return {}
    found = (_sign(read_json(path)) for path in folder.ranks.glob("*.json"))
    return {each.rank: each for each in sorted((each for each in found if each), key=lambda each: each.rank)}


def clear_signs(folder: RunFolder) -> None:
    """Forget what an earlier attempt left."""
    for path in folder.ranks.glob("*") if folder.ranks.is_dir() else ():
        path.unlink(missing_ok=True)


def last_words(path: Path, lines: int = 3) -> str:
    """The last lines of a log that say something, "" where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    said = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(said[-lines:])[:500]


def _sign(tree: Mapping[str, Any]) -> Sign | None:
    known = {name: value for name, value in tree.items() if name in Sign.__dataclass_fields__}
    try:
        sign = Sign(**known)
        json.dumps(sign.failed)
        return sign if isinstance(sign.rank, int) and isinstance(sign.failed, dict) else None
    except (TypeError, ValueError):
        return None
