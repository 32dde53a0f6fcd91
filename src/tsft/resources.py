"""Finds `locales/` and `presets/`: inside the installed package, or at the top of a checkout."""

from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


@cache
def resource_folder(name: str) -> Path:
    """The folder `locales` or `presets`: inside the wheel, else beside `src/` in a checkout or editable install.

    Raises FileNotFoundError when neither is there (a broken installation).
    """
    for folder in (PACKAGE / name, PACKAGE.parent.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"{name}/ is neither in the package nor in the checkout; install tsft again")
