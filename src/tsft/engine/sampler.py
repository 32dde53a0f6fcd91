"""The order in which rows are trained: shuffled anew each epoch, rows of like length together, fixed by the seed.

The order depends on seed and epoch alone, so that a run that goes on from a checkpoint sees the rows it would have
seen.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from tsft.config.run_config import RunConfig
from tsft.config.sampled_rules import is_sampled
from tsft.engine.sampled import repeats

# So many batches are sorted by length together: enough to pad little, few enough to stay well shuffled.
BATCHES_SORTED_TOGETHER = 50


class EpochSampler(Sampler[int]):
    """Indices of one epoch. lengths: tokens of each row, int[rows]; not looked at unless `groups_by_length`.

    repeats: with 0 each row comes once; else rows come in whole steps of `batches` batches, each step so many times.
    """

    def __init__(
        self,
        lengths: NDArray[np.integer],
        batch_size: int,
        seed: int,
        groups_by_length: bool,
        repeats: int = 0,
        batches: int = 1,
    ) -> None:
        self._repeats, self._step = repeats, batch_size * batches
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._groups_by_length = groups_by_length
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        rows = len(self._lengths)
        return -(-rows // self._step) * self._step * self._repeats if self._repeats else rows

    def __iter__(self) -> Iterator[int]:
        order = epoch_order(self._lengths, self._batch_size, self._seed, self._epoch, self._groups_by_length)
        return iter((repeated(order, self._step, self._repeats) if self._repeats else order).tolist())


def sampler_of(lengths: NDArray[np.integer], config: RunConfig, arguments: Any) -> EpochSampler:
    """Of a run with these `TrainingArguments`."""
    return EpochSampler(
        lengths,
        config.schedule.batch_size,
        arguments.data_seed,
        config.schedule.group_by_length,
        repeats(config) if is_sampled(config) else 0,
        config.schedule.gradient_accumulation,
    )


def repeated(order: NDArray[np.int64], step: int, repeats: int) -> NDArray[np.int64]:
    """int64, the rows in whole steps, each `repeats` times in a row; the last is filled up from the beginning."""
    whole = np.resize(order, -(-len(order) // step) * step)
    return np.tile(whole.reshape(-1, 1, step), (1, repeats, 1)).reshape(-1)


def epoch_order(
    lengths: NDArray[np.integer], batch_size: int, seed: int, epoch: int, groups_by_length: bool
) -> NDArray[np.int64]:
    """int64[rows], a permutation of the rows.

    With `groups_by_length` the batch that holds the longest row comes first, so that a batch which does not fit in
    memory fails at once and not after hours.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    if not groups_by_length or len(order) <= batch_size:
        return order
    chunk = batch_size * BATCHES_SORTED_TOGETHER
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), chunk):
        part = order[start : start + chunk]
        part = part[np.argsort(-lengths[part], kind="stable")]
        batches.extend(part[i : i + batch_size] for i in range(0, len(part), batch_size))
    # A short batch must stay the last one: the loader cuts every `batch_size` rows.
    full = [batch for batch in batches if len(batch) == batch_size]
    rest = [batch for batch in batches if len(batch) < batch_size]
    generator.shuffle(full)
    if full:
        longest = max(range(len(full)), key=lambda i: int(lengths[full[i]].max()))
        full[0], full[longest] = full[longest], full[0]
    return np.concatenate([*full, *rest])
