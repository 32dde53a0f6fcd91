"""Which choices of the settings cannot work on this machine, and why: asked of the checks that Start is refused by."""

import functools
from collections.abc import Mapping
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, settings, with_values
from tsft.engine.preflight import machine_problems
from tsft.errors import Message, Problem

# A model of a hub, so that what only concerns those is told as well.
_BASE = {"model.name": "organisation/model"}


@functools.cache
def limits() -> Mapping[tuple[str, str], Message]:
    """By setting and choice, the words of the refusal; a switch that cannot be turned on has the choice "True"."""
    return {
        (setting.key, str(choice)): problem.message
        for setting in settings()
        for choice in (setting.facts.choices or ((True,) if setting.kind is bool else ()))
        for problem in _against(setting, choice)[:1]
    }


def _against(setting: Setting, choice: Any) -> list[Problem]:
    config = with_values(RunConfig(), {**_BASE, setting.key: (choice,) if setting.is_list else choice})
    return [each for each in machine_problems(config) if each.field == setting.key and not each.is_warning]
