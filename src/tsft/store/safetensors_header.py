"""Whether a safetensors file is whole, told from its header and its size: no tensor is read, no torch is needed."""

import json
from pathlib import Path

# The format's own limit for the header.
HEADER_LIMIT_BYTES = 100_000_000


def is_readable(path: Path) -> bool:
    """Whether the header is valid and the file is exactly as long as it says; False for a cut or empty file."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= HEADER_LIMIT_BYTES:
                return False
            header = json.loads(file.read(length))
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        end = max((int(entry["data_offsets"][1]) for entry in tensors), default=0)
        return bool(tensors) and path.stat().st_size == 8 + length + end
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return False
