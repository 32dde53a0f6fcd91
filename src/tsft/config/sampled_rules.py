"""What follows from the settings of the stages that learn from their own answers (GRPO, RLOO, PPO), and what they may
not be together."""

from collections.abc import Iterator

from tsft.config.metrics import ANSWER_SCORE, METRICS, REWARD_METRIC, Metric
from tsft.config.optimizers import names_of
from tsft.config.run_config import RunConfig
from tsft.config.stages import REWARDS, SAMPLED
from tsft.errors import Problem, message


def is_sampled(config: RunConfig) -> bool:
    """Whether the run learns from answers that it writes itself."""
    return config.data.task in SAMPLED


def metric_of(config: RunConfig) -> Metric:
    """What evaluations are judged by: the reward where there is no validation loss."""
    metric = METRICS[config.stopping.metric]
    return REWARD_METRIC if is_sampled(config) and metric.name != ANSWER_SCORE else metric


def check_sampled(config: RunConfig) -> Iterator[Problem]:
    """What does not go together with learning from own answers, and within its settings."""
    if not is_sampled(config):
        return
    if config.data.packing not in ("auto", "none"):
        yield Problem("data.packing", message("check.stage_packing"))
    if config.optim.label_smoothing:
        yield Problem("optim.label_smoothing", message("check.stage_smoothing"))
    if config.optim.neftune_alpha:
        yield Problem("optim.neftune_alpha", message("check.sampled_noise"))
    rewards = config.rewards
    if not any(getattr(rewards, name) for name in REWARDS) and not (rewards.model and rewards.model_weight):
        yield Problem("rewards.score", message("check.rewards_zero"))
    if config.sampling.min_tokens > config.sampling.max_tokens:
        counts = {"least": config.sampling.min_tokens, "most": config.sampling.max_tokens}
        yield Problem("sampling.min_tokens", message("check.sampled_lengths", **counts))
    if config.schedule.scheduler in ("reduce_lr_on_plateau", "greedy"):
        told = message("check.sampled_scheduler", scheduler=config.schedule.scheduler)
        yield Problem("schedule.scheduler", told)
    if config.data.task == "ppo" and config.optim.optimizer in names_of("badam"):
        yield Problem("optim.optimizer", message("check.ppo_badam"))
