"""What taking a trained model away is told and what it says: settings, progress, the figures of the self-test.

The page and the command line hold these; doing it is the engine's.
"""

import dataclasses
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsft.config.catalog import is_hub_name
from tsft.errors import Message, Problem, message

ADAPTER, MERGED, PLAIN = "adapter", "merged", "hf"
# adapter: what was trained, to be put on its base. merged: a whole model in the layout of the ChatTS checkpoints.
# hf: the language model as transformers knows it, with the series encoder in a folder of its own.
FORMS = (ADAPTER, MERGED, PLAIN)
# auto: as the base is saved.
DTYPES = ("auto", "float32", "bfloat16", "float16")
DEVICES = ("cpu", "cuda")
# Bytes of one number.
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
HUBS = ("huggingface", "modelscope")
# Variables of the environment that may hold a hub's token: the first that is set counts.
TOKENS = {"huggingface": ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"), "modelscope": ("MODELSCOPE_API_TOKEN",)}
PHASES = (
    "preparing",
    "downloading",
    "loading",
    "asking",
    "merging",
    "writing",
    "reloading",
    "packing",
    "uploading",
    "ended",
)
LEAST_SHARD_GB, MOST_SHARD_GB = 0.001, 100.0
# Largest difference of a logit in float32.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class ExportSettings:
    """What to export and how.

    result: a name from the list of results, or a folder. form: one of FORMS. shard_gb: the most a weights file holds.
    name: of the folder below the workspace's exports, "" for one made from the run's. folder: anywhere instead; only
    the command line gives it. is_zipped: one zip in the place of the folder. repository: OWNER/NAME on `hub`, "" for
    none; is_public: whether everybody may see it there, if it is made now. language: of the model card.
    """

    result: str
    form: str = MERGED
    dtype: str = "auto"
    shard_gb: float = 5.0
    device: str = "cpu"
    name: str = ""
    folder: str = ""
    is_zipped: bool = False
    repository: str = ""
    hub: str = HUBS[0]
    is_public: bool = False
    language: str = "en"


@dataclass(frozen=True)
class SelfTest:
    """What the exported folder said in a fresh process against the trained model. Differences are of logits.

    reload: against the model as it was written. merge: of the merged model against base and adapter, None where nothing
    was merged. rounding: of the written model against the trained one where the number format is another, else None.
    tolerance: what the first two may be. answers_equal: how many of `rows` answers are the trained model's, letter by
    letter.
    precision: what was computed in. quantised: of the trained model with its base made whole against the one that was
    trained, None where the base was never quantised; it is not judged, since quantised products are not exact.
    """

    rows: int
    answers_equal: int
    reload: float
    merge: float | None = None
    rounding: float | None = None
    tolerance: float = TOLERANCE
    precision: str = "float32"
    quantised: float | None = None

    def agrees(self) -> bool:
        """False for a difference that is not a number, too."""
        return self.reload <= self.tolerance and (self.merge is None or self.merge <= self.tolerance)

    def worst(self) -> Message:
        """The figure that keeps it from agreeing; the first one where none does."""
        is_merge = self.merge is not None and not self.merge <= self.tolerance
        return self.messages()[1 if is_merge else 0]

    def messages(self) -> tuple[Message, ...]:
        """The figures in words."""
        told = [
            message("export.test.reload", rows=self.rows, value=_figure(self.reload), limit=_figure(self.tolerance))
        ]
        if self.merge is not None:
            told.append(message("export.test.merge", value=_figure(self.merge)))
        if self.quantised is not None:
            told.append(message("export.test.quantised", value=_figure(self.quantised)))
        if self.rounding is not None:
            told.append(message("export.test.rounding", value=_figure(self.rounding)))
        told.append(message("export.test.answers", equal=self.answers_equal, rows=self.rows))
        return tuple(told)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(tree: Any) -> "SelfTest | None":
        """What `to_json` gave; None for anything else."""
        if not isinstance(tree, Mapping):
            return None
        whole = [tree.get(name) for name in ("rows", "answers_equal")]
        real = [tree.get(name) for name in ("reload", "merge", "rounding", "tolerance", "quantised")]
        is_ours = all(isinstance(each, int) for each in whole) and isinstance(tree.get("precision"), str)
        if not is_ours or not all(each is None or isinstance(each, (int, float)) for each in real):
            return None
        names = [each.name for each in dataclasses.fields(SelfTest) if each.name in tree]
        return None if real[0] is None or real[3] is None else SelfTest(**{name: tree[name] for name in names})


@dataclass(frozen=True)
class Exported:
    """An export so far. number: grows with each of this process. phase: one of PHASES; done and total in `unit`.

    path: the folder or zip, once it is whole and the self-test agrees. address: where it is on the hub. `problems` say
    why it failed; with a path, only the push did. is_stopped: somebody asked for it.
    """

    number: int
    settings: ExportSettings
    phase: str = "preparing"
    subject: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    is_done: bool = False
    is_stopped: bool = False
    path: str = ""
    size_bytes: int = 0
    address: str = ""
    test: SelfTest | None = None
    notes: tuple[Message, ...] = ()
    problems: tuple[Problem, ...] = ()


def check_export(settings: ExportSettings) -> list[Problem]:
    """Everything that is wrong with the settings themselves, each at its field."""
    problems = [
        Problem(name, message("export.no_such_choice", value=str(value), choices=", ".join(choices)))
        for name, value, choices in (
            ("form", settings.form, FORMS),
            ("dtype", settings.dtype, DTYPES),
            ("device", settings.device, DEVICES),
            ("hub", settings.hub, HUBS),
        )
        if value not in choices
    ]
    if not settings.result.strip():
        problems.append(Problem("result", message("export.no_result")))
    if not LEAST_SHARD_GB <= settings.shard_gb <= MOST_SHARD_GB:  # also false for what is not a number
        limits = {"low": f"{LEAST_SHARD_GB:g}", "high": f"{MOST_SHARD_GB:g}"}
        problems.append(Problem("shard_gb", message("export.bad_shard", value=str(settings.shard_gb), **limits)))
    if settings.form == ADAPTER and settings.dtype in DTYPES[1:]:
        problems.append(Problem("dtype", message("export.adapter_dtype")))
    if settings.name and settings.folder:
        problems.append(Problem("folder", message("export.name_and_folder")))
    if settings.repository and not is_hub_name(settings.repository):
        problems.append(Problem("repository", message("download.bad_name", name=settings.repository)))
    return problems


def written_format(wished: str, base: Mapping[str, Any]) -> str:
    """The number format of the weights: what was wished, else as the base is saved by its `config.json`."""
    found = wished if wished != "auto" else str(base.get("dtype") or base.get("torch_dtype") or "")
    found = found.removeprefix("torch.")
    return found if found in BYTES else "float32"


def token_variable(hub: str, environment: Mapping[str, str] = os.environ) -> str:
    """The variable that holds the hub's token, "" when none is set."""
    return next((name for name in TOKENS[hub] if environment.get(name)), "")


def carried(
    form: str, place: str, *, lacks_code: bool = False, exceeds_vocabulary: bool = False
) -> tuple[Message, ...]:
    """What other programs can and cannot make of an export, plainly, with the commands. place: its folder.

    lacks_code: whether the base brought no model code that ChatTS's own tools could run. exceeds_vocabulary: whether
    the tokenizer knows more tokens than the model.
    """
    if form == ADAPTER:
        return (message("export.carried.adapter"),)
    if form == PLAIN:
        return (
            message("export.carried.plain_vllm", command=f"vllm serve {quoted(place)} --enable-prompt-embeds"),
            message("export.carried.plain_gguf", command=f"python convert_hf_to_gguf.py {quoted(place)}"),
            *([message("export.carried.plain_tokens")] if exceeds_vocabulary else []),
        )
    told = [message("export.carried.lacks_code")] if lacks_code else []
    return (
        *told,
        message("export.carried.merged_vllm", command=vllm_command(place)),
        message("export.carried.merged_gguf"),
    )


def vllm_command(place: str) -> str:
    """Serves a merged folder with the modified vLLM that the ChatTS repository installs."""
    limit = quoted('{"timeseries": 50}')
    return f"vllm serve {quoted(place)} --trust-remote-code --max-model-len 6000 --limit-mm-per-prompt {limit}"


def quoted(text: str) -> str:
    """One word for a shell."""
    return shlex.quote(text)


def _figure(value: float) -> str:
    return f"{value:.1e}" if value else "0"
