"""How LLaMA-Factory's choices of DeepSpeed turn into settings of several processes."""

from collections.abc import Callable, Mapping
from typing import Any

from tsft.config.llamafactory_work import OFF, Work, is_on


def _stage(work: Work, argument: str, value: Any) -> None:
    """ "none", "2" or "3" of the page."""
    if value in OFF or str(value) == "none":
        return work.leave(argument, "off")
    return work.put(argument, "processes.strategy", f"deepspeed_zero{value}")


def _offload(work: Work, argument: str, value: Any) -> None:
    """With stage 2 the optimizer goes to main memory, with stage 3 the weights go along."""
    stage = str(work.arguments.get("ds_stage", "none"))
    if not is_on(value) or stage not in ("2", "3"):
        return work.leave(argument, "off")
    if stage == "3":
        work.put(argument, "processes.offload_parameters", True)
    return work.put(argument, "processes.offload_optimizer", True)


PROCESS_CONVERTERS: Mapping[str, Callable[[Work, str, Any], None]] = {"ds_stage": _stage, "ds_offload": _offload}
