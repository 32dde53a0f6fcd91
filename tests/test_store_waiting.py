"""The queue's order and place survive everything; notes, tags and lineage are in the folders and in the list."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store_fakes import write_checkpoint
from tests.test_store_record import claim_in_another_process, live_through, named
from tsft.config.run_config import ModelSettings
from tsft.errors import UserError
from tsft.run.board import Board, replay
from tsft.run.events import DataRead, DataUsed, RunStarted
from tsft.store.record import Record
from tsft.store.runs import RunInfo, read_about
from tsft.store.waiting import places_after_move
from tsft.store.workspace import open_workspace


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record(open_workspace(tmp_path / "workspace"))
    yield record
    record.close()


def queued(record: Record, *names: str) -> list[RunInfo]:
    runs = [record.create_run(named(name)) for name in names]
    for run in runs:
        record.queue.add(run.id, "anna")
    return runs


def order(record: Record) -> list[str]:
    return [run.name for run in record.waiting()]


def made_anew(record: Record) -> Record:
    """The record of the same folders without its file."""
    record.close()
    for path in record.workspace.root.glob("tsft.db*"):
        path.unlink()
    return Record(record.workspace)


@settings(deadline=None)
@given(st.data(), st.lists(st.floats(0.5, 8.0), max_size=9))
def test_a_move_puts_one_entry_to_its_place_and_leaves_the_others_in_order(data: st.DataObject, gaps: list[float]):
    places = [sum(gaps[: number + 1]) for number in range(len(gaps))] or [1.0]
    index = data.draw(st.integers(0, len(places) - 1))
    to = data.draw(st.integers(-2, len(places) + 2))

    changes = places_after_move(places, index, to)

    after = sorted(range(len(places)), key=lambda number: changes.get(number, places[number]))
    others = [number for number in range(len(places)) if number != index]
    others.insert(min(max(to, 0), len(others)), index)
    assert after == others
    assert len({changes.get(number, place) for number, place in enumerate(places)}) == len(places)


def test_a_hundred_moves_into_one_gap_stay_in_order() -> None:
    places = {"a": 1.0, "b": 2.0, "c": 3.0}
    names = ["a", "b", "c"]
    for _ in range(100):
        changes = places_after_move([places[name] for name in names], 2, 1)
        for number, place in changes.items():
            places[names[number]] = place
        names = [names[0], names[2], names[1]]
        assert sorted(places, key=places.__getitem__) == names


def test_runs_wait_in_the_order_they_came_and_can_be_moved_and_removed(record: Record) -> None:
    a, b, c = queued(record, "a", "b", "c")
    assert order(record) == ["a", "b", "c"]
    record.queue.move(c.id, 1)
    assert order(record) == ["c", "a", "b"]
    record.queue.move(c.id, 99)
    assert order(record) == ["a", "b", "c"]
    record.queue.remove(b.id)
    assert order(record) == ["a", "c"]
    assert not b.folder.path.exists()  # it never began: nothing is left of it
    assert record.get(a.id).queued_by == "anna"
    for gone in (lambda: record.queue.move(b.id, 1), lambda: record.queue.remove(b.id)):
        with pytest.raises(UserError) as refused:
            gone()
        assert refused.value.message.key == "queue.not_waiting"


def test_a_queue_made_anew_from_the_folders_has_the_same_order(record: Record) -> None:
    _, b, _ = queued(record, "a", "b", "c")
    record.queue.move(b.id, 1)
    record.queue.hold(True, "anna")
    anew = made_anew(record)
    assert order(anew) == ["b", "a", "c"]
    assert anew.queue.is_held


def test_a_claimed_run_waits_no_more_and_cannot_be_claimed_from_the_queue_again(record: Record) -> None:
    a, b = queued(record, "a", "b")
    record.claim(a.id, only_waiting=True)
    assert order(record) == ["b"]
    record.release(a.id, status="failed")
    with pytest.raises(UserError) as refused:
        record.claim(a.id, only_waiting=True)
    assert refused.value.message.key == "queue.not_waiting"
    assert record.active() is None
    record.claim(b.id, only_waiting=True)


def test_of_many_processes_that_want_the_next_run_one_gets_it(record: Record) -> None:
    run = queued(record, "a")[0]
    outcomes: list[str] = []
    barrier = threading.Barrier(5)

    def claim() -> None:
        other = Record(record.workspace)
        barrier.wait()
        try:
            other.claim(run.id, only_waiting=True)
            outcomes.append("mine")
        except UserError as error:
            outcomes.append(error.message.key)
        finally:
            other.close()

    threads = [threading.Thread(target=claim) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("mine") == 1
    assert set(outcomes) <= {"mine", "engine.busy", "queue.not_waiting"}


def test_a_run_whose_process_was_killed_between_claim_and_start_waits_on_at_its_place(record: Record) -> None:
    a, _ = queued(record, "a", "b")
    claim_in_another_process(record, a.id)
    assert record.sweep() == []
    assert order(record) == ["a", "b"]


def test_a_claimed_run_that_is_given_back_waits_on_at_its_place(record: Record) -> None:
    a, _ = queued(record, "a", "b")
    waiting = record.get(a.id)
    record.claim(a.id, only_waiting=True)
    record.give_back(waiting)
    assert order(record) == ["a", "b"] and record.active() is None


def test_a_run_that_was_cut_off_while_it_was_made_is_interrupted_and_not_queued_for_ever(record: Record) -> None:
    lost = record.create_run(named("lost"))
    assert record.sweep() == []  # it may just be starting
    record.update(lost.id, created_at=lost.created_at - 3600)
    assert [run.status for run in record.sweep()] == ["interrupted"]


def test_an_interrupted_run_can_wait_for_its_turn_to_go_on_and_be_taken_out_again(record: Record) -> None:
    run = record.create_run(named("cut"))
    claim_in_another_process(record, run.id)
    live_through(record, run, last_step=7)
    write_checkpoint(run.folder, 5)
    record.sweep()
    record.queue.add(run.id, "anna", 5)
    for each in (record, made_anew(record)):
        (waiting,) = each.waiting()
        assert (waiting.status, waiting.queued_step, waiting.step) == ("queued", 5, 7)
        each.close()
    record.queue.remove(run.id)
    back = record.get(run.id)
    assert (back.status, back.place, back.folder.path.exists()) == ("interrupted", None, True)
    assert replay(run.folder.events).status == "interrupted"


def test_words_of_people_lineage_and_code_are_kept_found_and_rebuilt(record: Record) -> None:
    parent = record.create_run(named("parent"))
    run = record.create_run(named("child"), parent=parent.id, parent_step=5, origin="extended", sweep="s1")
    board = Board(run.folder.events)
    board.say(RunStarted(100.0, run.id, run.name, versions=(("torch", "2.13"), ("tsft", "1"))))
    board.say(DataRead(101.0, (DataUsed("Печь", 9, 10, "abc"),)))
    live_through(record, run, ends=True)
    record.release(run.id)
    record.annotate(run.id, notes=" Ofen kalt ", tags=["gut", "Печь", "gut", " "])
    record.rebuild()
    found = record.get(run.id)
    assert (found.parent, found.parent_step, found.origin, found.sweep) == (parent.id, 5, "extended", "s1")
    assert (found.notes, found.tags) == ("Ofen kalt", ("gut", "Печь"))
    assert found.versions["torch"] == "2.13" and found.data == (DataUsed("Печь", 9, 10, "abc"),)
    assert (found.score, found.score_name) == (2.5, "validation_loss")
    assert [each.id for each in record.list_runs("KALT печь")] == [run.id]
    assert record.tags() == ["gut", "Печь"]
    assert [each.id for each in record.list_runs(tag="Печь")] == [run.id] and record.list_runs(tag="Печ") == []
    assert [each.id for each in record.list_runs(sweep="s1")] == [run.id]
    assert [each.id for each in record.list_runs(status="finished")] == [run.id]
    record.annotate(run.id, tags=[])
    assert record.get(run.id).tags == () and record.get(run.id).notes == "Ofen kalt"


def test_a_list_can_be_sorted_and_what_has_no_value_comes_last(record: Record) -> None:
    low, none, high = (record.create_run(named(name)) for name in ("b", "c", "a"))
    record.update(low.id, score=1.0, size_bytes=5)
    record.update(high.id, score=2.0, size_bytes=9)
    assert [run.id for run in record.list_runs(sort="score")] == [low.id, high.id, none.id]
    assert [run.id for run in record.list_runs(sort="-score")] == [high.id, low.id, none.id]
    assert [run.name for run in record.list_runs(sort="name")] == ["a", "b", "c"]
    assert [run.id for run in record.list_runs(sort="-size", limit=1)] == [high.id]
    for name in ("created", "status", "model", "data", "method", "loss", "step", "time"):
        assert len(record.list_runs(sort=name)) == 3
    with pytest.raises(UserError) as refused:
        record.list_runs(sort="colour")
    assert refused.value.message.key == "record.no_sort"


def test_two_people_who_write_about_one_run_lose_nothing(record: Record) -> None:
    run = record.create_run(named("shared"))
    other = Record(record.workspace)
    tasks = [
        lambda: [record.annotate(run.id, notes=f"note {number}") for number in range(10)],
        lambda: [other.annotate(run.id, tags=[f"tag{number}"]) for number in range(10)],
    ]
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert read_about(run.folder)["notes"] == "note 9" and read_about(run.folder)["tags"] == ["tag9"]
    assert read_about(run.folder)["name"] == "shared"


def test_a_run_that_trains_a_result_further_has_the_run_of_that_result_as_parent(record: Record) -> None:
    first = record.create_run(named("first"))
    config = replace(named("second"), model=ModelSettings("builtin", continue_from=f"runs/{first.id}/adapter"))
    second = record.create_run(config)
    assert (second.parent, second.origin) == (first.id, "continued")


def test_a_record_of_an_older_version_is_made_anew_from_the_folders(record: Record) -> None:
    run = record.create_run(named("old"))
    record.annotate(run.id, tags=["kept"])
    record._database.write(lambda connection: connection.exec_driver_sql("PRAGMA user_version = 1"))
    record._database.write(lambda connection: connection.exec_driver_sql("ALTER TABLE runs DROP COLUMN tags"))
    record.close()
    assert Record(record.workspace).get(run.id).tags == ("kept",)


def test_a_broken_place_in_a_folder_is_no_place(record: Record) -> None:
    run = record.create_run(named("odd"))
    about = {**read_about(run.folder), "queue": "first", "tags": None, "parent_step": "x"}
    run.folder.about.write_text(json.dumps(about), encoding="utf-8")
    record.rebuild()
    found = record.get(run.id)
    assert found.place is None and found.tags == () and found.parent_step == 0
