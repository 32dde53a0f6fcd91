"""Every shipped preset trains: two steps with the built-in model and a few rows in the place of its own."""

import shutil

import pytest

from tests.engine_runs import Bench
from tests.preference_rows import write_rows
from tsft.config.schema import with_values
from tsft.config.stages import SAMPLED, answers_of
from tsft.data.synth.demo import DEMO_NAME, materialise_demo
from tsft.store.presets import Preset, read_preset, shipped_presets


@pytest.mark.slow
@pytest.mark.parametrize("preset", shipped_presets(), ids=lambda preset: preset.name)
def test_a_shipped_preset_trains_two_steps(preset: Preset, bench: Bench) -> None:
    config = read_preset(preset)
    if config.quantization.method != "none":
        pytest.importorskip(config.quantization.method)
    rows = materialise_demo(bench.workspace.cache)
    if answers_of(config.data.task) == "pair":
        made = write_rows(bench.workspace.datasets, "pairs")
        rows = bench.workspace.datasets / f"{made}.jsonl"
    for name in (*config.data.datasets, *config.data.validation_datasets):
        if name not in (DEMO_NAME, rows.stem):
            shutil.copy(rows, bench.workspace.datasets / f"{name}{rows.suffix}")
    # Eight answers to each question would be half a minute for two steps.
    few = {"sampling.answers": 2, "sampling.max_tokens": 8} if config.data.task in SAMPLED else {}
    config = with_values(
        config,
        {
            "model.name": "builtin",
            "data.max_rows": 16,
            "schedule.max_steps": 2,
            "schedule.gradient_accumulation": min(2, config.schedule.gradient_accumulation),
            "schedule.threads": 1,
            **few,
        },
    )
    state = bench.run(config)
    assert (state.status, state.step) == ("finished", 2), state.failure
