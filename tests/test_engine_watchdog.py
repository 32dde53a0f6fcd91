"""What is probably a mistake is warned of, once, and what only looks like one is not."""

import gc
from collections.abc import Sequence

import pytest

from tests.engine_runs import Bench, small
from tsft.engine import watchdog
from tsft.engine.watchdog import STILL_STEPS, Watchdog
from tsft.run.board import Board
from tsft.run.events import Evaluated, Event, Group, Planned, StepLogged


def warned(events: Sequence[Event]) -> list[str]:
    board = Board()
    board.listen(Watchdog(board).hear)
    groups = (Group("llm", 1, 1e-4), Group("encoder", 1, 1e-4))
    board.say(Planned(0.0, 99, 1.0, 9, 1, 9, 9, 9, 9, groups, "cpu", "fp32", 1))
    for event in events:
        board.say(event)
    return [note.message.key for note in board.state.notes]


def steps(grad_norm: float, update: float, rate: float = 1e-4, count: int = 3 * STILL_STEPS) -> list[Event]:
    return [
        StepLogged(float(step), step, 0.0, 1.0, rate, 1.0, rate, encoder_grad_norm=grad_norm, encoder_update=update)
        for step in range(1, count + 1)
    ]


def evaluations(*losses: float | None) -> list[Event]:
    return [Evaluated(float(step), step, loss, 0.1) for step, loss in enumerate(losses)]


@pytest.mark.parametrize(
    ("events", "keys"),
    [
        (steps(0.0, 0.0), ["watch.no_gradient"]),
        (steps(1.0, 1e-12), ["watch.no_update"]),
        (steps(1.0, 1e-3), []),
        (steps(0.0, 0.0, count=STILL_STEPS - 1), []),
        (steps(1.0, 0.0, rate=1e-7), []),  # the schedule has ended: nothing moves, and rightly
        (evaluations(3.0, 2.0, 2.1, 2.2, 2.3, 2.4, 2.5), ["watch.rising"]),
        (evaluations(3.0, 2.0, 2.5, 2.4, 2.3, 2.2), []),
        (evaluations(3.0, 2.0, 2.1, 2.2, 1.9, 2.0, 2.1), []),
        (evaluations(3.0, float("nan"), None), ["watch.evaluation_not_finite"]),
    ],
)
def test_a_warning_is_said_once_and_only_where_it_belongs(events: list[Event], keys: list[str]) -> None:
    assert warned(events) == keys


def test_a_run_whose_encoder_gets_no_gradient_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "STILL_STEPS", 3)

    def cut(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            trainer = next(each for each in gc.get_objects() if type(each).__name__ == "SeriesTrainer")
            for group in trainer.groups:
                for parameter in group.parameters if group.kind == "encoder" else ():
                    parameter.register_hook(lambda gradient: gradient * 0)

    state = bench.run(small(schedule__max_steps=6, data__validation="none"), cut)

    assert state.status == "finished"
    assert [note.message.key for note in state.notes if note.message.key.startswith("watch.")] == ["watch.no_gradient"]
