"""Every scheduler offered trains, and the settings of a run reach the trainer."""

import json

import pytest

from tests.engine_runs import Bench, small
from tsft.config.check import check
from tsft.config.run_config import SCHEDULERS
from tsft.run.events import CheckpointSaved, Evaluated, StepLogged

OPTIONS = {
    "cosine_with_min_lr": {"min_lr": 1e-5},
    "cosine_warmup_with_min_lr": {"min_lr": 1e-5},
    "warmup_stable_decay": {"num_decay_steps": 2},
}


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_offered_trains(bench: Bench, scheduler: str) -> None:
    options = json.dumps(OPTIONS[scheduler]) if scheduler in OPTIONS else ""
    config = small(schedule__scheduler=scheduler, schedule__scheduler_options=options, schedule__warmup_fraction=0.25)
    assert check(config) == []

    state = bench.run(config)

    assert state.status == "finished", state.failure


@pytest.mark.parametrize("scheduler", sorted(OPTIONS))
def test_a_scheduler_that_needs_options_is_refused_without_them(scheduler: str) -> None:
    problems = check(small(schedule__scheduler=scheduler))

    assert [problem.field for problem in problems] == ["schedule.scheduler_options"]


def test_the_learning_rate_warms_up_and_the_encoder_follows_its_own(bench: Bench) -> None:
    config = small(
        schedule__scheduler="linear", schedule__warmup_fraction=0.5, schedule__max_steps=4,
        optim__learning_rate=1e-3, encoder__learning_rate=4e-3, data__validation="none",
    )  # fmt: skip
    state = bench.run(config)

    logged = [event for event in bench.events(state) if isinstance(event, StepLogged)]
    assert [event.learning_rate for event in logged] == pytest.approx([0.0, 5e-4, 1e-3, 5e-4])
    assert [event.encoder_learning_rate for event in logged] == pytest.approx([0.0, 2e-3, 4e-3, 2e-3])


def test_intervals_of_evaluating_saving_and_logging_are_kept(bench: Bench) -> None:
    config = small(schedule__max_steps=6, output__eval_steps=2, output__save_steps=3, output__logging_steps=2)
    events = bench.events(bench.run(config))
    saved = [event for event in events if isinstance(event, CheckpointSaved)]

    assert [event.step for event in events if isinstance(event, Evaluated)] == [0, 2, 4, 6]
    # Every three steps, and after each evaluation that is the best so far.
    assert {3, 6} <= {event.step for event in saved}
    assert all(event.step in (3, 6) or event.is_best for event in saved)
    assert [event.step for event in events if isinstance(event, StepLogged)] == [1, 2, 4, 6]


def test_a_checkpoint_is_written_when_the_minutes_are_over(bench: Bench) -> None:
    config = small(schedule__max_steps=3, output__save_minutes=1e-6)
    events = bench.events(bench.run(config))

    assert [event.step for event in events if isinstance(event, CheckpointSaved)] == [1, 2, 3]


def test_accumulating_two_half_batches_is_one_whole_batch(bench: Bench) -> None:
    whole = bench.run(small(schedule__batch_size=4, schedule__group_by_length=False, data__validation="none"))
    halves = bench.run(
        small(
            schedule__batch_size=2, schedule__gradient_accumulation=2, schedule__group_by_length=False,
            data__validation="none",
        )
    )  # fmt: skip

    assert [loss for _, loss in halves.loss.shown] == pytest.approx([loss for _, loss in whole.loss.shown], abs=2e-5)


def test_validation_loss_does_not_depend_on_the_evaluation_batch_size(bench: Bench) -> None:
    one, five = (bench.run(small(schedule__max_steps=1, schedule__eval_batch_size=size)) for size in (1, 5))

    assert one.validation_loss.shown[0][1] == pytest.approx(five.validation_loss.shown[0][1], abs=1e-5)


def test_gradient_checkpointing_changes_no_loss(bench: Bench) -> None:
    plain, saving = (bench.run(small(schedule__gradient_checkpointing=flag)) for flag in (False, True))

    assert [loss for _, loss in saving.loss.shown] == pytest.approx([loss for _, loss in plain.loss.shown], abs=1e-5)


def test_bf16_trains_close_to_fp32(bench: Bench) -> None:
    full, half = (bench.run(small(model__precision=name)) for name in ("fp32", "bf16"))

    assert half.status == "finished", half.failure
    assert half.plan is not None and half.plan.precision == "bf16"
    assert half.loss.last == pytest.approx(full.loss.last, rel=0.02)
