"""What goes wrong ends in one event with a sentence, and the next run trains."""

import errno
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.engine_runs import Bench, small
from tsft.config.run_config import RunConfig
from tsft.engine.device import use_threads
from tsft.engine.failures import failure_of
from tsft.errors import UserError, message
from tsft.i18n import say
from tsft.run.events import Event, StepLogged
from tsft.store.record import Record


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
    rows = state.failure.message.values["rows"].split(", ")
    assert len(rows) == 2 and all(row.startswith("demo:") and int(row.split(":")[1]) >= 1 for row in rows)
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
        (ModuleNotFoundError("No module named 'flash_attn'", name="flash_attn"), "package"),
        (RuntimeError("CUDA error: device-side assert triggered"), "driver"),
        (UserError(message("tuning.nothing_trained")), "settings"),
        (KeyError("surprise"), "bug"),
    ],
)
def test_every_kind_of_failure_has_its_sentence_and_advice(error: BaseException, kind: str) -> None:
    failed = failure_of(error, RunConfig())

    assert failed.kind == kind
    assert say("en", failed.message)
    assert kind == "settings" or failed.advice is not None and say("ru", failed.advice)


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"schedule__batch_size": 4}, "failure.memory_batch"),
        ({"schedule__batch_size": 1}, "failure.memory_checkpointing"),
        ({"schedule__batch_size": 1, "schedule__gradient_checkpointing": True, "data__cutoff_length": 4096},
         "failure.memory_cutoff"),
        ({"schedule__batch_size": 1, "schedule__gradient_checkpointing": True, "tuning__method": "full"},
         "failure.memory_lora"),
    ],
)  # fmt: skip
def test_out_of_memory_offers_the_smallest_change_that_helps(changes: dict[str, object], advice: str) -> None:
    failed = failure_of(MemoryError(), small(**changes))

    assert failed.advice is not None and failed.advice.key == advice


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
    (bench.workspace.models / "smollm2-135m").write_text("a file where the folder should be")

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
