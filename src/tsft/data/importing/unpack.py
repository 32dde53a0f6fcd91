"""The files in a folder or an archive that somebody hands in; nothing of an archive gets out of its own folder."""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tsft.data.arrow_cache import ShouldStop
from tsft.errors import UserError, message
from tsft.run.ports import Stopped

MOST_FILES = 10_000
_CHUNK_BYTES = 8 * 1024 * 1024
# Of the free disk: a zip of zeros may hold a thousand times its size.
_SHARE_OF_DISK = 0.8
_ENGLISH_NAMES, _UTF_8_NAME = "cp437", 0x800


def is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def files_in(folder: Path) -> list[Path]:
    """Every file of a folder and those in it, by name; hidden ones and links are left out."""
    found = (each for each in sorted(folder.rglob("*")) if each.is_file() and not each.is_symlink())
    return [each for each in found if not any(_is_hidden(part) for part in each.relative_to(folder).parts)]


def unpacked(archive: Path, folder: Path, should_stop: ShouldStop | None = None) -> Path:
    """Unpack into `folder` (new or empty). UserError where it is no archive, too large, or locked by a password."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [each for each in opened.infolist() if not each.is_dir()]
            _refuse(archive, members, folder)
            for member, name in _named(members):
                path = folder.joinpath(*name.parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, path.open("wb") as target:
                    while chunk := source.read(_CHUNK_BYTES):
                        if should_stop is not None and should_stop():
                            raise Stopped
                        target.write(chunk)
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        FileExistsError,
        NotADirectoryError,
    ) as error:
        raise UserError(message("data.import.no_archive", file=archive.name, why=str(error)[:200])) from error
    return folder


def _refuse(archive: Path, members: list[zipfile.ZipInfo], folder: Path) -> None:
    if any(each.flag_bits & 1 for each in members):
        raise UserError(message("data.import.password", file=archive.name))
    size = sum(each.file_size for each in members)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if len(members) > MOST_FILES or size > _SHARE_OF_DISK * free:
        told = {"files": len(members), "mib": size // 1024**2, "most": MOST_FILES, "free": free // 1024**2}
        raise UserError(message("data.import.too_large", file=archive.name, **told))


def _named(members: list[zipfile.ZipInfo]) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Members with the place each gets: inside the folder, readable, and none of a Mac's shadows."""
    for member in members:
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        name = PurePosixPath(_readable(member).replace("\\", "/"))
        parts = [part for part in name.parts if part not in ("/", "..", ".") and ":" not in part]
        if not is_link and parts and parts[0] != "__MACOSX" and not _is_hidden(parts[-1]):
            yield member, PurePosixPath(*parts)


def _readable(member: zipfile.ZipInfo) -> str:
    """A Mac writes names in UTF-8 and Chinese Windows in GBK without saying so; the reader takes them for English."""
    if member.flag_bits & _UTF_8_NAME:
        return member.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return member.filename.encode(_ENGLISH_NAMES).decode(encoding)
        except UnicodeError:
            continue
    return member.filename


def _is_hidden(name: str) -> bool:
    return name.startswith(".")
