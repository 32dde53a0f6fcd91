"""Writes whole models for others: in the layout of the ChatTS checkpoints, or as a plain language model beside its
series encoder, which transformers alone can open. What `loading.save` writes is the first without what others ask for.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedModel

from tsft.model.building import BUILDING
from tsft.model.chat import end_of_turn_ids
from tsft.model.encoder import TimeSeriesEncoder
from tsft.model.families import read_config, read_record, written_identity
from tsft.model.fusion import written_as
from tsft.model.loading import save
from tsft.model.processor import SeriesProcessor

# The folder of the encoder beside a plain language model.
ENCODER_FOLDER = "series_encoder"
_PARTS = ("input_ids", "ts_values", "ts_mask", "ts_positions")
# Keys of our config that mean nothing to a plain language model.
_OURS = ("ts", "ts_token_start_index", "ts_token_end_index", "model_type", "architectures", "auto_map", "torch_dtype")
_PAD = "<|endoftext|>"


def save_chatts(model: PreTrainedModel, processor: SeriesProcessor, folder: Path, shard: str) -> None:
    """The layout of the ChatTS checkpoints, with what their own tools look for put right where it was lost.

    Those tools know a model by `model_type`, which a save by transformers can turn into the plain one; they take the
    embedding of every padding token away, so that one may not be the end of a turn; and they ask for the processor.
    """
    identity = written_as(model.config)
    backbone = backbone_of(model)
    if identity.get("model_type") == backbone:
        identity.update(written_identity(backbone))
    model.config.pad_token_id = _pad_id(model, processor)
    save(model, processor, folder, shard=shard)
    name = folder / "processor_config.json"
    if not name.exists():
        stem = identity.get("architectures", [""])[0].removesuffix("ForCausalLM")
        name.write_text(json.dumps({"processor_class": f"{stem}Processor"}, indent=1) + "\n", encoding="utf-8")


def lacks_code(folder: Path) -> bool:
    """Whether ChatTS's own tools would ask in vain for the code of the model in its folder."""
    return not list(folder.glob("modeling*.py")) or not list(folder.glob("process*.py"))


def exceeds_vocabulary(folder: Path) -> bool:
    """Whether the tokenizer has ids that the embedding has no row for: the two series tokens of a base without spare
    rows. Nothing here looks them up, but other programs compare the two numbers."""
    family = read_record(folder).get("family") or {}
    ids = (int(family.get(name, -1)) for name in ("start_id", "end_id"))
    return max(ids) >= int(read_config(folder)["vocab_size"])


def save_plain(model: PreTrainedModel, processor: SeriesProcessor, folder: Path, shard: str) -> None:
    """A language model as transformers knows it, the tokenizer, and the encoder in a folder of its own."""
    backbone = backbone_of(model)
    config_class = CONFIG_MAPPING[backbone]
    raw = {name: value for name, value in model.config.to_dict().items() if name not in _OURS}
    config = config_class.from_dict(raw)
    config.dtype = model.dtype
    state = {name: tensor for name, tensor in model.state_dict().items() if ".ts_encoder." not in name}
    with BUILDING, torch.device("meta"):
        plain = AutoModelForCausalLM.from_config(config).to(model.dtype)
    plain.generation_config = model.generation_config
    plain.save_pretrained(str(folder), state_dict=state, max_shard_size=shard)
    _write_for_older_readers(folder / "config.json", raw)
    processor = dataclasses.replace(processor, companions={})
    processor.save(folder)
    encoder = folder / ENCODER_FOLDER
    encoder.mkdir()
    weights = {name: tensor.detach().contiguous().cpu() for name, tensor in model.model.ts_encoder.state_dict().items()}
    save_file(weights, encoder / "model.safetensors", metadata={"format": "pt"})
    about = {"ts": dict(model.config.ts), "series_id": processor.series_id}
    (encoder / "config.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def backbone_of(model: PreTrainedModel) -> str:
    """transformers' own name of the language model below the encoder ("qwen3")."""
    return str(type(model.config).model_type).removesuffix("_ts")


class PlainWithSeries:
    """A folder of `save_plain` opened with transformers alone: series go in as vectors in the place of tokens.

    As much of a model as asking one needs: called, and `generate`d from, with the tensors of `batches.collate`.
    """

    def __init__(self, folder: Path, dtype: torch.dtype, attention: str = "sdpa") -> None:
        about = json.loads((folder / ENCODER_FOLDER / "config.json").read_text(encoding="utf-8"))
        self._series_id = int(about["series_id"])
        with BUILDING:
            self._model = AutoModelForCausalLM.from_pretrained(
                str(folder), dtype=dtype, attn_implementation=attention, trust_remote_code=False
            )
        self._encoder = TimeSeriesEncoder(about["ts"]).to(dtype)
        self._encoder.load_state_dict(load_file(folder / ENCODER_FOLDER / "model.safetensors"))
        self.training = False

    @property
    def device(self) -> torch.device:
        return self._model.device

    def to(self, device: str) -> "PlainWithSeries":
        self._model.to(device)
        self._encoder.to(device)
        return self

    def eval(self) -> "PlainWithSeries":
        self._model.eval()
        return self

    def train(self, mode: bool = True) -> "PlainWithSeries":
        """It is never trained."""
        return self

    def __call__(self, logits_to_keep: int = 0, **batch: Any) -> Any:
        others = {name: value for name, value in batch.items() if name not in _PARTS}
        return self._model(inputs_embeds=self._embeds(batch), logits_to_keep=logits_to_keep, **others)

    def generate(self, **options: Any) -> Tensor:
        """As transformers' own: int64[B, T + new], the prompt first."""
        others = {name: value for name, value in options.items() if name not in _PARTS}
        ids = options["input_ids"]
        written = self._model.generate(inputs_embeds=self._embeds(options), **others)
        return torch.cat([ids, written], dim=1)

    def _embeds(self, batch: Mapping[str, Tensor]) -> Tensor:
        """float[B, T, D]: token embeddings, with the patches where `<ts>` stands."""
        ids = batch["input_ids"]
        is_patch = ids == self._series_id  # bool[B, T]
        embeds = self._model.get_input_embeddings()(ids.masked_fill(is_patch, 0))
        features = self._encoder(batch["ts_values"], batch["ts_mask"], batch["ts_positions"])
        return embeds.masked_scatter(is_patch.unsqueeze(-1), features.to(embeds.dtype))


def is_plain(folder: Path) -> bool:
    """Whether `save_plain` wrote the folder."""
    return (folder / ENCODER_FOLDER / "config.json").is_file() and "family" in read_record(folder)


def _write_for_older_readers(path: Path, raw: Mapping[str, Any]) -> None:
    """The rope and dtype keys of transformers 4 as well: converters and servers still ask for those."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {name: raw[name] for name in ("rope_theta", "rope_scaling") if name in raw}
    config["torch_dtype"] = config["dtype"]
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _pad_id(model: PreTrainedModel, processor: SeriesProcessor) -> int | None:
    """The padding id of the config, another one where that ends a turn."""
    ends = {*end_of_turn_ids(processor.tokenizer), processor.tokenizer.eos_token_id}
    vocabulary = processor.tokenizer.get_vocab()
    for each in (model.config.pad_token_id, processor.tokenizer.pad_token_id, vocabulary.get(_PAD)):
        if each is not None and each not in ends:
            return int(each)
    return model.config.pad_token_id
