"""LLaMA-Factory's stages and the settings of its preference stages and of PPO, turned into ours."""

from collections.abc import Callable, Mapping
from typing import Any

from tsft.config.llamafactory_work import OFF, Work

_STAGES = {
    "sft": "sft",
    "supervised fine-tuning": "sft",
    "pt": "pretraining",
    "pre-training": "pretraining",
    "rm": "reward",
    "ppo": "ppo",
    "reward modeling": "reward",
    "dpo": "dpo",
    "kto": "kto",
}
# Losses of its DPO stage that are stages of their own here.
_LOSS_STAGES = ("orpo", "simpo")


def _stage(work: Work, argument: str, value: Any) -> None:
    task = _STAGES.get(str(value).lower())
    if task == "dpo":
        task = _task(work)
    work.put(argument, "data.task", task) if task else work.leave(argument, "stage")


def _task(work: Work) -> str:
    """The stage that the arguments of preferences belong to: DPO unless told otherwise."""
    task = _STAGES.get(str(work.arguments.get("stage", "dpo")).lower())
    loss = str(work.arguments.get("pref_loss", ""))
    if task == "dpo" and loss in _LOSS_STAGES:
        return loss
    return task if task == "kto" else "dpo"


def _beta(work: Work, argument: str, value: Any) -> None:
    work.put(argument, f"{_task(work)}.beta", value)


def _sft_weight(work: Work, argument: str, value: Any) -> None:
    task = _task(work)
    work.put(argument, "dpo.sft_weight", value) if task == "dpo" else work.leave(argument, "none" if value else "off")


def _loss(work: Work, argument: str, value: Any) -> None:
    if value in _LOSS_STAGES:
        work.put(argument, "data.task", value)
    else:
        work.put(argument, "dpo.loss", value)


def _reward_model(work: Work, argument: str, value: Any) -> None:
    """A run folder, or several in a list; only with PPO, and never one that is asked over the network."""
    names = value if isinstance(value, list) else [value]
    if not any(names):
        return work.leave(argument, "off")
    if not _is_ppo(work):
        return work.leave(argument, "only_ppo")
    if len(names) > 1:
        return work.leave(argument, "several_reward_models")
    if str(work.arguments.get("reward_model_type", "")).lower() == "api":
        return work.leave(argument, "none")
    work.put(argument, "rewards.model", names[0])
    # There the model's word is all that counts.
    work.put(argument, "rewards.score", 0.0)
    return None


def _of_ppo(key: str) -> Callable[[Work, str, Any], None]:
    """A setting of PPO or of how it writes, which has no part in other stages."""

    def convert(work: Work, argument: str, value: Any) -> None:
        if _is_ppo(work):
            return work.put(argument, key, value)
        return work.leave(argument, "off" if value in OFF else "only_ppo")

    return convert


def _is_ppo(work: Work) -> bool:
    return _STAGES.get(str(work.arguments.get("stage", "")).lower()) == "ppo"


PREFERENCE_CONVERTERS: Mapping[str, Callable[[Work, str, Any], None]] = {
    "stage": _stage,
    "pref_beta": _beta,
    "pref_ftx": _sft_weight,
    "pref_loss": _loss,
    "reward_model": _reward_model,
    "reward_model_type": lambda work, argument, value: work.leave(argument, "none" if value == "api" else "own_way"),
    "ppo_epochs": _of_ppo("ppo.epochs"),
    "ppo_score_norm": _of_ppo("ppo.normalise_scores"),
    "ppo_whiten_rewards": _of_ppo("ppo.whiten_rewards"),
    "max_new_tokens": _of_ppo("sampling.max_tokens"),
    "temperature": _of_ppo("sampling.temperature"),
    "top_p": _of_ppo("sampling.top_p"),
    "top_k": _of_ppo("sampling.top_k"),
}
