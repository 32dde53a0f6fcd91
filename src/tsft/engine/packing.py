"""Packing in a run: whether it is wanted, what it saves, and how a batch of packs is laid out for attention."""

from collections.abc import Mapping, Sequence
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.data.packing import PackedRows, Rows
from tsft.engine.job import Job
from tsft.errors import message
from tsft.model.batches import joined


def packing_of(config: RunConfig) -> str:
    """none, separate or continuous: "auto" packs plain text and leaves conversations alone."""
    wanted = config.data.packing
    if wanted != "auto":
        return wanted
    return "separate" if config.data.task == "pretraining" else "none"


def packed(job: Job, rows: Rows) -> PackedRows | None:
    """The training rows as packs up to the cutoff length, the same for the whole run; None where nothing is packed."""
    if packing_of(job.config) == "none":
        return None
    packs = PackedRows(rows, job.config.data.cutoff_length, job.config.schedule.seed)
    filled = 100 * float(packs.lengths.sum()) / (len(packs) * job.config.data.cutoff_length)
    job.note("info", message("run.packed", rows=len(rows), packs=len(packs), percent=round(filled)))
    return packs


def joined_packs(packs: Sequence[Sequence[Mapping[str, Any]]], config: RunConfig) -> list[dict[str, Any]]:
    """One row a pack. Flash attention tells sequences apart in a single row only, so there a batch becomes one row."""
    are_separate = packing_of(config) == "separate"
    if are_separate and config.model.attention == "flash_attention_2":
        return [joined([row for pack in packs for row in pack], are_separate=True)]
    return [joined(pack, are_separate=are_separate) for pack in packs]
