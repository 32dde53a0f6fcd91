"""What people ask of a run in progress is done in every phase, once, and training does not notice."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.engine_runs import Bench, losses, make_bench, small
from tsft.engine.control import Control
from tsft.engine.engine import Engine
from tsft.engine.reporter import Reporter
from tsft.errors import UserError
from tsft.run.board import Board
from tsft.run.events import (
    CheckpointRemoved,
    CheckpointSaved,
    CommandGiven,
    CommandObeyed,
    Evaluated,
    Event,
    Noted,
    PhaseChanged,
    Progressed,
    StepLogged,
)
from tsft.run.ports import Stopped
from tsft.run.state import RunState
from tsft.store.runs import usable_checkpoints

# Dropout draws random numbers, and accumulation and logging can both be interrupted half-way.
STEERED = {
    "schedule__max_steps": 6,
    "schedule__gradient_accumulation": 2,
    "lora__dropout": 0.2,
    "output__logging_steps": 2,
    "output__eval_steps": 3,
}
SECONDS = 60


def asking(bench: Bench, *wishes: tuple[Callable[[Event], bool], str]) -> Callable[[Event], None]:
    """Asks for each command the first time that its event comes; a pause is ended as soon as it began."""
    left = list(wishes)

    def listen(event: Event) -> None:
        for wish in [each for each in left if each[0](event)]:
            left.remove(wish)
            bench.engine.command(wish[1], "Ada")
        if in_phase("paused")(event):
            bench.engine.command("continue", "Ada")

    return listen


def after_step(step: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, StepLogged) and event.step >= step


def in_phase(phase: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, PhaseChanged) and event.phase == phase


def obeyed(events: list[Event]) -> list[str]:
    return [event.command for event in events if isinstance(event, CommandObeyed)]


def listening(bench: Bench, listen: Callable[[Event], None]) -> Board:
    board = bench.engine.board
    assert board is not None
    board.listen(listen)
    return board


def result_weights(bench: Bench, run_id: str) -> dict[str, torch.Tensor]:
    return load_file(bench.record.get(run_id).folder.adapter / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> dict[str, Any]:
    bench = make_bench(tmp_path_factory.mktemp("undisturbed"), builtin_model)
    state = bench.run(small(**STEERED))
    return {"losses": losses(bench.events(state)), "weights": result_weights(bench, state.run_id)}


def test_a_steered_run_has_the_curve_and_the_weights_of_an_undisturbed_one(
    bench: Bench, undisturbed: dict[str, Any]
) -> None:
    first = (after_step(1), "pause"), (after_step(2), "checkpoint"), (after_step(4), "evaluate")
    state = bench.run(small(**STEERED), asking(bench, *first, (in_phase("evaluating"), "pause")))
    events = bench.events(state)

    assert state.status == "finished" and not state.pending
    assert sorted(obeyed(events)) == ["checkpoint", "continue", "continue", "evaluate", "pause", "pause"]
    assert [event.step for event in events if isinstance(event, Evaluated)] == [0, 3, 4, 6]
    assert losses(events) == undisturbed["losses"]
    weights = result_weights(bench, state.run_id)
    assert all(torch.equal(weights[name], undisturbed["weights"][name]) for name in undisturbed["weights"])


def test_a_checkpoint_now_in_mid_step_is_one_from_which_a_run_goes_on_exactly(
    bench: Bench, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[Path] = []
    half_way = Reporter.on_substep_end

    def on_substep_end(self: Reporter, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        half_way(self, args, state, control, **kwargs)
        if state.global_step == 2:  # one of the two micro-batches of step 3 is done; nothing on the board says so
            bench.engine.command("checkpoint")

    monkeypatch.setattr(Reporter, "on_substep_end", on_substep_end)

    def listen(event: Event) -> None:
        if isinstance(event, CheckpointSaved) and not copies:
            folder = bench.record.list_runs()[0].folder
            copies.append(Path(shutil.copytree(folder.path / event.path, tmp_path / Path(event.path).name)))
            bench.engine.command("discard")

    discarded = bench.run(small(**STEERED), listen)
    assert discarded.status == "stopped" and discarded.finish is not None and discarded.finish.result == ""
    folder = bench.record.get(discarded.run_id).folder
    assert usable_checkpoints(folder) == [] and copies[0].name == "checkpoint-2"
    monkeypatch.undo()

    shutil.move(copies[0], folder.checkpoints / copies[0].name)
    state = bench.resume(discarded.run_id)

    assert losses(bench.events(state)) == undisturbed["losses"]


@pytest.mark.parametrize("phase", ["loading", "reading", "encoding", "training", "evaluating"])
def test_a_pause_waits_in_any_phase_and_a_stop_ends_it_at_once(bench: Bench, phase: str) -> None:
    paused = threading.Event()

    def listen(event: Event) -> None:
        if in_phase(phase)(event):
            bench.engine.command("pause", "Ada")
        if in_phase("paused")(event):
            paused.set()

    bench.engine.start(small(schedule__max_steps=50))
    board = listening(bench, listen)
    assert paused.wait(SECONDS)

    assert board.state.status == board.state.phase == "paused"
    assert bench.record.active() is not None
    assert bench.engine.command("stop", "Bob")
    ended = bench.engine.wait(SECONDS)
    assert ended is not None and ended.status == "stopped"


def paused_board(phase: str = "encoding") -> Board:
    board = Board(state=RunState(status="preparing"))
    board.say(PhaseChanged(1.0, phase, "demo"))
    board.say(Progressed(1.5, 40, 120, "rows"))
    return board


def test_a_paused_run_goes_on_in_the_phase_it_was_in() -> None:
    board = paused_board()
    control = Control(board)
    control.give("pause", "Ada")
    board.listen(lambda event: control.give("continue") if in_phase("paused")(event) else None)

    control.obey()

    state = board.state
    assert (state.status, state.phase, state.subject) == ("preparing", "encoding", "demo")
    assert (state.done, state.total, state.unit) == (40, 120, "rows")
    assert [each.command for each in state.commands] == ["pause", "continue"] and not state.pending


def test_several_threads_of_a_download_wait_for_one_pause_and_say_it_once() -> None:
    board = paused_board("downloading")
    said: list[str] = []
    waiting = threading.Event()
    board.listen(lambda event: said.append(event.phase) if isinstance(event, PhaseChanged) else None)
    board.listen(lambda event: waiting.set() if in_phase("paused")(event) else None)
    control = Control(board)
    control.give("pause")
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(control.should_stop())) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert waiting.wait(SECONDS) and not answers

    control.give("continue")
    for thread in threads:
        thread.join(SECONDS)

    assert answers == [False] * 3
    assert said == ["paused", "downloading"]


def test_a_stop_while_paused_is_obeyed_and_nothing_else_is_taken_after_it() -> None:
    control = Control(paused_board())
    control.give("pause")
    control.give("stop", "Ada")
    control.give("checkpoint")
    with pytest.raises(Stopped):
        control.obey()
    assert not control.is_wished("checkpoint")


def test_a_pause_taken_back_before_it_was_obeyed_is_no_longer_pending() -> None:
    board = paused_board()
    control = Control(board)
    control.give("pause")
    control.give("continue")
    control.obey()
    assert not board.state.pending and board.state.status == "preparing"


def test_a_wish_that_cannot_be_done_yet_leaves_a_paused_run_waiting() -> None:
    control = Control(paused_board())
    tried: list[str] = []

    def cannot_yet() -> None:
        tried.append("checkpoint")
        if len(tried) == 1:
            threading.Timer(0.2, lambda: control.give("continue")).start()

    control.handle({"checkpoint": cannot_yet})
    control.give("checkpoint")
    control.give("pause")
    control.obey()

    assert len(tried) == 2  # once while paused, once after it
    assert control.is_wished("checkpoint")


def test_a_checkpoint_asked_for_while_loading_comes_with_the_first_step(bench: Bench) -> None:
    state = bench.run(small(schedule__max_steps=3), asking(bench, (in_phase("loading"), "checkpoint")))
    events = bench.events(state)
    assert [event.step for event in events if isinstance(event, CheckpointSaved)][0] == 1
    assert obeyed(events) == ["checkpoint"]


def test_an_evaluation_without_validation_data_is_refused_with_a_sentence(bench: Bench) -> None:
    refused: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and not refused:
            with pytest.raises(UserError) as error:
                bench.engine.command("evaluate")
            refused.append(error.value.message.key)

    bench.run(small(schedule__max_steps=2, data__validation="none"), listen)
    assert refused == ["command.no_validation"]


def test_an_evaluation_wished_twice_is_made_once(bench: Bench) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            bench.engine.command("evaluate", "Ada")
        if isinstance(event, Evaluated) and event.step == 1:
            bench.engine.command("evaluate", "Bob")

    state = bench.run(small(schedule__max_steps=2), listen)
    events = bench.events(state)
    assert [event.step for event in events if isinstance(event, Evaluated)] == [0, 1, 2]
    notes = [event.message.key for event in events if isinstance(event, Noted)]
    assert "command.already_evaluated" in notes or len(obeyed(events)) == 1
    assert not state.pending


def test_stop_after_this_epoch_stops_there_with_an_evaluation_and_a_checkpoint(bench: Bench) -> None:
    config = small(
        schedule__max_steps=0, schedule__epochs=3.0, schedule__gradient_accumulation=6, output__eval_steps=50
    )
    state = bench.run(config, asking(bench, (after_step(1), "stop_after_epoch")))

    assert state.status == "stopped" and state.step == 3 and state.epoch == 1.0
    assert [step for step, _ in state.validation_loss.shown] == [0, 3]
    assert usable_checkpoints(bench.record.get(state.run_id).folder)[0].step == 3
    assert obeyed(bench.events(state)) == ["stop_after_epoch"]


@pytest.mark.slow
def test_discarding_a_resumed_run_leaves_what_it_had_before(bench: Bench) -> None:
    config = small(schedule__max_steps=8, output__save_steps=1, output__save_limit=9)
    stopped = bench.run(config, asking(bench, (after_step(2), "stop")))
    folder = bench.record.get(stopped.run_id).folder
    before = {each.step for each in usable_checkpoints(folder)}

    bench.engine.resume(stopped.run_id, "Ada")
    listening(bench, asking(bench, (after_step(max(before) + 2), "discard")))
    state = bench.engine.wait(SECONDS)

    assert state is not None and state.status == "stopped"
    assert {each.step for each in usable_checkpoints(folder)} == before
    assert state.finish is not None and state.finish.result == "adapter"
    assert state.finish.message.key == "run.discarded"
    assert any(isinstance(event, CheckpointRemoved) for event in bench.events(state))
    assert bench.resume(stopped.run_id).status == "finished"


def test_a_run_discarded_before_its_first_step_leaves_nothing(bench: Bench) -> None:
    state = bench.run(small(), asking(bench, (in_phase("loading"), "discard")))
    assert state.status == "stopped" and state.finish is not None
    assert state.finish.message.key == "run.discarded" and state.finish.result == ""


def test_who_asked_stands_in_the_log_and_a_wish_is_taken_once(bench: Bench) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            bench.engine.command("stop_after_epoch", "Ada")
            bench.engine.command("stop_after_epoch", "Bob")

    state = bench.run(small(schedule__max_steps=2), listen)
    events = bench.events(state)
    assert [event.by for event in events if isinstance(event, CommandGiven)] == ["Ada"]
    notes = [event.message for event in events if isinstance(event, Noted)]
    assert [note.values["by"] for note in notes if note.key == "command.given_by"] == ["Ada"]


def test_two_engines_steer_one_run_through_its_folder(bench: Bench) -> None:
    """A second engine on the same workspace stands for another process: it has no run of its own."""
    other = Engine(bench.workspace, bench.record)
    paused, went_on = threading.Event(), threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 1:
            other.command("pause", "Bob")
        if in_phase("paused")(event):
            paused.set()
        if isinstance(event, CommandObeyed) and event.command == "continue":
            went_on.set()

    run_id = bench.engine.start(small(schedule__max_steps=5_000))
    listening(bench, listen)
    assert paused.wait(SECONDS)
    followed = other.watched()
    assert followed is not None and followed.read()[1].status == "paused"
    assert not other.command("continue", "Bob", "another run")
    assert other.command("continue", "Bob", run_id)
    assert went_on.wait(SECONDS)
    assert other.command("stop", "Bob")
    state = bench.engine.wait(SECONDS)
    assert state is not None and state.status == "stopped"
    given = [(each.command, each.by) for each in state.commands]
    assert given == [("pause", "Bob"), ("continue", "Bob"), ("stop", "Bob")]


def test_nothing_is_taken_when_nothing_runs_and_a_word_that_is_no_command_is_a_bug(bench: Bench) -> None:
    wrong: list[bool] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepLogged):
            with pytest.raises(ValueError, match="dance"):
                bench.engine.command("dance")
            wrong.append(True)

    assert not bench.engine.command("pause")
    bench.run(small(schedule__max_steps=1), listen)
    assert wrong and not bench.engine.command("pause")


@pytest.mark.slow
def test_time_paused_is_not_time_evaluated(bench: Bench) -> None:
    def listen(event: Event) -> None:
        if in_phase("evaluating")(event):
            bench.engine.command("pause")
        if in_phase("paused")(event):
            threading.Timer(2.0, lambda: bench.engine.command("continue")).start()

    state = bench.run(small(schedule__max_steps=1, data__max_rows=10), listen)
    events = bench.events(state)
    assert sum(in_phase("paused")(event) for event in events) >= 1
    assert all(event.seconds < 2.0 for event in events if isinstance(event, Evaluated))
