"""Going on: from the newest checkpoint as the same run, from an earlier one or for longer as a child of it."""

from pathlib import Path

import pytest

from tests.engine_runs import Bench, losses, small
from tests.store_fakes import write_checkpoint
from tests.test_store_record import live_through, named
from tsft.engine.onward import make_child, onward
from tsft.errors import UserError
from tsft.run.events import RunStarted, StepLogged
from tsft.store.record import Record
from tsft.store.runs import RunInfo, run_config, usable_checkpoints
from tsft.store.workspace import open_workspace

PLAIN = {"data__validation": "none", "data__max_rows": 12, "output__save_limit": 9, "output__save_steps": 2}


@pytest.fixture
def stopped(tmp_path: Path) -> RunInfo:
    """A run with checkpoints of steps 2 and 4, stopped at step 5."""
    record = Record(open_workspace(tmp_path))
    run = record.create_run(named("kiln"))
    live_through(record, run, last_step=5)
    write_checkpoint(run.folder, 2)
    write_checkpoint(run.folder, 4)
    record.update(run.id, status="stopped", step=5)
    return record.get(run.id)


def refusal(run: RunInfo, step: int = 0, epochs: float = 0.0) -> str:
    with pytest.raises(UserError) as refused:
        onward(run, step, epochs)
    return refused.value.message.key


@pytest.mark.parametrize("step", [0, 4])
def test_the_newest_checkpoint_is_gone_on_from_as_the_same_run(stopped: RunInfo, step: int) -> None:
    plan = onward(stopped, step)
    assert (plan.is_same, plan.checkpoint.step, plan.config) == (True, 4, run_config(stopped.folder))


def test_an_earlier_checkpoint_makes_a_child_whose_checkpoint_outlives_the_parent(stopped: RunInfo) -> None:
    plan = onward(stopped, 2)
    assert (plan.is_same, plan.origin, plan.checkpoint.step) == (False, "resumed", 2)
    record = Record(open_workspace(stopped.folder.path.parents[1]))
    child, checkpoint = make_child(record, plan, "anna")
    record.delete(stopped.id)
    assert (child.parent, child.parent_step, child.origin, child.by) == (stopped.id, 2, "resumed", "anna")
    assert child.name == "kiln @2" and checkpoint.path.is_relative_to(child.folder.path)
    assert [each.step for each in usable_checkpoints(child.folder)] == [2]
    assert record.get(child.id).size_bytes > 0


def test_what_cannot_go_on_is_refused_with_what_there_is(stopped: RunInfo) -> None:
    assert refusal(stopped, step=3) == "engine.no_such_checkpoint"
    record = Record(open_workspace(stopped.folder.path.parents[1]))
    record.update(stopped.id, status="finished")
    done = record.get(stopped.id)
    assert refusal(done) == refusal(done, step=5) == "engine.is_finished"
    assert onward(done, 2).origin == "resumed" and onward(done, 0, 1.0).origin == "extended"
    bare = record.create_run(named("bare"))
    assert refusal(bare) == "engine.no_checkpoint"


@pytest.mark.slow
@pytest.mark.parametrize("planned", ["epochs", "steps"])
def test_a_run_extended_by_epochs_follows_the_schedule_of_the_longer_run(bench: Bench, planned: str) -> None:
    short = small(**PLAIN, schedule__max_steps=0 if planned == "epochs" else 6, schedule__epochs=1)
    first = bench.run(short)
    assert (first.status, first.steps) == ("finished", 6)
    child_id = bench.engine.resume(first.run_id, "anna", epochs=1.0)
    child = bench._to_end(None)
    long = bench.run(small(**PLAIN, schedule__max_steps=0 if planned == "epochs" else 12, schedule__epochs=2))

    assert child.status == "finished", child.failure
    assert (child.run_id, child.resumed_from, child.step, child.steps) == (child_id, 6, 12, 12)
    rates = {each.step: each.learning_rate for each in bench.events(long) if isinstance(each, StepLogged)}
    own = {each.step: each.learning_rate for each in bench.events(child) if isinstance(each, StepLogged)}
    assert list(own) == list(range(7, 13))
    assert own == pytest.approx({step: rates[step] for step in own})
    found = bench.record.get(child_id)
    assert (found.parent, found.parent_step, found.origin, found.by) == (first.run_id, 6, "extended", "anna")
    assert bench.record.get(first.run_id).status == "finished"  # the parent stays as it was
    assert any(note.message.key == "run.extended" for note in child.notes)


@pytest.mark.slow
def test_a_child_from_an_earlier_checkpoint_ends_with_the_losses_of_its_parent(bench: Bench) -> None:
    first = bench.run(small(**PLAIN, schedule__max_steps=6))
    child_id = bench.engine.resume(first.run_id, checkpoint_step=2)
    child = bench._to_end(None)
    whole = losses(bench.events(first))
    assert child_id != first.run_id and child.status == "finished"
    assert losses(bench.events(child)) == {step: whole[step] for step in range(3, 7)}


def test_a_run_says_which_code_and_which_data_it_used(bench: Bench) -> None:
    state = bench.run(small(**PLAIN, schedule__max_steps=1))
    found = bench.record.get(state.run_id)
    started = next(each for each in bench.events(state) if isinstance(each, RunStarted))
    assert (
        {"tsft", "python", "torch", "transformers", "peft"}
        <= set(found.versions)
        == {name for name, _ in started.versions}
    )
    (data,) = found.data
    assert (data.name, data.rows, len(data.content)) == ("demo", 12, 24)
    assert found.size_bytes > 100_000 and found.score is None
