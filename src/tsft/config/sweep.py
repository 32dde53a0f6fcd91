"""A small sweep: one config and several values for some settings become one config for each combination."""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from tsft.config.codec import from_flat
from tsft.config.run_config import RunConfig
from tsft.config.schema import is_active, setting_by_key, settings, with_values
from tsft.errors import Problem, UserError, message

MOST_RUNS = 64


def sweepable() -> list[str]:
    """The dotted names of the settings that are one number."""
    return [each.key for each in settings() if each.kind in (int, float) and not each.is_list]


def sweep_configs(base: RunConfig, values: Mapping[str, Sequence[str]]) -> list[RunConfig]:
    """One config for each combination, in the order of the values; each is named after what is its own.

    values: by dotted name, as typed; the same number written twice counts once. Raises UserError for a value or a name
    that is none, for a setting without a meaning in `base`, and for more than MOST_RUNS runs.
    """
    count = math.prod(len(told) for told in values.values())
    if not values or not count:
        raise UserError(message("sweep.nothing"))
    if count > MOST_RUNS:
        raise UserError(message("sweep.too_many", count=count, most=MOST_RUNS))
    name = base.output.name or base.model.name
    made: dict[RunConfig, str] = {}
    for combination in itertools.product(*values.values()):
        own = dict(zip(values, combination, strict=True))
        config = from_flat(own, base)
        _refuse_without_meaning(config, own)
        made.setdefault(config, " ".join(f"{key.partition('.')[2]}={value}" for key, value in own.items()))
    return [with_values(config, {"output.name": f"{name} {words}"}) for config, words in made.items()]


def parse_values(text: str) -> list[str]:
    """The values of a line such as "1e-4, 5e-5 1e-5", each once."""
    return list(dict.fromkeys(part for part in re.split(r"[\s,;，；、]+", text) if part))


def _refuse_without_meaning(config: RunConfig, keys: Iterable[str]) -> None:
    """Runs that differ in a setting nobody reads would be the same run several times."""
    idle = [key for key in keys if not is_active(config, setting_by_key()[key])]
    if idle:
        raise UserError(*(Problem(key, message("sweep.no_meaning", name=key)) for key in idle))
