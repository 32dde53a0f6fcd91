"""What the settings of the preference stages may not be together. `check.py` asks here."""

from collections.abc import Iterator

from tsft.config.run_config import RunConfig
from tsft.config.stages import JUDGED, PAIRED
from tsft.errors import Problem, message


def check_stage(config: RunConfig) -> Iterator[Problem]:
    """What does not go together with learning from preferences, and within its own settings."""
    task = config.data.task
    if task not in (*PAIRED, *JUDGED):
        return
    if config.data.packing not in ("auto", "none"):
        yield Problem("data.packing", message("check.stage_packing"))
    if config.optim.label_smoothing:
        yield Problem("optim.label_smoothing", message("check.stage_smoothing"))
    if task == "dpo" and config.dpo.loss == "exo_pair" and not config.dpo.label_smoothing:
        yield Problem("dpo.label_smoothing", message("check.exo_smoothing"))
    if task == "dpo" and config.dpo.loss in ("aot", "aot_unpaired") and config.schedule.batch_size < 2:
        yield Problem("schedule.batch_size", message("check.aot_batch", loss=config.dpo.loss))
    if task == "kto" and config.kto.loss == "kto" and config.schedule.batch_size < 2:
        yield Problem("schedule.batch_size", message("check.kto_batch"))
    if task == "kto" and not (config.kto.desirable_weight or config.kto.undesirable_weight):
        yield Problem("kto.desirable_weight", message("check.kto_weights"))
    if task == "reward":
        yield from _check_reward(config)


def _check_reward(config: RunConfig) -> Iterator[Problem]:
    """A reward model gives a number and no answers."""
    if config.probes.source != "off":
        yield Problem("probes.source", message("check.reward_answers"))
    if config.stopping.answered_rows:
        yield Problem("stopping.answered_rows", message("check.reward_answers"))
