"""What goes wrong ends in one event with a sentence, and the next run trains."""

import errno
import gc
import pickle
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.engine_runs import Bench, small
from tsft.config.check import check
from tsft.config.codec import from_flat
from tsft.config.run_config import RunConfig
from tsft.config.schema import setting_by_key
from tsft.engine.bad_batch import is_extreme
from tsft.engine.device import use_threads
from tsft.engine.failures import BatchAtFaultError, failure_of
from tsft.errors import Problem, UserError, message
from tsft.i18n import say
from tsft.run.events import FAILURES, Event, StepLogged
from tsft.store.record import Record
from tsft.store.shown_rows import read_rows


def poison(model: Path) -> None:
    """A model whose last norm is not a number, as a run that went wrong leaves it."""
    path = model / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"] = torch.full_like(weights["model.norm.weight"], float("nan"))
    save_file(weights, path, metadata={"format": "pt"})


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_rows_of_the_batch(bench: Bench) -> None:
    healthy = (bench.workspace.models / "builtin" / "model.safetensors").read_bytes()
    poison(bench.workspace.models / "builtin")

    state = bench.run(small(data__validation="none"))

    assert state.status == "failed" and state.failure is not None
    assert state.failure.kind == "not_finite"
    rows = state.failure.rows
    assert len(rows) == 2 and all(row.startswith("demo:") and int(row.split(":")[1]) >= 1 for row in rows)
    assert state.failure.message.values["rows"] == ", ".join(rows)
    kept = read_rows(bench.record.get(state.run_id).folder.failed_rows)
    assert [row.source for row in kept] == list(rows) and all(row.series for row in kept)
    # The rows are sound, so the weights are suspected: a tenth of the learning rate is proposed.
    assert state.failure.change == (("optim.learning_rate", 1e-4),)
    (bench.workspace.models / "builtin" / "model.safetensors").write_bytes(healthy)
    assert bench.run(small(schedule__max_steps=1)).status == "finished"


def test_a_model_folder_that_cannot_be_read_is_refused_with_a_sentence(bench: Bench) -> None:
    (bench.workspace.models / "builtin" / "model.safetensors").write_bytes(b"not weights")

    with pytest.raises(UserError) as refused:
        bench.run(small())

    (problem,) = refused.value.problems
    assert problem.field == "model.name" and "builtin" in say("zh", problem.message)
    assert bench.record.list_runs() == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"), "memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "memory"),
        (MemoryError(), "memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk"),
        (RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"), "disk"),
        (OSError(errno.EFBIG, "File too large"), "disk"),
        (Exception("Error while serializing: I/O error: File too large (os error 27)"), "disk"),
        (RuntimeError("PytorchStreamReader failed reading zip archive: failed finding central directory"), "disk"),
        (RuntimeError("Cannot use ``weights_only=True`` with files saved in the legacy .tar format."), "disk"),
        (pickle.UnpicklingError("Weights only load failed. invalid load key"), "disk"),
        (ModuleNotFoundError("No module named 'flash_attn'", name="flash_attn"), "package"),
        (RuntimeError("CUDA error: device-side assert triggered"), "driver"),
        (UserError(message("tuning.nothing_trained")), "settings"),
        (UserError(message("data.none_left", read=3)), "data"),
        (UserError(Problem("data.datasets", message("config.no_file", path="x"))), "data"),
        (BatchAtFaultError(3, ("demo:1",)), "not_finite"),
        (KeyError("surprise"), "bug"),
    ],
)
def test_every_kind_of_failure_has_its_sentence_and_advice(error: BaseException, kind: str) -> None:
    failed = failure_of(error, RunConfig())

    assert failed.kind == kind
    assert say("en", failed.message)
    assert isinstance(error, UserError) or failed.advice is not None and say("ru", failed.advice)
    assert kind in FAILURES and set(failed.settings) <= set(setting_by_key())
    # Whatever is proposed is a config that can be started.
    changed = from_flat(dict(failed.change), small())
    assert check(changed) == [] and (changed != small() or not failed.change)


LAYERWISE = {"tuning__method": "full", "optim__optimizer": "galore_adamw_layerwise"}


@pytest.mark.parametrize(
    ("changes", "phase", "advice", "change"),
    [
        ({"schedule__batch_size": 4, "schedule__gradient_accumulation": 3}, "training", "failure.memory_batch",
         {"schedule.batch_size": 2, "schedule.gradient_accumulation": 6}),
        ({"schedule__batch_size": 4, "schedule__eval_batch_size": 8}, "evaluating", "failure.memory_eval_batch",
         {"schedule.eval_batch_size": 4}),
        ({"schedule__batch_size": 1}, "training", "failure.memory_checkpointing",
         {"schedule.gradient_checkpointing": True}),
        ({"schedule__batch_size": 1, "schedule__gradient_checkpointing": True, "data__cutoff_length": 4096}, "training",
         "failure.memory_cutoff", {"data.cutoff_length": 2048}),
        ({"schedule__batch_size": 1, "schedule__gradient_checkpointing": True, "tuning__method": "full"}, "training",
         "failure.memory_lora", {"tuning.method": "lora"}),
        ({"schedule__batch_size": 1, "schedule__gradient_checkpointing": True}, "training", "failure.memory_model", {}),
        # Ten rows a step stay ten.
        ({"schedule__batch_size": 5, "schedule__gradient_accumulation": 2}, "training", "failure.memory_batch",
         {"schedule.batch_size": 2, "schedule.gradient_accumulation": 5}),
        # It cannot accumulate, so checkpointing comes before fewer rows a step.
        ({**LAYERWISE, "schedule__batch_size": 4}, "training", "failure.memory_checkpointing",
         {"schedule.gradient_checkpointing": True}),
        ({**LAYERWISE, "schedule__batch_size": 4, "schedule__gradient_checkpointing": True}, "training",
         "failure.memory_rows", {"schedule.batch_size": 2}),
        # It trains whole weights only: LoRA would be refused.
        ({**LAYERWISE, "schedule__batch_size": 1, "schedule__gradient_checkpointing": True}, "training",
         "failure.memory_model", {}),
    ],
)  # fmt: skip
def test_out_of_memory_offers_the_smallest_change_that_helps(
    changes: dict[str, object], phase: str, advice: str, change: dict[str, object]
) -> None:
    failed = failure_of(MemoryError(), small(**changes), phase)

    assert failed.advice is not None and failed.advice.key == advice
    assert dict(failed.change) == change
    assert check(from_flat(dict(failed.change), small(**changes))) == check(small(**changes))


@pytest.mark.parametrize(
    ("changes", "extreme", "change"),
    [
        ({}, ("demo:2",), {"data.leave_out": ("demo:2",)}),
        ({"data__leave_out": ["demo:9"]}, ("demo:2",), {"data.leave_out": ("demo:9", "demo:2")}),
        ({"encoder__learning_rate": 3e-3}, (), {"optim.learning_rate": 1e-4, "encoder.learning_rate": 3e-4}),
    ],
)
def test_after_a_loss_that_is_not_finite_a_bad_row_is_left_out_or_the_rate_lowered(
    changes: dict[str, object], extreme: tuple[str, ...], change: dict[str, object]
) -> None:
    failed = failure_of(BatchAtFaultError(3, ("demo:1", "demo:2"), extreme), small(**changes))

    assert dict(failed.change) == change
    assert failed.rows == ("demo:1", "demo:2")


def test_a_missing_package_is_done_without_where_a_choice_needs_it() -> None:
    error = ModuleNotFoundError("No module named 'galore_torch'", name="galore_torch")

    failed = failure_of(error, small(optim__optimizer="galore_adamw", tuning__method="full"))

    assert failed.change == (("optim.optimizer", "adamw_torch"),)


def test_a_poisoned_accelerator_is_recognised_and_no_run_is_begun_on_it(bench: Bench) -> None:
    def fail(event: Event) -> None:
        if isinstance(event, StepLogged):
            raise RuntimeError("CUDA error: device-side assert triggered")

    state = bench.run(small(), fail)

    assert state.failure is not None and state.failure.kind == "driver"
    with pytest.raises(UserError) as refused:
        bench.engine.start(small())
    assert refused.value.message.key == "engine.poisoned"
    waiting = bench.engine.enqueue([small()])  # it waits for the new process
    assert [entry.run_id for entry in bench.engine.queue()] == waiting


def test_half_the_batch_keeps_the_rows_of_a_step(bench: Bench) -> None:
    failed = failure_of(MemoryError(), small(schedule__batch_size=4, schedule__gradient_accumulation=3))

    assert failed.advice is not None
    assert failed.advice.values == {"batch": 2, "accumulation": 6}


def test_everything_wrong_is_said_at_once_with_its_field(bench: Bench) -> None:
    config = small(
        data__datasets="demo,no_such_set", schedule__batch_size=0, model__precision="fp16", optim__learning_rate=-1.0
    )

    with pytest.raises(UserError) as refused:
        bench.engine.start(config)

    fields = {problem.field for problem in refused.value.problems}
    assert {"data.datasets", "schedule.batch_size", "optim.learning_rate"} <= fields
    assert ("model.precision" in fields) is not torch.cuda.is_available()
    assert bench.record.list_runs() == []


def test_a_full_disk_ends_the_run_with_its_sentence_and_the_next_run_trains(bench: Bench) -> None:
    """The events file becomes a folder: writing to it fails as on a full disk, and so do checkpoints."""

    def fill(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            folder = bench.record.list_runs()[0].folder
            folder.events.rename(folder.path / "events-before")
            folder.events.mkdir()
            folder.checkpoints.rmdir()
            folder.checkpoints.write_text("in the way")

    state = bench.run(small(), fill)

    assert state.status == "failed"
    assert bench.record.list_runs()[0].status == "failed"
    assert bench.run(small(schedule__max_steps=1)).status == "finished"


def test_a_start_that_loses_the_race_leaves_no_run_behind(bench: Bench, tmp_path: Path) -> None:
    other = Record(bench.workspace)
    waiting = other.create_run(small())
    other.claim(waiting.id)
    bench.engine._refuse_if_busy = lambda: None  # both had looked before either had claimed

    with pytest.raises(UserError) as refused:
        bench.engine.start(small())

    assert refused.value.message.key == "engine.busy"
    assert [run.id for run in bench.record.list_runs()] == [waiting.id]
    other.release(waiting.id, status="stopped")


def test_a_fetch_that_fails_unexpectedly_says_so_and_can_be_tried_again(bench: Bench) -> None:
    shutil.rmtree(bench.workspace.models)
    bench.workspace.models.write_text("a file where the folder should be")

    for _ in range(2):
        bench.engine.fetch_model("smollm2-135m")
        deadline = time.monotonic() + 60
        while bench.engine.fetches()["smollm2-135m"].problem is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_the_number_of_threads_is_set_for_one_run_only() -> None:
    before = use_threads(0)
    assert use_threads(before + 1) == before + 1
    assert use_threads(0) == before


@pytest.mark.parametrize(
    ("series", "is_bad"),
    [
        ([[1.0, 2.0, 3.0, 1e12]], True),
        ([[1.0, 2.0, 3.0, -1e308]], True),
        ([[1.0] * 9], False),
        ([[0.0] * 8 + [1.0]], False),  # a rare spike is data
        ([[0.0] * 8 + [1e30]], True),
        ([[1e9, 1.1e9, 1.2e9]], False),  # large numbers alone are not
        ([[5.0]], False),
        ([], False),
    ],
)
def test_a_value_far_beyond_its_own_series_is_extreme(series: list[list[float]], is_bad: bool) -> None:
    assert is_extreme([np.array(points) for points in series]) is is_bad


def test_a_gradient_that_is_not_finite_stops_before_the_weights_are_spoilt(bench: Bench) -> None:
    """The loss is sound, its gradient is not: all rows of the step are named, with accumulation too."""

    def spoil(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            encoder = next(each for each in gc.get_objects() if type(each).__name__ == "SeriesTrainer").groups[-1]
            encoder.parameters[0].register_hook(lambda gradient: gradient * float("nan"))

    state = bench.run(small(schedule__gradient_accumulation=2, data__validation="none"), spoil)

    assert state.failure is not None and state.failure.kind == "not_finite"
    assert len(state.failure.rows) == 4 and state.step == 1
