"""What is made of an adapter that was trained on quantised weights: exports, answers, and the base below it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.engine_runs import Bench, losses, make_bench, small, until_done
from tests.evaluations import answers_of, evaluated, quick, write_rows
from tests.test_engine_tuning import NOW, all_logits
from tsft.config.schema import with_values
from tsft.engine.evaluation_models import candidates
from tsft.engine.restore import open_result
from tsft.model.adapters import merged_model
from tsft.model.loading import load, save
from tsft.model.quantization import Quantization, dequantise, is_quantised
from tsft.run.export import Exported, ExportSettings
from tsft.run.state import RunState

pytestmark = pytest.mark.slow
NF4 = {"quantization__method": "bitsandbytes", "quantization__bits": "4"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> Iterator[tuple[Bench, RunState]]:
    """One QLoRA run of the built-in model."""
    pytest.importorskip("bitsandbytes")
    bench = make_bench(tmp_path_factory.mktemp("quantised") / "workspace", builtin_model)
    state = bench.run(small(**NF4, schedule__max_steps=3, output__name="pump"))
    assert state.status == "finished", state.failure
    yield bench, state
    bench.engine.close()
    bench.record.close()


def exported(bench: Bench, state: RunState, form: str, **changes: str) -> Exported:
    bench.engine.begin_export(ExportSettings(f"runs/{state.run_id}/adapter", form=form, **changes))
    done: Exported = until_done(bench.engine.exported, seconds=120)
    return done


def test_a_merged_export_is_whole_and_says_what_it_merged_into(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    done = exported(bench, state, "merged")
    assert done.path and not done.problems
    told = next(each for each in done.notes if each.key == "export.dequantised")
    assert told.values == {"how": "nf4 (bitsandbytes)", "computed": "float32", "written": "float32"}
    assert done.test is not None and done.test.agrees() and done.test.precision == "float32"
    assert done.test.quantised is not None and done.test.quantised < 1e-3
    assert done.test.merge is not None and done.test.merge < 1e-3
    folder = Path(done.path)
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    assert "nf4 (bitsandbytes)" in (folder / "README.md").read_text(encoding="utf-8")
    loaded = load(folder, dtype=torch.float32)
    assert not is_quantised(loaded.model)
    opened = open_result(bench.record.get(state.run_id).folder.adapter, bench.workspace, torch.float32, NOW)
    torch.testing.assert_close(all_logits(loaded), all_logits(opened), atol=1e-3, rtol=0)


def test_a_plain_export_opens_with_transformers_alone(trained: tuple[Bench, RunState]) -> None:
    done = exported(*trained, "hf")
    assert done.path and done.test is not None and done.test.agrees()


def test_an_exported_adapter_is_put_on_the_same_base_again(trained: tuple[Bench, RunState]) -> None:
    done = exported(*trained, "adapter")
    assert done.path and done.test is not None and done.test.agrees()
    assert [each.values["how"] for each in done.notes if each.key == "export.quantised_adapter"]
    record = json.loads((Path(done.path) / "tsft.json").read_text())
    assert Quantization.from_json(record["quantization"]) == Quantization("bitsandbytes", 4, "nf4", double=True)


def test_an_evaluation_asks_result_and_base_as_they_were_in_training(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    write_rows(bench.workspace.datasets / "held.jsonl", 6)
    settings = quick(f"runs/{state.run_id}/adapter", with_base=True)
    found, problems = candidates(settings, bench.workspace)
    assert not problems and [each.name for each in found][1:] == ["builtin, nf4 (bitsandbytes)"]
    done, info = evaluated(bench, settings)
    assert not done.problems
    assert {model for model, *_ in answers_of(info)} == {each.name for each in found}


def test_four_bits_train_as_the_weights_that_they_stand_for(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    quantization = Quantization("bitsandbytes", 4, "nf4", double=True)
    loaded = load(bench.workspace.models / "builtin", dtype=torch.float32, quantization=quantization)
    dequantise(loaded.model, torch.float32)
    whole = save(loaded.model, loaded.processor, bench.workspace.models / "whole")
    config = with_values(small(schedule__max_steps=3), {"model.name": str(whole)})
    on_whole = bench.run(config)
    assert on_whole.status == "finished", on_whole.failure
    assert losses(bench.events(on_whole)) == pytest.approx(losses(bench.events(state)), abs=1e-3)
    assert dict(on_whole.validation_loss.shown) == pytest.approx(dict(state.validation_loss.shown), abs=1e-3)


def test_a_merged_model_has_the_parameters_of_the_base_and_no_others(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    opened = open_result(bench.record.get(state.run_id).folder.adapter, bench.workspace, torch.float32, NOW)
    base = load(bench.workspace.models / "builtin", dtype=torch.float32)
    merged, plain = (dict(model.named_parameters()) for model in (merged_model(opened.model), base.model))
    assert merged.keys() == plain.keys()
