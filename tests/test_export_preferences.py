"""What a preference run left is exported like any run's and read back, and a reward model keeps its head."""

from pathlib import Path

import pytest
import torch

from tests.engine_runs import Bench, small
from tests.preference_rows import write_rows
from tests.test_engine_reward import conversations, scores
from tests.test_export_runs import exported
from tsft.engine.restore import Fetching, open_result
from tsft.model.loading import weight_names
from tsft.model.reward_head import HEAD
from tsft.run.export import ExportSettings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stage", ["dpo", "reward"])
@pytest.mark.parametrize("form", ["merged", "hf", "adapter"])
def test_a_preference_run_is_exported_and_read_back(bench: Bench, stage: str, form: str) -> None:
    name = write_rows(bench.workspace.datasets, "pairs")
    state = bench.run(small(data__datasets=name, data__task=stage, data__max_rows=0, schedule__max_steps=2))
    assert state.finish is not None, state.failure
    result = f"runs/{state.run_id}/{state.finish.result}"

    done = exported(bench, ExportSettings(result, form))

    assert done.problems == () and done.test is not None and done.test.agrees()
    folder = Path(done.path)
    if stage == "reward" and form != "adapter":
        assert f"{HEAD}.weight" in weight_names(folder)
    if stage == "reward" and form != "hf":
        asked = conversations(bench, name)
        wanted = scores(bench, bench.workspace.root / result, asked)
        assert scores(bench, folder, asked) == pytest.approx(wanted, abs=1e-4)
    if stage == "dpo" and form == "merged":
        fetching = Fetching(lambda done, total: None, lambda: False)
        assert not hasattr(open_result(folder, bench.workspace, torch.float32, fetching).model, HEAD)
