"""transformers' Trainer for series: own order of rows, learning rates a part, loss by token, exact checkpoints.

The overridden underscore methods are those of transformers 5.24 (pinned); tests/test_engine_resume.py fails when one of
them stops being called.
"""

import json
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer

from tsft.config.run_config import RunConfig
from tsft.engine.job import planned_steps
from tsft.engine.optimizers import evaluation_weights, make_optimizer, readable_state
from tsft.engine.packing import PackedRows, joined_packs
from tsft.engine.reporter import Reporter
from tsft.engine.sampler import EpochSampler
from tsft.engine.tuning import ParameterGroup
from tsft.model.batches import collate
from tsft.model.processor import SeriesProcessor
from tsft.run.board import Board
from tsft.run.events import CheckpointRemoved, CheckpointSaved, Evaluated, PhaseChanged, Progressed
from tsft.store.runs import RunFolder, folder_bytes, mark_complete, usable_checkpoints

TRAINED_WEIGHTS = "model_trained.safetensors"
_PLACE = "tsft_place.json"
_ROWS = "row_indices"


class NotFiniteError(Exception):
    """The loss of a batch is NaN or infinite. rows: indices into the training rows."""

    def __init__(self, rows: Sequence[int], step: int) -> None:
        super().__init__(f"loss not finite at step {step}, rows {list(rows)}")
        self.rows = tuple(rows)
        self.step = step


class Numbered:
    """Rows that know their own index, so that a batch can be traced back to the data."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self._rows[index], _ROWS: index}


@dataclass(frozen=True)
class Place:
    """What a checkpoint of the last whole step needs, since a stop can come in the middle of the next one."""

    step: int
    generators: Mapping[str, Any]
    loss_sum: float
    tokens: int


class SeriesTrainer(Trainer):
    """Trains on encoded rows. `save_weights(folder)` writes what a checkpoint needs of the model."""

    def __init__(
        self,
        *,
        model: nn.Module,
        arguments: Any,
        rows: Any,
        packs: PackedRows | None,
        validation_rows: Any | None,
        processor: SeriesProcessor,
        groups: list[ParameterGroup],
        config: RunConfig,
        reporter: Reporter,
        board: Board,
        obey: Callable[[], None],
        folder: RunFolder,
        save_limit: int,
        save_adapter: Callable[[PeftModel, Path], None],
    ) -> None:
        self.groups = groups
        self._config = config
        self._reporter = reporter
        self._board = board
        self._obey = obey
        self._folder = folder
        self._save_limit = save_limit
        self._save_adapter = save_adapter
        self._resumed_from: Path | None = None
        self._best_loss: float | None = None
        self._place: Place | None = None
        self._evaluated_at_step = -1
        self._lengths = rows.lengths
        family = processor.family

        def batch(numbered: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
            if "pack" in numbered[0]:
                indices = [row for item in numbered for row in item[_ROWS]]
                numbered = joined_packs([item["pack"] for item in numbered], config)
            else:
                indices = [row[_ROWS] for row in numbered]
            tensors = collate(numbered, processor.pad_id, family.patch_size, family.last_patch)
            return tensors | {_ROWS: torch.tensor(indices)}

        super().__init__(
            model=model,
            args=arguments,
            train_dataset=Numbered(rows) if packs is None else packs,
            eval_dataset=Numbered(validation_rows) if validation_rows is not None else None,
            data_collator=batch,
            callbacks=[reporter],
        )
        self.remove_callback(PrinterCallback)
        self._sampler = EpochSampler(
            rows.lengths if packs is None else packs.lengths,
            arguments.per_device_train_batch_size,
            arguments.data_seed,
            config.schedule.group_by_length,
        )

    # -- order of rows and optimizer -----------------------------------------------------------------------------

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        return self._sampler

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self._resumed_from is not None:
            self._restore_place(self._resumed_from)
            self._resumed_from = None
        self._sampler.set_epoch(kwargs["epoch"])
        super()._run_epoch(*args, **kwargs)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """One group of the optimizer for each part that has its own learning rate or weight decay."""
        if self.optimizer is None:
            steps, _ = planned_steps(self._config.schedule, len(self.train_dataset))
            self.optimizer = make_optimizer(self.model, self.groups, self._config, self.args, steps)
        return self.optimizer

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with readable_state(self._config.optim.optimizer):
            super()._load_optimizer_and_scheduler(checkpoint)

    # -- one micro-batch -----------------------------------------------------------------------------------------

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        rows = inputs.pop(_ROWS)
        self._remember_place()
        rows = rows.tolist()
        self._reporter.tokens += int(self._lengths[rows].sum())
        if self._config.optim.label_smoothing and model.training:
            inputs["label_smoothing"] = self._config.optim.label_smoothing
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        value = loss[0] if return_outputs else loss
        if not torch.isfinite(value):
            raise NotFiniteError(rows, self.state.global_step + 1)
        return loss

    def _remember_place(self) -> None:
        """Before the first micro-batch of a step: where to go back to when the step is not finished."""
        if self._place is None or self._place.step != self.state.global_step:
            self._place = Place(self.state.global_step, _generators(), float(self._tr_loss), self._reporter.tokens)

    # -- evaluation ----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Mean loss over all trained tokens of the validation rows, whatever the batch size; says `Evaluated`.

        Asks before each batch whether to stop.
        """
        started = time.time()
        self._board.say(PhaseChanged(started, "evaluating"))
        generators = _generators()  # the loader draws from them; training must not notice that it was looked at
        loader = self.get_eval_dataloader()
        was_training = self.model.training
        self.model.eval()
        try:
            with evaluation_weights(self.optimizer):
                loss = self._mean_loss(loader)
        finally:
            self.model.train(was_training)
            _set_generators(generators)
        self._evaluated_at_step = self.state.global_step
        if np.isfinite(loss) and (self._best_loss is None or loss < self._best_loss):
            self._best_loss = loss
        self._board.say(Evaluated(time.time(), self.state.global_step, loss, time.time() - started))
        metrics = {f"{metric_key_prefix}_loss": loss}
        self.log(dict(metrics))
        self._reporter.back_to_training(self.state)
        return metrics

    def _mean_loss(self, loader: Any) -> float:
        total, count, said_at = 0.0, 0, 0.0
        for done, inputs in enumerate(loader):
            self._obey()
            if time.monotonic() - said_at > 0.5:
                said_at = time.monotonic()
                self._board.say(Progressed(time.time(), done, len(loader), "batches"))
            inputs.pop(_ROWS)
            inputs = self._prepare_inputs(inputs)
            trained = int((inputs["labels"][:, 1:] != -100).sum())
            with self.compute_loss_context_manager():
                loss = self.model(**inputs).loss
            total += float(loss) * trained
            count += trained
        return total / max(count, 1)

    # -- checkpoints ---------------------------------------------------------------------------------------------

    def is_saved(self) -> bool:
        """Whether the present step is in a whole checkpoint."""
        newest = usable_checkpoints(self._folder)
        return bool(newest) and newest[0].step == self.state.global_step

    def save_now(self) -> None:
        """A checkpoint of the last whole step, also when a later micro-batch was already begun."""
        place = self._place
        if place is not None and place.step == self.state.global_step:
            _set_generators(place.generators)
            self._tr_loss = torch.full_like(self._tr_loss, place.loss_sum)
            self._reporter.tokens = place.tokens
        self._save_checkpoint(self.model, None)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write `checkpoint-N` so that it is either whole (its marker is written last) or not counted."""
        self._board.say(PhaseChanged(time.time(), "saving"))
        path = self._folder.checkpoints / f"checkpoint-{self.state.global_step}"
        if path.exists():
            shutil.rmtree(path)
        with evaluation_weights(self.optimizer):
            super()._save_checkpoint(model, trial)
        place = {
            "loss_sum": float(self._tr_loss),
            "logged_at_step": self._globalstep_last_logged,
            "tokens": self._reporter.tokens,
            "best_loss": self._best_loss,
            "evaluated_at_step": self._evaluated_at_step,
        }
        (path / _PLACE).write_text(json.dumps(place), encoding="utf-8")
        (path / "training_args.bin").unlink(missing_ok=True)  # a pickle; config.json of the run says the same
        mark_complete(path)
        loss = next((log["eval_loss"] for log in reversed(self.state.log_history) if "eval_loss" in log), None)
        saved = CheckpointSaved(time.time(), self.state.global_step, self._relative(path), folder_bytes(path), loss)
        self._board.say(saved)
        self._make_room(path)
        self._reporter.back_to_training(self.state)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The trained weights: an adapter, or for other ways of tuning every parameter that trains, by name."""
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(self.model, PeftModel):
            self._save_adapter(self.model, folder)
        else:
            save_file(self._trained_weights(), folder / TRAINED_WEIGHTS)

    def _trained_weights(self) -> dict[str, Tensor]:
        """By the groups, not by `requires_grad`: an optimizer that goes block by block switches that."""
        trained = {id(parameter) for group in self.groups for parameter in group.parameters}
        return {
            name: parameter.detach().contiguous()
            for name, parameter in self.model.named_parameters()
            if id(parameter) in trained
        }

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        self._resumed_from = Path(resume_from_checkpoint)
        if isinstance(self.model, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        load_trained(self.model, Path(resume_from_checkpoint) / TRAINED_WEIGHTS)

    def _restore_place(self, checkpoint: Path) -> None:
        """After a resume: the half-averaged loss and the counts, so that the next logged point is the uncut run's."""
        place = json.loads((checkpoint / _PLACE).read_text(encoding="utf-8"))
        self._tr_loss = torch.full_like(self._tr_loss, place["loss_sum"])
        self._globalstep_last_logged = place["logged_at_step"]
        self._reporter.tokens = place["tokens"]
        self._best_loss = place["best_loss"]
        self._evaluated_at_step = place["evaluated_at_step"]
        if self._evaluated_at_step != self.state.global_step and self._reporter.is_evaluation_due(self.state):
            self._evaluate(None, None)  # the stop came before or in the middle of it

    def _make_room(self, newest: Path) -> None:
        """Keep the newest `save_limit` checkpoints. The one just written is never removed."""
        for old in usable_checkpoints(self._folder)[self._save_limit :]:
            if old.path != newest:
                shutil.rmtree(old.path)
                self._board.say(CheckpointRemoved(time.time(), self._relative(old.path)))

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._folder.path).as_posix()


def load_trained(model: nn.Module, path: Path) -> None:
    """Put the weights of `path` into the model, by parameter name. Every name must be there."""
    parameters = dict(model.named_parameters())
    for name, weights in load_file(path).items():
        parameters[name].data.copy_(weights)


def _generators() -> Mapping[str, Any]:
    states = {"python": random.getstate(), "numpy": np.random.get_state(), "cpu": torch.random.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def _set_generators(states: Mapping[str, Any]) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.random.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])
