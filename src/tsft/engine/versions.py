"""Which code computes a run: the versions of the packages that decide its numbers, without importing any of them."""

import platform
from functools import cache
from importlib import metadata

from tsft import __version__

PACKAGES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "torchao", "deepspeed")


@cache
def code_versions() -> tuple[tuple[str, str], ...]:
    """(package, version), tsft and python first."""
    found = [(name, _version(name)) for name in PACKAGES]
    own = [("tsft", __version__), ("python", platform.python_version())]
    return tuple([*own, *((name, version) for name, version in found if version)])


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
