"""How a run that went as it should ends: which weights become the result, and the sentence that says so."""

import time
from contextlib import nullcontext
from typing import Any

from tsft.config.metrics import ANSWER_SCORE, MEAN_REWARD
from tsft.config.sampled_rules import metric_of
from tsft.engine.job import Job
from tsft.engine.optimizers import evaluation_weights
from tsft.engine.results import origin_of, write_result
from tsft.engine.series_trainer import SeriesTrainer
from tsft.errors import Message, message
from tsft.model.loading import Loaded
from tsft.model.value_head import drop_value_head
from tsft.run.curve import Curve
from tsft.run.events import Finished


def finish(job: Job, trainer: SeriesTrainer, loaded: Loaded) -> None:
    """Write the result and say how it ended. The last step is in a checkpoint, whichever weights the result holds."""
    # A wish to stop that comes now changes nothing: the last step is done, and the result is being written.
    best_step = trainer.load_best() if job.config.output.load_best else None
    drop_value_head(trainer.model)
    state = trainer.whole_state()
    if not job.team.is_first:
        return
    origin = origin_of(job.config, job.workspace, loaded)
    # A checkpoint holds the weights to judge already; the optimizer must not make them out of themselves again.
    with evaluation_weights(trainer.optimizer) if best_step is None else nullcontext():
        result = write_result(job, trainer.model, loaded, origin, state)
    told = _sentence(job, trainer, (job.folder.path / result).as_posix(), best_step)
    status = "finished" if trainer.is_complete else "stopped"
    job.board.say(Finished(time.time(), status, trainer.step, result, told, best_step))


def _sentence(job: Job, trainer: SeriesTrainer, result: str, best_step: int | None) -> Message:
    judged, metric = trainer.judged, metric_of(job.config).name
    state, is_score = job.board.state, metric == ANSWER_SCORE
    curve = state.measured.get(f"validation_{metric}", Curve()) if metric == MEAN_REWARD else getattr(state, metric)
    by = "_score" if is_score else "_reward" if metric == MEAN_REWARD else ""
    values: dict[str, Any] = {"step": trainer.step, "steps": trainer.state.max_steps, "result": result}
    if judged.best is not None:
        values |= {"best": _told(judged.best, is_score), "best_step": judged.best_step}
    if not trainer.is_complete:
        return message("run.stopped" if best_step is None else f"run.stopped_best{by}", **values)
    if trainer.step < trainer.state.max_steps:
        values |= {"failures": judged.failures}
        return message(f"run.ended_early{by}" if best_step is None else f"run.ended_early_best{by}", **values)
    if judged.best is None or not curve.shown:
        return message("run.finished", **values)
    values |= {"before": _told(curve.shown[0][1], is_score)}
    return message(f"run.finished_validated{by}" if best_step is None else f"run.finished_best{by}", **values)


def _told(value: float, is_score: bool) -> str:
    """A loss with three digits, a score in percent."""
    return f"{100 * value:.1f}" if is_score else f"{value:.3f}"
