"""Reads models from folders and writes them back: ChatTS checkpoints, our own, plain language models.

No code that lies in a model folder is run, and no pickle is read unless asked by name. Adapters are `adapters.py`.
"""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from tsft.errors import UserError, message
from tsft.model.building import BUILDING
from tsft.model.changes import ModelChanges, add_tokens, resize_vocabulary, with_longer_positions
from tsft.model.chat import choose_template, end_of_turn_ids
from tsft.model.families import (
    Family,
    NewEncoder,
    backbone_type,
    new_family,
    read_config,
    read_family,
    written_identity,
)
from tsft.model.fusion import classes_for, make_config, suppress_series_tokens
from tsft.model.processor import SeriesProcessor, add_series_tokens, companion_files, load_tokenizer
from tsft.model.quantization import (
    Quantised,
    Quantization,
    checked_checkpoint,
    device_map,
    keep_trainable,
    let_files_go,
    library_config,
    method_of,
    packed_modules,
    quantised,
    require_packages,
)
from tsft.model.reward_head import FLAG, HEAD, add_reward_head

# ChatTS keeps the encoder at the top level; ours sits on the backbone. transformers applies the reverse when it saves.
_KEY_MAPPING = {r"^ts_encoder\.": "model.ts_encoder."}
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
# `options` of a model without its weights: names and shapes alone.
META: Mapping[str, Any] = MappingProxyType({"device_map": "meta"})


@dataclass(frozen=True)
class Loaded:
    """A model with what it needs to read series. `encoder_is_new`: its weights are a seed's, so train it in full.

    quantised: how the weights of its decoder layers are held, None when they are whole.
    """

    model: PreTrainedModel
    processor: SeriesProcessor
    family: Family
    encoder_is_new: bool
    quantised: Quantised | None = None


def load(
    folder: Path,
    *,
    dtype: torch.dtype,
    attention: str = "sdpa",
    new_encoder: NewEncoder = NewEncoder(),  # noqa: B008 (frozen)
    allow_pickle: bool = False,
    round_to_float16: bool | None = None,
    changes: ModelChanges = ModelChanges(),  # noqa: B008 (frozen)
    quantization: Quantization | None = None,
    device: str = "",
    **options: Any,
) -> Loaded:
    """The model of `folder` in `dtype`, on the CPU unless `options` (passed to `from_pretrained`) say otherwise.

    `new_encoder` is used only when the folder holds a plain language model. `round_to_float16` overrides the family's.
    `changes` are made to the model on the way, the same each time. With `quantization`, and where the folder holds
    quantised weights, the decoder layers are in few bits and the model is on `device` ("": the GPU if there is one).
    With `META` all shapes are those of whole weights.
    """
    folder = Path(folder)
    names = weight_names(folder, allow_pickle)
    raw = with_longer_positions(checked_checkpoint(read_config(folder), names, str(folder)), changes)
    if quantization is not None and method_of(raw):
        raise UserError(message("model.quantised_already", folder=str(folder), method=method_of(raw)))
    held = quantised(raw, quantization)
    raw, options = _with_few_bits(raw, held, quantization, dtype, device, options)
    backbone = backbone_type(raw, names)
    encoder_is_new = not any(name.startswith(("ts_encoder.", "model.ts_encoder.")) for name in names)
    tokenizer = load_tokenizer(folder)
    raw, family, identity = _family_of(folder, raw, backbone, new_encoder if encoder_is_new else None)
    start_id, end_id = add_series_tokens(tokenizer, family)
    family = dataclasses.replace(family, start_id=start_id, end_id=end_id)
    if round_to_float16 is not None:
        family = dataclasses.replace(family, round_to_float16=round_to_float16)
    add_tokens(tokenizer, changes)
    choose_template(tokenizer, encoder_is_new)
    raw = {**raw, "ts_token_start_index": start_id, "ts_token_end_index": end_id}
    left_out = packed_modules(names) if options.get("device_map") == "meta" else set()
    if f"{HEAD}.weight" in names:
        raw[FLAG] = True
    model = _load_weights(folder, backbone, raw, identity, dtype, attention, allow_pickle, left_out, options)
    if held is not None:
        keep_trainable(model)
        let_files_go(model)
    if changes.reward_head:
        add_reward_head(model)
    if encoder_is_new:
        model.model.ts_encoder.reset(new_encoder.seed)
    if changes.resizes_vocabulary:
        resize_vocabulary(model, tokenizer)
    suppress_series_tokens(model)
    _set_end_of_turn(model, end_of_turn_ids(tokenizer))
    companions = {} if encoder_is_new else companion_files(folder)
    return Loaded(model, SeriesProcessor(tokenizer, family, companions), family, encoder_is_new, held)


def _family_of(
    folder: Path, raw: dict[str, Any], backbone: str, new_encoder: NewEncoder | None
) -> tuple[dict[str, Any], Family, dict[str, Any]]:
    """The config with its `ts` block, the family it says, and the model's name in config.json."""
    if new_encoder is not None:
        raw = {**raw, "ts": new_encoder.ts_block(_hidden_size(raw, folder))}
        return raw, new_family(new_encoder), written_identity(backbone)
    if not isinstance(raw.get("ts"), Mapping):
        raise UserError(message("model.no_ts_block", folder=str(folder)))
    identity = {name: raw[name] for name in ("model_type", "architectures", "auto_map") if name in raw}
    return raw, read_family(folder, raw["ts"]), identity


def save(
    model: PreTrainedModel,
    processor: SeriesProcessor,
    folder: Path,
    *,
    shard: str = "50GB",
    state: Mapping[str, torch.Tensor] | None = None,
) -> Path:
    """Write a whole model in the layout of the ChatTS checkpoints, into a new name first and then renamed.

    shard: the most that one file of weights holds, as transformers writes sizes ("5GB").
    state: the weights by name, where the model holds only parts of them.
    """
    folder = Path(folder)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save_pretrained(
        str(partial), state_dict=_chatts_state(model.state_dict() if state is None else state), max_shard_size=shard
    )
    processor.save(partial)
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
    return folder


def weight_names(folder: Path, allow_pickle: bool = False) -> set[str]:
    """The names of all tensors of a model folder, from the headers of its files alone."""
    index = folder / "model.safetensors.index.json"
    files = sorted(folder.glob("*.safetensors"))
    if index.is_file():
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        missing = sorted({name for name in weight_map.values() if not (folder / name).is_file()})
        if missing:
            raise UserError(message("model.shards_missing", folder=str(folder), names=", ".join(missing)))
        return set(weight_map)
    if files:
        try:
            return {name for path in files for name in _header_names(path)}
        except SafetensorError as error:
            raise UserError(message("model.weights_unreadable", folder=str(folder), reason=str(error))) from error
    if any((folder / name).is_file() for name in _PICKLES):
        if not allow_pickle:
            raise UserError(message("model.pickle_refused", folder=str(folder)))
        return _pickled_names(folder)
    raise UserError(message("model.no_weights", folder=str(folder)))


def _header_names(path: Path) -> list[str]:
    with safe_open(str(path), framework="pt") as file:
        return list(file.keys())


def _pickled_names(folder: Path) -> set[str]:
    index = folder / _PICKLES[1]
    if index.is_file():
        return set(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
    return set(torch.load(folder / _PICKLES[0], weights_only=True, mmap=True, map_location="meta"))


def _hidden_size(raw: Mapping[str, Any], folder: Path) -> int:
    if "hidden_size" not in raw:
        raise UserError(message("model.config_unreadable", path=str(folder / "config.json")))
    return int(raw["hidden_size"])


def _with_few_bits(
    raw: dict[str, Any],
    held: Quantised | None,
    wanted: Quantization | None,
    dtype: torch.dtype,
    device: str,
    options: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """config.json and options with which transformers loads quantised weights, or the outline of whole ones."""
    if held is None:
        return raw, options
    if options.get("device_map") == "meta":
        # What quantised weights look like depends on the method and says less.
        more = {"ignore_mismatched_sizes": True} if method_of(raw) else {}
        return {name: value for name, value in raw.items() if name != "quantization_config"}, {**options, **more}
    require_packages(held.method)
    more = {"quantization_config": library_config(wanted, dtype)} if wanted is not None else {}
    return raw, {"device_map": device_map(device), **options, **more}


def _load_weights(
    folder: Path,
    backbone: str,
    raw: dict[str, Any],
    identity: dict[str, Any],
    dtype: torch.dtype,
    attention: str,
    allow_pickle: bool,
    left_out: set[str],
    options: dict[str, Any],
) -> PreTrainedModel:
    """left_out: modules whose weights need not be there."""
    config = make_config(backbone, raw, identity)
    try:
        with BUILDING:
            model, report = classes_for(backbone).causal.from_pretrained(
                str(folder),
                config=config,
                dtype=dtype,
                attn_implementation=attention,
                key_mapping=_KEY_MAPPING,
                use_safetensors=None if allow_pickle else True,
                trust_remote_code=False,
                output_loading_info=True,
                **options,
            )
    except (SafetensorError, RuntimeError) as error:
        is_mismatch = any(words in str(error) for words in ("size mismatch", "ignore_mismatched_sizes"))
        if not (is_mismatch or isinstance(error, SafetensorError)):
            raise
        raise UserError(message("model.weights_unreadable", folder=str(folder), reason=str(error)[:300])) from error
    missing = sorted(
        name
        for name in report["missing_keys"]
        if ".ts_encoder." not in name and name.rpartition(".")[0] not in left_out
    )
    encoder_missing = sorted(name for name in report["missing_keys"] if ".ts_encoder." in name)
    if encoder_missing and len(encoder_missing) < len(list(model.model.ts_encoder.parameters())):
        missing += encoder_missing
    if missing:
        raise UserError(
            message("model.tensors_missing", folder=str(folder), count=len(missing), names=", ".join(missing[:3]))
        )
    return model


def _set_end_of_turn(model: PreTrainedModel, ids: list[int]) -> None:
    """An answer ends where the template ends a turn, even if the checkpoint's settings name another token."""
    own = model.generation_config.eos_token_id
    known = {own} if isinstance(own, int) else set(own or [])
    model.generation_config.eos_token_id = sorted(known | set(ids)) or None


def _chatts_state(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors under the names of the ChatTS checkpoints."""
    # A model that was loaded already carries the renaming and transformers reverses it; renaming here as well is
    # harmless then, and needed for a model that was made in memory.
    return {name.replace("model.ts_encoder.", "ts_encoder.", 1): tensor for name, tensor in state.items()}
