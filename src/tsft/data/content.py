"""What a dataset's files hold, as a short hash of their bytes: the same for a copy, another for one changed letter."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tsft.atomic import write_text
from tsft.data.arrow_cache import ShouldStop, fingerprint
from tsft.run.ports import Stopped

_CHUNK_BYTES = 8 * 1024**2


def content_hash(files: Sequence[Path], cache: Path, should_stop: ShouldStop | None = None) -> str:
    """The hash of the files in order. Kept under `cache` until one is changed: a gigabyte takes about a second."""
    states = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]

    memo = cache / f"content-{fingerprint('content', states)}"
    if memo.is_file():
        return memo.read_text(encoding="ascii")
    digest = hashlib.blake2b(digest_size=12)
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                if should_stop is not None and should_stop():
                    raise Stopped
                digest.update(chunk)
    cache.mkdir(parents=True, exist_ok=True)
    write_text(memo, digest.hexdigest())
    return digest.hexdigest()
