"""The model as it was before it was trained, to compare with: its adapter switched off, or a copy of what trains."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from torch import nn

from tsft.config.run_config import PLAIN_BEGINNINGS, SHARDED, RunConfig
from tsft.engine.sampled import keeps_reference
from tsft.errors import Problem, UserError, message


class Reference:
    """Of one model, taken when it is made. A new adapter costs no memory; else what trains is kept once more."""

    def __init__(self, model: nn.Module, *, is_adapter_neutral: bool) -> None:
        self._copies: dict[str, torch.Tensor] | None = None
        if not (isinstance(model, PeftModel) and is_adapter_neutral):
            trained = ((name, each) for name, each in model.named_parameters() if each.requires_grad)
            self._copies = {name: each.detach().clone() for name, each in trained}

    @contextmanager
    def in_place_of(self, model: Any) -> Iterator[None]:
        """Within it the model is what it was: no gradients, no dropout, no noise."""
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                if self._copies is None:
                    with model.disable_adapter():
                        yield
                else:
                    self._swap(model)
                    try:
                        yield
                    finally:
                        self._swap(model)
        finally:
            model.train(was_training)

    def _swap(self, model: nn.Module) -> None:
        """The copies into the model, and what was there into their place."""
        assert self._copies is not None
        parameters = dict(model.named_parameters())
        for name, copy in self._copies.items():
            parameter = parameters[name]
            self._copies[name], parameter.data = parameter.data, copy.to(parameter.device)


def reference_of(model: nn.Module, config: RunConfig, *, is_adapter_new: bool) -> Reference:
    """For a model that is ready to train and has not begun to.

    Raises UserError where it would be a copy of weights that no process has whole.
    """
    if config.processes.strategy in SHARDED and keeps_copy(config, is_adapter_new=is_adapter_new):
        values = {"strategy": config.processes.strategy, "task": config.data.task}
        raise UserError(Problem("processes.strategy", message("check.sharded_reference", **values)))
    return Reference(model, is_adapter_neutral=is_adapter_new and _begins_neutral(config))


def keeps_copy(config: RunConfig, *, is_adapter_new: bool) -> bool:
    """Whether a run's reference costs memory. is_adapter_new: it trains an adapter, made for it."""
    return keeps_reference(config) and not (is_adapter_new and _begins_neutral(config))


def _begins_neutral(config: RunConfig) -> bool:
    """Whether the model without its new adapter is what it was: some beginnings of LoRA change the base under it."""
    return config.tuning.method != "lora" or config.lora.initialisation in PLAIN_BEGINNINGS
