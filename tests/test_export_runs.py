"""What a run left is exported, read back by a fresh process without the training code, and says the same."""

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import tsft
from tests.engine_runs import Bench, make_bench, small, until_done
from tests.test_engine_tuning import NOW, all_logits
from tsft.cli import main
from tsft.endings import BAD_SETTINGS, FINISHED
from tsft.engine.export import export, export_plan
from tsft.engine.export_trial import read_fresh
from tsft.engine.restore import merged, open_result
from tsft.errors import UserError
from tsft.model.loading import load, weight_names
from tsft.model.reload import Order, ProbeRow
from tsft.run.events import Event, StepLogged
from tsft.run.export import Exported, ExportSettings
from tsft.run.state import RunState
from tsft.store.exports import list_exports

ROW = ProbeRow(({"role": "user", "content": "What is <ts><ts/>?"},), ((1.0, 2.0, 5.0) * 9,))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> Iterator[tuple[Bench, RunState]]:
    """One LoRA run of the built-in model with probes."""
    bench = make_bench(tmp_path_factory.mktemp("export") / "workspace", builtin_model)
    changes = {"probes__source": "validation", "probes__count": 2, "probes__max_tokens": 4, "output__name": "pump"}
    state = bench.run(small(schedule__max_steps=2, data__cutoff_length=600, **changes))
    assert state.status == "finished", state.failure
    yield bench, state
    bench.engine.close()
    bench.record.close()


def exported(bench: Bench, settings: ExportSettings) -> Exported:
    bench.engine.begin_export(settings)
    done: Exported = until_done(bench.engine.exported, seconds=120)
    return done


def result_of(state: RunState, name: str = "adapter") -> str:
    return f"runs/{state.run_id}/{name}"


@pytest.mark.slow
def test_a_merged_model_is_whole_tested_and_equal_to_the_adapter(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    adapter = open_result(bench.workspace.root / result_of(state), bench.workspace, torch.float32, NOW)

    done = exported(bench, ExportSettings(result_of(state), shard_gb=0.005))

    assert done.problems == () and done.test is not None and done.test.agrees()
    assert done.test.rows >= 3 and done.test.answers_equal == done.test.rows
    assert done.test.reload <= 1e-4 and done.test.merge is not None and done.test.merge <= 1e-4
    folder = Path(done.path)
    assert folder == bench.workspace.exports / "pump-merged"
    assert list(bench.workspace.exports.iterdir()) == [folder]
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    assert {"ts_encoder.mlp.0.weight", "model.norm.weight"} <= weight_names(folder)
    torch.testing.assert_close(all_logits(load(folder, dtype=torch.float32)), all_logits(adapter), atol=1e-4, rtol=0)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| demo | 40 | 40 |" in card and '"learning_rate": 0.001' in card and "apache-2.0" in card
    assert {each.key for each in done.notes} >= {"export.carried.merged_vllm", "export.carried.merged_gguf"}
    assert done.size_bytes >= sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    (listed,) = list_exports(bench.workspace)
    assert (listed.path, listed.form, listed.run, listed.step) == (folder, "merged", "pump", 2)
    assert listed.test == done.test and listed.dtype == "float32"


@pytest.mark.slow
def test_the_fresh_process_has_nothing_of_the_training_code(trained: tuple[Bench, RunState], tmp_path: Path) -> None:
    bench, _ = trained
    readings = tmp_path / "readings.safetensors"

    read_fresh(Order(str(bench.workspace.models / "builtin"), str(readings), (ROW,)), lambda: None)

    with safe_open(str(readings), "pt") as file:
        parts = set(file.metadata()["modules"].split())
    assert "tsft.model" in parts and not parts & {"tsft.engine", "tsft.store", "tsft.data", "tsft.ui", "tsft.app"}


@pytest.mark.slow
def test_a_plain_folder_says_the_same_through_transformers_alone(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    done = exported(bench, ExportSettings(result_of(state), form="hf", name="plain"))
    assert done.problems == () and done.test is not None and done.test.reload <= 1e-4
    assert json.loads((Path(done.path) / "config.json").read_text())["architectures"] == ["Qwen3ForCausalLM"]


@pytest.mark.slow
def test_an_adapter_alone_takes_what_it_needs_and_no_optimizer(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    done = exported(bench, ExportSettings(result_of(state, state.checkpoints[-1].path), form="adapter", name="alone"))
    assert done.problems == () and done.test is not None and done.test.reload <= 1e-4
    names = {path.name for path in Path(done.path).iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "tsft.json", "tokenizer.json", "README.md"} <= names
    assert not {"optimizer.pt", "trainer_state.json", "tsft-complete"} & names
    assert json.loads((Path(done.path) / "adapter_config.json").read_text())["base_model_name_or_path"] == "builtin"


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_written_and_its_rounding_told_apart(trained: tuple[Bench, RunState], dtype: str) -> None:
    bench, state = trained
    done = exported(bench, ExportSettings(result_of(state), dtype=dtype, name=dtype, is_zipped=True))
    assert done.problems == () and done.test is not None
    assert done.test.reload <= 1e-4 and done.test.rounding is not None and done.test.rounding > 1e-4
    with zipfile.ZipFile(done.path) as packed:
        assert json.loads(packed.read(f"{dtype}/config.json"))["torch_dtype"] == dtype
        assert packed.testzip() is None
    assert not (bench.workspace.exports / dtype).exists()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "llama_pro"])
def test_a_checkpoint_of_a_whole_model_is_exported_with_what_was_trained(bench: Bench, method: str) -> None:
    state = bench.run(small(schedule__max_steps=2, data__validation="none", tuning__method=method))
    assert state.status == "finished", state.failure
    checkpoint = result_of(state, state.checkpoints[-1].path)

    done = exported(bench, ExportSettings(checkpoint))

    assert done.problems == () and done.test is not None and done.test.merge is None
    opened = open_result(bench.workspace.root / checkpoint, bench.workspace, torch.float32, NOW)
    assert torch.equal(all_logits(load(Path(done.path), dtype=torch.float32)), all_logits(merged(opened)))
    with pytest.raises(UserError) as refused:
        bench.engine.begin_export(ExportSettings(result_of(state, "model"), form="adapter"))
    assert refused.value.message.key == "export.no_adapter"


@pytest.mark.slow
def test_an_adapter_on_another_is_refused_alone_and_merged_whole(bench: Bench) -> None:
    first = bench.run(small(schedule__max_steps=2, data__validation="none"))
    on_top = {"model__continue_from": result_of(first), "tuning__create_new_adapter": True}
    second = bench.run(small(schedule__max_steps=2, data__validation="none", **on_top))

    with pytest.raises(UserError) as refused:
        bench.engine.begin_export(ExportSettings(result_of(second), form="adapter"))
    done = exported(bench, ExportSettings(result_of(second)))

    assert refused.value.message.key == "export.adapter_on_adapter"
    assert done.problems == () and done.test is not None and done.test.agrees()
    card = (Path(done.path) / "README.md").read_text(encoding="utf-8")
    assert "made from builtin with tsft" in card and "apache-2.0" in card


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["loading", "asking", "writing", "reloading", "packing"])
def test_a_stop_in_any_phase_leaves_nothing(trained: tuple[Bench, RunState], phase: str, tmp_path: Path) -> None:
    bench, state = trained
    bench.engine.begin_export(ExportSettings(result_of(state), folder=str(tmp_path / "a" / "model"), is_zipped=True))
    deadline = time.monotonic() + 120
    while (now := bench.engine.exported()) is not None and now.phase != phase and not now.is_done:
        assert time.monotonic() < deadline
        time.sleep(0.001)

    bench.engine.stop_export()

    done = until_done(bench.engine.exported)
    if done.is_stopped:  # the phase may be over before the wish arrives
        assert done.path == "" and list(tmp_path.iterdir()) == []
    else:
        assert Path(done.path).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["merged", "hf"])
def test_weights_that_changed_on_the_way_to_the_disk_are_found_and_not_kept(
    trained: tuple[Bench, RunState], tmp_path: Path, form: str
) -> None:
    bench, state = trained
    now = Exported(1, ExportSettings(result_of(state), form=form, folder=str(tmp_path / "model")))

    def say(**changes: object) -> None:
        if changes.get("phase") == "reloading":
            (weights,) = tmp_path.rglob("*.partial/model/model.safetensors")
            tensors = load_file(weights)
            tensors["lm_head.weight"] *= 1.001
            save_file(tensors, weights, metadata={"format": "pt"})

    plan = export_plan(now.settings, bench.workspace, bench.record, say, lambda: False)
    with pytest.raises(UserError) as refused:
        export(plan, lambda: now)

    assert refused.value.message.key == "export.disagrees" and list(tmp_path.iterdir()) == []
    assert refused.value.message.values["why"]["key"] == "export.test.reload"


@pytest.mark.slow
def test_a_model_that_says_nothing_in_numbers_is_not_kept(trained: tuple[Bench, RunState], tmp_path: Path) -> None:
    """Weights so large that nothing the model says is a number."""
    bench, state = trained
    broken = tmp_path / "broken"
    shutil.copytree(bench.workspace.root / result_of(state), broken)
    weights = bytearray((broken / "adapter_model.safetensors").read_bytes())
    weights[-4000:] = b"\x7f" * 4000
    (broken / "adapter_model.safetensors").write_bytes(weights)

    done = exported(bench, ExportSettings(str(broken), folder=str(tmp_path / "out")))

    assert done.problems[0].message.key == "export.disagrees" and done.path == ""
    assert {path.name for path in tmp_path.iterdir()} == {"broken"}


@pytest.mark.slow
def test_during_a_run_only_an_adapter_may_go_and_the_run_does_not_notice(bench: Bench) -> None:
    first = bench.run(small(schedule__max_steps=2, data__validation="none"))
    told: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            try:
                bench.engine.begin_export(ExportSettings(result_of(first)))
            except UserError as error:
                told.append(error.message.key)
            bench.engine.begin_export(ExportSettings(result_of(first), form="adapter"))

    second = bench.run(small(schedule__max_steps=2, data__validation="none"), listen)

    done = until_done(bench.engine.exported)
    assert told == ["engine.busy"] and done.problems == () and Path(done.path).is_dir()
    assert second.status == "finished" and second.loss.last == first.loss.last


@pytest.mark.slow
def test_no_run_starts_while_a_model_is_exported(trained: tuple[Bench, RunState]) -> None:
    bench, state = trained
    bench.engine.begin_export(ExportSettings(result_of(state), name="meanwhile"))

    for begin in (lambda: bench.engine.start(small()), lambda: bench.engine.begin_export(ExportSettings("x"))):
        with pytest.raises(UserError) as refused:
            begin()
        assert refused.value.message.key == "export.busy"

    assert until_done(bench.engine.exported).problems == ()


def test_a_disk_without_room_is_refused_before_anything_loads(
    trained: tuple[Bench, RunState], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench, state = trained
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10_000_000))

    done = exported(bench, ExportSettings(result_of(state), folder=str(tmp_path / "model")))

    assert [(each.field, each.message.key) for each in done.problems] == [("folder", "export.no_room")]
    assert done.test is None and list(tmp_path.iterdir()) == []


def test_the_command_tells_all_that_is_wrong_with_its_flags(
    trained: tuple[Bench, RunState], capsys: pytest.CaptureFixture[str]
) -> None:
    bench, _ = trained
    words = ["export", "nowhere", "--as", "gguf", "--hub", "nobody", "--workspace", str(bench.workspace.root)]
    assert main([*words, "--lang", "en"]) == BAD_SETTINGS
    told = capsys.readouterr().err
    assert "--as: “gguf”" in told and "RUN_OR_PATH: " in told and "--hub: " in told


@pytest.mark.slow
@pytest.mark.parametrize("form", ["adapter", "merged", "hf"])
def test_the_program_on_the_card_asks_the_export(trained: tuple[Bench, RunState], tmp_path: Path, form: str) -> None:
    bench, state = trained
    done = exported(bench, ExportSettings(result_of(state), form=form, folder=str(tmp_path / "model")))
    assert done.problems == ()
    (tmp_path / "builtin").symlink_to(bench.workspace.models / "builtin")
    code = (
        (tmp_path / "model" / "README.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    )

    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(tsft.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert ran.returncode == 0 and ran.stdout.strip(), ran.stderr


@pytest.mark.slow
def test_the_command_exports_a_run_by_its_name(
    trained: tuple[Bench, RunState], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench, _ = trained
    words = ["export", "pump", "--as", "zip", "--shard-gb", "0.01", "--to", str(tmp_path / "pump")]
    assert main([*words, "--workspace", str(bench.workspace.root), "--lang", "en"]) == FINISHED
    told = capsys.readouterr()
    assert "Self-test in a fresh process" in told.err and "largest difference of a logit" in told.out
    assert zipfile.is_zipfile(tmp_path / "pump.zip") and "vllm serve" in told.out
