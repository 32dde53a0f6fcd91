"""What the settings of the stages that learn from their own answers come to: counts, weights, what is kept."""

from tsft.config.run_config import RunConfig
from tsft.config.sampled_rules import is_sampled
from tsft.config.stages import GROUPED, LABELLED_REWARDS, REFERRING


def answers_a_question(config: RunConfig) -> int:
    """How many answers are written to each question while training."""
    return config.sampling.answers if config.data.task in GROUPED else 1


def repeats(config: RunConfig) -> int:
    """How many optimizer steps learn from the same answers; 1 for the other stages."""
    task = config.data.task
    if not is_sampled(config):
        return 1
    return {"grpo": config.grpo.iterations, "rloo": config.rloo.iterations, "ppo": config.ppo.epochs}[task]


def rows_an_epoch(config: RunConfig, rows: int) -> int:
    """Rows that pass in an epoch: those of the run's own answers come in whole steps, each as often as it is learnt."""
    if not is_sampled(config):
        return rows
    step = config.schedule.batch_size * config.schedule.gradient_accumulation
    return -(-rows // step) * step * repeats(config)


def keeps_reference(config: RunConfig) -> bool:
    """Whether the run compares its model with the one it began as."""
    weights = {"grpo": config.grpo.beta, "rloo": config.rloo.beta, "ppo": config.ppo.kl_weight}
    return config.data.task in REFERRING or weights.get(config.data.task, 0.0) > 0


def reward_weights(config: RunConfig) -> dict[str, float]:
    """Of the rewards that take part, by name; "model" is the trained one."""
    rewards = config.rewards
    weights = {
        "score": rewards.score,
        "format": rewards.format,
        "overlap": rewards.overlap,
        "closeness": rewards.closeness,
        "length": rewards.length,
        "model": rewards.model_weight if rewards.model else 0.0,
    }
    return {name: weight for name, weight in weights.items() if weight > 0}


def needs_labels(config: RunConfig) -> bool:
    """Whether a row without a label is of no use to the run."""
    return is_sampled(config) and any(name in LABELLED_REWARDS for name in reward_weights(config))
