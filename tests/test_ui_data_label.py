"""The label room over a real workspace: what is shown, what a decision does, and drafts as a job."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import FakeEngine
from tsft.config.run_config import RunConfig
from tsft.data.labelling.answers import Wanted, answer_from
from tsft.data.labelling.inbox import Inbox, flag, new_item
from tsft.data.labelling.items import ACCEPTED, CORRECTED, OPEN, REJECTED, Edit, Mark
from tsft.data.preferences.corrections import Corrections
from tsft.data.preferences.writing import write_kept
from tsft.errors import Problem, UserError, message
from tsft.i18n import LANGUAGES, sentences, translate
from tsft.run.answers import WRITING, Answer, Answering, AnswerOptions, Question, Tell
from tsft.run.ports import Stopped
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext
from tsft.ui.data import label_html
from tsft.ui.data.job_box import bar_html
from tsft.ui.data.jobs import DONE, Jobs
from tsft.ui.data.label_drafts import Drafted, config_of, drafting
from tsft.ui.data.label_fill import Collected, collecting
from tsft.ui.data.label_items import Looking, _decide, keep
from tsft.ui.data.label_save import FORMS, told_html
from tsft.ui.data.room import DataRoom
from tsft.ui.data.send_to_label import send_row
from tsft.ui.page import build_page

BAD = "<script>alert(1)</script>"
WAVE = np.sin(np.arange(60.0) / 4)


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "labels")


def put(inbox: Inbox, text: str = "Load: <ts><ts/> What?", note: str = "") -> str:
    turns = [{"role": "user", "content": text}]
    return inbox.add([new_item(turns, [WAVE], {"kind": "chat", "name": BAD}, note)], BAD)[0]


def looking(inbox: Inbox, item_id: str, *marks: Mark, **more: Any) -> Looking:
    return Looking(item_id, inbox.get(item_id).summary.state, tuple(marks), **more)


def quiet(done: int, total: int) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_of_the_data_becomes_html(inbox: Inbox, language: str) -> None:
    item_id = put(inbox, f"{BAD} <ts><ts/> What?", BAD)
    inbox.draft(item_id, BAD, BAD)
    inbox.decide(item_id, ACCEPTED, BAD)
    item, marks = inbox.get(item_id), [Mark(0, 1, 5, BAD)]
    texts = [
        label_html.list_html(inbox.items(), 0, item_id, language),
        label_html.head_html(item, 1, 1, language),
        label_html.drawing_html(item, marks, 0, language),
        label_html.marks_html(item, marks, 0, language),
        label_html.draft_html(item, language),
        label_html.findings_html([message("data.finding.constant")], language),
    ]
    assert not any("<script" in text for text in texts)
    assert all(text for text in texts)


def test_the_list_is_turned_page_by_page_and_names_the_chosen_one(inbox: Inbox) -> None:
    ids = [put(inbox, f"{number} <ts><ts/>") for number in range(label_html.LISTED + 3)]
    first = label_html.list_html(inbox.items(), 0, ids[2], "en")
    second = label_html.list_html(inbox.items(), label_html.LISTED, ids[2], "en")
    assert first.count("data-item") == label_html.LISTED and first.count("aria-current") == 1
    assert f'data-first="{label_html.LISTED}"' in first and 'data-first="0"' not in first
    assert second.count("data-item") == 3 and 'data-first="0"' in second
    assert translate("zh", "page.data.label.empty") in label_html.list_html([], 0, "", "zh")


def test_marks_are_named_in_the_language_of_the_page_and_coloured_by_name(inbox: Inbox) -> None:
    item = inbox.get(put(inbox))
    marks = [Mark(0, 1, 5, "upward spike"), Mark(0, 8, 9, ""), Mark(0, 20, 30, "upward spike")]
    html = label_html.marks_html(item, marks, 1, "zh")
    assert html.count("向上尖峰") == 6 and html.count('class="mark-chip c1"') == 2
    assert html.count('aria-pressed="true"') == 1


@pytest.mark.parametrize(
    "name, question, answer, state",
    [
        ("accept", "Load: <ts><ts/> What?", "Drafted.", ACCEPTED),
        ("accept", "Load: <ts><ts/> What?", "Mine.", CORRECTED),
        ("correct", "Load: <ts><ts/> Why?", "Drafted.", CORRECTED),
        ("correct", "Load: <ts><ts/> What?", "Drafted.", None),
        ("accept", "Load: What?", "Drafted.", None),
        ("accept", "Load: <ts><ts/> What?", "", None),
        ("reject", "Load: What?", "", REJECTED),
        ("skip", "Load: What?", "Half", OPEN),
    ],
)
def test_a_decision_keeps_what_was_written_or_says_why_not(
    inbox: Inbox, name: str, question: str, answer: str, state: str | None
) -> None:
    item_id = put(inbox)
    inbox.draft(item_id, "Drafted.", "builtin")
    now = looking(inbox, item_id)

    told, is_done = _decide(inbox, name, now, now.edit(question, answer), "ann", "en")

    item = inbox.get(item_id)
    assert told and is_done == (state is not None)
    assert item.summary.state == (state or OPEN)
    if state is not None:
        assert (item.edit.question, item.edit.answer) == (question, answer)


def test_a_computed_label_goes_with_its_answer_and_its_marks_only(inbox: Inbox) -> None:
    item = inbox.get(put(inbox))
    mark = Mark(0, 3, 9)
    computed = answer_from(item.series, [mark], Wanted())
    now = looking(inbox, item.id, mark, computed=computed.to_json())
    assert now.edit("q", computed.answer).computed
    assert not now.edit("q", "other").computed
    assert not looking(inbox, item.id, computed=computed.to_json()).edit("q", computed.answer).computed


def test_models_are_base_models_or_what_a_run_left() -> None:
    assert config_of("builtin").model.name == "builtin"
    assert config_of("runs/7/adapter").model.continue_from == "runs/7/adapter"


def test_a_job_drafts_every_item_it_is_given(inbox: Inbox) -> None:
    ids = [put(inbox, f"{number} <ts><ts/>") for number in range(3)]
    job = Jobs().begin("draft", "builtin", drafting(FakeEngine(), inbox, ids[:2], "builtin", "ann"))
    assert job.ended.wait(20)
    assert (job.state, job.result) == (DONE, Drafted(2)) and bar_html(job, "en") == ""
    assert [inbox.get(each).edit.answer for each in ids] == ["draft 1", "draft 2", ""]


class Halting(FakeEngine):
    """Answers the first question, refuses the second, and then ends as it is told to, or when it is stopped."""

    def __init__(self, problem: Problem | None = None, is_stopped: bool = False, first: str = "Yes.") -> None:
        super().__init__()
        self.ending = {"problem": problem, "is_stopped": is_stopped, "is_done": problem is not None or is_stopped}
        self.first = first

    def answer(
        self,
        config: RunConfig,
        questions: Sequence[Question],
        options: AnswerOptions | None = None,
        tell: Tell | None = None,
    ) -> int:
        assert tell is not None
        if self.first:
            tell(Answer(0, self.first, is_done=True))
        tell(Answer(1, "", is_done=True, problem=message("label.no_rows")))
        self._answering = Answering(1, "m", len(questions), WRITING, 2, **self.ending)
        return 1

    def stop_answering(self, number: int = 0) -> bool:
        self._answering = Answering(1, "m", 3, WRITING, 2, is_done=True, is_stopped=True)
        return True


@pytest.fixture
def three(inbox: Inbox) -> list[str]:
    return [put(inbox, f"{number} <ts><ts/>") for number in range(3)]


def test_a_run_that_begins_ends_the_drafts_and_says_so(inbox: Inbox, three: list[str]) -> None:
    with pytest.raises(UserError) as told:
        drafting(Halting(is_stopped=True), inbox, three, "m", "")(quiet, lambda: False)
    assert told.value.message == message("page.data.label.run_first", count=1)
    assert inbox.get(three[0]).draft is not None


def test_a_model_that_fails_says_why(inbox: Inbox, three: list[str]) -> None:
    failing = Halting(problem=Problem("", message("restore.no_folder", path="x")))
    with pytest.raises(UserError) as told:
        drafting(failing, inbox, three, "m", "")(quiet, lambda: False)
    assert told.value.message.key == "restore.no_folder"


def test_what_was_drafted_before_a_stop_is_kept_and_counted(inbox: Inbox, three: list[str]) -> None:
    stop = threading.Event()

    def move(done: int, total: int) -> None:
        stop.set()

    drafted = drafting(Halting(), inbox, three, "m", "")(move, stop.is_set)
    assert drafted == Drafted(1, (message("label.no_rows"),), is_stopped=True)
    with pytest.raises(Stopped):
        drafting(Halting(first=""), inbox, three, "m", "")(move, stop.is_set)


def test_collecting_counts_what_was_there_already(inbox: Inbox) -> None:
    items = [new_item([{"role": "user", "content": f"{n} <ts><ts/>"}], [WAVE], {"kind": "viewer"}) for n in range(2)]
    inbox.add(items[:1])
    assert collecting(lambda move, stop: items, inbox, "")(quiet, lambda: False) == Collected(2, 1)


def test_the_room_offers_models_that_can_answer_and_the_inbox_of_its_workspace(tmp_path: Path) -> None:
    room = DataRoom(open_workspace(tmp_path), FakeEngine())
    flag(room.workspace.labels, [{"role": "user", "content": "<ts><ts/>"}], [WAVE], {"kind": "chat"})
    assert room.models() == ["builtin"]
    assert len(room.inbox.items()) == 1 and room.inbox is room.inbox


def test_the_viewer_sends_the_row_in_view_once(tmp_path: Path) -> None:
    room = DataRoom(open_workspace(tmp_path), FakeEngine())
    rows = [{"input": f"{n} <ts><ts/>", "output": "ok", "timeseries": [[1.0, 2.0, float(n)]]} for n in range(3)]
    (room.workspace.datasets / "rows.jsonl").write_text("\n".join(json.dumps(each) for each in rows))

    assert send_row(room, "rows", 1, "ann")
    assert not send_row(room, "rows", 1, "bob")

    (summary,) = room.inbox.items()
    assert summary.source == {"kind": "viewer", "name": "rows", "row": 2}
    assert room.inbox.get(summary.id).edit.answer == "ok"


def test_a_page_with_the_room_is_laid_out_without_reading_the_inbox(tmp_path: Path) -> None:
    room = DataRoom(open_workspace(tmp_path), FakeEngine())
    (tmp_path / "labels").write_text("no folder")
    build_page(PageContext(room.engine, str(tmp_path), data=room))


def test_what_a_session_only_looked_at_takes_nothing_from_others(inbox: Inbox) -> None:
    item_id = put(inbox)
    edit = inbox.get(item_id).edit
    seen = looking(inbox, item_id, shown=edit)
    inbox.draft(item_id, "a model's answer", "builtin")
    keep(inbox, seen, edit.question, edit.answer, "ann")
    assert inbox.get(item_id).edit.answer == "a model's answer"
    keep(inbox, seen, edit.question, "ann's answer", "ann")
    assert inbox.get(item_id).edit.answer == "ann's answer"


def test_what_somebody_has_decided_is_not_written_over(inbox: Inbox) -> None:
    item_id = put(inbox)
    edit = inbox.get(item_id).edit
    seen = looking(inbox, item_id, shown=edit)
    inbox.decide(item_id, REJECTED, "bob")
    keep(inbox, seen, edit.question, edit.answer, "ann")
    with pytest.raises(UserError) as refused:
        keep(inbox, seen, edit.question, "too late", "ann")
    assert (refused.value.message.key, refused.value.message.values["by"]) == ("label.decided", "bob")
    assert inbox.get(item_id).edit == edit


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_corrected_is_saved_as_preferences_and_told(inbox: Inbox, tmp_path: Path, language: str) -> None:
    item_id = put(inbox)
    question = inbox.get(item_id).edit.question
    inbox.draft(item_id, "It falls.", "builtin", "", question)
    told, is_done = _decide(inbox, "correct", looking(inbox, item_id), Edit(question, "It rises."), "ada", language)
    assert is_done, told
    written = write_kept(Corrections(inbox), "pairs", "mended", tmp_path / "sets", tmp_path / "cache", by="ada")
    html = told_html(written, language)
    assert html.startswith('<div class="box calm"') and "mended" in html and "{" not in html
    assert {f"page.data.label.form.{each}" for each in FORMS} <= set(sentences(language))
