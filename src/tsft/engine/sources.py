"""From the name of a model in a config to a folder with its weights: built in, fetched, on a hub, or on this disk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers.utils import logging as transformers_logging

from tsft.config.catalog import BUILTIN, SMOLLM2, hub_name
from tsft.config.run_config import ModelSettings
from tsft.model.builtin import make_builtin
from tsft.model.download import fetch
from tsft.model.gguf import make_smollm2
from tsft.store.models import local_model
from tsft.store.workspace import Workspace

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


def model_folder(settings: ModelSettings, workspace: Workspace, progress: Progress, should_stop: ShouldStop) -> Path:
    """The folder of the base model, fetched into the workspace first when it is not there. progress: bytes done, all.

    Raises UserError with a plain sentence (unknown name, gated, offline, disk full), Stopped when asked to stop.
    """
    name = settings.name
    models = workspace.models
    if name == BUILTIN:
        return make_builtin(models / BUILTIN)
    if name == SMOLLM2:
        return make_smollm2(models, progress, should_stop)
    here = local_model(workspace, settings)
    if here is not None:
        return here
    return fetch(hub_name(name, settings.hub), settings.hub, settings.revision, models, progress, should_stop)


@contextmanager
def watched_loading(progress: Progress, obey: Callable[[], None]) -> Iterator[None]:
    """While weights are loaded, report each tensor and ask whether to stop (transformers' own progress hook)."""

    def hook(factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        items = args[0] if args else kwargs.get("iterable")
        return factory(*args, **kwargs) if items is None else _Counted(items, progress, obey)

    previous = transformers_logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        transformers_logging.set_tqdm_hook(previous)


class _Counted:
    """An iterable in the place of a progress bar."""

    def __init__(self, items: Any, progress: Progress, obey: Callable[[], None]) -> None:
        self._items = items
        self._progress = progress
        self._obey = obey

    def __iter__(self) -> Iterator[Any]:
        total = len(self._items) if hasattr(self._items, "__len__") else 0
        for done, item in enumerate(self._items):
            self._obey()
            self._progress(done, total)
            yield item

    def update(self, count: int = 1) -> None:
        self._obey()

    def set_postfix(self, *args: Any, **kwargs: Any) -> None:
        """Bars show the tensor's name here; we do not."""

    def close(self) -> None:
        """Nothing to put away."""

    def __enter__(self) -> "_Counted":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
