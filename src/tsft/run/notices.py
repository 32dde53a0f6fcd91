"""What of a run is worth telling somebody who does not look: its end, and a validation loss that stopped falling."""

from dataclasses import dataclass
from typing import Any

from tsft.config.metrics import ANSWER_SCORE, MEAN_REWARD
from tsft.errors import Message, message
from tsft.run.state import RunState

PLATEAU = "plateau"
ENDS = ("finished", "stopped", "failed", "interrupted")


@dataclass(frozen=True)
class Notice:
    """One piece of news. key: the same for the same piece, so that nobody is told twice."""

    kind: str
    key: str
    sentence: Message


def notice_of(state: RunState, plateau_evaluations: int) -> Notice | None:
    """The newest piece of news in the state; None when there is none."""
    if not state.run_id:
        return None
    if state.status in ENDS:
        return Notice(state.status, f"{state.run_id}:{state.status}:{state.ended_at:.3f}", _end(state))
    since = evaluations_since_best(state)
    if not state.is_active or not _has_best(state) or since < plateau_evaluations:
        return None
    values: dict[str, Any] = {"name": state.name, "count": since, "step": state.best_step}
    if state.best_loss is not None:
        values["loss"] = f"{state.best_loss:.4f}"
    if _is_rewarded(state):
        told = message("notice.plateau_reward", **values, reward=f"{state.best_reward or 0:.3f}")
    elif state.plan is not None and state.plan.metric == ANSWER_SCORE:
        told = message("notice.plateau_score", **{**values, "score": f"{100 * (state.best_score or 0):.1f}"})
    else:
        told = message("notice.plateau", **values)
    return Notice(PLATEAU, f"{state.run_id}:{PLATEAU}:{state.best_step}", told)


def evaluations_since_best(state: RunState) -> int:
    """How many evaluations there were after the best one."""
    if not _has_best(state):
        return 0
    curve = state.measured[f"validation_{MEAN_REWARD}"] if _is_rewarded(state) else state.validation_loss
    return sum(step > state.best_step for step, _ in curve.shown)


def _has_best(state: RunState) -> bool:
    return state.best_loss is not None or _is_rewarded(state)


def _is_rewarded(state: RunState) -> bool:
    """Whether the run is judged by a reward, and has one."""
    return state.best_reward is not None and state.plan is not None and state.plan.metric == MEAN_REWARD


def _end(state: RunState) -> Message:
    # Not why it failed: that may name files, and a notice can leave the machine.
    return message(f"notice.{state.status}", name=state.name, step=state.step, steps=state.steps or state.step)
