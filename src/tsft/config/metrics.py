"""What an evaluation can be judged by: the choices of `stopping.metric`, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A number that every evaluation gives. name: also the name of its curve in `run.state.RunState`."""

    name: str
    is_lower_better: bool = True


METRICS = {each.name: each for each in (Metric("validation_loss"),)}
