"""Puts a new adapter of any offered kind on a model: PEFT's config from ours, targets by full name.

A new encoder, and one that trains in full, is saved whole with the adapter (`modules_to_save`).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from peft import (
    HRAConfig,
    IA3Config,
    LNTuningConfig,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    MissConfig,
    OFTConfig,
    PeftConfig,
    PeftModel,
    PeftType,
    RandLoraConfig,
    VeraConfig,
    get_peft_model,
)
from transformers import PreTrainedModel

from tsft.config.run_config import RunConfig
from tsft.engine.parts import (
    ENCODER,
    is_named,
    leaf_names,
    linear_names,
    modules_named,
    norm_names,
    targets_among,
)
from tsft.errors import Problem, UserError, message
from tsft.model.changes import embedding_names
from tsft.model.reward_head import HEAD, has_reward_head

Common = dict[str, Any]
# What IA3's authors rescale: keys, values and the inner activations of the feed-forward part.
_IA3_TARGETS = ("k_proj", "v_proj", "down_proj")


def with_adapter(model: PreTrainedModel, config: RunConfig, encoder_is_new: bool) -> PeftModel:
    """The model under a new adapter of the kind that `tuning.method` names."""
    saves_encoder = encoder_is_new or config.encoder.training == "full"
    for part in config.tuning.additional_modules:
        modules_named(model, part, "tuning.additional_modules")
    tables = embedding_names(model) if config.model.resize_vocabulary else []
    saved = [*config.tuning.additional_modules, *((ENCODER,) if saves_encoder else ()), *tables]
    if has_reward_head(model):
        saved.append(HEAD)
    if config.tuning.method != "lora":
        # Every tuner of PEFT but LoRA's looks for `.weight` on what it puts back when merging: give it layers only.
        saved = [name for part in saved for name in leaf_names(model, part)]
    adapts_encoder = config.tuning.method == "lora" and config.encoder.training == "lora" and not encoder_is_new
    targets = _targets(model, config) + (linear_names(model, in_encoder=True) if adapts_encoder else [])
    targets = [name for name in targets if not any(is_named(name, part) for part in config.tuning.additional_modules)]
    common = {"task_type": "CAUSAL_LM", "target_modules": targets, "modules_to_save": saved or None}
    made = _MAKERS[config.tuning.method](config, common, model)
    if tables and model.config.tie_word_embeddings:
        if not isinstance(made, LoraConfig):
            told = message("tuning.resize_tied", method=config.tuning.method)
            raise UserError(Problem("model.resize_vocabulary", told))
        made.ensure_weight_tying = True  # the head goes on being the embedding
    return get_peft_model(model, made)


def adapter_kind(method: str) -> str:
    """PEFT's name for the adapter that this method makes, as it stands in `adapter_config.json`."""
    return PeftType[method.upper()].value


def _targets(model: PreTrainedModel, config: RunConfig) -> list[str]:
    if config.tuning.method == "ln_tuning":
        return norm_names(model)
    is_lora = config.tuning.method == "lora"
    wanted = config.lora.targets if is_lora else config.adapter.targets
    names = linear_names(model, in_encoder=False)
    if config.tuning.method == "ia3" and not wanted:
        usual = [name for name in names if any(is_named(name, part) for part in _IA3_TARGETS)]
        return usual or names
    return targets_among(names, wanted, "lora.targets" if is_lora else "adapter.targets")


def _lora(config: RunConfig, common: Common, model: PreTrainedModel) -> PeftConfig:
    lora = config.lora
    return LoraConfig(
        **common,
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # peft divides by it; a fraction is as good
        lora_dropout=lora.dropout,
        use_rslora=lora.rank_stabilised,
        use_dora=lora.dora,
        init_lora_weights=True if lora.initialisation == "default" else lora.initialisation,  # type: ignore[arg-type]
    )


def _oft(config: RunConfig, common: Common, model: PreTrainedModel) -> PeftConfig:
    size = config.adapter.block_size
    for name in common["target_modules"]:
        width = model.get_submodule(name).in_features
        if width % size:
            told = message("tuning.block_size", size=size, width=width, name=name.rsplit(".", 1)[-1])
            raise UserError(Problem("adapter.block_size", told))
    return OFTConfig(**common, r=0, oft_block_size=size)


def _ia3(config: RunConfig, common: Common, model: PreTrainedModel) -> PeftConfig:
    feedforward = [name for name in common["target_modules"] if ".mlp." in name]
    return IA3Config(**common, feedforward_modules=feedforward)


def _vera(config: RunConfig, common: Common, model: PreTrainedModel) -> PeftConfig:
    return VeraConfig(**common, r=config.adapter.rank, vera_dropout=config.adapter.dropout)


def _randlora(config: RunConfig, common: Common, model: PreTrainedModel) -> PeftConfig:
    adapter = config.adapter
    return RandLoraConfig(**common, r=adapter.rank, randlora_alpha=adapter.alpha, randlora_dropout=adapter.dropout)


_MAKERS: Mapping[str, Callable[[RunConfig, Common, PreTrainedModel], PeftConfig]] = MappingProxyType(
    {
        "lora": _lora,
        "oft": _oft,
        "ia3": _ia3,
        "vera": _vera,
        "randlora": _randlora,
        "loha": lambda config, common, _: LoHaConfig(**common, r=config.adapter.rank, alpha=config.adapter.alpha),
        "lokr": lambda config, common, _: LoKrConfig(**common, r=config.adapter.rank, alpha=config.adapter.alpha),
        "miss": lambda config, common, _: MissConfig(
            **common, r=config.adapter.rank, miss_dropout=config.adapter.dropout
        ),
        "hra": lambda config, common, _: HRAConfig(**common, r=config.adapter.rank),
        "ln_tuning": lambda config, common, _: LNTuningConfig(**common),
    }
)
