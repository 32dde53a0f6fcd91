"""Rows that know where they come from, put together to a batch: what a loss that is no number is traced back by."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tsft.config.run_config import RunConfig
from tsft.engine.packing import joined_packs
from tsft.model.batches import collate
from tsft.model.processor import SeriesProcessor

# The key of a batch that holds the indices of its rows, int64[rows].
ROWS = "row_indices"


class Numbered:
    """Rows that know their own index, so that a batch can be traced back to the data."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self._rows[index], ROWS: index}


class NumberedBatches:
    """Collates numbered rows, or packs of them, to the model's tensors and ROWS."""

    def __init__(self, processor: SeriesProcessor, config: RunConfig) -> None:
        self._processor = processor
        self._config = config

    def __call__(self, numbered: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        if "pack" in numbered[0]:
            indices = [row for item in numbered for row in item[ROWS]]
            numbered = joined_packs([item["pack"] for item in numbered], self._config)
        else:
            indices = [row[ROWS] for row in numbered]
        family = self._processor.family
        tensors = collate(numbered, self._processor.pad_id, family.patch_size, family.last_patch)
        return tensors | {ROWS: torch.tensor(indices)}
