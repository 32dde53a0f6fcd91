"""Makes one batch of tensors from encoded rows: pads the tokens, cuts the series into patches, batch-first.

Also joins the rows of a pack into one (`joined`). Knows nothing of text; rows come from `processor.py` (or from a table
that was written with it).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

IGNORED = -100


def collate(
    rows: Sequence[Mapping[str, Any]],
    pad_id: int,
    patch_size: int,
    last_patch: str = "repeat",
    side: str = "right",
) -> dict[str, Tensor]:
    """The batch of `rows`, each with `input_ids`, `values` (scaled series) and for training `labels`.

    input_ids, attention_mask, labels: int64[B, T], padded on `side`; no labels when the rows have none
    position_ids: int64[B, T] in the place of attention_mask when the rows have it (see `joined`); padded with zeros
    ts_values:    float32[B, P, K]; the last patch of a series filled with its last value ("repeat") or "zero"
    ts_mask:      bool[B, P, K], True at real points
    ts_positions: int64[B, P], index of each patch's first point in its series
    P is at least 1, so that a batch of plain text still passes through the encoder.
    """
    batch = _pad_tokens(rows, pad_id, side)
    patches = [[-(-len(series) // patch_size) for series in row["values"]] for row in rows]
    width = max(1, max(map(sum, patches), default=1))
    values = np.zeros((len(rows), width * patch_size), dtype=np.float32)
    mask = np.zeros((len(rows), width * patch_size), dtype=bool)
    positions = np.zeros((len(rows), width), dtype=np.int64)
    for b, row in enumerate(rows):
        patch = 0
        for series, count in zip(row["values"], patches[b], strict=True):
            begin, end, length = patch * patch_size, (patch + count) * patch_size, len(series)
            values[b, begin : begin + length] = series
            if last_patch == "repeat" and length:
                values[b, begin + length : end] = series[-1]
            mask[b, begin : begin + length] = True
            positions[b, patch : patch + count] = np.arange(0, count * patch_size, patch_size)
            patch += count
    batch["ts_values"] = torch.from_numpy(values.reshape(len(rows), width, patch_size))
    batch["ts_mask"] = torch.from_numpy(mask.reshape(len(rows), width, patch_size))
    batch["ts_positions"] = torch.from_numpy(positions)
    return batch


def joined(rows: Sequence[Mapping[str, Any]], *, are_separate: bool) -> dict[str, Any]:
    """The rows of one pack as one row: ids and labels one after another, all series in order.

    With `are_separate` it has `position_ids` that begin anew with each row: attention then stays inside a row, since
    transformers builds a block mask from them where there is no attention mask (and no cache). Without, each row sees
    all that stand before it. The first label of a row is not learnt: alone, nothing stands before it.
    """
    labels = [[IGNORED, *row["labels"][1:]] for row in rows]
    whole = {
        "input_ids": [token for row in rows for token in row["input_ids"]],
        "labels": [label for part in labels for label in part],
        "values": [series for row in rows for series in row["values"]],
    }
    if are_separate:
        whole["position_ids"] = [place for row in rows for place in range(len(row["input_ids"]))]
    return whole


def _pad_tokens(rows: Sequence[Mapping[str, Any]], pad_id: int, side: str) -> dict[str, Tensor]:
    # Trainer takes the batch size from the first tensor: input_ids stays first.
    length = max(len(row["input_ids"]) for row in rows)
    ids = np.full((len(rows), length), pad_id, dtype=np.int64)
    attention = np.zeros((len(rows), length), dtype=np.int64)
    labels = np.full((len(rows), length), IGNORED, dtype=np.int64)
    positions = np.zeros((len(rows), length), dtype=np.int64)
    has_labels = all(_has_labels(row) for row in rows)
    are_packed = all("position_ids" in row.keys() for row in rows)  # noqa: SIM118 (rows may not iterate keys)
    for b, row in enumerate(rows):
        size = len(row["input_ids"])
        place = slice(length - size, length) if side == "left" else slice(0, size)
        ids[b, place] = row["input_ids"]
        attention[b, place] = 1
        if has_labels:
            labels[b, place] = row["labels"]
        if are_packed:
            positions[b, place] = row["position_ids"]
    batch = {"input_ids": torch.from_numpy(ids)}
    # Padding at position zero is a sequence of its own to the block mask: seen by nobody, learnt by nobody.
    if are_packed:
        batch["position_ids"] = torch.from_numpy(positions)
    else:
        batch["attention_mask"] = torch.from_numpy(attention)
    if has_labels:
        batch["labels"] = torch.from_numpy(labels)
    return batch


def _has_labels(row: Mapping[str, Any]) -> bool:
    return "labels" in row.keys() and len(row["labels"]) == len(row["input_ids"])  # noqa: SIM118 (rows may not iterate keys)
