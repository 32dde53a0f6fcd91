"""Opens what earlier runs left: an adapter, a whole model, or a checkpoint in between. For going on and for asking."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from tsft.config.run_config import ADAPTERS, ModelSettings, RunConfig
from tsft.engine.checkpoints import load_trained
from tsft.engine.expansion import expand_blocks
from tsft.engine.sources import Progress, ShouldStop, model_folder
from tsft.errors import UserError, message
from tsft.model.adapters import load_adapter, merged_model
from tsft.model.changes import ModelChanges
from tsft.model.families import NewEncoder, read_record
from tsft.model.loading import Loaded, load
from tsft.model.quantization import Quantization
from tsft.model.reward_head import add_reward_head
from tsft.store.runs import TRAINED_WEIGHTS, RunFolder, run_config
from tsft.store.workspace import Workspace


@dataclass(frozen=True)
class Fetching:
    """How a base model that is not here yet is brought: progress in bytes, and whether to stop."""

    progress: Progress
    should_stop: ShouldStop


def result_folder(text: str, workspace: Workspace) -> Path:
    """The folder a person names: relative to the workspace or anywhere. Raises UserError when there is none."""
    for path in _places(text, workspace):
        if path.is_dir():
            return path.resolve()
    raise UserError(message("restore.no_folder", path=text))


def open_result(
    path: Path,
    workspace: Workspace,
    dtype: torch.dtype,
    fetching: Fetching,
    *,
    attention: str = "sdpa",
    is_trainable: bool = False,
    quantization: Quantization | None = None,
    device: str = "",
) -> Loaded:
    """The model of an adapter folder (as a PeftModel), of a whole model, or of a checkpoint that holds trained weights.

    The base of an adapter is quantised as it was in training, a whole model as `quantization` says; either is put on
    `device` then (see `loading.load`). Raises UserError when the folder holds none of these.
    """
    if (path / "adapter_config.json").is_file():
        base = _adapter_base(path, workspace, fetching)
        below = None
        if (base / "adapter_config.json").is_file():
            # Made on top of another adapter, which belongs into its base first.
            below = merged(open_result(base, workspace, dtype, fetching, attention=attention))
        return load_adapter(
            path, base, dtype, attention=attention, is_trainable=is_trainable, base=below, device=device
        )
    if (path / TRAINED_WEIGHTS).is_file():
        config = run_config(RunFolder(path.parent.parent))
        loaded = _base_of_run(config, workspace, dtype, fetching, attention)
        if config.tuning.method == "llama_pro":
            expand_blocks(loaded.model, config.tuning.new_blocks)
        load_trained(loaded.model, path)
        return Loaded(loaded.model, loaded.processor, loaded.family, encoder_is_new=False)
    if (path / "config.json").is_file():
        return load(path, dtype=dtype, attention=attention, quantization=quantization, device=device)
    raise UserError(message("restore.not_a_result", path=str(path)))


def base_folder(path: Path, workspace: Workspace, fetching: Fetching) -> Path:
    """The folder of the whole model that a result stands on: itself, or what its adapter or checkpoint began with."""
    if (path / "adapter_config.json").is_file():
        return base_folder(_adapter_base(path, workspace, fetching), workspace, fetching)
    if (path / TRAINED_WEIGHTS).is_file():
        settings = run_config(RunFolder(path.parent.parent)).model
        if settings.continue_from:
            return base_folder(result_folder(settings.continue_from, workspace), workspace, fetching)
        return model_folder(settings, workspace, fetching.progress, fetching.should_stop)
    return path


def merged(loaded: Loaded) -> Loaded:
    """The same with an adapter's weights put into the base, made whole if it is quantised; a whole model as it is."""
    if not isinstance(loaded.model, PeftModel):
        return loaded
    return Loaded(merged_model(loaded.model), loaded.processor, loaded.family, encoder_is_new=False)


def new_encoder(config: RunConfig) -> NewEncoder:
    """The encoder that a plain language model is given."""
    encoder = config.encoder
    return NewEncoder(
        patch_size=encoder.patch_size,
        layers=encoder.layers,
        embedding_dim=encoder.embedding_dim,
        max_points=encoder.max_points,
        position=encoder.position,
        layer_norm=encoder.layer_norm,
        last_patch=encoder.last_patch,
        prefix=encoder.prefix,
        seed=encoder.seed,
    )


def model_changes(config: RunConfig) -> ModelChanges:
    """What the base model is loaded differently from how it was saved."""
    model = config.model
    tokens = model.new_tokens if model.resize_vocabulary else ()
    has_head = config.data.task == "reward"
    return ModelChanges(model.rope_scaling, model.rope_factor, model.resize_vocabulary, tokens, reward_head=has_head)


def keeps_adapter(config: RunConfig, record: Mapping[str, Any]) -> bool:
    """Whether the adapter that a run goes on from is the one it trains; else it is taken into its base first.

    record: what was written beside the adapter. One without a reward model's head cannot become that of a reward model.
    """
    is_reward = ModelChanges.from_json(record.get("changes")).reward_head
    tuning = config.tuning
    fits = is_reward == (config.data.task == "reward")
    return tuning.method in ADAPTERS and not tuning.create_new_adapter and fits


def _places(text: str, workspace: Workspace) -> tuple[Path, Path]:
    """Where a folder that is named in text may lie."""
    return workspace.root / text, Path(text).expanduser()


def _adapter_base(path: Path, workspace: Workspace, fetching: Fetching) -> Path:
    record = read_record(path)
    if not record.get("base"):
        raise UserError(message("restore.no_base", path=str(path)))
    for earlier in _places(record["base"], workspace):
        if (earlier / "adapter_config.json").is_file():
            return earlier
    settings = ModelSettings(
        name=record["base"], hub=record.get("hub") or "huggingface", revision=record.get("revision") or ""
    )
    return model_folder(settings, workspace, fetching.progress, fetching.should_stop)


def _base_of_run(
    config: RunConfig, workspace: Workspace, dtype: torch.dtype, fetching: Fetching, attention: str
) -> Loaded:
    """What the run started from, before it trained."""
    if config.model.continue_from:
        earlier = result_folder(config.model.continue_from, workspace)
        before = merged(open_result(earlier, workspace, dtype, fetching, attention=attention))
        if config.data.task == "reward":
            add_reward_head(before.model)
        return before
    base = model_folder(config.model, workspace, fetching.progress, fetching.should_stop)
    encoder, changes = new_encoder(config), model_changes(config)
    return load(base, dtype=dtype, attention=attention, new_encoder=encoder, changes=changes)
