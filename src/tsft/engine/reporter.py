"""Between transformers' Trainer and the board: says each step, decides when to evaluate and save, obeys a stop wish."""

import time
from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tsft.config.optimizers import OPTIMIZERS
from tsft.config.run_config import RunConfig
from tsft.engine.control import Control
from tsft.engine.job import PROGRESS_SECONDS
from tsft.engine.measures import Measures
from tsft.engine.norms import StepSizes
from tsft.engine.team import ALONE, Team
from tsft.run.board import Board
from tsft.run.events import PhaseChanged, Progressed, StepLogged


class Reporter(TrainerCallback):
    """Callback of one run. `learning_rates` is asked before each optimizer step for (LLM, encoder or None)."""

    def __init__(
        self, config: RunConfig, board: Board, control: Control, *, has_validation: bool, team: Team = ALONE
    ) -> None:
        self._team = team
        self._config = config
        self._board = board
        self._control = control
        self._has_validation = has_validation
        # Where weights change within the backward pass no gradient is left to measure.
        self._has_gradients = not OPTIMIZERS[config.optim.optimizer].steps_in_backward
        self._rates: tuple[float, float | None] = (0.0, None)
        self._progress_at = 0.0
        self._saved_at = time.monotonic()
        self.tokens = 0
        self.measures = Measures()
        # Measures the steps before they are said; a run without it is told of without these figures.
        self.sizes: StepSizes | None = None

    @property
    def counts(self) -> dict[str, Any]:
        """What has been counted up to now, as a checkpoint carries it."""
        return {"tokens": self.tokens, "measures": self.measures.sums}

    def set_counts(self, counts: Mapping[str, Any]) -> None:
        """Go back to what `counts` said at some step."""
        self.tokens = int(counts["tokens"])
        self.measures = Measures({name: (each[0], each[1]) for name, each in counts.get("measures", {}).items()})

    def gather(self, team: Team) -> None:
        """Bring what all processes counted to the first one; nothing is counted twice, as the others begin anew."""
        if team.size == 1:
            return
        found = team.gathered(self.counts)
        self.set_counts({"tokens": 0})
        if team.is_first:
            self.tokens = sum(each["tokens"] for each in found)
            for each in found:
                self.measures.add(each["measures"])

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        groups = kwargs["optimizer"].param_groups
        encoder = [group["lr"] for group in groups if group.get("kind") == "encoder"]
        others = [group["lr"] for group in groups if group.get("kind") != "encoder"]
        self._rates = (float((others or encoder)[0]), float(encoder[0]) if encoder else None)

    def on_substep_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # Within an accumulation: the partial gradient is dropped, the last whole step stands.
        control.should_training_stop |= self._control.is_stopping

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._say_progress(state)
        if self._control.is_stopping:
            control.should_training_stop = True
            return
        is_last = state.global_step >= state.max_steps
        control.should_log |= is_last
        output = self._config.output
        by_steps = bool(output.eval_steps) and state.global_step % output.eval_steps == 0
        control.should_evaluate = self._has_validation and (by_steps or is_last)
        minutes = (time.monotonic() - self._saved_at) / 60
        saves = bool(output.save_steps) and state.global_step % output.save_steps == 0
        # Clocks differ: of several processes the first one's counts.
        is_due = self._team.told(bool(output.save_minutes) and minutes >= output.save_minutes)
        control.should_save = is_last or saves or is_due

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        control.should_evaluate = control.should_save = False
        is_last = state.global_step >= state.max_steps
        # A Trainer that was told to stop comes here too, wherever in the epoch it is.
        if is_last or self._control.is_stopping or control.should_training_stop:
            return
        steps = self._config.output.eval_steps
        is_evaluated = bool(steps) and state.global_step % steps == 0
        is_due = not steps or self._control.stops_after_epoch
        control.should_evaluate = self._has_validation and is_due and not is_evaluated
        if self._control.stops_after_epoch:
            control.should_training_stop = True
            self._control.done("stop_after_epoch")

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._saved_at = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        # `events.jsonl` is the history; transformers' own would be written whole into every checkpoint.
        del state.log_history[:-50]
        if logs and "loss" in logs:
            rate, encoder_rate = self._rates
            norm = float(logs["grad_norm"]) if "grad_norm" in logs and self._has_gradients else None
            step = StepLogged(
                at=time.time(),
                step=state.global_step,
                epoch=float(state.epoch or 0.0),
                loss=float(logs["loss"]),
                learning_rate=rate,
                grad_norm=norm,
                encoder_learning_rate=encoder_rate,
                tokens=self.tokens,
                measures=self.measures.means,
                **(self.sizes.taken(norm) if self.sizes is not None else {}),
            )
            self.measures.clear()
            self._board.say(step)

    def is_evaluation_due(self, state: TrainerState) -> bool:
        """Whether the step just done is one after which to evaluate: every so many steps, or at the end of an epoch."""
        if not self._has_validation or not state.global_step:
            return False
        steps = self._config.output.eval_steps
        return state.global_step % steps == 0 if steps else float(state.epoch or 0.0).is_integer()

    def back_to_training(self, state: TrainerState) -> None:
        """After an evaluation or a save in mid-run: the next thing is a step again."""
        if state.global_step < state.max_steps:
            self._board.say(PhaseChanged(time.time(), "training"))
            self._progress_at = 0.0

    def _say_progress(self, state: TrainerState) -> None:
        now = time.monotonic()
        if now - self._progress_at >= PROGRESS_SECONDS or state.global_step in (1, state.max_steps):
            self._progress_at = now
            self._board.say(Progressed(time.time(), state.global_step, state.max_steps, "steps"))
