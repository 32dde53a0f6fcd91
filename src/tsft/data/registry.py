"""Which datasets there are: entries of dataset_info.json, data files, and the built-in demo, each under one name."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from tsft.data.dataset_info import FILE_NAME, read_dataset_info
from tsft.data.files import SUFFIXES, data_files
from tsft.data.mapping import GUESS, ColumnMapping
from tsft.data.power_days import POWER_NAME, POWER_ROWS, materialise_power
from tsft.data.provenance import read_provenance
from tsft.data.synth.demo import DEMO_NAME, DEMO_ROWS, materialise_demo
from tsft.errors import Message, UserError, message

# By origin: what writes the file of a dataset that has none of its own.
_MADE = {"builtin": materialise_demo, "package": materialise_power}


@dataclass(frozen=True)
class DatasetInfo:
    """One dataset as the page lists it. `rows` is None while nobody has counted; a `problem` keeps it from being used.

    origin: "info" (an entry of dataset_info.json), "file" (a data file in a folder), "path" (named by its path),
    "builtin" (generated) or "package" (brought by another package).
    """

    name: str
    path: Path
    rows: int | None
    size_bytes: int
    origin: str
    problem: Message | None = None
    files: tuple[Path, ...] = ()
    mapping: ColumnMapping = GUESS
    sample_rows: int = 0


def list_datasets(folders: Iterable[Path]) -> list[DatasetInfo]:
    """Every dataset in the folders, and last what needs no file: `demo` and `power_days`.

    A broken entry or file is listed with its problem. No two have the same name: a later one gets "-2", "-3" behind it.
    """
    found: list[DatasetInfo] = []
    taken: set[str] = set()
    for folder in folders:
        if folder.is_dir():
            for dataset in _in_folder(folder):
                name = _free_name(dataset.name, taken)
                taken.add(name)
                found.append(dataset if name == dataset.name else _renamed(dataset, name))
    shipped = ((DEMO_NAME, DEMO_ROWS, "builtin"), (POWER_NAME, POWER_ROWS, "package"))
    found += [DatasetInfo(name, Path(name), rows, 0, origin) for name, rows, origin in shipped if name not in taken]
    return found


def find_dataset(name: str, folders: Sequence[Path], cache: Path) -> DatasetInfo:
    """The usable dataset of this name, or at this path. What needs no file is written to `cache` at its first use.

    UserError when it has a problem, or when there is none (with the nearest names).
    """
    listed = {dataset.name: dataset for dataset in list_datasets(folders)}
    dataset = listed.get(name) or _at_path(name, folders)
    if dataset is None:
        raise UserError(_unknown(name, list(listed)))
    if dataset.problem is not None:
        raise UserError(dataset.problem)
    if dataset.origin not in _MADE:
        return dataset
    path = _MADE[dataset.origin](cache)
    return replace(dataset, path=path, size_bytes=path.stat().st_size, files=(path,))


def safe_name(text: str) -> str:
    """A name without spaces, separators or signs; letters of any script stay."""
    normal = unicodedata.normalize("NFKC", text)
    return re.sub(r"[^\w.-]+", "_", normal).strip("._-") or "dataset"


def _in_folder(folder: Path) -> list[DatasetInfo]:
    entries, problem = read_dataset_info(folder)
    found = [
        DatasetInfo(
            name=entry.name,
            path=entry.path,
            rows=_row_count(entry.files),
            size_bytes=sum(path.stat().st_size for path in entry.files),
            origin="info",
            problem=entry.problem,
            files=entry.files,
            mapping=entry.mapping,
            sample_rows=entry.sample_rows,
        )
        for entry in entries
    ]
    if problem is not None:
        info = folder / FILE_NAME
        found.append(DatasetInfo(FILE_NAME, info, None, info.stat().st_size, "info", problem))
    described = {path.resolve() for entry in entries for path in entry.files}
    return found + [_plain(path) for path in data_files(folder) if path.resolve() not in described]


def _plain(path: Path, origin: str = "file", name: str = "") -> DatasetInfo:
    files = tuple(data_files(path))
    problem = None
    if not files or any(each.suffix.lower() not in SUFFIXES for each in files):
        problem = message("data.file.kind", file=path.name, kinds=", ".join(SUFFIXES))
        files = ()
    size = sum(each.stat().st_size for each in files)
    known = read_provenance(path)
    mapping = ColumnMapping.from_json(known.mapping) if known is not None and known.mapping else GUESS
    rows = known.rows if known is not None and known.rows is not None else _row_count(files)
    return DatasetInfo(name or safe_name(path.stem), path, rows, size, origin, problem, files, mapping)


def _at_path(name: str, folders: Sequence[Path]) -> DatasetInfo | None:
    if not name.strip() or "\x00" in name:
        return None
    for base in (Path(), *folders):
        path = base / name
        if path.is_file() or (path.is_dir() and data_files(path)):
            return _plain(path, "path", name)
    return None


def _row_count(files: Sequence[Path]) -> int | None:
    """Rows, where the files say so without being read (Parquet)."""
    if not files or any(path.suffix.lower() != ".parquet" for path in files):
        return None
    try:
        return sum(parquet.read_metadata(path).num_rows for path in files)
    except (pa.ArrowInvalid, OSError):
        return None  # reading it will say what is wrong


def _free_name(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _renamed(dataset: DatasetInfo, name: str) -> DatasetInfo:
    return DatasetInfo(**{**dataset.__dict__, "name": name})


def _unknown(name: str, known: list[str]) -> Message:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return message("data.unknown_near", name=name, near=", ".join(near))
    return message("data.unknown", name=name, known=", ".join(known[:20]))
