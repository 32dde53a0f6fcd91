"""How a conversation begins: with one click on a task, and with what the built-in model can do said beforehand."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chat_desks import RESULT, SAMPLING, chat_context, chat_desk, session
from tests.chat_fakes import ChatEngine
from tsft.i18n import LANGUAGES, translate
from tsft.ui.chat.conversation import Conversation
from tsft.ui.chat.desk import ChatDesk
from tsft.ui.chat.turns_html import STARTS


@pytest.fixture
def engine() -> Iterator[ChatEngine]:
    engine = ChatEngine()
    yield engine
    engine.free_model()


@pytest.fixture
def desk(engine: ChatEngine, tmp_path: Path) -> ChatDesk:
    return chat_desk(chat_context(engine, tmp_path))


def start(desk: ChatDesk, kind: str, language: str = "en", model: str | None = "builtin") -> dict[Any, Any]:
    event = SimpleNamespace(_data={"do": "start", "kind": kind})
    return Conversation(desk).act(event, session(), "t", model, language, "wait", *SAMPLING)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_conversation_offers_tasks_and_tells_what_the_built_in_model_can(
    desk: ChatDesk, language: str
) -> None:
    talk = desk.talk("t", session())
    shown = desk.show(talk, "builtin", language)[desk.parts.turns]
    assert translate(language, "page.chat.builtin_can")[:40] in shown
    assert all(f'data-kind="{each}"' in shown for each in STARTS)
    other = desk.show(talk, RESULT, language)[desk.parts.turns]
    assert translate(language, "page.chat.builtin_can")[:40] not in other and 'data-do="start"' in other


@pytest.mark.parametrize("kind", STARTS)
def test_one_click_asks_the_tasks_question_about_a_series_made_for_it(
    desk: ChatDesk, engine: ChatEngine, kind: str
) -> None:
    start(desk, kind)
    talk = desk.talk("t", session())
    config, question = engine.asked_of[0][:2]
    assert config.model.name == "builtin" and len(question.series) == 1 and len(question.series[0]) == 128
    assert "<ts><ts/>" in question.turns[-1]["content"] and talk.turns[0].question.strip()


def test_in_chinese_it_asks_in_chinese(desk: ChatDesk) -> None:
    start(desk, "trend", "zh")
    asked = desk.talk("t", session()).turns[0].question
    assert any("一" <= letter <= "鿿" for letter in asked)


@pytest.mark.parametrize("kind", ["", "nonsense", "<b>"])
def test_another_kind_is_refused_and_nothing_is_attached(desk: ChatDesk, engine: ChatEngine, kind: str) -> None:
    assert "box bad" in start(desk, kind or "x")[desk.parts.said]
    assert not engine.asked_of and not desk.talk("t", session()).attached


def test_without_a_model_nothing_is_attached(desk: ChatDesk) -> None:
    assert "box bad" in start(desk, "trend", model=None)[desk.parts.said]
    assert not desk.talk("t", session()).attached
