"""What an evaluation can be judged by: the choices of `stopping.metric`, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A number that every evaluation gives. name: also the name of its curve in `run.state.RunState`."""

    name: str
    is_lower_better: bool = True


VALIDATION_LOSS, ANSWER_SCORE = "validation_loss", "answer_score"
# What the answers to the validation rows are worth, in the place of a loss where a run learns from its own answers.
MEAN_REWARD = "mean_reward"
METRICS = {each.name: each for each in (Metric(VALIDATION_LOSS), Metric(ANSWER_SCORE, is_lower_better=False))}
REWARD_METRIC = Metric(MEAN_REWARD, is_lower_better=False)
