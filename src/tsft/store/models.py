"""Which base models are in the workspace already, and under which folder. Fetching and making them is the engine's."""

from pathlib import Path

from tsft.config.catalog import BUILTIN, hub_folder, hub_name
from tsft.config.run_config import ModelSettings
from tsft.store.workspace import Workspace, slug


def local_model(workspace: Workspace, settings: ModelSettings) -> Path | None:
    """The folder of the model when it need not be fetched: by its name, as a path, or as fetched from a hub earlier."""
    name = settings.name
    fetched = workspace.models / hub_folder(hub_name(name, settings.hub), settings.hub, settings.revision)
    if (fetched / ".complete").is_file():
        return fetched
    own = workspace.models / slug(name)
    for folder in (own, workspace.root / name, Path(name).expanduser()):
        if name and (folder / "config.json").is_file():
            return folder
    return None


def is_inside(workspace: Workspace, name: str) -> bool:
    """Whether it is here and lies in the workspace: what a program sends must not reach any folder of the machine."""
    hubs = (ModelSettings(name=name, hub=hub) for hub in ("huggingface", "modelscope"))
    roots = (workspace.root.resolve(), workspace.models.resolve())
    found = (local_model(workspace, settings) for settings in hubs)
    return any(folder is not None and any(folder.resolve().is_relative_to(root) for root in roots) for folder in found)


def is_here(workspace: Workspace, name: str) -> bool:
    """Whether a run with this model could start without a network, from either hub's copy."""
    hubs = (ModelSettings(name=name, hub=hub) for hub in ("huggingface", "modelscope"))
    return name == BUILTIN or any(local_model(workspace, settings) is not None for settings in hubs)
