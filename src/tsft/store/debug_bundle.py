"""What somebody needs who looks into a run that failed, as one zip, without what is nobody's business.

Rows, series, questions, answers and weights are left out. Secrets, tokens, passwords in addresses, the folders of
people and the name of the machine are blotted out of everything else.
"""

import io
import json
import os
import platform
import re
import shutil
import socket
import sys
import zipfile
from collections import deque
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from tsft.log import BLOT, without_secrets
from tsft.store.runs import RunFolder, RunInfo
from tsft.store.workspace import Workspace

# The beginning of a run says what was planned, its end what happened; between them stand thousands of steps.
FIRST_EVENTS, LAST_EVENTS = 40, 400
LOG_LINES = 2_000
# Events that hold text of the data or of the model.
_WITH_ROWS = ("ProbesPinned", "SampleShown", "AnswersDrawn")
# What decides how the libraries behave; no other variable is anybody's business.
_ENVIRONMENT = re.compile(
    r"^(ACCELERATE|BITSANDBYTES|CUBLAS|CUDA|CUDNN|GRADIO|HF|HIP|HUGGINGFACE|KMP|LANG$|LC_|MALLOC|MKL|MODELSCOPE|NCCL|"
    r"NVIDIA|OMP|OPENBLAS|PEFT|PYTHON|PYTORCH|ROCM|SAFETENSORS|TOKENIZERS|TORCH|TRANSFORMERS|TSFT|WANDB|XDG)"
)
_SECRET_NAME = re.compile(r"TOKEN(?!IZER)|KEY|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|WEBHOOK", re.IGNORECASE)
_SHAPES = re.compile(
    r"(?<=://)[^\s/@\"']+(?=@)"  # name and password in an address
    r"|\b(?:sk|ghp|gho|ghs|github_pat|glpat|xox[abp])[-_][A-Za-z0-9_-]{12,}\b"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|(?<![A-Za-z])(?<=Basic )[A-Za-z0-9+/=]{8,}"
)
# A secret that is named: api_key=…, "password": "…".
_NAMED = re.compile(
    r"""((?:token|api[-_]?key|secret|passw(?:or)?d|credential)s?["']?\s*[=:]\s*["']?)([^\s"',;&}]{4,})""", re.IGNORECASE
)
_HOMES = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\{1,2}Users\\{1,2})[^/\\\s\"':]+")
# A shorter value is a word of its own elsewhere.
_LEAST_SECRET = 6


def bundle_name(run: RunInfo) -> str:
    """The file name of a run's bundle."""
    return f"tsft-{run.id}-debug.zip"


def debug_bundle(workspace: Workspace, run: RunInfo, environment: Mapping[str, str] = os.environ) -> bytes:
    """The zip. What cannot be read of the run is left out: a bundle of a broken run is wanted most."""
    files = {
        "run.json": _text(_about(run)),
        "config.json": _read(run.folder.config),
        "events.jsonl": "\n".join(_events(run.folder)),
        "run.log": log_tail(run.folder, LOG_LINES),
        "versions.txt": "\n".join(sorted(_packages())),
        "machine.json": _text(_machine(workspace)),
        "environment.json": _text(_environment(environment)),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, private(text, workspace.root, environment))
    return packed.getvalue()


def log_tail(folder: RunFolder, lines: int) -> str:
    """The last lines of the run's log, "" when it has none."""
    return "\n".join(_last(folder.log, lines))


def private(text: str, workspace: Path | None = None, environment: Mapping[str, str] = os.environ) -> str:
    """The text without secrets, without people's folders and without the name of the machine."""
    text = _NAMED.sub(lambda found: found[1] + BLOT, _SHAPES.sub(BLOT, without_secrets(text)))
    for name, value in environment.items():
        if _SECRET_NAME.search(name):
            for part in {value, *value.split(":")}:
                text = text.replace(part, BLOT) if len(part) >= _LEAST_SECRET else text
    places = [(str(workspace), "<workspace>")] if workspace is not None else []
    for place, word in [*places, (str(Path.home()), "~")]:
        for each in (place.replace("\\", "\\\\"), place):
            text = text.replace(each, word) if len(each) > 1 else text
    text = _HOMES.sub("~", text)
    host = socket.gethostname()
    return re.sub(rf"\b{re.escape(host)}\b", "[host]", text) if len(host) > 2 and host != "localhost" else text


def _about(run: RunInfo) -> dict[str, Any]:
    names = ("id", "name", "status", "step", "steps", "created_at", "started_at", "ended_at", "origin", "parent")
    return {**{name: getattr(run, name) for name in names}, "versions": dict(run.versions)}


def _events(folder: RunFolder) -> list[str]:
    """The first and the last lines of the run's events; who asked for something is not said."""
    first: list[str] = []
    last: deque[str] = deque(maxlen=LAST_EVENTS)
    try:
        with folder.events.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                (first if len(first) < FIRST_EVENTS else last).append(line)
    except OSError:
        return []
    return [kept for line in (*first, *last) if (kept := _without_people(line))]


def _without_people(line: str) -> str:
    """The line of an event without names of people; "" for one that holds rows, and for a line that was cut short."""
    try:
        told = json.loads(line)
    except json.JSONDecodeError:
        return ""
    if not isinstance(told, dict) or told.get("event") in _WITH_ROWS:
        return ""
    if told.get("by"):
        told["by"] = "[person]"
    message = told.get("message")
    if isinstance(message, dict) and isinstance(message.get("values"), dict) and message["values"].get("by"):
        message["values"]["by"] = "[person]"
    return json.dumps(told, ensure_ascii=False)


def _packages() -> list[str]:
    found = [f"{each.metadata['Name']} {each.version}" for each in metadata.distributions() if each.metadata["Name"]]
    return list(dict.fromkeys(found))


def _machine(workspace: Workspace) -> dict[str, Any]:
    disk = shutil.disk_usage(workspace.root)
    return {
        "platform": platform.platform(),
        "python": sys.version,
        "processors": os.cpu_count(),
        "disk_bytes": disk.total,
        "disk_free_bytes": disk.free,
    }


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that matter to the libraries; of a secret one only that it is set."""
    return {
        name: BLOT if _SECRET_NAME.search(name) else value
        for name, value in sorted(environment.items())
        if _ENVIRONMENT.search(name)
    }


def _last(path: Path, lines: int) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=lines)]
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _text(tree: Mapping[str, Any]) -> str:
    return json.dumps(tree, ensure_ascii=False, indent=2)
