"""Where an export lies and how it comes there: a free name, room on the disk, nothing half-written, a zip."""

import errno
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tsft.errors import Message, Problem, UserError, message
from tsft.run.export import ExportSettings
from tsft.store.exports import export_path, needed_bytes
from tsft.store.workspace import Workspace

_PIECE_BYTES = 8 * 1024**2

Progress = Callable[[int, int, str], None]


def target_of(settings: ExportSettings, workspace: Workspace, title: str) -> Path:
    """What the export will be called, whole: a folder, or the zip. `title` names it where the settings do not."""
    ending = ".zip" if settings.is_zipped else ""
    if settings.folder:
        path = Path(settings.folder).expanduser().absolute()
        return path if path.name.lower().endswith(ending) else path.with_name(path.name + ending)
    return export_path(workspace, settings, title)


def target_problems(settings: ExportSettings, target: Path) -> list[Problem]:
    """What stands in the way of writing there."""
    field = "folder" if settings.folder else "name"
    if os.path.lexists(target):
        return [Problem(field, message("export.exists", path=str(target)))]
    if "\0" in str(target) or not target.name.strip("."):
        return [Problem(field, message("export.bad_folder", path=str(target)))]
    above = _existing(target.parent)
    if not above.is_dir() or not os.access(above, os.W_OK):
        return [Problem(field, message("export.not_writable", path=str(above)))]
    return []


def require_room(target: Path, weights_bytes: int, is_zipped: bool) -> None:
    """Raise UserError when the disk has no room for such weights, and for the zip while its folder is still there."""
    needed = needed_bytes(weights_bytes, is_zipped)
    free = shutil.disk_usage(_existing(target.parent)).free
    if needed > free:
        values = {"needed_gib": f"{needed / 1024**3:.1f}", "free_gib": f"{free / 1024**3:.1f}"}
        raise UserError(Problem("folder", message("export.no_room", path=str(target), **values)))


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target` to write into; it is gone when the block ends, whatever happened.

    What the block has `put` in its place stays. Folders above that had to be made go again if nothing came of it.
    """
    made = [path for path in (target.parent, *target.parent.parents) if not path.exists()]
    _remove_left(target)
    working = target.with_name(f".{target.name[:100]}.{os.getpid()}.partial")
    try:
        working.mkdir(parents=True)
        yield working
    except OSError as error:
        raise UserError(Problem("folder", not_written(target, error))) from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def put(made: Path, target: Path) -> None:
    """Give what was made its name. Raises UserError when there is something under that name by now."""
    if os.path.lexists(target):
        raise UserError(Problem("folder", message("export.exists", path=str(target))))
    made.rename(target)


def zipped(folder: Path, archive: Path, progress: Progress) -> Path:
    """The folder as a zip at `archive`, its name within being the folder's. Weights do not shrink: stored as they are.

    `progress` (files, all, name) is called before each file and may raise. Every byte is read back and checked.
    """
    files = files_of(folder)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED, allowZip64=True) as packed:
        for number, path in enumerate(files):
            name = path.relative_to(folder.parent).as_posix()
            progress(number, 2 * len(files), path.name)
            with path.open("rb") as source, packed.open(zipfile.ZipInfo.from_file(path, name), "w") as into:
                shutil.copyfileobj(source, into, _PIECE_BYTES)
    with zipfile.ZipFile(archive) as packed:
        for number, name in enumerate(packed.namelist()):
            progress(len(files) + number, 2 * len(files), name)
            with packed.open(name) as file:  # the checksum is compared at its end
                while file.read(_PIECE_BYTES):
                    continue
    return archive


def files_of(folder: Path) -> list[Path]:
    """All files below a folder, by name."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def not_written(target: Path, error: OSError) -> Message:
    """The sentence for what the system says against writing."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return message("export.disk_full", path=str(target))
    return message("file.not_written", path=str(target), why=error.strerror or str(error))


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _remove_left(target: Path) -> None:
    """What an export of the same name left when its process was ended."""
    if not target.parent.is_dir():
        return
    beginning = f".{target.name[:100]}."
    for path in target.parent.iterdir():
        middle = path.name.removeprefix(beginning).removesuffix(".partial")
        if path.name == f"{beginning}{middle}.partial" and middle.isdecimal() and not psutil.pid_exists(int(middle)):
            shutil.rmtree(path, ignore_errors=True)
