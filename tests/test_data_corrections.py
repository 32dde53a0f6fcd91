"""Corrections in the label room as preferences: what a person left beats what a model, a row or a table proposed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_data_labelling import ANSWERED, TURNS, WAVE, put
from tsft.cli import main
from tsft.data.checks.diagnosis import diagnose
from tsft.data.labelling.answers import Wanted, answer_from
from tsft.data.labelling.inbox import Inbox, new_item
from tsft.data.labelling.items import ACCEPTED, CORRECTED, REJECTED, Edit, Mark
from tsft.data.preferences.corrections import WRONG_ANSWERS, Corrections
from tsft.data.preferences.ranking import JUDGED, PAIRS
from tsft.data.preferences.writing import PreferenceRow, Tally, write_kept
from tsft.data.provenance import read_provenance
from tsft.data.tasks.words import STYLES
from tsft.endings import FINISHED
from tsft.errors import UserError
from tsft.evaluate.scores import score

ASKED = TURNS[0]["content"]


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "labels")


def made(inbox: Inbox, kind: str = PAIRS) -> tuple[list[PreferenceRow], Tally]:
    tally = Tally()
    return list(Corrections(inbox).rows(kind, tally)), tally


def correct(inbox: Inbox, item: str, answer: str, question: str = ASKED, **more: Any) -> None:
    inbox.decide(item, CORRECTED, "ann", Edit(question, answer, **more))


def test_a_corrected_draft_is_rejected_before_the_persons_answer(inbox: Inbox) -> None:
    item = put(inbox)
    inbox.draft(item, "It falls.", "runs/7/adapter", "ann", ASKED)
    correct(inbox, item, "It rises.")
    (row,), tally = made(inbox)
    assert (row.answer, row.rejected) == ("It rises.", "It falls.") and tally.looked_at == 1
    assert (row.meta["chosen_by"], row.meta["rejected_by"]) == ("ann", "runs/7/adapter")
    assert row.turns[-1]["content"] == ASKED and [each.tolist() for each in row.series] == [WAVE]


def test_the_rows_own_answer_and_the_chats_are_proposals_too(inbox: Inbox) -> None:
    own = inbox.add([new_item(ANSWERED, [WAVE], {"kind": "dataset", "name": "pumps", "row": 3})], "ann")[0]
    correct(inbox, own, "It falls.")
    chat = {"source": "chat", "model": "runs/7/adapter", "rejected": "It sleeps."}
    turns = [{"role": "user", "content": f"{ASKED} Really?"}, {"role": "assistant", "content": "It wakes."}]
    again = inbox.add([new_item(turns, [WAVE], {"kind": "chat"}, meta=chat)], "ann")[0]
    inbox.decide(again, ACCEPTED, "ann")
    (first, second), _ = made(inbox)
    assert (first.answer, first.rejected, first.meta["rejected_by"]) == ("It falls.", "It rises.", "row")
    assert (second.answer, second.rejected) == ("It wakes.", "It sleeps.")
    assert second.meta["rejected_by"] == "runs/7/adapter"


def test_answers_that_an_evaluation_found_wrong_count_once_the_rows_own_is_confirmed(inbox: Inbox) -> None:
    wrong = {WRONG_ANSWERS: [{"model": "tuned", "text": "It falls."}, {"model": "base", "text": ""}]}
    item = inbox.add([new_item(ANSWERED, [WAVE], {"kind": "evaluate"}, meta=wrong)], "ann")[0]
    inbox.decide(item, ACCEPTED, "ann")
    (row,), _ = made(inbox)
    assert (row.answer, row.rejected, row.meta["rejected_by"]) == ("It rises.", "It falls.", "tuned")
    correct(inbox, item, "It waves.")  # what judged them is not true itself
    (row,), _ = made(inbox)
    assert (row.answer, row.rejected, row.meta["rejected_by"]) == ("It waves.", "It rises.", "row")


def test_what_gives_no_pair_is_counted_by_its_reason(inbox: Inbox) -> None:
    accepted, alone, turned, open_one, gone = (
        put(inbox, [{"role": "user", "content": f"{number} {ASKED}"}]) for number in range(5)
    )
    for each in (accepted, turned, open_one, gone):
        inbox.draft(each, "It falls.", "builtin", "ann", inbox.get(each).edit.question)
    inbox.decide(accepted, ACCEPTED, "ann")
    correct(inbox, alone, "It rises.", f"1 {ASKED}")
    correct(inbox, turned, "It rises.", f"Another question: {ASKED}")
    inbox.decide(gone, REJECTED, "ann", Edit(f"4 {ASKED}", "It rises."))
    rows, tally = made(inbox)
    assert rows == [] and tally.looked_at == 3
    assert dict(tally.left_out) == {"as_proposed": 1, "unproposed": 1, "other_question": 1}


def test_what_became_no_row_for_training_becomes_no_preference_either(inbox: Inbox) -> None:
    item = put(inbox)
    inbox.draft(item, "It rises.", "builtin", "ann", ASKED)
    correct(inbox, item, "It rises at points 700 to 900.")  # of 80
    rows, tally = made(inbox)
    assert rows == [] and list(tally.refused) == ["data.warning.quoted_position"]


def test_judged_rows_keep_both_sides_and_the_accepted_ones(inbox: Inbox) -> None:
    first, second = put(inbox), put(inbox, [{"role": "user", "content": f"Now: {ASKED}"}])
    for each in (first, second):
        inbox.draft(each, "It falls.", "builtin", "ann", inbox.get(each).edit.question)
    correct(inbox, first, "It rises.")
    inbox.decide(second, ACCEPTED, "bob")
    rows, _ = made(inbox, JUDGED)
    assert [(each.answer, each.is_good) for each in rows] == [
        ("It rises.", True),
        ("It falls.", False),
        ("It falls.", True),
    ]
    assert rows[1].meta["answered_by"] == "builtin" and rows[2].meta["answered_by"] == "bob"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_tables_wrong_stretch_is_rejected_in_the_tasks_own_words(inbox: Inbox, style: str, language: str) -> None:
    points = np.sin(np.arange(120.0) / 9)
    given, right = (Mark(0, 10, 20),), (Mark(0, 60, 72),)
    turns = [{"role": "user", "content": "Load: <ts><ts/>\nWhat is unusual?"}]
    item = inbox.add([new_item(turns, [points], {"kind": "table", "name": "t.csv"}, marks=given)], "ann")[0]
    computed = answer_from(inbox.get(item).series, right, Wanted("anomalies", language, style), item)
    edit = Edit(computed.question, computed.answer, right, computed.to_json())
    inbox.decide(item, CORRECTED, "ann", edit)
    (row,), _ = made(inbox)
    assert row.answer == computed.answer and row.rejected and row.meta["rejected_by"] == "table"
    better, worse = (score(text, computed.label) for text in (row.answer, row.rejected))
    assert better.is_right and worse.is_read and not worse.is_right
    inbox.decide(item, CORRECTED, "ann", Edit(computed.question, "Nothing unusual.", right))  # written by hand
    assert made(inbox)[0] == []


def test_the_dataset_can_be_trained_on_and_leaves_the_items_to_be_saved_as_rows(inbox: Inbox, tmp_path: Path) -> None:
    item = put(inbox, [{"role": "system", "content": "Be brief."}, *TURNS])
    inbox.draft(item, "It falls.", "builtin", "ann", ASKED)
    correct(inbox, item, "It rises.")
    written = write_kept(Corrections(inbox), PAIRS, "mended", tmp_path / "sets", tmp_path / "cache", by="ann")
    record = json.loads(written.path.read_text())
    assert (record["system"], record["chosen"], record["rejected"]) == ("Be brief.", "It rises.", "It falls.")
    assert diagnose("mended", [tmp_path / "sets"], tmp_path / "cache").report.rows_good == 1
    known = read_provenance(written.path)
    assert known is not None and known.steps[0].options == {"from": "labels", "as": "pairs"}
    assert inbox.items()[0].saved == ()
    with pytest.raises(UserError) as refused:
        write_kept(Corrections(Inbox(tmp_path / "empty")), PAIRS, "none", tmp_path / "sets", tmp_path / "cache")
    assert refused.value.message.key == "preferences.nothing"


def test_the_command_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inbox = Inbox(tmp_path / "labels")
    item = put(inbox)
    inbox.draft(item, "It falls.", "builtin", "ann", ASKED)
    correct(inbox, item, "It rises.")
    words = ["data", "prefer", "mended", "--labels", "--workspace", str(tmp_path), "--lang", "en"]
    assert main([*words, "--look"]) == FINISHED and "1 pairs from 1 questions." in capsys.readouterr().out
    assert main(words) == FINISHED
    assert json.loads((tmp_path / "datasets" / "mended.jsonl").read_text())["rejected"] == "It falls."
