"""The fold for preference rows without a browser: what it offers, what a count says, what Write leaves."""

from dataclasses import fields
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation_folders import chatts_evaluation, evaluation, often_right, right
from tests.test_ui_evaluate import Session
from tests.test_ui_evaluate_preferring import TASKS, of, second_sample
from tsft.data.preferences.ranking import JUDGED, Rule
from tsft.errors import UserError
from tsft.i18n import LANGUAGES, sentences
from tsft.ui.data.job_box import bar_html
from tsft.ui.data.jobs import DONE, FAILED, Job, Work
from tsft.ui.evaluate.prefer_box import (
    KIND,
    OF_KIND,
    counting,
    ended_html,
    filled,
    problems_html,
    wanted_of,
    writing,
)


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


def ended(session: Session, work: Work) -> Job:
    job = session.room.data.jobs.begin(KIND, "mine", work)
    assert job.ended.wait(60)
    return job


def test_a_count_tells_pairs_and_ties_and_write_makes_the_dataset(session: Session) -> None:
    folder = evaluation(session.workspace, {"tuned": right, "base": often_right}, tasks=TASKS)
    box, room = session.at.prefer, session.room
    wanted = wanted_of(box, folder.id, given(session))
    told = ended_html(ended(session, counting(room, wanted)), "en")
    assert "pairs from 24 questions." in told and "ties:" in told
    assert not (session.workspace.datasets / "mine.jsonl").exists()
    job = ended(session, writing(room, wanted, "mine", "ada"))
    assert job.state == DONE and (job.done, job.total) != (0, 0)
    assert "mine" in room.datasets() and "The Data tab shows mine" in ended_html(job, "en")
    job = ended(session, writing(room, wanted, "mine", "ada"))
    assert job.state == FAILED and "already a dataset" in bar_html(job, "en") and ended_html(job, "en") == ""
    judged = ended(session, counting(room, wanted_of(box, folder.id, given(session, kind="judged"))))
    assert "good and" in ended_html(judged, "en")


def test_what_is_no_number_or_out_of_range_is_told_by_its_label(session: Session) -> None:
    box = session.at.prefer
    for values, part in (
        ({"margin": None}, "Margin: A number is needed"),
        ({"margin": 3}, "Margin: "),
        ({"per_row": 2.5}, "Pairs of one question: "),
        ({"kind": "judged", "good": 0.4}, "Bad up to: "),
        ({"kind": "judged", "good": None}, "Good from: "),
    ):
        with pytest.raises(UserError) as refused:
            wanted_of(box, "e1", given(session, **values))
        assert part in unescape(problems_html(refused.value.problems, "en"))
    # What is hidden is not looked at.
    wanted_of(box, "e1", given(session, bad=None, good=0.1))
    assert wanted_of(box, "e1", given(session, kind="judged", margin=3)).rule == Rule(JUDGED)
