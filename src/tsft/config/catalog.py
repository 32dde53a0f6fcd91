"""The base models offered by name, as data. Any other hub name or local folder can be typed in as well."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class BaseModel:
    """name: what a config holds. huggingface, modelscope: ids on the hubs ("" where it is not a hub model).

    billions: parameters of the LLM in 10^9. has_encoder: whether the weights already contain a trained series encoder.
    license: as its own card says it, "" when not known; what is made from it stands under it too.
    """

    name: str
    huggingface: str = ""
    modelscope: str = ""
    billions: float = 0.0
    has_encoder: bool = False
    license: str = ""


BUILTIN = "builtin"
SMOLLM2 = "smollm2-135m"
APACHE = "apache-2.0"

BASE_MODELS: tuple[BaseModel, ...] = (
    BaseModel(BUILTIN, billions=0.004, license=APACHE),
    BaseModel(SMOLLM2, billions=0.135, license=APACHE),
    BaseModel("ChatTS-8B", "bytedance-research/ChatTS-8B", "bytedance-research/ChatTS-8B", 8.2, True, license=APACHE),
    BaseModel(
        "ChatTS-14B", "bytedance-research/ChatTS-14B", "bytedance-research/ChatTS-14B", 14.8, True, license=APACHE
    ),
    BaseModel("Qwen3-0.6B", "Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", 0.6, license=APACHE),
    BaseModel("Qwen3-1.7B", "Qwen/Qwen3-1.7B", "Qwen/Qwen3-1.7B", 1.7, license=APACHE),
    BaseModel("Qwen3-4B", "Qwen/Qwen3-4B", "Qwen/Qwen3-4B", 4.0, license=APACHE),
    BaseModel("Qwen3-8B", "Qwen/Qwen3-8B", "Qwen/Qwen3-8B", 8.2, license=APACHE),
    BaseModel("Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-0.5B-Instruct", 0.5, license=APACHE),
    BaseModel("Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct", 1.5, license=APACHE),
    BaseModel("Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct", 7.6, license=APACHE),
    BaseModel("Qwen2.5-14B-Instruct", "Qwen/Qwen2.5-14B-Instruct", "Qwen/Qwen2.5-14B-Instruct", 14.8, license=APACHE),
)

# The hubs' own rule, and what keeps folder names apart: no "--", no "..", no dash or dot at either end of a part.
_HUB_NAME = re.compile(r"(?!.*(?:--|\.\.))\w(?:[\w.\-]*\w)?/\w(?:[\w.\-]*\w)?", re.ASCII)


def is_hub_name(name: str) -> bool:
    """Whether a hub would take it: OWNER/NAME."""
    return _HUB_NAME.fullmatch(name) is not None


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
