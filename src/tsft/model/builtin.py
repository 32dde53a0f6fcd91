"""The model that ships with tsft: small, able to read series, and there without a network.

A folder of the package, trained by tsft from its own generator; how, and what it can do, is on its card
(`pretrained/README.md`).
"""

import shutil
import tempfile
from pathlib import Path

_SHIPPED = Path(__file__).with_name("pretrained")


def make_builtin(folder: Path) -> Path:
    """The built-in model in `folder`, copied there at first use: an ordinary ChatTS checkpoint in half precision.

    A workspace keeps its copy, so that what was trained on it keeps its base when a newer tsft brings a better one.
    """
    folder = Path(folder)
    if (folder / "config.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    working = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        shutil.copytree(_SHIPPED, working / "model")
        shutil.rmtree(folder, ignore_errors=True)
        (working / "model").rename(folder)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return folder
