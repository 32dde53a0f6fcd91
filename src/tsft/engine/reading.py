"""A model's processor alone, for those who only want to see or count what it makes of rows."""

from functools import lru_cache

from tsft.config.run_config import RunConfig
from tsft.engine.sketch import sketch
from tsft.model.processor import SeriesProcessor
from tsft.store.workspace import Workspace

# Tokenizers of some megabytes each; the pages of a process rarely look at more models at once.
_KEPT = 4


def processor_of(config: RunConfig, workspace: Workspace) -> SeriesProcessor:
    """Raises UserError when the model is not on this machine yet."""
    # Of all settings only the model's own change how it reads.
    return _processor(RunConfig(model=config.model), workspace)


@lru_cache(maxsize=_KEPT)
def _processor(config: RunConfig, workspace: Workspace) -> SeriesProcessor:
    return sketch(config, workspace).processor
