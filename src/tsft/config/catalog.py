"""The base models offered by name, as data. Any other hub name or local folder can be typed in as well."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class BaseModel:
    """name: what a config holds. huggingface, modelscope: ids on the hubs ("" where it is not a hub model).

    billions: parameters of the LLM in 10^9. has_encoder: whether the weights already contain a trained series encoder.
    """

    name: str
    huggingface: str = ""
    modelscope: str = ""
    billions: float = 0.0
    has_encoder: bool = False


BUILTIN = "builtin"
SMOLLM2 = "smollm2-135m"

BASE_MODELS: tuple[BaseModel, ...] = (
    BaseModel(BUILTIN, billions=0.004),
    BaseModel(SMOLLM2, billions=0.135),
    BaseModel("ChatTS-8B", "bytedance-research/ChatTS-8B", "bytedance-research/ChatTS-8B", 8.2, True),
    BaseModel("ChatTS-14B", "bytedance-research/ChatTS-14B", "bytedance-research/ChatTS-14B", 14.8, True),
    BaseModel("Qwen3-0.6B", "Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", 0.6),
    BaseModel("Qwen3-1.7B", "Qwen/Qwen3-1.7B", "Qwen/Qwen3-1.7B", 1.7),
    BaseModel("Qwen3-4B", "Qwen/Qwen3-4B", "Qwen/Qwen3-4B", 4.0),
    BaseModel("Qwen3-8B", "Qwen/Qwen3-8B", "Qwen/Qwen3-8B", 8.2),
    BaseModel("Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-0.5B-Instruct", 0.5),
    BaseModel("Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct", 1.5),
    BaseModel("Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct", 7.6),
    BaseModel("Qwen2.5-14B-Instruct", "Qwen/Qwen2.5-14B-Instruct", "Qwen/Qwen2.5-14B-Instruct", 14.8),
)


def base_model(name: str) -> BaseModel | None:
    """The entry with this name, or None for a hub id or a folder."""
    return next((each for each in BASE_MODELS if each.name == name), None)


def hub_name(name: str, hub: str) -> str:
    """The id on the hub ("huggingface" or "modelscope") of a model by its name here; any other name is one itself."""
    entry = base_model(name)
    return name if entry is None else getattr(entry, hub)


def hub_folder(name: str, hub: str, revision: str = "") -> str:
    """The folder name of a fetched model, which no two of (id, hub, revision) share: ids hold no "--" and no "@"."""
    parts = [name.replace("/", "--")]
    if hub != "huggingface":
        parts.append(hub)
    if revision:
        parts.append("at-" + re.sub(r"[^A-Za-z0-9_.\-]", lambda found: f"%{ord(found.group()):02x}", revision))
    return "@".join(parts)
