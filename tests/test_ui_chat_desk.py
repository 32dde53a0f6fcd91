"""The Chat tab's handlers where two things happen at once, or what is chosen changed since an answer was written."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chat_desks import RESULT, SAMPLING, SAW, chat_context, chat_desk, session
from tests.chat_fakes import ChatEngine
from tests.fakes import FakeEngine
from tsft.data.labelling.inbox import Inbox
from tsft.store.workspace import open_workspace
from tsft.ui.chat.conversation import Conversation
from tsft.ui.chat.desk import ChatDesk
from tsft.ui.chat.saving import save_reply
from tsft.ui.chat.talk import BASE, Talk
from tsft.ui.context import PageContext
from tsft.ui.data.room import DataRoom
from tsft.ui.page import build_page

BRIEF = ("Be brief.", *SAMPLING[1:])


@pytest.fixture
def engine() -> Iterator[ChatEngine]:
    engine = ChatEngine()
    yield engine
    engine.free_model()


@pytest.fixture
def context(engine: ChatEngine, tmp_path: Path) -> PageContext:
    return chat_context(engine, tmp_path)


@pytest.fixture
def desk(context: PageContext) -> ChatDesk:
    return chat_desk(context)


def press(do: str, **more: Any) -> Any:
    return SimpleNamespace(_data={"do": do, "reply": 1, **more})


def answered(desk: ChatDesk, engine: ChatEngine, sampling: Any = SAMPLING) -> tuple[Conversation, Talk]:
    """A question about one series, and its answer."""
    do, request = Conversation(desk), session()
    talk = desk.talk("t", request)
    talk.attach([SAW])
    do.ask(request, "t", RESULT, "en", "What?", "wait", False, *sampling)
    engine.finish()
    do.tick("t", RESULT, "en", "wait", {}, request)
    return do, talk


# -- what an answer was made with -------------------------------------------------------------------------------------


def test_an_answer_is_explained_with_the_model_and_the_system_prompt_it_was_made_with(
    desk: ChatDesk, engine: ChatEngine
) -> None:
    do, _ = answered(desk, engine, BRIEF)
    do.act(press("explain"), session(), "t", "builtin", "en", "wait", "Be long.", *SAMPLING[1:])
    ((config, question),) = engine.explained_of
    assert config.model.continue_from == RESULT
    assert question.turns[0] == {"role": "system", "content": "Be brief."}


def test_the_base_beside_an_answer_is_that_of_the_model_which_wrote_it(desk: ChatDesk, engine: ChatEngine) -> None:
    do, talk = answered(desk, engine, BRIEF)
    shown = do.act(press("up"), session(), "t", "builtin", "en", "wait", *SAMPLING)
    assert 'data-do="base"' in shown[desk.parts.turns]
    do.act(press("base"), session(), "t", "builtin", "en", "wait", *SAMPLING)
    assert [each.kind for each in talk.turns[0].replies] == ["own", BASE]
    assert list(engine.asked_of[1][1].turns) == list(engine.asked_of[0][1].turns)
    assert engine.asked_of[1][0].model.name == "builtin"


def test_a_saved_row_keeps_the_system_prompt_of_its_answer(desk: ChatDesk, engine: ChatEngine, tmp_path: Path) -> None:
    _, talk = answered(desk, engine, BRIEF)
    inbox = Inbox(tmp_path / "labels")
    assert save_reply(inbox, talk, 1, None, "ann", "en")
    turns = inbox.get(inbox.items()[0].id).given.turns
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant"] and turns[0]["content"] == "Be brief."


# -- whose conversation -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The whole page."""
    engine, workspace = FakeEngine(), open_workspace(tmp_path_factory.mktemp("page"))
    return build_page(PageContext(engine, presets=list, data=DataRoom(workspace, engine)))


def by_id(page: Any) -> dict[str, int]:
    return {each.elem_id: number for number, each in page.blocks.items() if getattr(each, "elem_id", None)}


def test_every_handler_that_speaks_for_a_browser_tab_brings_its_name(page: Any) -> None:
    """An Ask or an upload may come before the answer of the handler that fills the hidden box."""
    token = by_id(page)["chat-token"]
    asks = [each for each in page.get_config_file()["dependencies"] if token in each["inputs"]]
    assert len(asks) > 20
    for each in asks:
        assert each["inputs"][0] == token and "given[0] = window.tsft.chat.token()" in str(each["js"]), each["targets"]
