"""Rows that are left out by name, "dataset:row", without touching the files: how a bad row is got rid of at once."""

from collections.abc import Sequence

import numpy as np

from tsft.data.mixing import RowSet


def kept_rows(name: str, rows: RowSet, leave_out: Sequence[str]) -> np.ndarray:
    """bool[rows], False for those that are named. Of a dataset of several files every row of that number is meant."""
    own = [row for dataset, _, row in (text.strip().rpartition(":") for text in leave_out) if dataset == name]
    numbers = [int(row) for row in own if row.isdecimal()]
    if not numbers:
        return np.ones(len(rows), dtype=bool)
    return ~np.isin(rows.column("row"), numbers)
