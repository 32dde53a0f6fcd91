"""A run ends early at exactly the right step, keeps its best checkpoint whatever the limit, and hands it over."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from tests.engine_runs import Bench, small
from tsft.config.check import check
from tsft.config.metrics import METRICS
from tsft.engine.checkpoints import read_place, surplus
from tsft.engine.series_trainer import SeriesTrainer
from tsft.engine.stopping import Judged, Rule, is_over, judge, rule_of
from tsft.run.board import Board, replay
from tsft.run.events import CheckpointSaved, Evaluated, Event, Noted, RunStarted, StepLogged
from tsft.run.state import RunState
from tsft.store.runs import TRAINED_WEIGHTS, usable_checkpoints

LOSS = METRICS["validation_loss"]
LOSSES = st.lists(st.floats(0.1, 9.0) | st.just(float("nan")), min_size=1, max_size=30)


def judged_after(losses: list[float], rule: Rule) -> tuple[Judged, int]:
    """The judgement and the step at which it was over (0: never), with an evaluation at steps 0, 1, 2 …"""
    judged = Judged()
    for step, loss in enumerate(losses):
        judged = judge(judged, rule, step, loss)
        if is_over(judged, rule):
            return judged, step
    return judged, 0


@pytest.mark.parametrize(
    ("losses", "patience", "threshold", "ends", "best"),
    [
        ([5, 4, 3, 2, 1], 1, 0.0, 0, 4),
        ([5, 4, 4, 4, 4], 2, 0.0, 3, 1),
        ([5, 4, 4.1, 3.9, 4.0, 4.0], 2, 0.0, 5, 3),
        ([5, 4, 3.9, 3.8, 3.7, 3.6], 3, 0.5, 4, 4),
        ([1, 2, 3, 4], 3, 0.0, 3, 1),
        ([5, float("nan"), 6, 4], 2, 0.0, 2, 2),
        ([5, 6, 7, 8, 9], 0, 0.0, 0, 1),
    ],
)
def test_patience_and_threshold_end_it_at_the_right_evaluation(
    losses: list[float], patience: int, threshold: float, ends: int, best: int
) -> None:
    judged, step = judged_after(losses, Rule(LOSS, patience, threshold))
    assert (step, judged.best_step) == (ends, best)


@given(LOSSES, st.integers(0, 5), st.floats(0, 1))
def test_a_judgement_cut_anywhere_and_read_back_is_the_uncut_one(
    losses: list[float], patience: int, threshold: float
) -> None:
    rule = Rule(LOSS, patience, threshold)
    whole = cut = Judged()
    for step, loss in enumerate(losses):
        whole = judge(whole, rule, step, loss)
        cut = judge(Judged.from_json(cut.to_json()), rule, step, loss)
    assert whole == cut


@given(LOSSES, st.integers(1, 5))
def test_looking_in_between_uses_up_no_patience_but_can_be_the_best(losses: list[float], patience: int) -> None:
    rule = Rule(LOSS, patience, 0.0)
    judged = judge(Judged(), rule, 0, 5.0)
    for step, loss in enumerate(losses, start=1):
        judged = judge(judged, rule, step, loss, counts=False)
    finite = [loss for loss in losses if loss == loss]
    assert (judged.failures, judged.to_beat) == (0, 5.0)
    assert judged.best == (min(finite) if finite else None)


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(1, 6), st.integers(0, 60), st.integers(0, 60), st.data())
def test_the_best_the_newest_and_the_one_gone_on_from_never_make_room(
    steps: set[int], limit: int, best: int, resumed: int, data: st.DataObject
) -> None:
    newest = data.draw(st.sampled_from(sorted(steps)))
    shuffled = random.Random(limit).sample(sorted(steps), len(steps))
    gone = surplus(shuffled, limit, newest, (best, resumed))
    kept = steps - set(gone)

    assert newest in kept and steps & {best, resumed} <= kept
    assert len(kept) <= limit + 2
    assert len(kept) >= min(limit, len(steps))
    assert set(sorted(step for step in steps if step <= newest)[-limit:]) <= kept


def test_it_is_on_by_default_only_where_there_is_something_to_judge_by() -> None:
    assert rule_of(small(), has_validation=True).patience > 0
    assert rule_of(small(), has_validation=False).patience == 0
    assert rule_of(small(stopping__early="off"), has_validation=True).patience == 0
    problems = check(small(stopping__early="on", data__validation="none"))
    assert [problem.field for problem in problems] == ["stopping.early"]


# Losses by step for a run of real steps whose evaluations are scripted: best at 2, over after three worse ones.
SCRIPT = {0: 5.0, 1: 4.0, 2: 3.0, 3: 3.5, 4: 3.4, 5: 3.3, 6: 1.0, 7: 1.0, 8: 1.0}
EARLY = {"schedule__max_steps": 8, "output__eval_steps": 1, "stopping__patience": 3, "output__save_limit": 1}


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real training, scripted validation: no real run is sure to get worse at a known step."""
    scripted = lambda trainer, inputs: (SCRIPT.get(trainer.step, 1.0), 1, {})  # noqa: E731
    monkeypatch.setattr(SeriesTrainer, "_judged_batch", scripted)


def evaluated(events: list[Event]) -> list[int]:
    return [event.step for event in events if isinstance(event, Evaluated)]


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tuning__method": "full"},
        {"tuning__method": "encoder"},
        {"optim__optimizer": "schedule_free_adamw", "schedule__scheduler": "constant", "schedule__warmup_fraction": 0},
    ],
    ids=["lora", "full", "encoder", "schedule_free"],
)
def test_the_result_of_an_early_end_holds_the_weights_of_the_best_checkpoint(
    bench: Bench, changes: dict[str, Any]
) -> None:
    if "optim__optimizer" in changes:
        pytest.importorskip("schedulefree")
    state = bench.run(small(**EARLY, **changes))

    assert state.status == "finished" and state.step == 5 and state.steps == 8
    assert state.finish is not None and state.finish.message.key == "run.ended_early_best"
    assert (state.finish.result_step, state.best_step, state.best_loss) == (2, 2, 3.0)
    folder = bench.record.get(state.run_id).folder
    kept = {each.step: each.path for each in usable_checkpoints(folder)}
    assert sorted(kept) == [2, 5]  # the limit is one: the newest, and the best beside it
    assert [each.step for each in state.checkpoints if each.is_best] == [2]
    compare(kept[2], kept[5], folder.path / state.finish.result)


def compare(best: Path, last: Path, result: Path) -> None:
    """The result is the best checkpoint to the last bit, and that is not the last one."""
    if (best / "adapter_model.safetensors").exists():
        wanted, other = (load_file(path / "adapter_model.safetensors") for path in (best, last))
        found = load_file(result / "adapter_model.safetensors")
    else:
        wanted, other = (load_file(path / TRAINED_WEIGHTS) for path in (best, last))
        found = {name: tensor for path in result.glob("*.safetensors") for name, tensor in load_file(path).items()}
        wanted = {name.removeprefix("model.") if "ts_encoder" in name else name: each for name, each in wanted.items()}
        other = {name.removeprefix("model.") if "ts_encoder" in name else name: each for name, each in other.items()}
    assert wanted.keys() <= found.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert not all(torch.equal(other[name], wanted[name]) for name in wanted)


@pytest.mark.usefixtures("scripted")
def test_a_run_cut_within_its_patience_ends_where_the_uncut_one_does(bench: Bench) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, Evaluated) and event.step == 4:
            bench.engine.stop("test")

    stopped = bench.run(small(**EARLY), listen)
    assert stopped.status == "stopped" and stopped.step == 4
    assert stopped.finish is not None and stopped.finish.message.key == "run.stopped_best"

    state = bench.resume(stopped.run_id)

    assert state.status == "finished" and state.step == 5
    assert state.finish is not None and state.finish.result_step == 2
    notes = [event.message for event in bench.events(state) if isinstance(event, Noted)]
    assert [note.values["failures"] for note in notes if note.key == "run.not_better"] == [1, 2, 3]
    assert evaluated(bench.events(state)) == [0, 1, 2, 3, 4, 5]
    assert replay(bench.record.get(state.run_id).folder.events) == state


@pytest.mark.usefixtures("scripted")
def test_a_run_that_ended_early_can_be_extended_and_has_its_patience_anew(bench: Bench) -> None:
    ended = bench.run(small(**EARLY))
    bench.engine.resume(ended.run_id, "test", epochs=1.0)
    state = bench.engine.wait(60)

    assert state is not None and state.run_id != ended.run_id
    assert (state.status, state.step, state.best_step) == ("finished", 9, 6)
    assert state.finish is not None and state.finish.result_step == 6


@pytest.mark.usefixtures("scripted")
def test_switched_off_it_trains_every_step_and_keeps_the_last_weights(bench: Bench) -> None:
    state = bench.run(small(**EARLY, stopping__early="off", output__load_best=False))
    assert state.step == 8 and state.finish is not None
    assert state.finish.result_step is None and state.finish.message.key == "run.finished_validated"


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize("wishes", [("evaluate",), ("checkpoint", "evaluate")], ids=["unsaved", "saved before"])
def test_an_evaluation_that_was_wished_finds_the_best_and_uses_up_no_patience(
    bench: Bench, wishes: tuple[str, ...]
) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, StepLogged) and event.step == 2:
            for wish in wishes:
                bench.engine.command(wish)

    state = bench.run(small(schedule__max_steps=5, output__eval_steps=4, stopping__patience=1), listen)

    assert evaluated(bench.events(state)) == [0, 2, 4, 5]
    assert state.status == "finished" and state.step == 5 and state.finish is not None
    assert state.finish.result_step == 2 and state.finish.message.key == "run.finished_best"
    assert [each.step for each in state.checkpoints if each.is_best] == [2]
    checkpoint = bench.record.get(state.run_id).folder.checkpoints / "checkpoint-2"
    assert read_place(checkpoint)["judged"]["best_step"] == 2


def test_the_best_of_a_run_that_went_back_is_found_among_what_it_kept() -> None:
    board = Board()
    for step, loss in ((0, 1.0), (1, 3.0), (2, 2.0), (3, 1.5)):
        board.say(Evaluated(float(step), step, loss, 0.1))
    assert (board.state.best_step, board.state.best_loss) == (3, 1.5)  # not step 0: nothing was trained by then
    board.say(RunStarted(9.0, "r", "r", 2))
    assert (board.state.best_step, board.state.best_loss) == (2, 2.0)


def test_one_checkpoint_at_a_time_is_the_best() -> None:
    board = Board(state=RunState(status="running"))
    for step in (1, 2, 3):
        board.say(CheckpointSaved(float(step), step, f"checkpoints/checkpoint-{step}", 10, 1.0, is_best=step < 3))
    assert [each.is_best for each in board.state.checkpoints] == [False, True, False]
