"""Puts a patch encoder onto the backbone of a language model and scatters what it says into the token embeddings.

`classes_for` makes the config, backbone and causal-LM class of one family. The encoder sits on the *backbone*
(`model.ts_encoder`): trainers that call the backbone directly (TRL's fused head) would lose the series otherwise.
Series come batch-first, so that beams, generations and pairs repeat them together with their rows.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_MAPPING, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tsft.model.encoder import TimeSeriesEncoder
from tsft.model.families import class_stem
from tsft.model.reward_head import FLAG, HEAD, last_places, new_head
from tsft.model.value_head import HEAD as VALUE_HEAD

IGNORED = -100


@dataclass
class ValuedOutput(CausalLMOutputWithPast):
    """token_values: float32[M], what the value head says at the positions whose logits were kept."""

    token_values: Tensor | None = None


@dataclass(frozen=True)
class ModelClasses:
    """The three classes of one family of backbones."""

    config: type[PreTrainedConfig]
    backbone: type[PreTrainedModel]
    causal: type[PreTrainedModel]


@cache
def classes_for(backbone_type: str) -> ModelClasses:
    """The classes for a transformers `model_type` ("qwen3", "llama", …)."""
    base_config = CONFIG_MAPPING[backbone_type]
    stem = f"{class_stem(backbone_type)}TS"
    config = type(f"{stem}Config", (ConfigMixin, base_config), {"model_type": f"{backbone_type}_ts", "auto_map": {}})
    backbone = type(f"{stem}Model", (BackboneMixin, MODEL_MAPPING[base_config]), {"config_class": config})
    causal_bases = (CausalMixin, MODEL_FOR_CAUSAL_LM_MAPPING[base_config])
    causal = type(
        f"{stem}ForCausalLM", causal_bases, {"config_class": config, "backbone_class": backbone, "config": None}
    )
    # Trainer's label smoothing shifts labels only for classes named in this table; it would be wrong in silence.
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[config.model_type] = causal.__name__
    return ModelClasses(config, backbone, causal)


class ConfigMixin:
    """Writes config.json as the checkpoint had it: its own `model_type`, `architectures` and `auto_map`, and the rope
    and dtype keys of transformers 4, which ChatTS's own tools read, besides those of transformers 5."""

    _written = "written_identity"

    def to_dict(self) -> dict[str, Any]:
        output = super().to_dict()
        identity = output.pop(self._written, None) or {}
        output.update(identity)
        output.pop("_name_or_path", None)  # a folder of the machine that wrote it
        rope = output.get("rope_parameters")
        if isinstance(rope, dict) and "rope_theta" in rope:
            output["rope_theta"] = rope["rope_theta"]
            if rope.get("rope_type", "default") != "default":
                output["rope_scaling"] = {name: value for name, value in rope.items() if name != "rope_theta"}
        if output.get("dtype"):
            output["torch_dtype"] = output["dtype"]
        return output

    def to_diff_dict(self) -> dict[str, Any]:
        return self.to_dict()


class BackboneMixin:
    """A decoder with a patch encoder: embeds the tokens, then replaces every `<ts>` position by a patch's vector."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.ts_encoder = TimeSeriesEncoder(config.ts)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        ts_values: Tensor | None = None,
        ts_mask: Tensor | None = None,
        ts_positions: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """As the plain decoder, with the series of each row.

        input_ids:    int64[B, T], one `<ts>` id per patch
        ts_values:    float[B, P, K], ts_mask: bool[B, P, K], ts_positions: int64[B, P] (see `batches.collate`)
        """
        if inputs_embeds is None and input_ids is not None:
            inputs_embeds = self._embed(input_ids, ts_values, ts_mask, ts_positions)
            input_ids = None
        return super().forward(
            input_ids=input_ids, attention_mask=attention_mask, inputs_embeds=inputs_embeds, **kwargs
        )

    def _embed(self, input_ids: Tensor, values: Tensor | None, mask: Tensor | None, positions: Tensor | None) -> Tensor:
        """float[B, T, D]: token embeddings with the patches of each row in their places."""
        is_patch = input_ids == self.config.ts_token_start_index  # bool[B, T]
        is_token = is_patch | (input_ids == self.config.ts_token_end_index)
        # The added tokens often have no row in the embedding table. Their own embeddings never reach the decoder, so
        # any row serves for the look-up and the table need not grow.
        embeds = self.get_input_embeddings()(input_ids.masked_fill(is_token, 0))
        real = mask.any(-1).sum(1) if mask is not None else is_patch.new_zeros(len(input_ids), dtype=torch.long)
        wanted = is_patch.sum(1)
        if not torch.equal(wanted, real.to(wanted)):
            raise ValueError(
                f"time-series placeholders and patches do not match: rows ask for {wanted.tolist()} patches and "
                f"bring {real.tolist()}; rows must be cut before they are made into batches, never after"
            )
        if values is None or mask is None:
            return embeds
        if positions is None:
            raise ValueError("ts_positions is missing: ts_values, ts_mask and ts_positions travel together")
        features = self.ts_encoder(values, mask, positions).to(embeds.dtype)
        if features.shape[0] == 0:
            # A batch of plain text: keep the encoder in the graph (zero gradients), or data-parallel training waits.
            return embeds + features.sum()
        return embeds.masked_scatter(is_patch.unsqueeze(-1), features)


class CausalMixin:
    """A causal language model over `BackboneMixin`; logits and loss only at labelled positions."""

    backbone_class: type[PreTrainedModel]
    accepts_loss_kwargs = True

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.model = self.backbone_class(config)
        if getattr(config, FLAG, False):
            setattr(self, HEAD, new_head(config))
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        ts_values: Tensor | None = None,
        ts_mask: Tensor | None = None,
        ts_positions: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        full_logits: bool = False,
        num_items_in_batch: Tensor | int | None = None,
        label_smoothing: float = 0.0,
        as_reward: bool = False,
        with_values: bool = False,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits, and with `labels` (int64[B, T], unshifted, -100 ignored) the loss.

        Without labels: logits float[B, T, V] as usual (`logits_to_keep` is honoured).
        With labels:    logits float[M, V] of the M positions that predict a label, row by row: with a vocabulary of
                        150,000 words the others cost more memory than the model. `full_logits=True` gives
                        float[B, T, V] beside the same loss.
        as_reward:      logits float[B, 1], the score of each row by a reward model's head.
        with_values:    beside the logits at `logits_to_keep` (bool[B, T]) the values there, by the value head.
        """
        inputs = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "position_ids": position_ids,
            "inputs_embeds": inputs_embeds,
            "ts_values": ts_values,
            "ts_mask": ts_mask,
            "ts_positions": ts_positions,
            **kwargs,
        }
        if as_reward:
            return self._rewards(inputs)
        if with_values:
            return self._valued(inputs, logits_to_keep)
        if labels is None:
            return super().forward(**inputs, logits_to_keep=logits_to_keep)
        inputs["return_dict"] = True
        targets = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)  # [B, T], shifted to the predictor
        is_predictor = targets != IGNORED
        output = super().forward(**inputs, logits_to_keep=0 if full_logits else is_predictor)
        logits = output.logits[is_predictor] if full_logits else output.logits  # [M, V]
        logits = logits.reshape(-1, logits.shape[-1])
        output.loss = _loss(logits, targets[is_predictor], num_items_in_batch, label_smoothing)
        return output

    def _rewards(self, inputs: dict[str, Any]) -> CausalLMOutputWithPast:
        hidden = self.model(**{**inputs, "use_cache": False}).last_hidden_state  # [B, T, D]
        mask = inputs["attention_mask"]
        if mask is None:
            mask = torch.ones(hidden.shape[:2], dtype=torch.long, device=hidden.device)
        last = hidden[torch.arange(len(hidden), device=hidden.device), last_places(mask)]
        head = getattr(self, HEAD)
        return CausalLMOutputWithPast(logits=head(last.to(head.weight.dtype)))

    def _valued(self, inputs: dict[str, Any], kept: Tensor) -> ValuedOutput:
        inputs |= {"return_dict": True, "output_hidden_states": True}
        output = super().forward(**inputs, logits_to_keep=kept)
        head = getattr(self, VALUE_HEAD)
        hidden = output.hidden_states[-1][kept]  # [M, D]
        return ValuedOutput(logits=output.logits, token_values=head(hidden.to(head.weight.dtype))[:, 0])

    def prepare_inputs_for_generation(self, input_ids: Tensor, **kwargs: Any) -> dict[str, Any]:
        """Series go in with the prompt only: after that the cache holds what they said."""
        inputs = super().prepare_inputs_for_generation(input_ids, **kwargs)
        if inputs.get("cache") is not None and not kwargs.get("is_first_iteration", False):
            for name in ("ts_values", "ts_mask", "ts_positions"):
                inputs.pop(name, None)
        return inputs


def make_config(backbone_type: str, raw: dict[str, Any], identity: dict[str, Any]) -> PreTrainedConfig:
    """Our config object from the keys of a config.json. `identity` is what will be written back as its kind."""
    config_class = classes_for(backbone_type).config
    skipped = {"model_type", "architectures", "auto_map", "transformers_version"}
    config = config_class.from_dict({name: value for name, value in raw.items() if name not in skipped})
    setattr(config, ConfigMixin._written, dict(identity))
    return config


def written_as(config: PreTrainedConfig) -> dict[str, Any]:
    """The identity that `make_config` was given, to be changed in place."""
    return getattr(config, ConfigMixin._written)


def suppress_series_tokens(model: PreTrainedModel) -> None:
    """Never let the model write `<ts>` or `<ts/>`; ids beyond its vocabulary cannot be written anyway."""
    ids = {model.config.ts_token_start_index, model.config.ts_token_end_index}
    written = sorted(each for each in ids if 0 <= each < model.config.vocab_size)
    earlier = set(model.generation_config.suppress_tokens or [])
    model.generation_config.suppress_tokens = sorted(earlier | set(written)) or None


def _loss(logits: Tensor, targets: Tensor, num_items: Tensor | int | None, label_smoothing: float) -> Tensor:
    """Cross entropy in float32 over float[M, V] and int64[M]: the mean, or the sum over `num_items` as Trainer asks.

    `label_smoothing` spreads that share of each target over all V words. Trainer's own smoothing would ask for the
    logits of every position and take the mean of each micro-batch, which weighs the tokens of short ones more.
    """
    if targets.numel() == 0:
        return logits.float().sum() * 0.0  # zero, with zero gradients, instead of 0/0
    total = torch.nn.functional.cross_entropy(
        logits.float(), targets.to(logits.device), reduction="sum", label_smoothing=label_smoothing
    )
    if num_items is None:
        return total / targets.numel()
    return total / (num_items.to(total.device) if isinstance(num_items, Tensor) else num_items)
