"""What many tests need: one built-in model made once, and an engine in a fresh workspace."""

import os
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


@pytest.fixture
def bench(tmp_path: Path, builtin_model: Path) -> Iterator[Bench]:
    """An engine in a workspace of its own."""
    made = make_bench(tmp_path / "workspace", builtin_model)
    yield made
    made.engine.close()
    made.record.close()
