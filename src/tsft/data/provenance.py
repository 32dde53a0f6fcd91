"""Where a dataset comes from: a JSON file beside it (`rows.jsonl.provenance`) with parents, steps and content hash.

Whoever derives, builds, generates or imports a dataset writes one; the registry reads the column mapping from it.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tsft import __version__
from tsft.atomic import write_text

SUFFIX = ".provenance"
FORMAT = 1


@dataclass(frozen=True)
class Parent:
    """A dataset or another source that rows came from. content: its content hash ("" where it has no files)."""

    name: str
    content: str = ""
    files: tuple[str, ...] = ()
    rows: int | None = None


@dataclass(frozen=True)
class Step:
    """One thing that was done. `do` names it ("fix", "build", "synth", "import" …), `options` are all it needs to be
    done again; rows_in and rows_out count rows, changed those that came out differently."""

    do: str
    options: Mapping[str, Any] = field(default_factory=dict)
    rows_in: int | None = None
    rows_out: int | None = None
    changed: int | None = None


@dataclass(frozen=True)
class Provenance:
    """The whole record. content: `data.content.content_hash` of the file. rows: None where nobody has counted.

    mapping: the rows' columns as `ColumnMapping.to_json`, {} where they are to be guessed
    """

    parents: tuple[Parent, ...]
    steps: tuple[Step, ...]
    content: str
    rows: int | None
    mapping: Mapping[str, Any] = field(default_factory=dict)
    made_at: float = field(default_factory=time.time)
    by: str = ""
    tsft: str = __version__
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Provenance":
        parents = tuple(Parent(**{**each, "files": tuple(each.get("files", ()))}) for each in data["parents"])
        return Provenance(
            parents=parents,
            steps=tuple(Step(**each) for each in data["steps"]),
            content=str(data["content"]),
            rows=None if data["rows"] is None else int(data["rows"]),
            mapping=dict(data.get("mapping") or {}),
            made_at=float(data.get("made_at", 0.0)),
            by=str(data.get("by", "")),
            tsft=str(data.get("tsft", "")),
            format=int(data.get("format", FORMAT)),
        )


def provenance_path(dataset: Path) -> Path:
    """The file that tells of this one."""
    return dataset.with_name(dataset.name + SUFFIX)


def read_provenance(dataset: Path) -> Provenance | None:
    """What is written beside a data file; None where there is nothing, or nothing that can be read."""
    path = provenance_path(dataset)
    if not path.is_file():
        return None
    try:
        return Provenance.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError):
        return None  # of another version or edited by hand: the rows are as good without it


def write_provenance(dataset: Path, provenance: Provenance) -> Path:
    """Written whole by one rename."""
    path = provenance_path(dataset)
    write_text(path, json.dumps(provenance.to_json(), ensure_ascii=False, indent=1) + "\n")
    return path
