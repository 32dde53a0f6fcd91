"""The recipes that lie beside datasets which were built or generated here."""

import json
from pathlib import Path

from tsft.data.recipe_files import RECIPE_SUFFIX


def recipes_here(folder: Path, entry: str) -> list[tuple[str, str]]:
    """(name of the dataset, path of its recipe), the newest first; those that have this entry only."""
    found = []
    for path in folder.glob(f"*{RECIPE_SUFFIX}") if folder.is_dir() else ():
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # written by hand, or gone meanwhile: it cannot be offered
        if isinstance(data, dict) and entry in data:
            found.append((-path.stat().st_mtime, path))
    return [(path.name.removesuffix(RECIPE_SUFFIX), str(path)) for _, path in sorted(found)]
