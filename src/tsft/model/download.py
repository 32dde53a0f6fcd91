"""Brings a model from a hub into the models folder, or checks a folder that is already there.

Fetches weights as safetensors, settings and tokenizer, nothing that could run. Reading the model is `loading.py`.
"""

import errno
import importlib.util
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm.auto import tqdm

from tsft.config.catalog import hub_folder, is_hub_name
from tsft.errors import UserError, message
from tsft.model.families import read_config
from tsft.run.ports import Stopped

logger = logging.getLogger(__name__)

HUBS = ("huggingface", "modelscope")
# Text of processors is fetched too (it tells the prefix era, and is written back with the model); it is never run. Card
# and licence belong to whatever is made from the model.
_WANTED = (
    "*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "tokenizer*", "vocab*", "*.py",
    "README.md", "LICENSE*", "NOTICE*",
)  # fmt: skip
_UNWANTED = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.gguf", "*.onnx", "*.h5", "*.msgpack", "original/*", "onnx/*")
_MARGIN_BYTES = 256 * 1024**2

# The HTTP library below huggingface_hub has changed its name between releases (httpx, httpx2): ask for its error there.
HubHttpError: type[Exception] = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")

Progress = Callable[[int, int], None]


def fetch(
    name: str,
    hub: str,
    revision: str,
    models_folder: Path,
    on_progress: Progress = lambda done_bytes, total_bytes: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """The folder of the model `name`: itself when it is a folder, else downloaded below `models_folder`.

    A download that was stopped or failed goes on where it ended when it is asked for again.
    """
    local = Path(name).expanduser()
    if local.is_dir():
        read_config(local)
        return local
    if local.is_absolute() or name.startswith(("./", "../", "~")):
        raise UserError(message("download.folder_missing", folder=name))
    if not is_hub_name(name):
        raise UserError(message("download.bad_name", name=name))
    if hub not in HUBS:
        raise UserError(message("download.unknown_hub", hub=hub))
    folder = Path(models_folder) / hub_folder(name, hub, revision)
    if (folder / ".complete").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    download = _from_huggingface if hub == "huggingface" else _from_modelscope
    try:
        download(name, revision, folder, on_progress, should_stop)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UserError(message("download.disk_full", folder=str(folder))) from error
        raise
    finally:
        if not any(folder.iterdir()):
            folder.rmdir()
    read_config(folder)
    (folder / ".complete").touch()
    logger.info("downloaded %s", name)
    return folder


def _from_huggingface(
    name: str, revision: str, folder: Path, on_progress: Progress, should_stop: Callable[[], bool]
) -> None:
    try:
        info = HfApi().model_info(name, revision=revision or None, files_metadata=True)
        wanted = _wanted_bytes(name, {each.rfilename: each.size or 0 for each in info.siblings or []})
        _require_space(name, folder, wanted)
        snapshot_download(
            name,
            revision=revision or None,
            local_dir=str(folder),
            allow_patterns=list(_WANTED),
            ignore_patterns=list(_UNWANTED),
            tqdm_class=_progress_class(wanted, on_progress, should_stop),
            max_workers=4,
        )
    except GatedRepoError as error:
        raise UserError(message("download.gated", name=name)) from error
    except RevisionNotFoundError as error:
        raise UserError(message("download.revision_not_found", name=name, revision=revision)) from error
    except RepositoryNotFoundError as error:
        raise UserError(message("download.not_found", name=name)) from error
    except HfHubHTTPError as error:
        raise UserError(message("download.failed", hub="Hugging Face", name=name, reason=_first_line(error))) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HubHttpError, ConnectionError) as error:
        raise UserError(message("download.offline", hub="Hugging Face", name=name)) from error


def _from_modelscope(
    name: str, revision: str, folder: Path, on_progress: Progress, should_stop: Callable[[], bool]
) -> None:
    if importlib.util.find_spec("modelscope") is None:
        raise UserError(message("download.modelscope_missing"))
    from modelscope.hub.errors import HTTPError as ModelScopeError  # an optional package
    from modelscope.hub.errors import NotExistError
    from modelscope.hub.snapshot_download import snapshot_download as download_snapshot
    from requests.exceptions import ConnectionError as Unreachable
    from requests.exceptions import HTTPError as Refused

    class Callback:
        """What modelscope calls for each file; sizes of all files are known only as they begin."""

        done = total = 0

        def __init__(self, filename: str, file_size: int) -> None:
            Callback.total += file_size

        def update(self, size: int) -> None:
            if should_stop():
                raise Stopped
            Callback.done += size
            on_progress(Callback.done, Callback.total)

        def end(self) -> None:
            return

    try:
        download_snapshot(
            name,
            revision=revision or None,
            local_dir=str(folder),
            allow_patterns=list(_WANTED),
            ignore_patterns=list(_UNWANTED),
            progress_callbacks=[Callback],
        )
    except (NotExistError, ModelScopeError) as error:
        raise UserError(message("download.not_found", name=name)) from error
    except Refused as error:
        status = error.response.status_code if error.response is not None else 0
        if status == 404:
            raise UserError(message("download.not_found", name=name)) from error
        raise UserError(message("download.failed", hub="ModelScope", name=name, reason=_first_line(error))) from error
    except Unreachable as error:
        raise UserError(message("download.offline", hub="ModelScope", name=name)) from error


def _wanted_bytes(name: str, sizes: dict[str, int]) -> int:
    if not any(path.endswith(".safetensors") for path in sizes):
        raise UserError(message("download.no_safetensors", name=name))
    return sum(
        size for path, size in sizes.items() if path.endswith((".safetensors", ".json", ".txt", ".py", ".jinja"))
    )


def _require_space(name: str, folder: Path, wanted_bytes: int) -> None:
    here = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    needed, free = max(0, wanted_bytes - here) + _MARGIN_BYTES, shutil.disk_usage(folder).free
    if needed > free:
        values = {"needed_gib": f"{needed / 1024**3:.1f}", "free_gib": f"{free / 1024**3:.1f}"}
        raise UserError(message("download.no_space", folder=str(folder), name=name, **values))


def _progress_class(total_bytes: int, on_progress: Progress, should_stop: Callable[[], bool]) -> type:
    """A silent bar for huggingface_hub that adds up the bytes of all files and leaves when asked to stop."""

    class Bar(tqdm):
        done_bytes = 0

        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            options["disable"] = True
            self._counts_bytes = options.get("unit") == "B"
            super().__init__(*arguments, **options)

        def update(self, n: float | None = 1) -> bool | None:
            if should_stop():
                raise Stopped
            if self._counts_bytes and n:
                Bar.done_bytes = min(total_bytes, Bar.done_bytes + int(n))
                on_progress(Bar.done_bytes, total_bytes)
            return super().update(n)

    return Bar


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
