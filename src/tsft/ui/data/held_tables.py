"""Tables that were brought to the workspace: kept under a safe name, so that a recipe can name them again."""

import filecmp
import shutil
from pathlib import Path

from tsft.atomic import replacing
from tsft.data.builder.tables import KINDS
from tsft.store.workspace import readable_part


def held_tables(folder: Path) -> list[tuple[str, str]]:
    """(name, path) of each, the newest first."""
    if not folder.is_dir():
        return []
    found = [each for each in folder.iterdir() if each.suffix.lower() in KINDS and not each.name.startswith(".")]
    newest = sorted(found, key=lambda each: (-each.stat().st_mtime, each.name))
    return [(each.name, str(each)) for each in newest]


def hold_table(folder: Path, brought: Path) -> Path:
    """The file in the folder: the one that is there already where it holds the same, else a copy under a free name."""
    folder.mkdir(parents=True, exist_ok=True)
    stem, suffix = readable_part(brought.stem), readable_part(brought.suffix.lower())
    number, path = 1, folder / f"{stem}.{suffix.lstrip('.')}"
    while path.exists():
        if filecmp.cmp(path, brought, shallow=False):
            return path
        number += 1
        path = folder / f"{stem}-{number}.{suffix.lstrip('.')}"
    with replacing(path) as unfinished:
        shutil.copyfile(brought, unfinished)
    return path
