"""transformers' Trainer for series: own order of rows, learning rates a part, loss by token, exact checkpoints.

The overridden underscore methods are those of transformers 5.24 (pinned); tests/test_engine_resume.py fails when one of
them stops being called.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PrinterCallback

from tsft.config.metrics import ANSWER_SCORE, VALIDATION_LOSS
from tsft.config.optimizers import OPTIMIZERS
from tsft.config.run_config import RunConfig
from tsft.engine.answer_scores import ScoredAnswers
from tsft.engine.checkpoints import CheckpointKeeper, TeamKeeper, read_place
from tsft.engine.control import Control
from tsft.engine.job import planned_steps
from tsft.engine.norms import StepSizes
from tsft.engine.numbered import ROWS, Numbered, NumberedBatches
from tsft.engine.objectives import Objective
from tsft.engine.optimizers import evaluation_weights, follow_schedule, make_optimizer, readable_state
from tsft.engine.packing import PackedRows
from tsft.engine.place import Place, generators, set_generators, unnoticed
from tsft.engine.probes import Probing
from tsft.engine.reporter import Reporter
from tsft.engine.sampled import rows_an_epoch
from tsft.engine.sampler import EpochSampler, sampler_of
from tsft.engine.sharded_trainer import SaveAdapter, ShardedTrainer
from tsft.engine.sharding import parts_of
from tsft.engine.shared_batches import FILLER
from tsft.engine.stopping import Judged, is_over, judge, rule_of
from tsft.engine.team import ALONE, Team
from tsft.engine.tuning import ParameterGroup
from tsft.engine.validation import Verdict, judged, mean_loss
from tsft.errors import message
from tsft.model.processor import SeriesProcessor
from tsft.run.board import Board
from tsft.run.events import Evaluated, PhaseChanged


class SeriesTrainer(ShardedTrainer):
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
        control: Control,
        keeper: CheckpointKeeper,
        save_adapter: SaveAdapter,
        is_handed_on: bool = False,
        probing: Probing | None = None,
        scored: ScoredAnswers | None = None,
        objective: Objective | None = None,
        team: Team = ALONE,
    ) -> None:
        self._reporter, self._board = reporter, board
        self._keeper: CheckpointKeeper | TeamKeeper = keeper if team.size == 1 else TeamKeeper(keeper, team)
        self._rule = rule_of(config, has_validation=validation_rows is not None)
        self._judged = Judged()
        self._is_handed_on = is_handed_on
        self._probing, self._scored, self._objective = probing, scored, objective
        self._is_asking, self._is_scoring = team.told((probing is not None, scored is not None))
        self._place: Place | None = None
        self._is_evaluating, self._evaluated_at_step = False, -1
        self._loss: float | None = None
        self._value = math.nan
        self._lengths = rows.lengths
        super().__init__(
            team=team,
            control=control,
            config=config,
            groups=groups,
            save_adapter=save_adapter,
            model=model,
            args=arguments,
            train_dataset=Numbered(rows) if packs is None else packs,
            eval_dataset=Numbered(validation_rows) if validation_rows is not None else None,
            data_collator=NumberedBatches(processor, config),
            callbacks=[reporter],
        )
        if objective is not None:
            # Each micro-batch counts alike, as its objective gives a mean over its rows.
            self.model_accepts_loss_kwargs = False
        if config.processes.strategy == "ddp":  # else each process sees a part of each tensor
            has_gradients = not OPTIMIZERS[config.optim.optimizer].steps_in_backward
            reporter.sizes = StepSizes(groups, config.output.logging_steps, has_gradients=has_gradients)
            self.add_callback(reporter.sizes)
        self.remove_callback(PrinterCallback)
        self._sampler = sampler_of(rows.lengths if packs is None else packs.lengths, config, arguments)

    # -- order of rows and optimizer -----------------------------------------------------------------------------

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        return self._sampler

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self._resumed_from is not None:
            self._restore_place(self._resumed_from)
            self._resumed_from = None
        self._remember_place()
        if is_over(self._judged, self._rule):
            self.control.should_training_stop = True  # it was cut between the last evaluation and its end
            return
        self._sampler.set_epoch(kwargs["epoch"])
        super()._run_epoch(*args, **kwargs)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """One group of the optimizer for each part that has its own learning rate or weight decay."""
        if self.optimizer is None:
            steps, _ = planned_steps(self._config.schedule, rows_an_epoch(self._config, len(self.train_dataset)))
            self.optimizer = make_optimizer(self.model, self.groups, self._config, self.args, steps)
        return self.optimizer

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with readable_state(self._config.optim.optimizer):
            super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint and self._is_handed_on:
            follow_schedule(self.optimizer, self.lr_scheduler)

    # -- one micro-batch -----------------------------------------------------------------------------------------

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Does first what people wish; a pause waits here."""
        self._remember_place()
        self._wishes.obey()
        return super().training_step(*args, **kwargs)

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        is_filler = inputs.pop(FILLER, None) is not None
        rows = [] if is_filler else inputs[ROWS].tolist()
        del inputs[ROWS]
        self._step_rows += rows
        if self._objective is not None:
            self._reporter.tokens += 0 if is_filler else int(inputs["attention_mask"].sum())
            found = self._objective(model, inputs)
            self._reporter.measures.add({} if is_filler else found.sums)
            loss = self.weighed(found.loss, is_filler)
        else:
            self._reporter.tokens += int(self._lengths[rows].sum())
            if self._config.optim.label_smoothing and model.training:
                inputs["label_smoothing"] = self._config.optim.label_smoothing
            loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        value = loss[0] if isinstance(loss, tuple) else loss
        if not torch.isfinite(value):
            self.found_not_finite(rows)
        return loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """For trackers: with what is measured beside the loss."""
        if "loss" in logs:
            self._reporter.gather(self.team)
        super().log({**logs, **(dict(self._reporter.measures.means) if "loss" in logs else {})}, *args, **kwargs)

    def _remember_place(self) -> None:
        """Before anything of the next step is done: where to go back to when that step is not finished."""
        if self._place is None or self._place.step != self.state.global_step:
            self._place = Place(self.state.global_step, generators(), float(self._tr_loss), self._reporter.counts)
            self._step_rows, self._faulty_rows = [], []

    # -- evaluation ----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Mean loss over all trained tokens (or rows) of validation, and where wished the score of some answers.

        Says `Evaluated`. Does what people wish before each batch, and waits there while the run is paused.
        """
        started, waited = time.time(), self._wishes.paused_seconds
        self._remember_place()
        self._board.say(PhaseChanged(started, "evaluating"))
        loader = self.get_eval_dataloader()
        was_training = self.model.training
        self.model.eval()
        self._is_evaluating = True
        try:
            with unnoticed(), evaluation_weights(self.optimizer):  # the loader draws random numbers
                loss, measures = self._validate(loader)
                score = self._answer_score()
        finally:
            self._is_evaluating = False
            self.model.train(was_training)
        self._evaluated_at_step, self._loss = self.state.global_step, loss
        values = {VALIDATION_LOSS: loss, ANSWER_SCORE: score, **dict(measures)}
        value = values.get(self._rule.metric.name)
        self._value = math.nan if value is None else value
        seconds = time.time() - started - (self._wishes.paused_seconds - waited)
        self._board.say(Evaluated(time.time(), self.state.global_step, loss, seconds, score, measures))
        if self._wishes.is_wished("evaluate"):
            self._wishes.done("evaluate")
        named = measures if loss is None else (("loss", loss), *measures)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in named}
        if score is not None:
            metrics[f"{metric_key_prefix}_answer_score"] = score
        self.log(dict(metrics))
        self._ask_probes()
        self._reporter.back_to_training(self.state)
        return metrics

    def _validate(self, loader: Any) -> tuple[float | None, tuple[tuple[str, float], ...]]:
        """The mean loss, None where the stage has none, and the means of what is measured beside."""
        return mean_loss(loader, self._judged_batch, self._wishes, self._board, self.team)

    def _ask_probes(self) -> None:
        """With the weights that were judged; generation draws random numbers, training must not notice."""
        probing = self._probing
        if self._is_asking:
            with unnoticed(), evaluation_weights(self.optimizer), self.compute_loss_context_manager():
                self.by_first(lambda: probing.ask(self.model, self.state.global_step) if probing else None)

    def _answer_score(self) -> float | None:
        """Of the answers to some validation rows, 0 to 1; None where none are answered."""
        scored = self._scored
        if not self._is_scoring:
            return None
        with self.compute_loss_context_manager():
            return self.by_first(lambda: scored.score(self.model) if scored else None)

    def _judged_batch(self, inputs: dict[str, Any]) -> Verdict:
        inputs.pop(ROWS)
        is_filler = inputs.pop(FILLER, None) is not None
        inputs = self._prepare_inputs(inputs)
        with self.compute_loss_context_manager():
            verdict = judged(self.model, inputs, self._objective)
        return (0.0, 0, {}) if is_filler else verdict

    def _evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """An evaluation that is due: it counts for early stopping, and the best makes a checkpoint."""
        metrics = super()._evaluate(*args, **kwargs)
        self.control.should_save |= self._judge(counts=True)
        judged, rule, step = self._judged, self._rule, self.state.global_step
        if judged.failures and rule.patience and step:
            values = {"failures": judged.failures, "patience": rule.patience, "best": f"{judged.to_beat:.4g}"}
            self._wishes.note("info", message("run.not_better", **values))
        if is_over(judged, rule) and step < self.state.max_steps:
            self.control.should_training_stop = True
        return metrics

    def _judge(self, *, counts: bool) -> bool:
        """Whether the evaluation just made is the best so far."""
        before, step = self._judged, self.state.global_step
        self._judged = judge(before, self._rule, step, self._value, counts=counts)
        return self._judged.best != before.best and bool(step)

    # -- what people wish ----------------------------------------------------------------------------------------

    @property
    def step(self) -> int:
        """The last whole one."""
        return int(self.state.global_step)

    @property
    def has_validation(self) -> bool:
        return self.eval_dataset is not None

    @property
    def is_evaluating(self) -> bool:
        return self._is_evaluating

    @property
    def evaluated_at_step(self) -> int:
        return self._evaluated_at_step

    @property
    def judged(self) -> Judged:
        """What the evaluations so far say."""
        return self._judged

    @property
    def is_complete(self) -> bool:
        """Whether training came to its own end: the last step, or no improvement for too long."""
        return self.step >= self.state.max_steps or is_over(self._judged, self._rule)

    def evaluate_aside(self) -> None:
        """An evaluation that was not due. It can be the best, but training goes on as if nobody had looked."""
        self.evaluate()
        if not self._judge(counts=False):
            return
        if self.is_saved():
            self._keeper.judged_again(self.step, self._verdict(), self._loss, self._judged.best_step)
        else:
            self.save_aside()

    def save_aside(self) -> None:
        """`save_now` in the middle of a step that goes on."""
        loss_sum, counts = self._tr_loss, self._reporter.counts
        with unnoticed():
            self.save_now()
        self._tr_loss = loss_sum
        self._reporter.set_counts(counts)
        self.control = self.callback_handler.on_save(self.args, self.state, self.control)

    # -- checkpoints ---------------------------------------------------------------------------------------------

    def is_saved(self) -> bool:
        """Whether the present step is in a whole checkpoint."""
        return self._keeper.is_saved(self.state.global_step)

    def save_now(self) -> None:
        """A checkpoint of the last whole step, also when a later micro-batch was already begun."""
        place = self._place
        if place is not None and place.step == self.state.global_step:
            set_generators(place.generators)
            self._tr_loss = torch.full_like(self._tr_loss, place.loss_sum)
            self._reporter.set_counts(place.counts)
        self._save_checkpoint(self.model, None)

    def load_best(self) -> int | None:
        """Put the weights of the best checkpoint into the model; its step, None when they are those of the last."""
        best = self._judged.best_step
        if not best or best == self.state.global_step or not self._keeper.is_saved(best):
            return None
        self._load_weights(self._keeper.path(best))
        return best

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write `checkpoint-N` so that it is either whole (its marker is written last) or not counted."""
        step = self.state.global_step
        self._keeper.begin(step)
        with evaluation_weights(self.optimizer):
            super()._save_checkpoint(model, trial)
        loss = next((log["eval_loss"] for log in reversed(self.state.log_history) if "eval_loss" in log), None)
        self._keeper.end(step, self._place_to_save(), loss, self._judged.best_step)
        self._reporter.back_to_training(self.state)

    def _place_to_save(self) -> dict[str, Any]:
        self._reporter.gather(self.team)
        return {
            "loss_sum": self.team.summed([float(self._tr_loss)])[0] / self.team.size,
            "logged_at_step": self._globalstep_last_logged,
            **parts_of(self._config, self.team),
            **self._reporter.counts,
            **self._verdict(),
        }

    def _verdict(self) -> dict[str, Any]:
        """What evaluations say, as a checkpoint carries it."""
        value = self._value if math.isfinite(self._value) else None
        return {"judged": self._judged.to_json(), "evaluated_at_step": self._evaluated_at_step, "value": value}

    def _restore_place(self, checkpoint: Path) -> None:
        """After a resume: the half-averaged loss and the counts, so that the next logged point is the uncut run's."""
        place = read_place(checkpoint)
        self._load_rng_state(str(checkpoint))
        self._tr_loss = torch.full_like(self._tr_loss, place["loss_sum"])
        self._globalstep_last_logged = place["logged_at_step"]
        self._reporter.set_counts(place if self.team.is_first else {"tokens": 0})
        self._evaluated_at_step = place["evaluated_at_step"]
        self._judged = self._judged_before(place)
        self._remember_place()
        if self._evaluated_at_step != self.state.global_step and self._reporter.is_evaluation_due(self.state):
            self._evaluate(None, None)  # the stop came before or in the middle of it
            if self.control.should_save:
                self.control.should_save = False
                self._keeper.judged_again(self.step, self._verdict(), self._loss, self._judged.best_step)

    def _judged_before(self, place: Mapping[str, Any]) -> Judged:
        """What the evaluations up to a checkpoint said. Of another run's, the patience does not count here."""
        judged, step = Judged.from_json(place.get("judged", {})), self.step
        if self._is_handed_on:
            judged = replace(judged, failures=0)
        if judged.best_step and not self._keeper.is_saved(judged.best_step):
            value = place.get("value") if self._evaluated_at_step == step else None
            judged = replace(judged, best_step=0 if value is None else step, best=value)
        return judged
