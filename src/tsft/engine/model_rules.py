"""What the chosen model itself says against a config, before its weights are read: layers it lacks, odd sizes.

It is asked by making the sketch of the readiness card; where the model is not here yet, the run says it instead.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace

from tsft.config.run_config import RunConfig
from tsft.engine.readiness import SketchBook
from tsft.errors import Problem, UserError

logger = logging.getLogger(__name__)

_NOT_HERE = "readiness.model_not_here"
# The settings that a sketch follows: while one of them is wrong, there is nothing to make.
_SKETCHED = ("model", "encoder", "tuning", "lora", "adapter", "optim", "galore", "apollo", "badam", "quantization")
# The model layer knows no settings: those that its sentences are about.
_FIELDS = {
    "model.rope_already": "model.rope_scaling",
    "model.rope_missing": "model.rope_scaling",
    "model.quantised_already": "quantization.method",
}


def model_problems(config: RunConfig, book: SketchBook, found: Iterable[Problem] = ()) -> list[Problem]:
    """`found`: what is known to be wrong already."""
    if any(each.field.split(".")[0] in _SKETCHED for each in found if not each.is_warning):
        return []
    try:
        book.of(config)
    except UserError as error:
        return [_tied(each, config) for each in error.problems if each.message.key != _NOT_HERE]
    except (RuntimeError, ValueError, LookupError, OSError):
        # A model that cannot be had without its weights may well train; if not, the run says so.
        logger.warning("no sketch of %s", config.model.name, exc_info=True)
    return []


def _tied(problem: Problem, config: RunConfig) -> Problem:
    if problem.field:
        return problem
    whole = "model.continue_from" if config.model.continue_from else "model.name"
    return replace(problem, field=_FIELDS.get(problem.message.key, whole))
