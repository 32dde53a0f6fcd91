"""The exports of a workspace: how they are called, what one would weigh, what lies there, and taking one away."""

import json
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tsft.atomic import write_json
from tsft.config.run_config import ModelSettings
from tsft.errors import UserError, message
from tsft.run.export import ADAPTER, BYTES, MERGED, PLAIN, ExportSettings, SelfTest, written_format
from tsft.store.models import local_model
from tsft.store.runs import TRAINED_WEIGHTS, RunFolder, RunInfo, folder_bytes, read_json, run_config
from tsft.store.safetensors_header import count_elements
from tsft.store.workspace import Workspace, inside, readable_part, slug

# What an export says of itself for programs, beside the model card.
RECORD = "tsft-export.json"
CARD = "README.md"
# Tokenizer, card and settings beside the weights, and what a file system needs for itself.
MARGIN_BYTES = 64 * 1024**2
# A card is shown as text; ours have some kilobytes.
CARD_BYTES = 200_000
_MOST_ABOVE = 20

ReadFile = Callable[[str], str]


@dataclass(frozen=True)
class ExportInfo:
    """A folder or zip below the workspace's exports. made_at: seconds since the epoch.

    run, step, dtype, test: as the export says of itself; "", 0 and None where it does not.
    """

    name: str
    path: Path
    form: str
    is_zipped: bool
    size_bytes: int
    made_at: float
    run: str = ""
    step: int = 0
    dtype: str = ""
    test: SelfTest | None = None


@dataclass(frozen=True)
class Outlook:
    """What can be told of an export before it is made.

    path: what it will be called. bytes: how large it becomes, None while its base is not on this machine. needed_bytes:
    the room that is asked for on the disk. lacks_code: whether ChatTS's own tools will miss the model's code.
    """

    path: Path
    free_bytes: int
    bytes: int | None = None
    needed_bytes: int | None = None
    lacks_code: bool = False


def export_path(workspace: Workspace, settings: ExportSettings, title: str) -> Path:
    """The folder or zip below the workspace's exports: by the given name, else by `title` and a number that is free."""
    ending = ".zip" if settings.is_zipped else ""
    if settings.name:
        return workspace.exports / f"{slug(settings.name)}{ending}"
    own = f"{readable_part(title)}-{settings.form}"  # made unique by the number
    numbered = (own if number == 1 else f"{own}.{number}" for number in range(1, 10_000))
    return next(path for name in numbered if not (path := workspace.exports / f"{name}{ending}").exists())


def weights_elements(*folders: Path) -> int:
    """How many numbers the weights of these folders hold together, from the headers of their files."""
    return sum(count_elements(path) for folder in folders for path in folder.glob("*.safetensors"))


def needed_bytes(weights_bytes: int, is_zipped: bool) -> int:
    """The room on the disk for such weights, and for the zip while its folder is still there."""
    return weights_bytes * (2 if is_zipped else 1) + MARGIN_BYTES


def outlook(workspace: Workspace, settings: ExportSettings, title: str) -> Outlook:
    """Look ahead from what lies on the disk: nothing is loaded or fetched. `title` as `export_path` takes it."""
    path = export_path(workspace, settings, title)
    free = shutil.disk_usage(workspace.root).free
    source = workspace.root / settings.result
    base = _base_of(source, workspace) if settings.result else None
    if base is None:
        return Outlook(path, free)
    if settings.form == ADAPTER:
        size = sum(each.stat().st_size for each in source.glob("adapter_model.safetensors"))
    else:
        folders = {source, base}
        size = weights_elements(*folders) * BYTES[written_format(settings.dtype, read_json(base / "config.json"))]
    return Outlook(path, free, size, needed_bytes(size, settings.is_zipped), not list(base.glob("modeling*.py")))


def write_record(folder: Path, form: str, dtype: str, source: Path, run: RunInfo | None, test: SelfTest) -> None:
    """What `list_exports` reads, into an export. source: the folder it was made from, of which no path is kept."""
    number = source.name.rpartition("-")[2]
    step = int(number) if source.name.startswith("checkpoint-") and number.isdecimal() else run.step if run else 0
    about = {"form": form, "dtype": dtype, "run": run.name if run else "", "step": step, "at": time.time()}
    write_json(folder / RECORD, {**about, "test": test.to_json()})


def list_exports(workspace: Workspace) -> list[ExportInfo]:
    """What was exported into the workspace and is there still, the newest first."""
    if not workspace.exports.is_dir():
        return []
    paths = (path for path in workspace.exports.iterdir() if not path.name.startswith("."))
    found = [info for path in paths if (info := _info(path)) is not None]
    return sorted(found, key=lambda each: (-each.made_at, each.name))


def find_export(workspace: Workspace, name: str) -> ExportInfo:
    """The export of this name. Raises UserError when there is none (any more)."""
    path = inside(workspace.exports, name)
    found = _info(path) if path.parent == workspace.exports.resolve() and not path.name.startswith(".") else None
    if found is None:
        raise UserError(message("export.gone", name=name))
    return found


def card_of(export: ExportInfo) -> str:
    """The model card as text, "" when it has none."""
    try:
        return _read_zip(export.path)[1](CARD) if export.is_zipped else _read_folder(export.path)(CARD)
    except (OSError, KeyError, zipfile.BadZipFile):
        return ""


def remove_export(export: ExportInfo) -> None:
    """Delete it; under a hidden name first, so that a half-deleted one is never listed."""
    gone = export.path.with_name(f".deleted-{export.path.name}"[:200])
    try:
        export.path.rename(gone)
        gone.unlink() if gone.is_file() else shutil.rmtree(gone)
    except OSError as error:
        raise UserError(message("export.not_deleted", name=export.name, why=error.strerror or str(error))) from error


def _info(path: Path) -> ExportInfo | None:
    """What lies there, None when it is no export: rows that were taken away have a folder beside them."""
    try:
        if path.is_dir():
            names = [each.name for each in path.iterdir()]
            read, size = _read_folder(path), folder_bytes(path)
        elif path.suffix == ".zip":
            names, read = _read_zip(path)
            size = path.stat().st_size
        else:
            return None
        form = _form(names)
        if not form:
            return None
        told = _record(read, names)
        at = told.get("at")
        return ExportInfo(
            path.name,
            path,
            form,
            path.is_file(),
            size,
            float(at) if isinstance(at, (int, float)) else path.stat().st_mtime,
            str(told.get("run") or ""),
            int(told["step"]) if isinstance(told.get("step"), int) else 0,
            str(told.get("dtype") or ""),
            SelfTest.from_json(told.get("test")),
        )
    except (OSError, zipfile.BadZipFile):
        return None  # gone or changed at this moment, or a zip that is none


def _form(names: list[str]) -> str:
    """Which of the forms these files are, "" for none."""
    if "adapter_config.json" in names:
        return ADAPTER
    if "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
        return ""
    return PLAIN if "series_encoder" in names else MERGED


def _record(read: ReadFile, names: list[str]) -> Mapping[str, Any]:
    if RECORD not in names:
        return {}
    try:
        tree = json.loads(read(RECORD))
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _read_folder(folder: Path) -> ReadFile:
    def read(name: str) -> str:
        with (folder / name).open("rb") as file:
            return file.read(CARD_BYTES).decode("utf-8", errors="replace")

    return read


def _read_zip(archive: Path) -> tuple[list[str], ReadFile]:
    """The names in the one folder that a zip of ours holds, and how to read a file of it."""
    with zipfile.ZipFile(archive) as packed:
        paths = [PurePosixPath(name).parts for name in packed.namelist()]
    top = paths[0][0] if paths and len(paths[0]) > 1 else ""
    names = list(dict.fromkeys(parts[1] for parts in paths if len(parts) > 1 and parts[0] == top))

    def read(name: str) -> str:
        with zipfile.ZipFile(archive) as packed, packed.open(f"{top}/{name}") as file:
            return file.read(CARD_BYTES).decode("utf-8", errors="replace")

    return names, read


def _base_of(path: Path, workspace: Workspace, above: int = 0) -> Path | None:
    """The whole model that a result stands on, itself where it is one; None while it is not on this machine."""
    if above > _MOST_ABOVE or not path.is_dir():
        return None
    if (path / "adapter_config.json").is_file():
        told = read_json(path / "tsft.json")
        name = str(told.get("base") or "")
        if name and (workspace.root / name / "adapter_config.json").is_file():
            return _base_of(workspace.root / name, workspace, above + 1)
        hub, revision = str(told.get("hub") or "huggingface"), str(told.get("revision") or "")
        return local_model(workspace, ModelSettings(name=name, hub=hub, revision=revision))
    if (path / TRAINED_WEIGHTS).is_file():
        settings = _model_settings(path.parent.parent)
        if settings is None or not settings.continue_from:
            return local_model(workspace, settings) if settings is not None else None
        return _base_of(workspace.root / settings.continue_from, workspace, above + 1)
    return path if (path / "config.json").is_file() else None


def _model_settings(run: Path) -> ModelSettings | None:
    try:
        return run_config(RunFolder(run)).model
    except UserError:
        return None
