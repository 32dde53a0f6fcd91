"""Does what people wish while a run trains: a checkpoint now, an evaluation now. Training must not notice either."""

from typing import Protocol

from tsft.engine.control import Control
from tsft.errors import message


class Trainer(Protocol):
    """What is needed of the trainer. `step` is the last whole one."""

    @property
    def step(self) -> int: ...
    @property
    def has_validation(self) -> bool: ...
    @property
    def is_evaluating(self) -> bool: ...
    @property
    def evaluated_at_step(self) -> int: ...
    def is_saved(self) -> bool: ...
    def save_aside(self) -> None: ...
    def evaluate_aside(self) -> None: ...


def grant_wishes(trainer: Trainer, control: Control) -> None:
    """From now on the run does both at the next micro-batch, while paused, and between two batches of an evaluation."""
    control.handle({"checkpoint": lambda: _save(trainer, control), "evaluate": lambda: _evaluate(trainer, control)})


def _save(trainer: Trainer, control: Control) -> None:
    if not trainer.step:
        return  # nothing is trained yet: the wish stays until the first step is done
    if trainer.is_saved():
        control.note("info", message("command.already_saved", step=trainer.step))
    else:
        trainer.save_aside()
    control.done("checkpoint")


def _evaluate(trainer: Trainer, control: Control) -> None:
    if trainer.is_evaluating:
        return  # the evaluation under way is the one that was wished; its end says so
    if not trainer.has_validation:
        control.note("warning", message("command.no_validation_rows"))
    elif trainer.evaluated_at_step == trainer.step:
        control.note("info", message("command.already_evaluated", step=trainer.step))
    else:
        trainer.evaluate_aside()
    control.done("evaluate")
