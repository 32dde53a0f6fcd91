"""Results and exports as they lie in a workspace, made by hand: a few numbers for weights, and the files that tell."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tsft.run.export import SelfTest
from tsft.store.exports import CARD, write_record
from tsft.store.workspace import Workspace

TEST = SelfTest(4, 4, 2e-6, 3e-5)


def weights(path: Path, numbers: int) -> None:
    save_file({"w": np.zeros(numbers, np.float32)}, str(path))


def base_model(workspace: Workspace, numbers: int = 1000, dtype: str = "bfloat16", name: str = "base") -> Path:
    folder = workspace.models / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"torch_dtype": dtype}))
    weights(folder / "model.safetensors", numbers)
    return folder


def trained(workspace: Workspace, run: str = "pump", base: str = "base", numbers: int = 100) -> str:
    """A run that left an adapter; the result's name."""
    folder = workspace.runs / f"{run}-1"
    (folder / "adapter").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "about.json").write_text(json.dumps({"name": run}))
    weights(folder / "adapter" / "adapter_model.safetensors", numbers)
    (folder / "adapter" / "adapter_config.json").write_text("{}")
    (folder / "adapter" / "tsft.json").write_text(json.dumps({"base": base}))
    return f"runs/{run}-1/adapter"


def export_folder(workspace: Workspace, name: str, form: str = "merged", **about: Any) -> Path:
    """A folder as an export leaves it. about: test, dtype; `is_zipped` makes a zip of it."""
    is_zipped = about.pop("is_zipped", False)
    folder = workspace.exports / name
    folder.mkdir(parents=True)
    if form == "adapter":
        (folder / "adapter_config.json").write_text("{}")
        weights(folder / "adapter_model.safetensors", 10)
    else:
        (folder / "config.json").write_text("{}")
        weights(folder / "model.safetensors", 10)
    if form == "hf":
        (folder / "series_encoder").mkdir()
        weights(folder / "series_encoder" / "model.safetensors", 10)
    (folder / CARD).write_text(f"# {name} <b>card</b>\n", encoding="utf-8")
    if about.get("test", TEST) is not None:
        write_record(folder, form, about.get("dtype", "float32"), Path("checkpoint-20"), None, about.get("test", TEST))
    if not is_zipped:
        return folder
    archive = folder.with_name(f"{name}.zip")
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, path.relative_to(folder.parent).as_posix())
    shutil.rmtree(folder)
    return archive
