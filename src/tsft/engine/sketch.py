"""A run's model without its weights: the real classes on the meta device, tuned as the run would, and its sizes.

Only headers are read and nothing is fetched, so that an 8 B model is looked at within seconds.
"""

import dataclasses
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from tsft.config.catalog import BUILTIN
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.engine.estimate import Sizes
from tsft.engine.optimizers import refuse_unfit
from tsft.engine.parts import ENCODER, decoder_layers, is_norm
from tsft.engine.quantised import quantised_weights, refuse_unfit_for_few_bits, wished
from tsft.engine.restore import keeps_adapter, merged, model_changes, new_encoder, result_folder
from tsft.engine.tuning import apply_tuning, go_on_training, parameter_groups, summary
from tsft.errors import UserError, message
from tsft.model.adapters import load_adapter
from tsft.model.builtin import make_builtin
from tsft.model.families import read_record
from tsft.model.loading import META, Loaded, load
from tsft.model.processor import SeriesProcessor
from tsft.model.quantization import Quantised
from tsft.model.reward_head import add_reward_head
from tsft.run.events import Group
from tsft.store.models import local_model
from tsft.store.runs import TRAINED_WEIGHTS, RunFolder, run_config
from tsft.store.workspace import Workspace


@dataclass(frozen=True)
class Sketch:
    """What is known of a model before it is loaded. source_bytes: weights of the base model.

    encoder: how the encoder trains: full, lora or frozen. is_adapter: whether the result is one. quantised: how the
    run will hold the weights of the decoder layers; the sketch has them whole. goes_on: whether the adapter is one of
    an earlier run.
    """

    sizes: Sizes
    source_bytes: int
    groups: tuple[Group, ...]
    processor: SeriesProcessor
    encoder: str
    encoder_is_new: bool
    trains_positions: bool
    is_adapter: bool
    quantised: Quantised | None = None
    goes_on: bool = False


def sketch(config: RunConfig, workspace: Workspace) -> Sketch:
    """The model of the config. Raises UserError when its weights are not on this machine yet."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="for .* copying from a non-meta parameter")
        loaded, folder = _untuned(config, workspace)
        refuse_unfit_for_few_bits(loaded, config)
        model = _tuned(loaded, config)
    refuse_unfit(model, config)
    encoder = [(name, each.requires_grad) for name, each in model.named_parameters() if ENCODER in name]
    return Sketch(
        sizes=sizes_of(model, _weights_bytes(folder)),
        source_bytes=_weights_bytes(folder),
        groups=summary(parameter_groups(model, config)),
        processor=loaded.processor,
        encoder=_encoder_training([name for name, trains in encoder if trains]),
        encoder_is_new=loaded.encoder_is_new,
        trains_positions=any(trains and "position_embedding" in name for name, trains in encoder),
        is_adapter=isinstance(model, PeftModel),
        quantised=loaded.quantised,
        goes_on=isinstance(loaded.model, PeftModel),
    )


def sizes_of(model: nn.Module, file_bytes: int) -> Sizes:
    """The sizes of a tuned model, on whatever device."""
    named = list(model.named_parameters())
    trained = [(name, each) for name, each in named if each.requires_grad]
    settings = _settings(model)
    heads = int(settings.num_attention_heads)
    head = int(getattr(settings, "head_dim", None) or settings.hidden_size // heads)
    layers = decoder_layers(model)
    reached = list(layers[_first_reached(layers, trained) :])
    inputs = [_kept_inputs(layer) for layer in reached]
    embedding = model.get_input_embeddings().weight  # type: ignore[operator]
    names = " ".join(name for name, _ in layers[0].named_modules())
    return Sizes(
        parameters=sum(each.numel() for _, each in named),
        trained=sum(each.numel() for _, each in trained),
        hidden=int(settings.hidden_size),
        query=heads * head,
        key=head * int(getattr(settings, "num_key_value_heads", None) or heads),
        forward=int(getattr(settings, "intermediate_size", None) or 4 * settings.hidden_size),
        heads=heads,
        vocabulary=int(settings.vocab_size),
        layers=len(reached),
        is_gated="gate" in names,
        norms_queries="q_norm" in names,
        own_inputs=sum(each.own for each in inputs),
        shared_inputs=sum(each.shared for each in inputs),
        adapted_inputs=sum(each.adapted for each in inputs),
        ranks=sum(each.ranks for each in inputs),
        trained_norms=sum(_norm_widths(layer) for layer in reached),
        trained_matrices=sum(each.numel() for name, each in trained if each.dim() == 2 and "embed" not in name),
        largest_trained=max((each.numel() for _, each in trained), default=0),
        tied_trained=embedding.numel() if embedding.requires_grad and settings.tie_word_embeddings else 0,
        encoder_layers=int(settings.ts.get("num_layers", 5)),
        file_bytes=file_bytes,
        quantisable=sum(quantised_weights(model)),
        largest_quantisable=max(quantised_weights(model), default=0),
    )


@dataclass(frozen=True)
class _Inputs:
    own: int
    shared: int
    adapted: int
    ranks: int


def _kept_inputs(layer: nn.Module) -> _Inputs:
    """Widths of the inputs that the linears of one decoder layer keep for backward."""
    adapted: dict[str, Any] = {name: each for name, each in layer.named_modules() if isinstance(each, BaseTunerLayer)}
    widths = {name: int(getattr(each, "in_features", 0) or 0) for name, each in adapted.items()}
    for name, module in layer.named_modules():
        is_inside = any(name.startswith(f"{outer}.") for outer in adapted)
        if isinstance(module, nn.Linear) and not is_inside and module.weight.requires_grad:
            widths[name] = module.in_features
    # Queries, keys and values read one tensor, so do gate and up; the output projection reads what attention keeps.
    places = {
        ("in" if name.rsplit(".", 1)[-1][0] in "qkv" else name.rsplit(".", 1)[-1] == "down_proj", name.split(".")[0]):
        width
        for name, width in widths.items()
        if not name.endswith("o_proj")
    }  # fmt: skip
    ranks = sum(sum(each.r.values()) for each in adapted.values() if isinstance(getattr(each, "r", None), dict))
    return _Inputs(sum(widths.values()), sum(places.values()), sum(widths[name] for name in adapted), ranks)


def _norm_widths(layer: nn.Module) -> int:
    norms = (module for module in layer.modules() if is_norm(module))
    return sum(each.numel() for norm in norms for each in norm.parameters(recurse=False) if each.requires_grad)


def _first_reached(layers: nn.ModuleList, trained: list[tuple[str, nn.Parameter]]) -> int:
    """The lowest layer that gradients pass: everything above what trains."""
    inside = [any(each.requires_grad for each in layer.parameters()) for layer in layers]
    before = any(ENCODER in name or "embed_tokens" in name or "wte" in name for name, _ in trained)
    return 0 if before else inside.index(True) if True in inside else len(layers)


def _weights_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _encoder_training(trained_names: list[str]) -> str:
    if not trained_names:
        return "frozen"
    return "lora" if all("lora_" in name for name in trained_names) else "full"


def _settings(model: nn.Module) -> Any:
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    return base.config


def _untuned(config: RunConfig, workspace: Workspace) -> tuple[Loaded, Path]:
    """The model a run would load, and the folder of its base."""
    if not config.model.continue_from:
        folder = _base_folder(config.model, workspace)
        changes, encoder = model_changes(config), new_encoder(config)
        quantization = wished(config)
        return (
            load(
                folder,
                dtype=torch.float32,
                new_encoder=encoder,
                changes=changes,
                quantization=quantization,
                **META,
            ),
            folder,
        )
    path = result_folder(config.model.continue_from, workspace)
    if (path / "adapter_config.json").is_file():
        record = read_record(path)
        settings = ModelSettings(record.get("base", ""), record.get("hub") or "", record.get("revision") or "")
        base = _base_folder(settings, workspace)
        goes_on = keeps_adapter(config, record)
        loaded = load_adapter(path, base, torch.float32, is_trainable=goes_on, **META)
        return loaded if goes_on else merged(loaded), base
    if (path / TRAINED_WEIGHTS).is_file():
        loaded, folder = _untuned(run_config(RunFolder(path.parent.parent)), workspace)
        return dataclasses.replace(merged(loaded), encoder_is_new=False), folder
    return load(path, dtype=torch.float32, quantization=wished(config), **META), path


def _base_folder(settings: ModelSettings, workspace: Workspace) -> Path:
    if settings.name == BUILTIN:
        return make_builtin(workspace.models / BUILTIN)
    folder = local_model(workspace, settings)
    if folder is None:
        raise UserError(message("readiness.model_not_here", name=settings.name))
    return folder


def _tuned(loaded: Loaded, config: RunConfig) -> Any:
    if config.data.task == "reward" and not isinstance(loaded.model, PeftModel):
        add_reward_head(loaded.model)
    if isinstance(loaded.model, PeftModel):
        return go_on_training(loaded.model, config)
    # How an adapter begins changes no size, and some beginnings need the weights.
    plain = dataclasses.replace(config, lora=dataclasses.replace(config.lora, initialisation="default"))
    return apply_tuning(loaded.model, plain, loaded.encoder_is_new)
