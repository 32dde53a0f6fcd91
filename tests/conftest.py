"""What many tests need: one built-in model made once, and an engine in a fresh workspace."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

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
    """The built-in model, made once."""
    from tsft.model.builtin import make_builtin

    return make_builtin(tmp_path_factory.mktemp("models") / "builtin")


@pytest.fixture(scope="session")
def endless_model(builtin_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model, but one that never ends an answer by itself."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("endless") / "builtin"
    shutil.copytree(builtin_model, folder)
    weights = load_file(folder / "model.safetensors")
    # Other words have logits above zero somewhere.
    weights["lm_head.weight"][json.loads((folder / "config.json").read_text())["eos_token_id"]] = 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def bench(tmp_path: Path, builtin_model: Path) -> Iterator[Bench]:
    """An engine in a workspace of its own."""
    made = make_bench(tmp_path / "workspace", builtin_model)
    yield made
    made.engine.close()
    made.record.close()


@pytest.fixture
def endless_bench(tmp_path: Path, endless_model: Path) -> Iterator[Bench]:
    """An engine in a workspace of its own, whose built-in model answers until it is stopped."""
    made = make_bench(tmp_path / "workspace", endless_model)
    yield made
    made.engine.close()
    made.record.close()
