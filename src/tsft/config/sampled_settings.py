"""The settings of the stages that learn from their own answers, as `run_config.py` has those of all others."""

from dataclasses import dataclass

from tsft.config.fields import ABOVE_ZERO, setting
from tsft.config.stages import GROUPED, GRPO_LOSSES, SAMPLED

GRPO, RLOO, PPO = (("data.task", (task,)) for task in SAMPLED)
WRITING = ("data.task", SAMPLED)


@dataclass(frozen=True)
class SamplingSettings:
    """How a stage that learns from its own answers has them written."""

    answers: int = setting(8, low=2, high=1024, when=("data.task", GROUPED))
    max_tokens: int = setting(128, low=1, high=8192, unit="tokens", when=WRITING)
    temperature: float = setting(1.0, low=0.01, high=10.0, when=WRITING)
    min_tokens: int = setting(0, low=0, high=8192, unit="tokens", advanced=True, when=WRITING)
    top_p: float = setting(1.0, low=0.01, high=1.0, advanced=True, when=WRITING)
    top_k: int = setting(0, low=0, high=1_000_000, advanced=True, when=WRITING)
    leave_out_cut: bool = setting(False, advanced=True, when=WRITING)
    show_steps: int = setting(10, low=0, high=1_000_000, unit="steps", advanced=True, when=WRITING)


@dataclass(frozen=True)
class RewardsSettings:
    """What an answer is worth: the sum of its parts, each from 0 to 1 and with its weight."""

    score: float = setting(1.0, low=0.0, high=1000.0, when=WRITING)
    format: float = setting(0.0, low=0.0, high=1000.0, when=WRITING)
    overlap: float = setting(0.0, low=0.0, high=1000.0, when=WRITING)
    closeness: float = setting(0.0, low=0.0, high=1000.0, when=WRITING)
    length: float = setting(0.0, low=0.0, high=1000.0, when=WRITING)
    length_tokens: int = setting(64, low=1, high=8192, unit="tokens", advanced=True, when=WRITING)
    length_slope: float = setting(0.02, low=ABOVE_ZERO, high=1.0, advanced=True, when=WRITING)
    model: str = setting("", widget="checkpoint", when=WRITING)
    model_weight: float = setting(1.0, low=0.0, high=1000.0, advanced=True, when=WRITING)


@dataclass(frozen=True)
class GrpoSettings:
    loss: str = setting("dapo", choices=GRPO_LOSSES, when=GRPO)
    beta: float = setting(0.0, low=0.0, high=100.0, when=GRPO)
    scaling: str = setting("group", choices=("group", "batch", "none"), when=GRPO)
    importance: str = setting("token", choices=("token", "sequence"), advanced=True, when=GRPO)
    clip: float = setting(0.2, low=ABOVE_ZERO, high=1.0, advanced=True, when=GRPO)
    clip_high: float = setting(0.2, low=ABOVE_ZERO, high=100.0, advanced=True, when=GRPO)
    iterations: int = setting(1, low=1, high=100, advanced=True, when=GRPO)


@dataclass(frozen=True)
class RlooSettings:
    beta: float = setting(0.05, low=0.0, high=100.0, when=RLOO)
    normalise: bool = setting(False, advanced=True, when=RLOO)
    clip: float = setting(0.2, low=ABOVE_ZERO, high=100.0, advanced=True, when=RLOO)
    reward_limit: float = setting(0.0, low=0.0, high=1e6, advanced=True, when=RLOO)
    iterations: int = setting(1, low=1, high=100, advanced=True, when=RLOO)


@dataclass(frozen=True)
class PpoSettings:
    kl_weight: float = setting(0.05, low=0.0, high=100.0, when=PPO)
    epochs: int = setting(4, low=1, high=100, when=PPO)
    value_weight: float = setting(0.1, low=0.0, high=100.0, when=PPO)
    clip: float = setting(0.2, low=ABOVE_ZERO, high=100.0, advanced=True, when=PPO)
    value_clip: float = setting(0.2, low=ABOVE_ZERO, high=1e6, advanced=True, when=PPO)
    discount: float = setting(1.0, low=0.0, high=1.0, advanced=True, when=PPO)
    smoothing: float = setting(0.95, low=0.0, high=1.0, advanced=True, when=PPO)
    normalise_scores: bool = setting(False, advanced=True, when=PPO)
    whiten_rewards: bool = setting(False, advanced=True, when=PPO)
