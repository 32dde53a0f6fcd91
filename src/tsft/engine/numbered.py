"""Rows that know where they come from, put together to a batch: what a loss that is no number is traced back by."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tsft.config.run_config import RunConfig
from tsft.config.sampled_rules import is_sampled
from tsft.engine.objectives import IS_GOOD
from tsft.engine.packing import joined_packs
from tsft.engine.shared_batches import FILLER
from tsft.model.batches import IGNORED, collate
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
        is_filler = FILLER in numbered[0]
        if "pack" in numbered[0]:
            indices = [row for item in numbered for row in item[ROWS]]
            numbered = joined_packs([item["pack"] for item in numbered], self._config)
        else:
            indices = [row[ROWS] for row in numbered]
        more: dict[str, Tensor] = {FILLER: torch.ones(1)} if is_filler else {}
        if "rejected_ids" in numbered[0]:
            numbered = [*numbered, *map(_rejected, numbered)]
        elif IS_GOOD in numbered[0]:
            more[IS_GOOD] = torch.tensor([bool(row[IS_GOOD]) for row in numbered])
            if self._config.kto.loss == "kto":
                numbered = [*numbered, *_mismatched(numbered)]
        family = self._processor.family
        side = "left" if is_sampled(self._config) else "right"  # a question is gone on from
        tensors = collate(numbered, self._processor.pad_id, family.patch_size, family.last_patch, side)
        if is_filler and "rejected_ids" not in numbered[0] and IS_GOOD not in numbered[0]:
            tensors["labels"] = torch.full_like(tensors["labels"], IGNORED)  # no tokens to count
        return tensors | more | {ROWS: torch.tensor(indices)}


def _rejected(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same question and series with the worse answer."""
    return {"input_ids": row["rejected_ids"], "labels": row["rejected_labels"], "values": row["values"]}


def _mismatched(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each question with the answer of the row before it, cut to the longest of the batch."""
    longest = max(len(row["input_ids"]) for row in rows)
    begins = [next(place for place, label in enumerate(row["labels"]) if label != IGNORED) for row in rows]
    made = []
    for place, row in enumerate(rows):
        other, begin, taken = rows[place - 1], begins[place], begins[place - 1]
        ids = [*row["input_ids"][:begin], *other["input_ids"][taken:]]
        labels = [*[IGNORED] * begin, *other["labels"][taken:]]
        made.append({"input_ids": ids[:longest], "labels": labels[:longest], "values": row["values"]})
    return made
