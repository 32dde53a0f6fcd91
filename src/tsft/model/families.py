"""What differs between one time-series language model and the next, read from the checkpoint and never assumed.

Owns `Family` (how series are put into words and patches), `NewEncoder` (what a plain language model is given) and the
table of backbones. Building and loading models is `fusion.py` and `loading.py`.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsft.errors import UserError, message

PREFIX_ERAS = ("current", "paper", "short", "prerelease")

# Decoders whose transformers class keeps the backbone in `.model`, hands unknown arguments down to it and slices
# hidden states by a mask before the head: those are all that `fusion.py` relies on. tests/test_model_backbones.py
# builds each one; others would need a look first.
BACKBONES = (
    "arcee", "cohere", "cohere2", "ernie4_5", "exaone4", "gemma", "gemma2", "gemma3_text", "glm", "glm4", "granite",
    "helium", "llama", "ministral", "mistral", "nemotron", "olmo", "olmo2", "olmo3", "phi", "phi3", "qwen2", "qwen3",
    "seed_oss", "smollm3", "stablelm", "starcoder2",
)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """How one model reads series. Token ids come from its tokenizer, the rest from its config and processor files."""

    prefix: str = "current"
    patch_size: int = 8
    layers: int = 5
    embedding_dim: int = 16
    position: str = "embedding"
    layer_norm: bool = False
    last_patch: str = "repeat"
    max_points: int | None = None
    start_token: str = "<ts>"
    end_token: str = "<ts/>"
    start_id: int = -1
    end_id: int = -1
    # ChatTS's own processor rounds every scaled value to float16 whatever the model's precision; we keep float32.
    round_to_float16: bool = False

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Family":
        known = {field.name for field in dataclasses.fields(Family)}
        return Family(**{name: value for name, value in data.items() if name in known})


@dataclass(frozen=True)
class NewEncoder:
    """The patch encoder given to a language model that has none; `seed` decides its weights and nothing else does."""

    patch_size: int = 8
    layers: int = 5
    embedding_dim: int = 16
    max_points: int = 8192
    position: str = "embedding"
    layer_norm: bool = False
    last_patch: str = "repeat"
    prefix: str = "current"
    seed: int = 0

    def ts_block(self, hidden_size: int) -> dict[str, Any]:
        """The `ts` block of config.json, with the keys of the ChatTS checkpoints."""
        return {
            "patch_size": self.patch_size,
            "num_layers": self.layers,
            "hidden_size": hidden_size,
            "num_features": 2,
            "max_length": self.max_points,
            "max_sequence_length": self.max_points,
            "embedding_dim": self.embedding_dim,
            "use_position_embedding": self.position == "embedding",
            "use_position_idx": self.position == "index",
            "use_layer_norm": self.layer_norm,
        }


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder; a sentence when it is missing or not JSON."""
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(message("model.no_config", folder=str(folder)))
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise UserError(message("model.config_unreadable", path=str(path))) from None
    if not isinstance(config, dict):
        raise UserError(message("model.config_unreadable", path=str(path)))
    return config


def read_family(folder: Path, ts_block: Mapping[str, Any]) -> Family:
    """The family of a checkpoint that has a `ts` block; token ids are still to be set from its tokenizer."""
    recorded = read_record(folder).get("family")
    if recorded:
        return Family.from_json(recorded)
    position = "embedding" if ts_block.get("use_position_embedding") else "none"
    if position == "none" and ts_block.get("use_position_idx"):
        position = "index"
    # The first ChatTS-14B has none of the `use_…` keys; its code filled the last patch with zeros.
    is_paper_era = not any(name.startswith("use_") for name in ts_block)
    max_points = ts_block.get("max_sequence_length") or (None if position != "none" else ts_block.get("max_length"))
    return Family(
        prefix=_prefix_era(folder, is_paper_era),
        patch_size=int(ts_block["patch_size"]),
        layers=int(ts_block.get("num_layers", 5)),
        embedding_dim=int(ts_block.get("embedding_dim", 16)),
        position=position,
        layer_norm=bool(ts_block.get("use_layer_norm", False)),
        last_patch="zero" if is_paper_era else "repeat",
        max_points=int(max_points) if max_points else None,
    )


def new_family(encoder: NewEncoder) -> Family:
    """The family of a plain language model that is given `encoder`."""
    return Family(
        prefix=encoder.prefix,
        patch_size=encoder.patch_size,
        layers=encoder.layers,
        embedding_dim=encoder.embedding_dim,
        position=encoder.position,
        layer_norm=encoder.layer_norm,
        last_patch=encoder.last_patch,
        max_points=encoder.max_points,
    )


def read_record(folder: Path) -> dict[str, Any]:
    """What tsft wrote beside a model (`tsft.json`): the family and, for an adapter, its base; {} when there is none."""
    path = folder / "tsft.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def backbone_type(config: Mapping[str, Any], weight_names: set[str]) -> str:
    """Which transformers family a checkpoint's language model is: by its name, or for `chatts` by its weights."""
    model_type = str(config.get("model_type", ""))
    for candidate in (model_type, model_type.removesuffix("ts").rstrip("_-")):
        if candidate in BACKBONES:
            return candidate
    if model_type == "chatts":
        if any(name.endswith("self_attn.q_norm.weight") for name in weight_names):
            return "qwen3"
        return "qwen2" if any(name.endswith("self_attn.q_proj.bias") for name in weight_names) else "llama"
    raise UserError(message("model.backbone_unknown", name=model_type or "?", known=", ".join(BACKBONES)))


def written_identity(backbone: str) -> dict[str, Any]:
    """`model_type` and `architectures` that ChatTS's own tools know for a newly made model."""
    name = {"qwen2": "chatts"}.get(backbone, f"{backbone}ts")
    return {"model_type": name, "architectures": [f"{class_stem(backbone)}TSForCausalLM"]}


def class_stem(backbone: str) -> str:
    """ "qwen3" -> "Qwen3", "gemma3_text" -> "Gemma3Text": the first part of our class names."""
    return "".join(part.capitalize() for part in backbone.split("_"))


def _prefix_era(folder: Path, is_paper_era: bool) -> str:
    """From the processor's source where the checkpoint carries it (read as text, never run), else from the config."""
    for path in sorted(folder.glob("*process*.py")):
        source = path.read_text(encoding="utf-8", errors="replace")
        if "left=" in source:
            return "current"
        if "Value Offset" in source:
            return "paper"
        if "Scaled by" in source:
            return "prerelease"
        if "offset=" in source:
            return "short"
    return "paper" if is_paper_era else "current"
