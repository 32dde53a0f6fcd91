"""Which ways of tuning, adapters and optimizers go together. `check.py` asks here."""

from collections.abc import Iterator

from tsft.config.optimizers import OPTIMIZERS
from tsft.config.run_config import ADAPTERS, RunConfig
from tsft.errors import Problem, message

# These save memory on whole weight matrices; under an adapter there are none to train.
_WHOLE_WEIGHTS = ("galore", "apollo", "badam")
_HEAD = "lm_head"


def check_adapter(config: RunConfig) -> Iterator[Problem]:
    """What is wrong with the adapter's settings, whichever model they will be used on."""
    method = config.tuning.method
    if method not in ADAPTERS:
        return
    field = "lora.targets" if method == "lora" else "adapter.targets"
    targets = config.lora.targets if method == "lora" else config.adapter.targets
    if method != "ln_tuning" and any(name.rsplit(".", 1)[-1] == _HEAD for name in targets):
        yield Problem(field, message("check.head_as_target", name=_HEAD))
    if config.tuning.create_new_adapter and not config.model.continue_from:
        yield Problem("tuning.create_new_adapter", message("check.new_adapter_on_what"))


def check_optimizer(config: RunConfig) -> Iterator[Problem]:
    """What the chosen optimizer cannot do with the rest of the config."""
    facts = OPTIMIZERS.get(config.optim.optimizer)
    if facts is None:  # said as a wrong choice already
        return
    name = facts.name
    if facts.family in _WHOLE_WEIGHTS and config.tuning.method not in ("full", "freeze"):
        yield Problem("optim.optimizer", message("check.optimizer_needs_whole_weights", name=name))
    if facts.steps_in_backward and config.schedule.gradient_accumulation > 1:
        yield Problem("schedule.gradient_accumulation", message("check.optimizer_no_accumulation", name=name))
    has_other_rate = config.encoder.learning_rate not in (0.0, config.optim.learning_rate)
    has_plus = config.tuning.method == "lora" and config.lora.plus_ratio not in (0.0, 1.0)
    if facts.has_one_rate and has_other_rate and config.encoder.training != "frozen":
        yield Problem("encoder.learning_rate", message("check.optimizer_one_rate", name=name))
    if facts.has_one_rate and has_plus:
        yield Problem("lora.plus_ratio", message("check.optimizer_one_rate", name=name))
    if facts.family == "schedule_free" and config.schedule.scheduler != "constant":
        yield Problem("schedule.scheduler", message("check.schedule_free_constant", name=name))
    if name == "schedule_free_radam" and config.schedule.warmup_fraction > 0:
        told = message("check.schedule_free_no_warmup", name=name)
        yield Problem("schedule.warmup_fraction", told, is_warning=True)
    if not facts.keeps_state:
        yield Problem("optim.optimizer", message("check.optimizer_forgets", name=name), is_warning=True)
