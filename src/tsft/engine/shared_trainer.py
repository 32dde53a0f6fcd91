"""transformers' Trainer as one of several processes that share each step: its rows, its loss, its faults, its luck.

Alone it does what transformers does. Losses are those of one process that takes the same rows a step.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import Trainer

from tsft.engine.control import Control
from tsft.engine.not_finite import NotFiniteError
from tsft.engine.shared_batches import FILLER, SharedBatches, WithFillers
from tsft.engine.team import Team
from tsft.errors import message
from tsft.run.ports import Stopped

T = TypeVar("T")


class SharedTrainer(Trainer):
    """Of a team; `_wishes` is the control of the run. Subclasses say when a step's rows begin and what a loss is."""

    def __init__(self, *, team: Team, control: Control, **options: Any) -> None:
        self.team = team
        self._wishes = control
        self._step_rows: list[int] = []
        self._faulty_rows: list[int] = []
        # By how much a batch's own mean must be taken so that all real batches of the step count alike.
        self._batch_weight = 1.0
        self._has_told_processes = False
        super().__init__(**options)

    # -- rows ----------------------------------------------------------------------------------------------------

    def get_train_dataloader(self) -> DataLoader:
        if self.team.size == 1:
            return super().get_train_dataloader()
        return self._shared_loader(self.train_dataset, self._get_train_sampler(), self._train_batch_size)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader:
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        if self.team.size == 1:
            return super().get_eval_dataloader(eval_dataset)
        return self._shared_loader(rows, range(len(rows)), self.args.eval_batch_size)

    def _shared_loader(self, rows: Any, order: Any, batch_size: int) -> DataLoader:
        """Not given to accelerate: it would repeat rows where they do not go round, and they would count twice."""
        return DataLoader(
            WithFillers(rows),
            batch_sampler=SharedBatches(order, batch_size, self.team.rank, self.team.size),
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=self.args.dataloader_persistent_workers,
            prefetch_factor=self.args.dataloader_prefetch_factor,
        )

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Tensor | int | None]:
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        if self.team.size > 1 and not self.model_accepts_loss_kwargs:
            real = self.team.summed([sum(not is_filler(each) for each in batches)])[0]
            self._batch_weight = self.team.size * len(batches) / max(real, 1.0)
        return batches, items

    def weighed(self, loss: Tensor, inputs_were_filler: bool) -> Tensor:
        """The mean over a batch's own rows as it counts among those of all processes."""
        if self.team.size == 1:
            return loss
        return loss * (0.0 if inputs_were_filler else self._batch_weight)

    # -- faults --------------------------------------------------------------------------------------------------

    def found_not_finite(self, rows: list[int]) -> None:
        """The loss of a batch is no number. With others this is told once the step's gradients have met."""
        if self.team.size == 1:
            raise NotFiniteError(rows, self.state.global_step + 1)
        self._faulty_rows += rows

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        """A gradient that is not finite would spoil every weight: the step is not done. fp16's scaler skips itself."""
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        if hasattr(norm, "full_tensor"):  # of weights in parts
            norm = norm.full_tensor()
        # DeepSpeed scales for fp16 without a scaler that could be seen here.
        is_skipped = self.accelerator.scaler is not None or self.args.fp16
        is_finite = is_skipped or norm is None or bool(np.isfinite(float(norm)))
        if self.team.size == 1:
            rows = [] if is_finite else self._step_rows
        else:
            found = self.team.gathered((self._faulty_rows, [] if is_finite else self._step_rows))
            rows = [row for faulty, _ in found for row in faulty] or [row for _, all_rows in found for row in all_rows]
        if rows:
            raise NotFiniteError(rows, self.state.global_step + 1)
        return norm

    def by_first(self, work: Callable[[], T]) -> T | None:
        """What the first process makes alone, told to all, while the others wait. Raises Stopped in all of them."""
        if self.team.size == 1:
            return work()
        made: T | None = None
        is_stopped = False
        if self.team.is_first:
            with self._wishes.apart():
                try:
                    made = work()
                except Stopped:
                    is_stopped = True
        is_stopped, made = self.team.told((is_stopped, made))
        if is_stopped:
            self._wishes.obey()  # by now all have heard of the wish
        return made

    # -- random numbers ------------------------------------------------------------------------------------------

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self.team.size > 1 and not self.state.global_step:
            begin_random_numbers(self.args.seed, 0, self.team.rank)  # or all would drop the same activations
        super()._run_epoch(*args, **kwargs)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Each process goes on with its own. Where a checkpoint has none for it, they begin anew from seed and step."""
        if checkpoint is None:
            return
        before = processes_of(Path(checkpoint))
        if before != self.team.size and not self._has_told_processes:
            self._has_told_processes = True
            self._wishes.note("info", message("run.other_processes", before=before, now=self.team.size))
        name = "rng_state.pth" if self.team.size == 1 else f"rng_state_{self.team.rank}.pth"
        if (Path(checkpoint) / name).is_file():
            super()._load_rng_state(checkpoint)
            return
        begin_random_numbers(self.args.seed, self.state.global_step, self.team.rank)


def is_filler(batch: Any) -> bool:
    """Whether a batch weighs nothing."""
    return FILLER in batch


def processes_of(checkpoint: Path) -> int:
    """How many processes wrote a checkpoint."""
    return max(1, len(list(checkpoint.glob("rng_state_*.pth"))))


def begin_random_numbers(seed: int, step: int, rank: int) -> None:
    """Other ones in each process, the same for the same seed, step and rank."""
    drawn = int(np.random.default_rng([seed, step, rank]).integers(2**31))
    random.seed(drawn)
    np.random.seed(drawn)
    torch.manual_seed(drawn)
