"""The Chat tab's handlers where two things happen at once, or what is chosen changed since an answer was written."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chat_desks import RESULT, SAMPLING, SAW, chat_context, chat_desk, session, talked
from tests.chat_fakes import ChatEngine
from tests.fakes import FakeEngine
from tsft.data.labelling.inbox import Inbox
from tsft.errors import UserError, message
from tsft.i18n import LANGUAGES, translate
from tsft.run.answers import AnswerOptions
from tsft.store.workspace import open_workspace
from tsft.ui.chat import asking
from tsft.ui.chat.conversation import Conversation
from tsft.ui.chat.desk import ChatDesk
from tsft.ui.chat.draw_html import draw_html
from tsft.ui.chat.models import config_of
from tsft.ui.chat.saving import save_reply
from tsft.ui.chat.tab import WITHOUT_SENT
from tsft.ui.chat.talk import BASE, FAILED, STOPPED, Reply, Talk
from tsft.ui.chat.turns_html import over_html
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


# -- two clicks at once -----------------------------------------------------------------------------------------------


class Interrupted(ChatEngine):
    """Something else happens while a question is on its way to the engine."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] = lambda: None
        self.ended: list[int] = []

    def answer(self, *given: Any, **more: Any) -> int:
        number, meanwhile = super().answer(*given, **more), self.meanwhile
        self.meanwhile = lambda: None
        meanwhile()
        return number

    def stop_answering(self, number: int = 0) -> bool:
        self.ended.append(number)
        return super().stop_answering(number)


@pytest.fixture
def interrupted() -> Iterator[Interrupted]:
    engine = Interrupted()
    yield engine
    engine.free_model()


@pytest.mark.parametrize("ask", [asking.ask_again, asking.ask_beside])
def test_a_question_whose_conversation_was_cleared_meanwhile_is_taken_back(
    interrupted: Interrupted, tmp_path: Path, ask: Callable[..., Any]
) -> None:
    context = chat_context(interrupted, tmp_path)
    talk = talked(interrupted, context, "What?")
    interrupted.meanwhile = talk.clear
    with pytest.raises(UserError) as refused:
        ask(interrupted, talk, config_of(context, RESULT), AnswerOptions(), "")
    assert refused.value.message.key == "page.chat.changed_meanwhile"
    assert talk.turns == [] and not talk.is_busy and interrupted.ended == [2]


def test_a_cleared_conversation_does_not_come_back_with_a_question_that_was_on_its_way(
    interrupted: Interrupted, tmp_path: Path
) -> None:
    context = chat_context(interrupted, tmp_path)
    talk = talked(interrupted, context, "What?")
    interrupted.meanwhile = talk.clear
    with pytest.raises(UserError):
        asking.ask_new(interrupted, talk, "And why?", config_of(context, RESULT), AnswerOptions(), "")
    assert talk.turns == [] and not talk.is_busy


def test_a_waiting_question_is_not_asked_into_a_cleared_conversation(interrupted: Interrupted, tmp_path: Path) -> None:
    context, talk = chat_context(interrupted, tmp_path), Talk()
    config = config_of(context, RESULT)
    asking.ask_new(interrupted, talk, "What?", config, AnswerOptions(), "")
    asking.ask_beside(interrupted, talk, config, AnswerOptions(), "")
    interrupted.finish()
    interrupted.meanwhile = talk.clear
    asking.follow(interrupted, talk)
    assert talk.turns == [] and not talk.is_busy and interrupted.ended == [2]


def test_what_is_attached_while_a_question_is_sent_goes_with_the_next_one(
    interrupted: Interrupted, tmp_path: Path
) -> None:
    context, talk = chat_context(interrupted, tmp_path), Talk()
    later = replace(SAW, name="later")
    talk.attach([SAW])
    interrupted.meanwhile = lambda: talk.attach([later])
    asking.ask_new(interrupted, talk, "What?", config_of(context, RESULT), AnswerOptions(), "")
    assert talk.attached == [later] and talk.turns[0].series == (SAW,)


def test_what_was_done_to_a_turn_meanwhile_stays_when_it_is_asked_again(
    interrupted: Interrupted, tmp_path: Path
) -> None:
    context = chat_context(interrupted, tmp_path)
    talk, config = talked(interrupted, context, "What?"), config_of(context, RESULT)
    asking.ask_beside(interrupted, talk, config, AnswerOptions(), "")
    interrupted.finish()
    asking.follow(interrupted, talk)
    interrupted.meanwhile = lambda: talk.change(2, thumb=1)
    asking.ask_again(interrupted, talk, config, AnswerOptions(), "")
    assert [(each.kind, each.thumb) for each in talk.turns[0].replies] == [("own", 0), (BASE, 1)]


def test_only_the_question_that_was_sent_is_taken_out_of_its_box(desk: ChatDesk, engine: ChatEngine, page: Any) -> None:
    do, parts = Conversation(desk), desk.parts
    taken = do.ask(session(), "t", RESULT, "en", "What? ", "wait", False, *SAMPLING)
    assert taken[parts.sent] == "What? " and parts.question not in taken
    refused = do.ask(session(), "t", RESULT, "en", " ", "wait", False, *SAMPLING)
    assert refused[parts.sent] == "" and parts.question not in refused
    ids = by_id(page)
    typed, sent = ids["chat-question"], ids["chat-sent"]
    (empties,) = [each for each in page.get_config_file()["dependencies"] if each["inputs"] == [typed, sent]]
    assert empties["outputs"] == [typed] and empties["js"] == WITHOUT_SENT and not empties["backend_fn"]


# -- who does not see it ----------------------------------------------------------------------------------------------


def test_a_finished_answer_is_read_out_once_and_none_while_it_is_written(desk: ChatDesk, engine: ChatEngine) -> None:
    do, request, over = Conversation(desk), session(), desk.parts.over
    asked = do.ask(request, "t", RESULT, "en", "What?", "wait", False, *SAMPLING)
    assert asked[over] == "" and 'role="log" aria-live="off"' in asked[desk.parts.turns]
    engine.finish()
    done = do.tick("t", RESULT, "en", "wait", {}, request)
    assert done[over].startswith("<p data-over=") and "saw 0 series" in done[over]
    liked = do.act(press("up"), request, "t", RESULT, "en", "wait", *SAMPLING)
    assert liked[over] == done[over]  # an equal text is not read again
    assert do.clear("t", RESULT, "en", request)[over] == ""


def test_what_became_of_an_answer_is_read_out_and_nothing_in_it_becomes_html() -> None:
    bad = Reply(3, RESULT, "own", text="<script>", state=FAILED, problem=message("page.chat.no_model"))
    told = over_html(bad, "en")
    assert "&lt;script&gt; Choose a model first." in told and "<script" not in told
    assert "Stopped here." in over_html(replace(bad, state=STOPPED), "en")


def test_the_place_that_is_read_out_is_there_before_anything_is_in_it(page: Any) -> None:
    box = page.blocks[by_id(page)["chat-over"]]
    assert "'aria-live', 'polite'" in box.js_on_load and box.visible is True


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_drawing_board_says_that_pasting_is_the_way_of_the_keyboard(language: str) -> None:
    label = draw_html(language).split('aria-label="')[1].split('"')[0]
    assert translate(language, "page.chat.source.paste") in unescape(label)
    assert unescape(label).startswith(translate(language, "page.chat.draw.help"))
