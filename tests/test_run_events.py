"""Every event survives its JSON line, and a replay of the lines gives the live state."""

import json
import math
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsft.errors import Message, UserError, message
from tsft.run.board import Board, Follower, mend_cut_line, read_events, replay
from tsft.run.events import (
    CheckpointRemoved,
    CheckpointSaved,
    CommandGiven,
    DataUsed,
    DrawnAnswer,
    Event,
    Failed,
    Finished,
    Group,
    Noted,
    PhaseChanged,
    Planned,
    Probe,
    Progressed,
    RunStarted,
    StepLogged,
    from_line,
    to_line,
)
from tsft.run.state import NOTES, READINGS, RunState, reduce, seconds_left, steps_per_second

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(0, 2**40),
    float: FLOAT,
    NoneType: st.none(),
    Message: st.builds(Message, TEXT, st.dictionaries(TEXT, TEXT | st.integers(0, 9), max_size=2)),
    Group: st.builds(Group, TEXT, st.integers(0, 10**12), FLOAT),
    DataUsed: st.builds(DataUsed, TEXT, st.integers(0, 9), st.integers(0, 9), TEXT),
    Probe: st.builds(Probe, TEXT, TEXT, TEXT),
    DrawnAnswer: st.builds(
        DrawnAnswer, TEXT, st.none() | FLOAT, st.lists(st.tuples(TEXT, FLOAT), max_size=2).map(tuple)
    ),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    if get_origin(hint) is tuple and get_args(hint)[-1] is not ...:
        return st.tuples(*map(values_of, get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(values_of(get_args(hint)[0]), max_size=3).map(tuple)
    if isinstance(hint, UnionType):
        return st.one_of(*(values_of(each) for each in get_args(hint)))
    return SIMPLE[hint]


def events_of(kind: type) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{name: values_of(hint) for name, hint in get_type_hints(kind).items()})


EVENTS = st.one_of(*(events_of(kind) for kind in get_args(Event)))


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_kind_of_event_comes_back_from_its_line(kind: type) -> None:
    @settings(max_examples=30, deadline=None)
    @given(events_of(kind))
    def comes_back(event: Any) -> None:
        line = to_line(event)
        assert "\n" not in line
        assert from_line(line) == event

    comes_back()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_written_as_null(value: float) -> None:
    line = to_line(StepLogged(1.0, 1, 0.1, value, 1e-4, value))
    assert json.loads(line)["loss"] is None
    assert from_line(line) == StepLogged(1.0, 1, 0.1, None, 1e-4, None)


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"event": "Future", "at": 1}', '{"event": "Noted"}', "{}"])
def test_what_is_no_event_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError):
        from_line(line)


@settings(max_examples=50, deadline=None)
@given(events=st.lists(EVENTS, max_size=25))
def test_replay_gives_the_live_state(tmp_path_factory: pytest.TempPathFactory, events: list[Event]) -> None:
    path = tmp_path_factory.mktemp("run") / "events.jsonl"
    board = Board(path)
    for event in events:
        board.say(event)
    assert board.read() == (len(events), replay(path))
    assert Follower(path).read()[1] == board.state


def test_a_follower_reads_a_growing_file_and_waits_for_the_rest_of_a_cut_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    follower = Follower(path)
    assert follower.read() == (0, RunState())
    first, second = to_line(RunStarted(1.0, "id", "Печь")), to_line(PhaseChanged(2.0, "loading", "модель"))
    data = f"{first}\n{second}\n".encode()
    middle = len(first.encode()) + 1 + 60
    path.write_bytes(data[:middle])
    assert (follower.read()[0], follower.read()[1].name) == (1, "Печь")
    with path.open("ab") as file:
        file.write(data[middle:])
    revision, state = follower.read()
    assert (revision, state.phase, state.subject) == (2, "loading", "модель")
    assert follower.read()[0] == 2


def test_a_line_cut_by_a_crash_is_left_out_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(to_line(RunStarted(1.0, "id", "n")) + '\n{"event": "StepL', encoding="utf-8")
    assert len(list(read_events(path))) == 1
    mend_cut_line(path)
    Board(path).say(Finished(2.0, "stopped", 0, "", message("x")))
    assert replay(path).status == "stopped"


def test_mending_changes_nothing_where_nothing_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    mend_cut_line(path)
    assert not path.exists()
    path.write_text("{}\n")
    mend_cut_line(path)
    assert path.read_text() == "{}\n"


def state_after(*events: Event) -> RunState:
    state = RunState()
    for event in events:
        state = reduce(state, event)
    return state


START = RunStarted(0.5, "id", "name")
TRAIN = PhaseChanged(1.0, "training")


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ((), "queued"),
        ((START,), "preparing"),
        ((START, TRAIN), "running"),
        ((START, TRAIN, CommandGiven(2.0, "stop", "")), "stopping"),
        ((START, CommandGiven(2.0, "stop", ""), TRAIN), "stopping"),
        ((START, TRAIN, Finished(2.0, "stopped", 1, "", message("x"))), "stopped"),
        ((START, TRAIN, Failed(2.0, "bug", message("x"), None)), "failed"),
        ((START, TRAIN, Finished(2.0, "stopped", 1, "", message("x")), START), "preparing"),
        ((START, Finished(2.0, "finished", 1, "", message("x")), CommandGiven(3.0, "stop", "")), "finished"),
    ],
)
def test_the_status_follows_what_happened(events: tuple[Event, ...], status: str) -> None:
    assert state_after(*events).status == status


def test_a_run_that_goes_on_draws_over_what_it_lost() -> None:
    steps = [StepLogged(float(step), step, 0.1, float(step), 1e-4, 1.0) for step in range(1, 10)]
    state = state_after(START, TRAIN, *steps, RunStarted(20.0, "id", "name", resumed_from=5))
    assert [step for step, _ in state.loss.shown] == [1, 2, 3, 4, 5]
    assert (state.step, state.started_at, state.failure) == (5, 0.5, None)


def test_checkpoints_come_and_go() -> None:
    saved = [CheckpointSaved(1.0, step, f"c-{step}", 10) for step in (1, 2, 2)]
    state = state_after(START, *saved, CheckpointRemoved(2.0, "c-1"))
    assert [each.path for each in state.checkpoints] == ["c-2"]


def test_speed_and_time_left_come_from_the_last_readings() -> None:
    plan = Planned(0.5, 100, 1.0, 1, 0, 1, 1, 1, 1, (), "cpu", "fp32", 1)
    moves = [Progressed(10.0 + step * 2.0, step, 100, "steps") for step in range(1, 31)]
    state = state_after(START, plan, TRAIN, *moves)
    assert len(state.readings) == READINGS
    assert steps_per_second(state) == pytest.approx(0.5)
    assert seconds_left(state) == pytest.approx(140.0)
    assert steps_per_second(state_after(START, TRAIN)) is None


def test_speed_after_an_evaluation_does_not_count_its_time() -> None:
    before = [Progressed(float(step), step, 100, "steps") for step in (1, 2)]
    after = [Progressed(1000.0 + step, step, 100, "steps") for step in (3, 4)]
    state = state_after(START, TRAIN, *before, PhaseChanged(3.0, "evaluating"), PhaseChanged(999.0, "training"), *after)
    assert steps_per_second(state) == pytest.approx(1.0)


def test_notes_are_bounded() -> None:
    notes = [Noted(float(number), "info", message("x", number=number)) for number in range(NOTES + 5)]
    state = state_after(*notes)
    assert len(state.notes) == NOTES and state.notes[-1].at == NOTES + 4


def test_a_listener_hears_each_event_once() -> None:
    board, heard = Board(), []
    board.listen(heard.append)
    board.say(START)
    board.say(TRAIN)
    assert heard == [START, TRAIN]


def test_an_error_carries_all_its_problems() -> None:
    error = UserError(message("a", value=1), message("b"))
    assert [problem.message.key for problem in error.problems] == ["a", "b"]
    assert Message.from_json(json.loads(json.dumps(error.message.to_json()))) == error.message
