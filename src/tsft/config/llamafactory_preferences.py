"""LLaMA-Factory's stages and the settings of its preference stages, turned into ours."""

from collections.abc import Callable, Mapping
from typing import Any

from tsft.config.llamafactory_work import Work

_STAGES = {
    "sft": "sft",
    "supervised fine-tuning": "sft",
    "pt": "pretraining",
    "pre-training": "pretraining",
    "rm": "reward",
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


PREFERENCE_CONVERTERS: Mapping[str, Callable[[Work, str, Any], None]] = {
    "stage": _stage,
    "pref_beta": _beta,
    "pref_ftx": _sft_weight,
    "pref_loss": _loss,
}
