"""The trainer where weights, gradients or the optimizer's state are in parts: what is saved is whole, and read back.

FSDP2 is set up by `sharding.split_by_layers` before; ZeRO by DeepSpeed when training is prepared. Without either this
does what its base does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME

from tsft.config.run_config import RunConfig
from tsft.engine.checkpoints import load_trained, save_trained
from tsft.engine.sharding import (
    TRAINED,
    is_in_parts,
    is_split,
    load_parts,
    optimizer_state,
    put_weights,
    save_parts,
    set_optimizer_state,
    split_again,
    uses_deepspeed,
    whole_weights,
)
from tsft.engine.shared_trainer import SharedTrainer
from tsft.engine.tuning import ParameterGroup
from tsft.store.runs import TRAINED_WEIGHTS

SaveAdapter = Callable[[PeftModel, Path, Mapping[str, Tensor] | None], None]


class ShardedTrainer(SharedTrainer):
    """`groups` are the trained parameters; `_resumed_from` is the checkpoint whose place is still to be restored."""

    def __init__(
        self, *, config: RunConfig, groups: Sequence[ParameterGroup], save_adapter: SaveAdapter, **options: Any
    ):
        self._config = config
        self.groups = list(groups)
        self._save_adapter = save_adapter
        self._resumed_from: Path | None = None
        super().__init__(**options)
        # The Trainer's word for a model that brings its gradients together itself: it is not wrapped.
        self.is_distributed_loading_by_transformers |= is_split(self.model)

    def _move_model_to_device(self, model: nn.Module, device: torch.device) -> None:
        if not is_split(model):  # which lies where it is to lie
            super()._move_model_to_device(model, device)

    def whole_state(self) -> dict[str, Tensor] | None:
        """What a result holds where no process has it whole, in the first process; None where each has. A meeting."""
        if not is_in_parts(self._config):
            return None
        split_again(self.model)
        named: Mapping[str, Any] = self.model.state_dict(keep_vars=True)
        if isinstance(self.model, PeftModel):
            trained = set(self._trained_names())
            named = {name: weights for name, weights in named.items() if name in trained}
        return whole_weights(named.items(), self.team)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The trained weights: an adapter, or for other ways of tuning every parameter that trains, by name."""
        split_again(self.model)
        folder = Path(output_dir or self.args.output_dir)
        state = self.whole_state() if isinstance(self.model, PeftModel) else None
        if self.team.is_first:
            folder.mkdir(parents=True, exist_ok=True)
            if isinstance(self.model, PeftModel):
                self._save_adapter(self.model, folder, state)
        if is_in_parts(self._config):
            save_parts(self.model, self._trained_names(), folder, self.team)
            if self.team.is_first and not isinstance(self.model, PeftModel):
                (folder / TRAINED).rename(folder / TRAINED_WEIGHTS)
        elif self.team.is_first and not isinstance(self.model, PeftModel):
            save_trained(self.model, self.groups, folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        self._resumed_from = Path(resume_from_checkpoint)
        self._load_weights(self._resumed_from)

    def _load_weights(self, checkpoint: Path) -> None:
        split_again(self.model)
        if is_in_parts(self._config) and (checkpoint / TRAINED).is_file():
            load_parts(self.model, checkpoint)
        elif isinstance(self.model, PeftModel):
            super()._load_from_checkpoint(str(checkpoint))
        elif is_in_parts(self._config):
            from safetensors.torch import load_file

            put_weights(dict(self.model.named_parameters()), load_file(checkpoint / TRAINED_WEIGHTS))
        else:
            load_trained(self.model, checkpoint)

    def _prepare_for_training(self, max_steps: int, train_dataloader: Any, resume_from_checkpoint: Any) -> Any:
        if uses_deepspeed(self._config) and resume_from_checkpoint is not None:
            self._resumed_from = Path(resume_from_checkpoint)  # DeepSpeed reads weights and optimizer itself
        return super()._prepare_for_training(max_steps, train_dataloader, resume_from_checkpoint)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not is_split(self.model):
            super()._save_optimizer_and_scheduler(output_dir)
            return
        split_again(self.model)
        state = optimizer_state(self.model, self._bare_optimizer())
        if self.team.is_first:
            torch.save(state, Path(output_dir) / OPTIMIZER_NAME)
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER_NAME)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None or not is_split(self.model):
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        state = torch.load(Path(checkpoint) / OPTIMIZER_NAME, map_location="cpu", weights_only=True)
        set_optimizer_state(self.model, self._bare_optimizer(), state)
        self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / SCHEDULER_NAME, weights_only=True))

    @contextmanager
    def _defer_fsdp_gradient_reduction(self) -> Iterator[None]:
        """Nothing is deferred: gradients that wait for the last micro-batch would be held whole."""
        yield

    def _bare_optimizer(self) -> Any:
        return getattr(self.optimizer, "optimizer", self.optimizer)

    def _trained_names(self) -> list[str]:
        """In the order of the model: all processes must gather them alike, and a set's order is each one's own."""
        return [name for name, parameter in self.model.named_parameters() if parameter.requires_grad]
