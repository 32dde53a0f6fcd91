"""Whether a safetensors file is whole, told from its header and its size: no tensor is read, no torch is needed."""

import json
import math
from pathlib import Path
from typing import Any

# The format's own limit for the header.
HEADER_LIMIT_BYTES = 100_000_000


def is_readable(path: Path) -> bool:
    """Whether the header is valid and the file is exactly as long as it says; False for a cut or empty file."""
    try:
        length, tensors = _read(path)
        end = max((int(entry["data_offsets"][1]) for entry in tensors), default=0)
        return bool(tensors) and path.stat().st_size == 8 + length + end
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return False


def count_elements(path: Path) -> int:
    """How many numbers the tensors of the file hold; 0 for a file that is not one."""
    try:
        return sum(math.prod(map(int, entry["shape"])) for entry in _read(path)[1])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0


def _read(path: Path) -> tuple[int, list[dict[str, Any]]]:
    """The length of the header in bytes, and what it says of each tensor. ValueError when there is none."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= HEADER_LIMIT_BYTES:
            raise ValueError("no header")
        header = json.loads(file.read(length))
    return length, [entry for name, entry in header.items() if name != "__metadata__"]
