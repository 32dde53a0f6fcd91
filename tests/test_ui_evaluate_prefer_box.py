"""The fold for preference rows without a browser: what it offers, what a count says, what Write leaves."""

from dataclasses import fields
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation_folders import chatts_evaluation, evaluation, often_right, right
from tests.test_ui_evaluate import Session
from tests.test_ui_evaluate_preferring import TASKS, of, second_sample
from tsft.data.preferences.ranking import Rule
from tsft.errors import UserError
from tsft.i18n import LANGUAGES, sentences
from tsft.ui.evaluate.prefer_box import OF_KIND, answered, filled, wanted_of
from tsft.ui.evaluate.prefer_box import _counted as counted
from tsft.ui.evaluate.prefer_box import _written as written


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def given(session: Session, **values: Any) -> list[Any]:
    held = {name: each.value for name, each in session.at.prefer.controls.items()} | values
    return list(held.values())


def test_the_form_left_alone_is_the_plain_rule_and_every_control_is_worded(session: Session) -> None:
    wanted = wanted_of(session.at.prefer, "e1", given(session))
    assert wanted.evaluations == ("e1",) and wanted.rule == Rule() and wanted.models == ()
    assert {name for names in OF_KIND.values() for name in names} <= {each.name for each in fields(Rule)}
    for language in LANGUAGES:
        told = sentences(language)
        for name in session.at.prefer.controls:
            assert f"page.prefer.{name}" in told and f"page.prefer.help.{name}" in told


def test_it_shows_for_answers_alone_and_offers_what_else_was_asked_the_same_rows(session: Session) -> None:
    box = session.at.prefer
    folder = evaluation(session.workspace, {"tuned": right}, tasks=TASKS)
    again = second_sample(session.workspace, [{**each, **each["meta"]} for each in of(session.workspace)], often_right)
    other = evaluation(session.workspace, {"third": right}, dataset_name="others", tasks=TASKS)
    exam = chatts_evaluation(session.workspace, {"tuned": ["", ""]})
    from_the_second = filled(box, session.room.info(other.id), session.room)
    assert from_the_second[box.controls["others"]]["choices"] == []
    shown = filled(box, session.room.info(folder.id), session.room)
    assert [value for _, value in shown[box.controls["others"]]["choices"]] == [again]
    assert shown[box.fold]["visible"] and shown[box.controls["models"]]["choices"] == ["tuned"]
    assert shown[box.controls["name"]] == "first_look-preferences"
    for each in (None, session.room.info(exam.id)):
        assert filled(box, each, session.room)[box.fold]["visible"] is False


def test_a_count_tells_pairs_and_ties_and_write_makes_the_dataset(session: Session) -> None:
    folder = evaluation(session.workspace, {"tuned": right, "base": often_right}, tasks=TASKS)
    box, room = session.at.prefer, session.room
    working, told = answered("en", lambda: counted(room, box, folder.id, given(session)))
    assert "being ranked" in working and "pairs from 24 questions." in told and "ties:" in told
    assert not (session.workspace.datasets / "mine.jsonl").exists()
    _, told = answered("en", lambda: written(room, box, folder.id, given(session, name="mine"), "ada"))
    assert "mine" in session.room.datasets() and "The Data tab shows mine" in told
    _, told = answered("en", lambda: written(room, box, folder.id, given(session, name="mine"), "ada"))
    assert "already a dataset" in told and 'class="box bad"' in told
    assert counted(room, box, folder.id, given(session, kind="judged"))[0].key == "preferences.judged"


def test_what_is_no_number_or_out_of_range_is_told_by_its_label(session: Session) -> None:
    folder = evaluation(session.workspace, {"tuned": right}, tasks=TASKS)
    for values, part in (
        ({"margin": None}, "Margin: A number is needed"),
        ({"margin": 3}, "Margin: "),
        ({"kind": "judged", "good": 0.4}, "Bad up to: "),
    ):
        asked = given(session, **values)
        _, told = answered("en", lambda asked=asked: counted(session.room, session.at.prefer, folder.id, asked))
        assert part in unescape(told)
    # What is hidden is not looked at.
    wanted_of(session.at.prefer, folder.id, given(session, bad=None, good=None))
    with pytest.raises(UserError):
        wanted_of(session.at.prefer, folder.id, given(session, kind="judged", good=None))
