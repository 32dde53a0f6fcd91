"""Stop is obeyed in every phase, at the next row, tensor or micro-batch, and the app works on afterwards."""

import pytest

from tests.engine_runs import Bench, small
from tsft.errors import UserError
from tsft.run.events import PHASES, UNITS, Event, PhaseChanged, Progressed, StepLogged
from tsft.store.runs import usable_checkpoints


@pytest.mark.parametrize("phase", ["loading", "reading", "encoding", "training", "evaluating"])
def test_a_stop_in_any_phase_ends_the_run(bench: Bench, phase: str) -> None:
    after: list[Event] = []
    asked = False

    def listen(event: Event) -> None:
        nonlocal asked
        if asked:
            after.append(event)
        elif isinstance(event, PhaseChanged) and event.phase == phase:
            asked = bench.engine.stop("test")

    state = bench.run(small(schedule__max_steps=50), listen)

    assert state.status == "stopped"
    assert sum(isinstance(event, StepLogged) for event in after) <= 1
    assert sum(isinstance(event, Progressed) for event in after) <= 2
    assert bench.run(small(schedule__max_steps=1)).status == "finished"


def test_a_stop_between_micro_batches_drops_the_partial_step_and_keeps_the_last_whole_one(bench: Bench) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 2:
            bench.engine.stop("test")

    state = bench.run(small(schedule__max_steps=50, schedule__gradient_accumulation=8), listen)

    assert state.status == "stopped" and state.step == 2
    assert usable_checkpoints(bench.record.get(state.run_id).folder)[0].step == 2


def test_a_second_start_is_refused_with_a_sentence_naming_the_run(bench: Bench) -> None:
    refusals: list[UserError] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            try:
                bench.engine.start(small(output__name="second"))
            except UserError as error:
                refusals.append(error)

    bench.run(small(output__name="the first one"), listen)

    assert refusals[0].message.key == "engine.busy"
    assert refusals[0].message.values["name"] == "the first one"


def test_who_asked_is_kept(bench: Bench) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, StepLogged):
            bench.engine.stop("Ada")
            bench.engine.stop("somebody later")

    state = bench.run(small(schedule__max_steps=50), listen)

    assert [(command.command, command.by) for command in state.commands] == [("stop", "Ada")]


def test_closing_the_engine_stops_the_run_and_saves_it(bench: Bench) -> None:
    bench.engine.start(small(schedule__max_steps=5_000))
    board = bench.engine.board
    assert board is not None
    import threading

    trained = threading.Event()
    board.listen(lambda event: trained.set() if isinstance(event, StepLogged) else None)
    assert trained.wait(60)

    assert bench.engine.close(60)

    assert board.state.status == "stopped"
    assert usable_checkpoints(bench.record.list_runs()[0].folder)
    with pytest.raises(UserError) as refused:
        bench.engine.start(small())
    assert refused.value.message.key == "engine.closing"


def test_every_phase_and_unit_that_a_run_says_is_one_with_words(bench: Bench) -> None:
    events = bench.events(bench.run(small(output__save_steps=2)))

    assert {event.phase for event in events if isinstance(event, PhaseChanged)} <= set(PHASES)
    assert {event.unit for event in events if isinstance(event, Progressed)} <= set(UNITS)
