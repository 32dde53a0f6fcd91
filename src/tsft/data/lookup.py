"""Finds single rows of a dataset by their number in the file, as every report names them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsft.data.examples import Example
from tsft.data.preparation import read_dataset

# (file of the dataset or None for whichever comes first, row in that file)
Place = tuple[int | None, int]


def find_examples(
    name: str, folders: Sequence[Path], cache: Path, places: Sequence[Place], max_rows: int = 0
) -> list[Example | None]:
    """The examples at these places, None for one that is not there. Raises UserError as reading does."""
    examples, _ = read_dataset(name, folders, cache, max_rows=max_rows)
    files, rows = examples.column("file"), examples.column("row")
    found: list[Example | None] = []
    for file_index, row in places:
        here = rows == row if file_index is None else (rows == row) & (files == file_index)
        index = int(np.argmax(here)) if here.any() else -1
        found.append(examples[index] if index >= 0 else None)
    return found
