"""Writes what an adapter run has learnt and puts it back onto its base, bit for bit; or into it (`merged_model`).

An adapter folder holds PEFT's files, the tokenizer and `tsft.json` (which base, which encoder). Making and training
adapters is the engine's.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import ModulesToSaveWrapper
from transformers import PreTrainedModel

from tsft.errors import UserError, message
from tsft.model.changes import ModelChanges
from tsft.model.families import Family, NewEncoder, read_record
from tsft.model.loading import Loaded, load
from tsft.model.processor import SeriesProcessor, companion_files, load_tokenizer
from tsft.model.quantization import Quantization, dequantise, is_quantised
from tsft.model.reward_head import add_reward_head

logger = logging.getLogger(__name__)


def save_adapter(
    model: PeftModel,
    processor: SeriesProcessor,
    folder: Path,
    base_name: str,
    *,
    hub: str = "",
    revision: str = "",
    new_encoder: NewEncoder | None = None,
    init_seed: int | None = None,
    changes: ModelChanges = ModelChanges(),  # noqa: B008 (frozen)
    quantization: Quantization | None = None,
    state: Mapping[str, torch.Tensor] | None = None,
) -> Path:
    """Write the adapter (with the full encoder, where `modules_to_save` names it) and where it belongs.

    `new_encoder` is what the base was given when it had no encoder: its seed rebuilds the frozen parts. `init_seed` is
    the torch seed set right before PEFT made the adapter: initialisations that draw random numbers and change the base
    (`pissa_niter_…`) can only be repeated with it. `quantization`: how the weights of the base were held.
    state: the trained weights by parameter name, where the model holds only parts of them.
    """
    config = model.peft_config[model.active_adapter]
    init = getattr(config, "init_lora_weights", None)
    if isinstance(init, str) and init.startswith("pissa_niter") and init_seed is None:
        raise UserError(message("model.adapter_needs_seed", method=init))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    given = {} if state is None else {"state_dict": dict(state)}
    model.save_pretrained(str(folder), save_embedding_layers=False, **given)
    processor.save(folder)
    record = read_record(folder) | {
        "base": base_name,
        "hub": hub,
        "revision": revision,
        "ts": dict(model.get_base_model().config.ts),
        "new_encoder": asdict(new_encoder) if new_encoder else None,
        "init_seed": init_seed,
        "changes": asdict(changes),
        "quantization": quantization.to_json() if quantization else None,
    }
    (folder / "tsft.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return folder


def load_adapter(
    folder: Path,
    base_folder: Path,
    dtype: torch.dtype,
    *,
    attention: str = "sdpa",
    is_trainable: bool = False,
    base: Loaded | None = None,
    **options: Any,
) -> Loaded:
    """The base of `base_folder` with the adapter of `folder` on it; `model` is a PeftModel.

    The base is quantised as it was in training. `base` is that of `base_folder` when it is in memory already, as when
    it has to be merged first.
    """
    folder = Path(folder)
    if not (folder / "adapter_config.json").is_file():
        raise UserError(message("model.no_adapter", folder=str(folder)))
    record = read_record(folder)
    if "family" not in record:
        raise UserError(message("model.no_record", folder=str(folder)))
    changes = ModelChanges.from_json(record.get("changes"))
    base = base or load(
        base_folder,
        dtype=dtype,
        attention=attention,
        new_encoder=_encoder_of(record),
        changes=changes,
        quantization=Quantization.from_json(record.get("quantization")),
        **options,
    )
    _check_same_encoder(record, base, folder, base_folder)
    if changes.reward_head:
        add_reward_head(base.model)
    with torch.random.fork_rng():
        if record.get("init_seed") is not None:
            torch.manual_seed(int(record["init_seed"]))
        model = PeftModel.from_pretrained(base.model, str(folder), is_trainable=is_trainable)
    family = Family.from_json(record["family"])
    processor = SeriesProcessor(load_tokenizer(folder), family, companion_files(folder))
    logger.info("loaded the adapter of %s onto %s", folder.name, Path(base_folder).name)
    return Loaded(model, processor, family, encoder_is_new=False, quantised=base.quantised)


def merged_model(model: PeftModel) -> PreTrainedModel:
    """The base with the adapter's weights in it and nothing of PEFT left around any module.

    A quantised base is made whole first (`dequantised`): its few bits could not hold what was learnt.
    """
    if is_quantised(model):
        model = dequantised(model)
    whole = model.merge_and_unload()
    # LN tuning's own way of merging leaves the modules that were saved whole in their wrappers.
    wrapped = [(name, module) for name, module in whole.named_modules() if isinstance(module, ModulesToSaveWrapper)]
    for name, wrapper in wrapped:
        whole.set_submodule(name, wrapper.modules_to_save[wrapper.active_adapters[0]])
    return whole


def dequantised(model: PeftModel) -> PeftModel:
    """The same adapter on the same base with whole weights, in the type of the weights that never were quantised.

    The given model is used up.
    """
    name = model.active_adapter
    config, learnt = model.peft_config[name], get_peft_model_state_dict(model, save_embedding_layers=False)
    base = _without_adapter(model)
    dequantise(base, base.get_input_embeddings().weight.dtype)
    # Whatever sat around the weights was of the kind that knows quantised ones.
    whole = get_peft_model(base, config, adapter_name=name, autocast_adapter_dtype=False)
    set_peft_model_state_dict(whole, learnt, adapter_name=name)
    return whole.eval()


def _without_adapter(model: PeftModel) -> PreTrainedModel:
    """The base with its own layers again. PEFT's `unload` refuses some adapters on 4-bit layers."""
    base = model.get_base_model()
    for name, module in list(base.named_modules()):
        if isinstance(module, BaseTunerLayer):
            base.set_submodule(name, module.get_base_layer())
        elif isinstance(module, ModulesToSaveWrapper):
            base.set_submodule(name, module.original_module)
    del base.peft_config
    return base


def _encoder_of(record: Mapping[str, Any]) -> NewEncoder:
    return NewEncoder(**record["new_encoder"]) if record.get("new_encoder") else NewEncoder()


def _check_same_encoder(record: Mapping[str, Any], base: Loaded, folder: Path, base_folder: Path) -> None:
    if base.encoder_is_new and not record.get("new_encoder"):
        raise UserError(message("model.adapter_other_base", folder=str(folder), base=str(base_folder)))
    if record.get("ts") and dict(record["ts"]) != dict(base.model.config.ts):
        raise UserError(message("model.adapter_other_base", folder=str(folder), base=str(base_folder)))
