"""Thumbs and better answers in the Chat: kept on disk with how the answer was made, counted, and made a dataset."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chat_desks import RESULT, SAMPLING, SAW, chat_context, chat_desk, session
from tests.chat_fakes import ChatEngine
from tests.test_ui_chat_desk import press
from tsft.cli import main
from tsft.config.run_config import RunConfig
from tsft.endings import FINISHED
from tsft.errors import UserError
from tsft.i18n import LANGUAGES, sentences, translate
from tsft.run.answers import Question
from tsft.ui.chat.conversation import Conversation
from tsft.ui.chat.desk import ChatDesk
from tsft.ui.chat.talk import Talk
from tsft.ui.chat.verdict_box import counts_html, made

WARM = ("Be brief.", 64, 0.8, 1, 0, 1, "5")


class Counting(ChatEngine):
    """Writes another answer each time."""

    def __init__(self) -> None:
        super().__init__(self.say)

    def say(self, config: RunConfig, question: Question) -> str:
        return f"answer {len(self.asked_of)}"


@pytest.fixture
def engine() -> Iterator[Counting]:
    engine = Counting()
    yield engine
    engine.free_model()


@pytest.fixture
def desk(engine: Counting, tmp_path: Path) -> ChatDesk:
    return chat_desk(chat_context(engine, tmp_path))


def asked(desk: ChatDesk, engine: Counting) -> tuple[Conversation, Talk]:
    do, talk = Conversation(desk), desk.talk("t", session())
    talk.attach([SAW])
    do.ask(session(), "t", RESULT, "en", "What?", "wait", False, *WARM)
    finish(do, engine)
    return do, talk


def finish(do: Conversation, engine: Counting) -> None:
    engine.finish()
    do.tick("t", RESULT, "en", "wait", {}, session())


def act(do: Conversation, what: str, reply: int = 1) -> dict[Any, Any]:
    return do.act(press(what, reply=reply), session(), "t", RESULT, "en", "wait", *SAMPLING)


def rows(desk: ChatDesk, kind: str, name: str) -> list[dict[str, Any]]:
    written = made(desk.room, kind, name, "ann")
    return [json.loads(line) for line in written.path.read_text(encoding="utf-8").splitlines()]


def test_a_thumb_is_kept_with_question_series_model_and_settings(desk: ChatDesk, engine: Counting) -> None:
    do, _ = asked(desk, engine)
    shown = act(do, "up")
    assert "1 good, 0 bad" in shown[desk.parts.verdicts.counts]
    assert 'data-do="up" data-reply="1" aria-pressed="true"' in shown[desk.parts.turns]
    (row,) = rows(desk, "judged", "liked")
    assert row["kto_tag"] is True and row["output"] == "answer 1" and row["system"] == "Be brief."
    assert row["timeseries"] == [SAW.points.tolist()] and "What?" in row["input"]
    meta = json.loads(row["meta"])
    assert meta["answered_by"] == RESULT and meta["settings"]["temperature"] == 0.8 and meta["settings"]["seed"] == 5


def test_changing_ones_mind_replaces_the_verdict_and_the_same_again_takes_it_back(
    desk: ChatDesk, engine: Counting
) -> None:
    do, talk = asked(desk, engine)
    act(do, "up")
    act(do, "down")
    assert desk.room.verdicts.counts()["bad"] == 1 and desk.room.verdicts.counts()["good"] == 0
    act(do, "down")
    assert desk.room.verdicts.counts()["questions"] == 0 and talk.turns[0].replies[0].thumb == 0


def test_a_liked_and_a_disliked_answer_to_one_question_make_a_pair(desk: ChatDesk, engine: Counting) -> None:
    do, talk = asked(desk, engine)
    act(do, "down")
    do.again(session(), "t", RESULT, "en", "wait", False, *WARM)
    finish(do, engine)
    shown = act(do, "up", talk.turns[0].replies[0].id)
    assert "1 pairs" in shown[desk.parts.verdicts.counts]
    (row,) = rows(desk, "pairs", "twice")
    assert (row["chosen"], row["rejected"]) == ("answer 2", "answer 1")


def test_a_better_answer_makes_a_pair_and_a_row_in_the_label_room(desk: ChatDesk, engine: Counting) -> None:
    do, _ = asked(desk, engine)
    act(do, "correct")
    do.save("t", RESULT, "en", "It is a saw.", session())
    (row,) = rows(desk, "pairs", "mended")
    assert (row["chosen"], row["rejected"]) == ("It is a saw.", "answer 1")
    assert json.loads(row["meta"])["chosen_by"] == "ann" and len(desk.room.inbox.items()) == 1
    act(do, "correct")
    do.save("t", RESULT, "en", "answer 1", session())  # what the model wrote is no better answer
    assert desk.room.verdicts.counts()["better"] == 1


def test_what_the_disk_refuses_is_told_and_shows_no_thumb(desk: ChatDesk, engine: Counting, tmp_path: Path) -> None:
    do, talk = asked(desk, engine)
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "verdicts.jsonl").symlink_to(tmp_path / "gone" / "verdicts.jsonl")
    shown = act(do, "up")
    assert "box bad" in shown[desk.parts.said] and talk.turns[0].replies[0].thumb == 0


def test_nothing_judged_makes_no_dataset_and_the_fold_speaks_every_language(desk: ChatDesk) -> None:
    with pytest.raises(UserError) as refused:
        made(desk.room, "pairs", "none", "ann")
    assert refused.value.message.key == "preferences.nothing"
    counts = {"good": 1, "bad": 2, "better": 3, "pairs": 4, "judged": 5, "questions": 6}
    for language in LANGUAGES:
        assert translate(language, "page.chat.verdict.none") in counts_html({**counts, "questions": 0}, language)
        assert "<p>" in counts_html(counts, language) and "page.chat.verdict.make" in sentences(language)


def test_the_command_writes_the_same_rows(
    desk: ChatDesk, engine: Counting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    do, _ = asked(desk, engine)
    act(do, "down")
    words = ["data", "prefer", "liked", "--chat", "--as", "judged", "--workspace", str(tmp_path), "--lang", "en"]
    assert main([*words, "--look"]) == FINISHED and "0 good and 1 bad" in capsys.readouterr().out
    assert main(words) == FINISHED and "1 preference rows" in capsys.readouterr().out
    assert json.loads((tmp_path / "datasets" / "liked.jsonl").read_text())["kto_tag"] is False
