"""A run that is cut in two is the run that was not: same losses, same weights, to the last bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.engine_runs import Bench, losses, make_bench, small
from tsft.config.run_config import RunConfig
from tsft.run.events import Evaluated, Event, Progressed, StepLogged
from tsft.store.runs import usable_checkpoints

# Dropout draws random numbers, accumulation can be cut in the middle, logging every third step averages over the cut,
# and ten steps of two micro-batches over 36 rows cross the end of an epoch.
CUT = {
    "schedule__max_steps": 10,
    "schedule__gradient_accumulation": 2,
    "lora__dropout": 0.2,
    "output__logging_steps": 3,
    "output__eval_steps": 4,
}


def stopping(bench: Bench, when: Callable[[Event], bool]) -> Callable[[Event], None]:
    def listen(event: Event) -> None:
        if when(event):
            bench.engine.stop("test")

    return listen


def at_step(step: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Progressed) and event.unit == "steps" and event.done >= step


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> dict[str, Any]:
    bench = make_bench(tmp_path_factory.mktemp("uncut"), builtin_model)
    state = bench.run(small(**CUT))
    return {"events": bench.events(state), "weights": result_weights(bench, state.run_id)}


def result_weights(bench: Bench, run_id: str) -> dict[str, torch.Tensor]:
    folder = bench.record.get(run_id).folder
    return load_file(folder.adapter / "adapter_model.safetensors")


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 4, pytest.param(9, marks=pytest.mark.slow)])
def test_a_run_cut_in_two_ends_as_the_uncut_one(bench: Bench, uncut: dict[str, Any], step: int) -> None:
    config = small(**CUT)
    stopped = cut_at(bench, config, step)
    assert stopped.status == "stopped" and stopped.step < 10

    state = bench.resume(stopped.run_id)

    assert state.status == "finished"
    assert losses(bench.events(state)) == losses(uncut["events"])
    assert validation(bench.events(state)) == validation(uncut["events"])
    weights = result_weights(bench, state.run_id)
    assert all(torch.equal(weights[name], uncut["weights"][name]) for name in uncut["weights"])


def cut_at(bench: Bench, config: RunConfig, step: int) -> Any:
    """Stop once `step` steps are logged or told of; progress comes at most twice a second, so count losses too."""
    seen: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, (StepLogged, Progressed)):
            seen.append(getattr(event, "step", getattr(event, "done", 0)))
        reached = isinstance(event, StepLogged) and event.step >= step
        reached |= isinstance(event, Evaluated) and 0 < event.step >= step
        if reached or at_step(step)(event):
            bench.engine.stop("test")

    return bench.run(config, listen)


def validation(events: list[Event]) -> dict[int, float | None]:
    return {event.step: event.loss for event in events if isinstance(event, Evaluated)}


def test_a_stop_in_the_middle_of_an_evaluation_keeps_the_step_and_evaluates_after_resuming(bench: Bench) -> None:
    config = small(schedule__max_steps=4, output__eval_steps=2, data__validation_fraction=0.3)

    def when(event: Event) -> bool:
        return isinstance(event, Progressed) and event.unit == "batches" and bench.engine.board.state.step >= 2

    stopped = bench.run(config, stopping(bench, when))
    assert stopped.status == "stopped" and stopped.step == 2
    assert 2 not in validation(bench.events(stopped))

    state = bench.resume(stopped.run_id)

    assert sorted(validation(bench.events(state))) == [0, 2, 4]


def test_a_full_run_resumes_from_its_own_trained_weights(bench: Bench) -> None:
    config = small(tuning__method="full", schedule__max_steps=6)
    whole = bench.run(config)
    stopped = cut_at(bench, config, 3)

    state = bench.resume(stopped.run_id)

    assert losses(bench.events(state)) == losses(bench.events(whole))


def test_a_finished_run_cannot_be_resumed_and_one_without_checkpoint_says_so(bench: Bench) -> None:
    from tsft.errors import UserError

    finished = bench.run(small(schedule__max_steps=1))
    with pytest.raises(UserError) as refused:
        bench.engine.resume(finished.run_id)
    assert refused.value.message.key == "engine.is_finished"

    early = bench.run(small(), stopping(bench, lambda event: True))
    with pytest.raises(UserError) as refused:
        bench.engine.resume(early.run_id)
    assert refused.value.message.key == "engine.no_checkpoint"


def test_only_so_many_checkpoints_are_kept_and_the_newest_is_among_them(bench: Bench) -> None:
    state = bench.run(small(output__save_steps=1, output__save_limit=2))

    kept = usable_checkpoints(bench.record.get(state.run_id).folder)

    assert [checkpoint.step for checkpoint in kept] == [4, 3]
    assert [checkpoint.step for checkpoint in state.checkpoints] == [3, 4]
