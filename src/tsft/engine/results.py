"""Writes what a run leaves: an adapter that knows its base, or a whole model in the ChatTS layout."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch import Tensor

from tsft.config.run_config import RunConfig
from tsft.engine.job import Job
from tsft.engine.quantised import wished
from tsft.engine.restore import keeps_adapter, model_changes, new_encoder, result_folder
from tsft.model.adapters import save_adapter
from tsft.model.changes import ModelChanges
from tsft.model.families import NewEncoder, read_record
from tsft.model.loading import Loaded, save
from tsft.model.quantization import Quantization
from tsft.store.workspace import Workspace

State = Mapping[str, Tensor] | None


@dataclass(frozen=True)
class Origin:
    """Where an adapter belongs. new_encoder: how the base's encoder was made, None when the base brings its own.

    changes: what the base was loaded differently from how it was saved. quantization: how its weights were held.
    """

    base: str
    hub: str
    revision: str
    new_encoder: NewEncoder | None
    changes: ModelChanges = ModelChanges()
    quantization: Quantization | None = None


def origin_of(config: RunConfig, workspace: Workspace, loaded: Loaded) -> Origin:
    """The base of the adapter that this run trains."""
    settings = config.model
    if not settings.continue_from:
        encoder = new_encoder(config) if loaded.encoder_is_new else None
        return Origin(settings.name, settings.hub, settings.revision, encoder, model_changes(config), wished(config))
    earlier = read_record(result_folder(settings.continue_from, workspace))
    # A whole model is the base itself; so is an adapter that was taken into its base for a new one.
    if "base" not in earlier or config.tuning.create_new_adapter or not keeps_adapter(config, earlier):
        # What was done to the earlier base is in it; the head of a reward model is made on top.
        head = ModelChanges(reward_head=config.data.task == "reward")
        return Origin(settings.continue_from, settings.hub, "", None, head, wished(config))
    made = earlier.get("new_encoder")
    encoder, changes = NewEncoder(**made) if made else None, ModelChanges.from_json(earlier.get("changes"))
    held = Quantization.from_json(earlier.get("quantization"))
    return Origin(earlier["base"], earlier.get("hub", ""), earlier.get("revision", ""), encoder, changes, held)


def write_adapter(model: PeftModel, loaded: Loaded, origin: Origin, folder: Path, state: State = None) -> None:
    """The adapter into `folder`, as a checkpoint or as the result.

    state: its weights by parameter name, where the model has only parts of them.
    """
    save_adapter(
        model,
        loaded.processor,
        folder,
        origin.base,
        hub=origin.hub,
        revision=origin.revision,
        new_encoder=origin.new_encoder,
        changes=origin.changes,
        quantization=origin.quantization,
        state=state,
    )


def write_result(job: Job, model: Any, loaded: Loaded, origin: Origin, state: State = None) -> str:
    """The adapter, or for other ways of tuning the whole model. Returns its folder, relative to the run's.

    It appears under its name only when it is whole.
    """
    if not isinstance(model, PeftModel):
        save(model, loaded.processor, job.folder.model, state=state)
        return job.folder.model.name
    unfinished = job.folder.adapter.with_name("adapter.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    write_adapter(model, loaded, origin, unfinished, state)
    if job.folder.adapter.exists():
        shutil.rmtree(job.folder.adapter)
    unfinished.rename(job.folder.adapter)
    return job.folder.adapter.name
