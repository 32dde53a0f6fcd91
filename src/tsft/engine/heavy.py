"""The modules of the engine that load torch, at first use: so that the engine itself is imported at once."""

import importlib
from typing import Any


def heavy(module: str) -> Any:
    """A module of the engine that loads torch: only here, so that `import tsft.engine.engine` does not."""
    return importlib.import_module(f"tsft.engine.{module}")
