"""What many tests need: one built-in model made once, and an engine in a fresh workspace."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.engine_runs import Bench, make_bench

# With more threads than free cores OpenMP waits in loops and everything crawls.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# No example is timed: what else a machine does must fail no test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def builtin_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model in float32, so that what is written of it is what was computed."""
    from tsft.model.builtin import make_builtin

    folder = make_builtin(tmp_path_factory.mktemp("models") / "builtin")
    rewrite(folder, lambda weights, config: {name: each.float() for name, each in weights.items()})
    return folder


@pytest.fixture(scope="session")
def endless_model(builtin_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model, but one that never ends an answer by itself: other words have logits above zero."""
    folder = tmp_path_factory.mktemp("endless") / "builtin"
    shutil.copytree(builtin_model, folder)

    def without_end(weights: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
        weights["lm_head.weight"][config["eos_token_id"]] = 0
        return weights

    rewrite(folder, without_end)
    return folder


def rewrite(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]) -> None:
    """The weights of a model folder, by a function of them and the config."""
    from safetensors.torch import load_file, save_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = change(load_file(folder / "model.safetensors"), config)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    kind = str(next(iter(weights.values())).dtype).removeprefix("torch.")
    written = {**config, **{name: kind for name in ("dtype", "torch_dtype") if name in config}}
    (folder / "config.json").write_text(json.dumps(written, indent=2), encoding="utf-8")


@pytest.fixture
def bench(tmp_path: Path, builtin_model: Path) -> Iterator[Bench]:
    """An engine in a workspace of its own."""
    yield from opened(tmp_path, builtin_model)


@pytest.fixture
def endless_bench(tmp_path: Path, endless_model: Path) -> Iterator[Bench]:
    """An engine in a workspace of its own, whose built-in model answers until it is stopped."""
    yield from opened(tmp_path, endless_model)


def opened(folder: Path, model: Path) -> Iterator[Bench]:
    made = make_bench(folder / "workspace", model)
    yield made
    made.engine.close()
    made.record.close()
