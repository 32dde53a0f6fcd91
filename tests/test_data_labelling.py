"""The label room: nothing is lost, two people do not undo each other, and what is saved are good rows with labels."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsft.data.builder.recipe import BuildRecipe
from tsft.data.checks.diagnosis import diagnose
from tsft.data.checks.findings import KINDS, NOTE
from tsft.data.checks.rows import examine_row
from tsft.data.labelling.answers import EVENTS, Wanted, answer_from, measured
from tsft.data.labelling.answers import KINDS as ASKED
from tsft.data.labelling.inbox import Inbox, flag, new_item
from tsft.data.labelling.items import (
    ACCEPTED,
    CORRECTED,
    OPEN,
    REJECTED,
    Edit,
    ItemSeries,
    Mark,
    checked_mark,
    clean_name,
)
from tsft.data.labelling.rows import objections, save_rows, to_record
from tsft.data.labelling.sources import RowChoice, rows_of, windows_from
from tsft.data.mapping import ColumnMapping
from tsft.data.provenance import read_provenance
from tsft.data.tasks.event_types import EVENT_TYPES
from tsft.data.tasks.words import LANGUAGES, STYLES
from tsft.errors import UserError
from tsft.evaluate.scores import score

WAVE = [round(float(np.sin(x / 5) + 0.01 * x), 4) for x in range(80)]
TURNS = [{"role": "user", "content": "Load of pump (kW): <ts><ts/>\nWhat happens?"}]
ANSWERED = [*TURNS, {"role": "assistant", "content": "It rises."}]


def put(inbox: Inbox, turns: Any = TURNS, series: Any = (WAVE,), **more: Any) -> str:
    return inbox.add([new_item(turns, series, {"kind": "chat"}, **more)], "ann")[0]


def key_of(call: Any) -> str:
    with pytest.raises(UserError) as refused:
        call()
    return refused.value.message.key


def test_what_is_flagged_elsewhere_lies_in_the_inbox_with_names_and_units(tmp_path: Path) -> None:
    assert flag(tmp_path, TURNS, [WAVE], {"kind": "chat", "model": "builtin"}, "ann", "odd answer")

    (summary,) = Inbox(tmp_path).items()
    item = Inbox(tmp_path).get(summary.id)
    assert (summary.state, summary.note, summary.source["model"]) == (OPEN, "odd answer", "builtin")
    assert (item.series[0].name, item.series[0].unit) == ("Load of pump", "kW")
    assert item.series[0].points.tolist() == WAVE
    assert item.added_by == "ann" and item.added_at > 0


def test_the_same_row_is_not_flagged_twice(tmp_path: Path) -> None:
    assert flag(tmp_path, TURNS, [WAVE], {"kind": "chat"})
    assert not flag(tmp_path, TURNS, [WAVE], {"kind": "viewer"})
    assert flag(tmp_path, ANSWERED, [WAVE], {"kind": "viewer"})


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    first, second, third = put(inbox), put(inbox, ANSWERED), put(inbox, TURNS, ([1.0, None, 3.0],))
    inbox.draft(first, "It falls.", "builtin", "ann")
    edit = Edit("<ts><ts/> Why?", "Because.", (Mark(0, 3, 9, "my bump"),))
    inbox.decide(first, CORRECTED, "bob", edit)
    inbox.decide(second, REJECTED, "bob")

    again = Inbox(tmp_path)
    item = again.get(first)
    assert item.edit == edit and item.summary.state == CORRECTED and item.summary.by == "bob"
    assert item.draft is not None and (item.draft.text, item.draft.model) == ("It falls.", "builtin")
    assert again.counts() == {OPEN: 1, ACCEPTED: 0, CORRECTED: 1, REJECTED: 1}
    assert np.isnan(again.get(third).series[0].points[1])
    assert again.names() == ["my bump"]


def test_a_line_that_a_crash_cut_off_harms_no_other(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    put(inbox)
    path = tmp_path / "inbox.jsonl"
    path.write_bytes(path.read_bytes() + b'{"do": "add", "id": "half')

    put(Inbox(tmp_path), ANSWERED)

    assert len(Inbox(tmp_path).items()) == 2
    assert len(inbox.items()) == 2


def test_lines_of_a_newer_version_are_left_out_and_kept(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    item = put(inbox)
    path = tmp_path / "inbox.jsonl"
    path.write_bytes(path.read_bytes() + b'{"do": "dance", "id": "' + item.encode() + b'"}\n[1]\n{"id": 3}\n')

    assert [each.id for each in inbox.items()] == [item]
    assert b"dance" in path.read_bytes()


def _put_many(folder: Path, number: int) -> None:
    for place in range(20):
        flag(folder, [{"role": "user", "content": f"{number} {place} <ts><ts/>"}], [WAVE], {"kind": "chat"})


def test_writers_in_several_processes_do_not_mix(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_put_many, args=(tmp_path, number)) for number in range(3)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()

    assert len(Inbox(tmp_path).items()) == 60
    assert all(json.loads(line) for line in (tmp_path / "inbox.jsonl").read_text().splitlines())


def test_a_draft_becomes_the_answer_only_where_nobody_has_written_one(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    empty, written = put(inbox), put(inbox, ANSWERED)
    inbox.write(written, Edit(ANSWERED[0]["content"], "Mine."))

    for each in (empty, written):
        inbox.draft(each, "Drafted.", "builtin")

    assert inbox.get(empty).edit.answer == "Drafted." and not inbox.get(empty).is_touched()
    assert inbox.get(written).edit.answer == "Mine." and inbox.get(written).is_touched()


def test_whoever_is_late_is_told_who_has_decided(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    item = put(inbox)
    inbox.decide(item, ACCEPTED, "ann", seen=OPEN)

    assert key_of(lambda: inbox.decide(item, REJECTED, "bob", seen=OPEN)) == "label.decided"
    inbox.decide(item, OPEN, "ann", seen=ACCEPTED)
    assert inbox.get(item).summary.state == OPEN


def test_the_next_open_item_comes_from_the_top_again_after_the_last(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    ids = [put(inbox, [{"role": "user", "content": f"{number} <ts><ts/>"}]) for number in range(3)]
    assert inbox.next_open() == ids[0]
    assert inbox.next_open(ids[2]) == ids[0]
    inbox.decide(ids[0], REJECTED)
    assert inbox.next_open(ids[2]) == ids[1]
    for each in ids:
        inbox.decide(each, REJECTED)
    assert inbox.next_open(ids[2]) == ""


def test_removed_items_are_gone_from_the_list_only(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    item = put(inbox)
    inbox.remove([item])
    assert inbox.items() == [] and item.encode() in (tmp_path / "inbox.jsonl").read_bytes()
    assert key_of(lambda: inbox.get(item)) == "label.no_item"


@pytest.mark.parametrize("first, last, series", [(-1, 3, 0), (3, 80, 0), (0, 1, 1)])
def test_a_mark_beyond_its_series_is_refused(first: int, last: int, series: int) -> None:
    assert key_of(lambda: checked_mark([ItemSeries(np.array(WAVE))], Mark(series, first, last))).startswith("label.")


def test_names_are_made_fit_for_answers() -> None:
    assert clean_name(" Bump,  (big) @5; ") == "Bump big 5"
    assert clean_name("UPWARD Spike") == clean_name("向上尖峰") == "upward spike"
    assert checked_mark([ItemSeries(np.array(WAVE))], Mark(0, 9, 3, "a")) == Mark(0, 3, 9, "a")


def test_the_size_of_a_mark_is_the_largest_deviation_from_the_level_beside_it() -> None:
    points = np.concatenate([np.zeros(20), [1.0, 5.0, 2.0], np.zeros(20)])
    event = measured(points, Mark(0, 20, 22, "upward spike"))
    assert (event.start, event.end, event.peak, event.size) == (20, 23, 21, 5.0)
    step = np.concatenate([np.zeros(20), [1.0, 2.0], np.full(20, 3.0)])
    assert measured(step, Mark(0, 20, 21, "sudden increase")).size == 3.0


def test_a_computed_answer_needs_names_points_and_values() -> None:
    series = [ItemSeries(np.array(WAVE))]
    assert key_of(lambda: answer_from(series, [Mark(0, 3, 5)], Wanted(EVENTS))) == "label.unnamed"
    assert key_of(lambda: answer_from([ItemSeries(np.arange(9.0))], [], Wanted())) == "label.too_short"
    assert key_of(lambda: answer_from([ItemSeries(np.array([1, np.nan] * 9))], [], Wanted())) == "label.missing_values"
    assert key_of(lambda: answer_from([], [], Wanted())) == "label.nothing_to_mark"


OWN_NAMES = st.one_of(
    st.sampled_from([each.key for each in EVENT_TYPES]),
    st.text("abcdefgh ABCDEFGH泵启动é-_.", min_size=1, max_size=12).map(clean_name).filter(bool),
)


@st.composite
def labelled(draw: Any) -> tuple[list[list[float]], list[Mark], Wanted, str]:
    count, length = draw(st.integers(1, 3)), draw(st.integers(20, 120))
    seed = draw(st.integers(0, 10**6))
    noise = np.random.default_rng(seed).normal(size=(count, length))
    series = np.round(noise.cumsum(axis=1) + draw(st.floats(-50, 50)), 4)
    marks = []
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, length - 1))
        last = draw(st.integers(first, min(length - 1, first + 12)))
        marks.append(Mark(draw(st.integers(0, count - 1)), first, last, draw(OWN_NAMES)))
    wanted = Wanted(
        draw(st.sampled_from(ASKED)),
        draw(st.sampled_from(LANGUAGES)),
        draw(st.sampled_from(STYLES)),
        draw(st.integers(0, count - 1)),
    )
    return series.tolist(), marks, wanted, str(seed)


@settings(max_examples=60, deadline=None)
@given(labelled())
def test_a_saved_row_passes_the_doctor_and_its_label_gives_its_answer_full_marks(
    tmp_path_factory: pytest.TempPathFactory, given_: Any
) -> None:
    series, marks, wanted, seed = given_
    inbox = Inbox(tmp_path_factory.mktemp("room"))
    turns = [{"role": "user", "content": " ".join("<ts><ts/>" for _ in series) + " What is it?"}]
    item = inbox.get(inbox.add([new_item(turns, series, {"kind": "chat"})])[0])

    computed = answer_from(item.series, marks, wanted, seed)
    edit = Edit(computed.question, computed.answer, tuple(marks), computed.to_json())
    inbox.decide(item.id, CORRECTED, "ann", edit)
    done = inbox.get(item.id)
    record = json.loads(json.dumps(to_record(done)))

    assert objections(done) == []
    assert [kind for kind in examine_row(record, ColumnMapping()).kinds if KINDS[kind].level != NOTE] == []
    meta = json.loads(record["meta"])
    assert (meta["by"], meta["state"]) == ("ann", CORRECTED) and meta["at"].endswith("Z")
    assert score(record["output"], meta["label"]).value == 1.0
    wrong = json.dumps({each["name"]: [] if each["value"] else [[0, 1]] for each in meta["label"]["fields"]})
    if wanted.kind != EVENTS or meta["label"]["fields"][0]["value"]:
        assert score(wrong, meta["label"]).value < 1.0


def test_a_label_is_dropped_when_answer_or_marks_are_changed_by_hand(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    item = inbox.get(put(inbox))
    marks = (Mark(0, 10, 20),)
    computed = answer_from(item.series, marks, Wanted(style="short"), "1")
    kept = Edit(computed.question, computed.answer, marks, computed.to_json())
    assert "label" in json.loads(to_record(item, kept)["meta"])

    for changed in (
        Edit(kept.question, "11-20", marks, kept.computed),
        Edit(kept.question, kept.answer, (), kept.computed),
    ):
        assert "label" not in json.loads(to_record(item, changed)["meta"])


@pytest.mark.parametrize(
    "question, answer, kind",
    [
        ("<ts><ts/> What?", " ", "empty_answer"),
        ("What?", "Nothing.", "placeholder_count"),
        ("<ts><ts/> What?", "It rises from point 300 to point 310.", "quoted_position"),
    ],
)
def test_what_the_doctor_would_refuse_is_told_before_it_is_accepted(
    tmp_path: Path, question: str, answer: str, kind: str
) -> None:
    item = Inbox(tmp_path).get(put(Inbox(tmp_path)))
    assert [each.key.rsplit(".", 1)[-1] for each in objections(item, Edit(question, answer))] == [kind]


def test_finished_items_become_a_dataset_with_its_provenance(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "room")
    history = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "<ts><ts/> Hello?"}]
    history += [{"role": "assistant", "content": "Hello."}, *TURNS]
    first, second, third = put(inbox), put(inbox, ANSWERED), put(inbox, history, (WAVE, WAVE[:40]))
    inbox.draft(first, "It rises a bit.", "runs/7/adapter")
    inbox.decide(first, ACCEPTED, "ann")
    inbox.decide(second, REJECTED, "ann")
    inbox.decide(third, CORRECTED, "bob", Edit(TURNS[0]["content"], "It waves."))

    saved = save_rows(inbox, "seen by us", tmp_path / "sets", tmp_path / "cache", "ann")

    assert (saved.name, saved.rows, saved.left_out) == ("seen_by_us", 2, ())
    rows = [json.loads(line) for line in saved.path.read_text().splitlines()]
    assert rows[0]["output"] == "It rises a bit." and json.loads(rows[0]["meta"])["drafted_by"] == "runs/7/adapter"
    assert rows[1]["system"] == "Be brief." and rows[1]["history"] == [["<ts><ts/> Hello?", "Hello."]]
    provenance = read_provenance(saved.path)
    assert provenance is not None and provenance.rows == 2 and provenance.by == "ann"
    assert provenance.steps[0].do == "label" and provenance.steps[0].options["people"] == ["ann", "bob"]
    found = diagnose("seen_by_us", [tmp_path / "sets"], tmp_path / "cache").report
    assert found.rows_good == 2 and [each.kind for each in found.findings if each.level == "error"] == []
    assert key_of(lambda: save_rows(inbox, "more", tmp_path / "sets", tmp_path / "cache")) == "label.nothing_finished"
    assert key_of(lambda: save_rows(inbox, "seen by us", tmp_path / "sets", tmp_path / "cache", again=True)) == (
        "label.name_taken"
    )
    assert save_rows(inbox, "all", tmp_path / "sets", tmp_path / "cache", again=True).rows == 2


def test_a_row_that_is_accepted_as_it_came_keeps_what_it_knew_of_itself(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    item = put(inbox, ANSWERED, meta={"task": "trend", "label": {"task": "trend"}})
    assert json.loads(to_record(inbox.get(item))["meta"])["label"] == {"task": "trend"}
    changed = Edit(ANSWERED[0]["content"], "It falls.")
    assert "label" not in json.loads(to_record(inbox.get(item), changed)["meta"])


def test_rows_of_a_dataset_are_chosen_by_range_and_by_finding(tmp_path: Path) -> None:
    rows = [
        {"input": f"{number} <ts><ts/>", "output": "ok", "timeseries": [[1.0, None if number == 2 else 2.0, 3.0]]}
        for number in range(5)
    ]
    (tmp_path / "set.jsonl").write_text("\n".join(json.dumps(each) for each in rows))
    cache = tmp_path / "cache"

    some = rows_of(RowChoice("set", 2, 4), [tmp_path], cache)
    broken = rows_of(RowChoice("set", finding="value_null"), [tmp_path], cache)

    assert [each.source["row"] for each in some] == [2, 3, 4]
    assert [each.source["row"] for each in broken] == [3]
    assert key_of(lambda: rows_of(RowChoice("set", 9), [tmp_path], cache)) == "label.no_rows"


def test_windows_of_a_table_come_in_order_with_names_units_times_and_a_question(tmp_path: Path) -> None:
    lines = [f"2024-01-01 00:{place // 60:02}:{place % 60:02},{value}" for place, value in enumerate(WAVE)]
    (tmp_path / "pump.csv").write_text("time,oil temperature (°C)\n" + "\n".join(lines))
    recipe = BuildRecipe(sources=("pump.csv",), window=32, stride=16)

    items = windows_from(recipe, Wanted(language="zh"), folder=tmp_path)

    assert [each.source["first_point"] for each in items] == [0, 16, 32, 48]
    assert (items[0].series[0].name, items[0].series[0].unit) == ("oil temperature", "°C")
    assert items[1].series[0].points.tolist() == WAVE[16:48]
    assert "<ts><ts/>" in items[0].turns[0]["content"] and "oil temperature" in items[0].turns[0]["content"]
    own = windows_from(recipe, Wanted(), "Is the pump running?", folder=tmp_path, most=1)
    assert len(own) == 1 and own[0].turns[0]["content"].endswith("Is the pump running?")
