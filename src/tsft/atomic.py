"""Writing so that a reader sees the old file or the whole new one, never a half: a temporary name, then a rename."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsft.errors import UserError, message


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` when the block ends without an error.

    Raises UserError when the disk refuses (full, read-only), and then leaves `path` as it was.
    """
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(message("file.not_written", path=str(path), why=error.strerror or str(error))) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Put `text` (UTF-8) in the place of `path`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, tree: Any) -> None:
    """Put `tree` in the place of `path`, indented, letters of all languages as they are."""
    write_text(path, json.dumps(tree, ensure_ascii=False, indent=2) + "\n")


def _flush(path: Path) -> None:
    # Without this a power cut after the rename can leave an empty file under the final name.
    with path.open("rb+") as file:
        os.fsync(file.fileno())
