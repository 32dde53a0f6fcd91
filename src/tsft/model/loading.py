"""Reads models from folders and writes them back: ChatTS checkpoints, our own, plain language models.

No code that lies in a model folder is run, and no pickle is read unless asked by name. Adapters are `adapters.py`.
"""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
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
from tsft.model.reward_head import FLAG, HEAD, add_reward_head

# ChatTS keeps the encoder at the top level; ours sits on the backbone. transformers applies the reverse when it saves.
_KEY_MAPPING = {r"^ts_encoder\.": "model.ts_encoder."}
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")


@dataclass(frozen=True)
class Loaded:
    """A model with what it needs to read series. `encoder_is_new`: its weights are a seed's, so train it in full."""

    model: PreTrainedModel
    processor: SeriesProcessor
    family: Family
    encoder_is_new: bool


def load(
    folder: Path,
    *,
    dtype: torch.dtype,
    attention: str = "sdpa",
    new_encoder: NewEncoder = NewEncoder(),  # noqa: B008 (frozen)
    allow_pickle: bool = False,
    round_to_float16: bool | None = None,
    changes: ModelChanges = ModelChanges(),  # noqa: B008 (frozen)
    **options: Any,
) -> Loaded:
    """The model of `folder` in `dtype`, on the CPU unless `options` (passed to `from_pretrained`) say otherwise.

    `new_encoder` is used only when the folder holds a plain language model. `round_to_float16` overrides the family's.
    `changes` are made to the model on the way, the same each time.
    """
    folder = Path(folder)
    raw = with_longer_positions(read_config(folder), changes)
    names = weight_names(folder, allow_pickle)
    backbone = backbone_type(raw, names)
    encoder_is_new = not any(name.startswith(("ts_encoder.", "model.ts_encoder.")) for name in names)
    tokenizer = load_tokenizer(folder)
    if encoder_is_new:
        family = new_family(new_encoder)
        identity = written_identity(backbone)
        raw = {**raw, "ts": new_encoder.ts_block(_hidden_size(raw, folder))}
    else:
        if not isinstance(raw.get("ts"), Mapping):
            raise UserError(message("model.no_ts_block", folder=str(folder)))
        family = read_family(folder, raw["ts"])
        identity = {name: raw[name] for name in ("model_type", "architectures", "auto_map") if name in raw}
    start_id, end_id = add_series_tokens(tokenizer, family)
    family = dataclasses.replace(family, start_id=start_id, end_id=end_id)
    if round_to_float16 is not None:
        family = dataclasses.replace(family, round_to_float16=round_to_float16)
    add_tokens(tokenizer, changes)
    choose_template(tokenizer, encoder_is_new)
    raw = {**raw, "ts_token_start_index": start_id, "ts_token_end_index": end_id}
    if f"{HEAD}.weight" in names:
        raw[FLAG] = True
    model = _load_weights(folder, backbone, raw, identity, dtype, attention, allow_pickle, options)
    if changes.reward_head:
        add_reward_head(model)
    if encoder_is_new:
        model.model.ts_encoder.reset(new_encoder.seed)
    if changes.resizes_vocabulary:
        resize_vocabulary(model, tokenizer)
    suppress_series_tokens(model)
    _set_end_of_turn(model, end_of_turn_ids(tokenizer))
    companions = {} if encoder_is_new else companion_files(folder)
    return Loaded(model, SeriesProcessor(tokenizer, family, companions), family, encoder_is_new)


def save(model: PreTrainedModel, processor: SeriesProcessor, folder: Path, *, shard: str = "50GB") -> Path:
    """Write a whole model in the layout of the ChatTS checkpoints, into a new name first and then renamed.

    shard: the most that one file of weights holds, as transformers writes sizes ("5GB").
    """
    folder = Path(folder)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save_pretrained(str(partial), state_dict=_chatts_state(model), max_shard_size=shard)
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


def _load_weights(
    folder: Path,
    backbone: str,
    raw: dict[str, Any],
    identity: dict[str, Any],
    dtype: torch.dtype,
    attention: str,
    allow_pickle: bool,
    options: dict[str, Any],
) -> PreTrainedModel:
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
    missing = sorted(name for name in report["missing_keys"] if ".ts_encoder." not in name)
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


def _chatts_state(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """The tensors under the names of the ChatTS checkpoints."""
    # A model that was loaded already carries the renaming and transformers reverses it; renaming here as well is
    # harmless then, and needed for a model that was made in memory.
    return {name.replace("model.ts_encoder.", "ts_encoder.", 1): tensor for name, tensor in model.state_dict().items()}
