"""The states of runs that are not in this process."""

from pathlib import Path

import pytest

from tests.engine_runs import small
from tests.fakes import plain_script
from tsft.errors import message
from tsft.run.events import Event, Finished, RunStarted, to_line
from tsft.store.record import Record
from tsft.store.run_states import KEPT, RunStates
from tsft.store.runs import RunInfo
from tsft.store.workspace import open_workspace


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(open_workspace(tmp_path))


def begun(record: Record, name: str = "first") -> RunInfo:
    run = record.create_run(small(output__name=name))
    write(run, RunStarted(1.0, run.id, name), *plain_script(small()))
    return run


def write(run: RunInfo, *events: Event) -> None:
    with run.folder.events.open("a", encoding="utf-8") as file:
        file.writelines(to_line(each) + "\n" for each in events)


def test_a_run_has_the_name_of_the_record_not_the_one_it_began_with(record: Record) -> None:
    run = begun(record)
    record.rename(run.id, "renamed")
    assert RunStates().of(record.get(run.id)).name == "renamed"


def test_a_run_whose_process_is_gone_is_interrupted_where_its_events_end(record: Record) -> None:
    run = begun(record)
    record.update(run.id, status="interrupted", step=60)
    state = RunStates().of(record.get(run.id))
    assert (state.status, state.phase, state.step) == ("interrupted", "ended", 60)
    assert state.ended_at == state.updated_at > 0


def test_a_run_that_never_began_stands_as_the_record_says(record: Record) -> None:
    run = record.create_run(small())
    state = RunStates().of(run)
    assert (state.run_id, state.name, state.status, state.step) == (run.id, run.name, run.status, 0)


def test_events_that_came_since_the_last_look_are_in_the_next(record: Record) -> None:
    run, states = begun(record), RunStates()
    assert states.of(run).is_active
    write(run, Finished(3.0, "finished", 60, "", message("run.stopped", step=60)))
    record.update(run.id, status="finished")
    assert states.of(record.get(run.id)).status == "finished"


def test_a_state_that_was_let_go_of_is_read_again(record: Record) -> None:
    states = RunStates()
    runs = [begun(record, f"run {number}") for number in range(KEPT + 2)]
    assert [states.of(each).name for each in [*runs, *runs]] == [each.name for each in [*runs, *runs]]
