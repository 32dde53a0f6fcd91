"""The Chat tab without a browser: conversations, what is asked, what is shown, what becomes a row."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

from tests.chat_desks import RESULT, SAMPLING, SAW, chat_context, chat_desk, look, session, talked
from tests.chat_fakes import ChatEngine
from tests.data_fakes import FakeEncoder, row, write_lines
from tsft.data.labelling.inbox import Inbox
from tsft.data.tasks.catalog import SYNTH_TASKS
from tsft.errors import Problem, UserError, message
from tsft.i18n import LANGUAGES
from tsft.run.answers import AnswerOptions, Attribution, Slot
from tsft.ui.chat import asking, sources
from tsft.ui.chat.conversation import Conversation, changed
from tsft.ui.chat.desk import ChatDesk, asked_of
from tsft.ui.chat.explaining import follow_explaining, stop_explaining
from tsft.ui.chat.facts import facts_of
from tsft.ui.chat.layout import place_chat
from tsft.ui.chat.models import config_of, model_choices
from tsft.ui.chat.quoted import named_in
from tsft.ui.chat.saving import save_reply
from tsft.ui.chat.slot_html import slot_html
from tsft.ui.chat.talk import (
    BASE,
    CHANGED,
    DONE,
    FAILED,
    MOST_POINTS,
    MOST_SERIES,
    STOPPED,
    Attached,
    Explaining,
    Talk,
    Talks,
    Weights,
)
from tsft.ui.chat.turns_html import Look, change_words, feed_html, turns_html
from tsft.ui.context import PageContext
from tsft.ui.words import Words

BAD = "<script>alert(1)</script>"


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


# -- asking -----------------------------------------------------------------------------------------------------------


def test_series_without_a_place_are_introduced_in_the_language_of_the_question() -> None:
    english = asking.with_placeholders("What is it?", [SAW, replace(SAW, name="", unit="")])
    assert english.count("<ts><ts/>") == 2 and "flow" in english and "series 2" in english
    assert english.index("flow") < english.index("What is it?")
    assert "序列 1" in asking.with_placeholders("这是什么？", [replace(SAW, name="")])
    assert asking.with_placeholders("Is <ts><ts/> a saw?", [SAW]) == "Is <ts><ts/> a saw?"
    some = asking.with_placeholders("Is <ts><ts/> a saw?", [SAW, replace(SAW, name="level")])
    assert some.startswith("Is <ts>") and some.index("level") > some.index("saw?")


@pytest.mark.parametrize(("question", "key"), [(" ", "no_question"), ("<ts><ts/>", "no_question")])
def test_a_question_without_words_is_refused(question: str, key: str) -> None:
    with pytest.raises(UserError) as refused:
        asking.with_placeholders(question, [SAW])
    assert refused.value.message.key == f"page.chat.{key}"


def test_a_question_with_more_places_than_series_is_refused_and_stays_typed(desk: ChatDesk, engine: ChatEngine) -> None:
    updates = Conversation(desk).ask(session(), "t", RESULT, "en", "Is <ts><ts/> up?", "wait", False, *SAMPLING)
    assert "1 series" in updates[desk.parts.said] and desk.parts.question not in updates
    assert engine.asked_of == []


def test_turns_keep_the_series_they_brought(engine: ChatEngine, context: PageContext) -> None:
    talk = talked(engine, context, "What is it?", "And why?")
    _, question, _ = engine.asked_of[-1]
    assert [turn["role"] for turn in question.turns] == ["user", "assistant", "user"]
    assert [len(each) for each in question.series] == [40] and talk.turns[1].series == ()
    assert [each.state for turn in talk.turns for each in turn.replies] == [DONE, DONE]


def test_an_edited_question_takes_the_place_of_the_last_one(desk: ChatDesk, engine: ChatEngine) -> None:
    do, request = Conversation(desk), session()
    desk.talk("t", request).attach([SAW])
    do.ask(request, "t", RESULT, "en", "What is it?", "wait", False, *SAMPLING)
    engine.finish()
    do.tick("t", RESULT, "en", "wait", {}, request)
    edited = do.edit("t", RESULT, "en", request)
    assert edited[desk.parts.question].endswith("What is it?")
    do.ask(request, "t", RESULT, "en", "Is <ts><ts/> a saw?", "wait", False, *SAMPLING)
    talk = desk.talk("t", request)
    assert [turn.question for turn in talk.turns] == ["Is <ts><ts/> a saw?"]
    assert len(engine.asked_of[-1][1].turns) == 1 and not talk.editing


def test_editing_again_leaves_it_as_it_was(desk: ChatDesk, engine: ChatEngine) -> None:
    do, request = Conversation(desk), session()
    desk.talk("t", request).attach([SAW])
    do.ask(request, "t", RESULT, "en", "What is it?", "wait", False, *SAMPLING)
    engine.finish()
    do.edit("t", RESULT, "en", request)
    assert do.edit("t", RESULT, "en", request)[desk.parts.question] == ""
    assert len(desk.talk("t", request).turns) == 1 and desk.talk("t", request).attached == []


def test_what_was_written_stays_when_it_is_stopped(engine: ChatEngine, context: PageContext) -> None:
    talk, engine.word_seconds = Talk(), 30.0
    asking.ask_new(engine, talk, "What?", config_of(context, RESULT), AnswerOptions(), "")
    writing = talk.writing
    assert writing is not None
    writing.heard.answer = replace(engine_answer(engine), text="It ri")
    asking.stop(engine, talk)
    asking.follow(engine, talk)
    reply = talk.turns[0].own
    assert reply is not None and (reply.state, reply.text) == (STOPPED, "It ri") and not talk.is_busy


def engine_answer(engine: ChatEngine) -> Any:
    from tsft.run.answers import Answer

    return Answer(0)


def test_the_base_is_asked_after_the_result_with_the_same_question(engine: ChatEngine, desk: ChatDesk) -> None:
    do, request = Conversation(desk), session()
    desk.talk("t", request).attach([SAW])
    do.ask(request, "t", RESULT, "en", "What?", "wait", True, *SAMPLING)
    assert len(engine.asked_of) == 1
    for _ in range(2):
        engine.finish()
        do.tick("t", RESULT, "en", "wait", {}, request)
    (first, asked, _), (second, beside, _) = engine.asked_of
    assert first.model.continue_from == RESULT and second.model.continue_from == ""
    assert list(asked.turns) == list(beside.turns)
    replies = desk.talk("t", request).turns[0].replies
    assert [(each.kind, each.state) for each in replies] == [("own", DONE), (BASE, DONE)]


def test_stop_also_gives_up_what_waits(engine: ChatEngine, desk: ChatDesk) -> None:
    do, request = Conversation(desk), session()
    engine.word_seconds = 30.0
    do.ask(request, "t", RESULT, "en", "What?", "wait", True, *SAMPLING)
    do.stop("t", RESULT, "en", request)
    talk = desk.talk("t", request)
    assert not talk.is_busy and len(engine.asked_of) == 1 and len(talk.turns[0].replies) == 1


def test_a_model_that_cannot_be_asked_says_why_and_frees_the_conversation(
    engine: ChatEngine, context: PageContext
) -> None:
    talk = Talk()
    asking.ask_new(engine, talk, "What?", config_of(context, RESULT), AnswerOptions(), "")
    engine.finish()
    engine._answering = replace(engine._answering, problem=Problem("", message("page.chat.no_model")))
    asking.follow(engine, talk)
    assert talk.turns[0].replies[0].state == FAILED and not talk.is_busy
    assert "Choose a model" in turns_html(talk.turns, look())


def test_other_questions_in_its_place_end_an_answer(engine: ChatEngine, context: PageContext) -> None:
    talk = Talk()
    asking.ask_new(engine, talk, "What?", config_of(context, RESULT), AnswerOptions(), "")
    engine.finish()
    assert talk.writing is not None
    talk.writing.heard.answer = None
    engine._answering = replace(engine._answering, number=engine._answering.number + 1)
    asking.follow(engine, talk)
    assert talk.turns[0].replies[0].state == STOPPED


def test_an_answer_that_began_meanwhile_is_not_ended_by_what_the_engine_said_before(
    engine: ChatEngine, context: PageContext
) -> None:
    """A tick has heard of the answer before; then a click asks the next one, and the tick goes on."""
    talk, config = talked(engine, context, "What?"), config_of(context, RESULT)
    hear, engine.gate = engine.answering, threading.Event()

    def slow() -> Any:
        engine.answering = hear  # type: ignore[method-assign]
        before = hear()
        asking.ask_new(engine, talk, "And then?", config, AnswerOptions(), "")
        return before

    engine.answering = slow  # type: ignore[method-assign]
    asking.follow(engine, talk)
    assert talk.is_busy and talk.turns[1].replies[0].state == "asked"
    engine.gate.set()
    engine.finish()
    asking.follow(engine, talk)
    assert talk.turns[1].replies[0].state == DONE


def test_regenerating_without_chance_is_said_to_change_nothing(engine: ChatEngine, desk: ChatDesk) -> None:
    do, request = Conversation(desk), session()
    do.ask(request, "t", RESULT, "en", "What?", "wait", False, *SAMPLING)
    engine.finish()
    assert "temperature 0" in do.again(request, "t", RESULT, "en", "wait", False, *SAMPLING)[desk.parts.said]
    engine.finish()
    hot = ("", None, 0.8, 1, 0, 1, " 5 ")
    assert do.again(request, "t", RESULT, "en", "wait", False, *hot)[desk.parts.said] == ""
    options = engine.asked_of[-1][2]
    assert (options.temperature, options.seed, options.keeps_model, options.beside) == (0.8, 5, True, "wait")
    assert len(desk.talk("t", request).turns[0].replies) == 1


def test_empty_numbers_are_their_defaults_and_the_system_prompt_comes_first(
    engine: ChatEngine, context: PageContext
) -> None:
    asked = asked_of(("Be brief.", None, None, None, None, None, None), None)
    assert asked.options == AnswerOptions(keeps_model=True, beside="wait")
    with pytest.raises(UserError):
        asked_of(("", None, 0, 1, 0, 1, "5.5"), None)
    asking.ask_new(engine, Talk(), "What?", config_of(context, "builtin"), asked.options, asked.system)
    assert engine.asked_turns()[0] == {"role": "system", "content": "Be brief."}


def test_nobody_else_sees_a_conversation(desk: ChatDesk) -> None:
    desk.talk("mine", session()).attach([SAW])
    assert desk.talk("theirs", session()).attached == []
    other = replace(desk, who=lambda request: "bob")
    assert other.talk("mine", session()).attached == []
    assert desk.talk("", session("a")) is not desk.talk("", session("b"))


def test_only_so_many_conversations_are_kept_and_none_that_is_answering() -> None:
    talks = Talks(most=2)
    busy = talks.of("busy")
    busy.waiting.append(SimpleNamespace())  # type: ignore[arg-type]
    for name in ("a", "b", "c"):
        talks.of(name)
    assert talks.of("busy") is busy and len(talks._talks) <= 3


def test_a_tick_sends_nothing_that_this_page_has_already(engine: ChatEngine, desk: ChatDesk) -> None:
    do, request = Conversation(desk), session()
    do.ask(request, "t", RESULT, "en", "What?", "wait", False, *SAMPLING)
    engine.finish()
    first = do.tick("t", RESULT, "en", "wait", {}, request)
    assert desk.parts.turns in first
    again = do.tick("t", RESULT, "en", "wait", first[desk.parts.seen], request)
    assert set(again) == {desk.parts.seen}


# -- series -----------------------------------------------------------------------------------------------------------


def test_columns_of_a_table_are_cut_and_their_gaps_filled(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("name,x,y\nn1,1,5\nn2,,6\nn3,3,7\nn4,4,8\n", encoding="utf-8")
    table, columns = sources.number_columns(str(file))
    assert (table.rows, columns) == (4, ["x", "y"])
    first, second = sources.from_table(str(file), columns, 1, 3)
    assert first.points.tolist() == [1, 2, 3] and first.filled == 1 and second.points.tolist() == [5, 6, 7]
    for columns, begin, end in (([], 1, 2), (["x"], 3, 2), (["x"], 1, 9)):
        with pytest.raises(UserError):
            sources.from_table(str(file), columns, begin, end)


def test_a_table_without_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\nx,y\nz,w\n", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        sources.number_columns(str(tmp_path / "a.csv"))
    assert refused.value.message.key == "page.chat.no_columns"


@pytest.mark.parametrize("kind", [each.key for each in SYNTH_TASKS])
def test_every_kind_can_be_generated_and_the_same_seed_is_the_same_series(kind: str) -> None:
    series, question = sources.from_generator(kind, 3, 96, "en")
    again, _ = sources.from_generator(kind, 3, 96, "en")
    assert question.count("<ts><ts/>") == len(series) and all(len(each.points) == 96 for each in series)
    assert [each.points.tolist() for each in series] == [each.points.tolist() for each in again]
    assert all(each.name for each in series)


@pytest.mark.parametrize(("seed", "points"), [(1, 4), (-1, 64), (1, 10**6)])
def test_what_cannot_be_generated_is_refused(seed: int, points: int) -> None:
    with pytest.raises(UserError):
        sources.from_generator("trend", seed, points, "zh")


def test_a_row_brings_its_series_and_its_question(context: PageContext, tmp_path: Path) -> None:
    room = context.data
    assert room is not None
    write_lines(room.workspace.datasets / "mine.jsonl", [row(), row("Load (bar): <ts><ts/> and?", series=[[1, 2]])])
    series, question = sources.from_row(room, "mine", 2)
    assert series[0].points.tolist() == [1, 2] and question == "Load (bar): <ts><ts/> and?"
    for wanted in (0, 3):
        with pytest.raises(UserError):
            sources.from_row(room, "mine", wanted)


@pytest.mark.parametrize("feed", ["", "{}", '{"points": "x"}', '{"heights": [0, 1], "points": 1, "low": 0, "high": 1}'])
def test_a_drawing_that_is_none_is_refused(feed: str) -> None:
    with pytest.raises(UserError):
        sources.from_drawing(feed, "")


def test_too_much_is_refused_with_its_limit() -> None:
    talk = Talk()
    with pytest.raises(UserError):
        sources.attached(np.zeros(MOST_POINTS + 1))
    talk.attach([SAW] * MOST_SERIES)
    with pytest.raises(UserError):
        talk.attach([SAW])
    assert len(talk.attached) == MOST_SERIES


def test_the_facts_are_those_of_the_models_own_processor() -> None:
    facts = facts_of(SAW, FakeEncoder(patch_size=8))
    assert (facts.points, facts.patches, facts.patch_points) == (40, 5, 8) and facts.problem is None
    limited = facts_of(SAW, FakeEncoder(patch_size=8, max_points=16))
    assert limited.problem is not None and limited.patches == 0
    assert facts_of(SAW, message("page.chat.no_model")).problem == message("page.chat.no_model")


def test_changed_series_are_asked_about_beside_the_others(engine: ChatEngine, desk: ChatDesk) -> None:
    do, request = Conversation(desk), session()
    desk.talk("t", request).attach([SAW, replace(SAW, name="level")])
    do.ask(request, "t", RESULT, "en", "What?", "wait", False, *SAMPLING)
    engine.finish()
    do.ask_changed(request, "t", RESULT, "en", "shift", 50, 2, "wait", *SAMPLING)
    engine.finish()
    do.tick("t", RESULT, "en", "wait", {}, request)
    own, other = (question.series for _, question, _ in engine.asked_of)
    assert np.array_equal(own[0], other[0]) and np.allclose(np.asarray(other[1]) - own[1], 3.0)
    assert [each.kind for each in desk.talk("t", request).turns[0].replies] == ["own", CHANGED]
    html = turns_html(desk.talk("t", request).turns, look())
    assert "shift, 50 %" in html and html.count('class="chat-reply') == 2


def test_a_change_is_drawn_on_each_series_where_it_is(engine: ChatEngine, context: PageContext) -> None:
    talk = talked(engine, context, "What?", series=[SAW, Attached(np.arange(400.0), "level")])
    change, series = changed(talk, "spike", 50, 0)
    for number, first, last in change.places:
        moved = np.flatnonzero(series[number - 1].points != talk.turns[0].series[number - 1].points)
        assert moved.tolist() == [first] and first == last
    assert [number for number, _, _ in change.places] == [1, 2] and "points" not in change_words(change, "en")
    asking.ask_beside(engine, talk, config_of(context, RESULT), AnswerOptions(), "", change, series)
    engine.finish()
    asking.follow(engine, talk)
    html = unescape(turns_html(talk.turns, look()))
    for _, first, last in change.places:
        assert f'"first":{first},"last":{last}' in html
    one, _ = changed(talk, "spike", 50, 2)
    assert f"points {one.places[0][1]}" in change_words(one, "en")


def test_nothing_to_change_is_said(engine: ChatEngine, context: PageContext) -> None:
    for talk, number in ((Talk(), 0), (talked(engine, context, "What?", series=()), 0)):
        with pytest.raises(UserError):
            changed(talk, "noise", 10, number)
    with pytest.raises(UserError):
        changed(talked(engine, context, "What?"), "noise", 10, 2)


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_places_beyond_the_end_are_flagged_and_those_inside_drawn(engine: ChatEngine, context: PageContext) -> None:
    talk = talked(engine, context, "What?")
    html = turns_html(talk.turns, look())
    assert '<mark class="answer">points 10 to 20</mark>' in html and '<mark class="wrong">point 900</mark>' in html
    assert "ends at point 39" in html
    payload = json.loads(html.split('data-payload="')[1].split('"')[0].replace("&quot;", '"'))
    assert [(each["first"], each["last"]) for each in payload["series"][0]["marks"]] == [(10, 20)]


def test_a_place_is_judged_by_the_series_that_the_sentence_names() -> None:
    short, long = replace(SAW, name="pump"), Attached(np.arange(200.0), "fan")
    places = named_in("", "The pump fails at point 100. The fan fails at point 100.", [short, long])
    assert [(each.beyond, each.series) for each in places] == [(1, ()), (0, (2,))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_was_written_becomes_html(engine: ChatEngine, context: PageContext, language: str) -> None:
    engine.speak = lambda config, question: f"{BAD} points 2 to 5 {BAD}"
    series = replace(SAW, name=BAD, unit=BAD, origin=message("page.chat.from.row", name=BAD, row=1))
    talk = talked(engine, context, f"{BAD} what?", series=(series,))
    talk.change(1, weights=Weights((0, 20), ((0.5, 0.1, -0.2, 0.0, 0.0),), 8))
    shown = [
        turns_html(talk.turns, Look(language, lambda name: BAD, has_base=True)),
        feed_html(1, BAD, "writing", language),
        slot_html(Slot("chat", BAD, 5), BAD, "cpu", language),
    ]
    assert not any("<script" in each for each in shown)
    assert "data-do=" in shown[0] and "heat" in shown[0]


def test_an_explained_part_names_the_strongest_patch(engine: ChatEngine, context: PageContext) -> None:
    talk = talked(engine, context, "What?")
    talk.change(1, weights=Weights((0, 4), ((0.0, 0.5, 0.1, 0.0, -0.7),), 8))
    html = turns_html(talk.turns, look())
    assert "points 8–15" in html and '<mark class="explained">runs</mark>' in html
    talk.change(1, weights=Weights((0, 4), ((-0.1, -0.5, 0.0, 0.0, -0.7),), 8))
    assert "No patch" in turns_html(talk.turns, look())


def test_an_attribution_is_kept_with_its_answer_or_says_why_not(
    engine: ChatEngine, desk: ChatDesk, context: PageContext
) -> None:
    do, request = Conversation(desk), session()
    desk.talk("t", request).attach([SAW])
    do.ask(request, "t", RESULT, "en", "What?", "wait", False, *SAMPLING)
    engine.finish()
    do.tick("t", RESULT, "en", "wait", {}, request)
    talk = desk.talk("t", request)
    engine.attribution_now = Attribution(1, 2, 5)
    event = SimpleNamespace(_data={"do": "explain", "reply": 1, "begin": 5, "end": 8})
    do.act(event, request, "t", RESULT, "en", "wait", *SAMPLING)  # type: ignore[arg-type]
    assert engine.explained == [(talk.turns[0].replies[0].text, (5, 8))]
    progress, _ = follow_explaining(engine, talk, "en")
    assert "2 of 5" in progress
    stop = SimpleNamespace(_data={"do": "stop-explaining"})
    for other in (desk.talk("other", request), Talk(explaining=Explaining(1, (0, 1), 99))):
        stop_explaining(engine, other)
    assert "2 of 5" in follow_explaining(engine, talk, "en")[0]  # nobody else's button ends it
    do.act(stop, request, "t", RESULT, "en", "wait", *SAMPLING)  # type: ignore[arg-type]
    assert "stopped" in follow_explaining(engine, talk, "en")[1] and talk.explaining is None
    engine.attribution_now = None
    do.act(event, request, "t", RESULT, "en", "wait", *SAMPLING)  # type: ignore[arg-type]
    follow_explaining(engine, talk, "en")
    weights = talk.turns[0].replies[0].weights
    assert weights is not None and weights.part == (5, 8) and len(weights.by_series[0]) == 5


def test_models_have_readable_names_and_stand_for_their_settings(context: PageContext) -> None:
    choices = dict((value, words) for words, value in model_choices(context, "en"))
    assert choices[RESULT] == "pumps · adapter · step 60 · loss 1.25" and "builtin" in choices
    assert config_of(context, RESULT).model.continue_from == RESULT
    assert config_of(context, "/some/folder").model.name == "/some/folder"


# -- rows -------------------------------------------------------------------------------------------------------------


def test_a_corrected_answer_becomes_a_row_that_keeps_what_the_model_wrote(
    engine: ChatEngine, context: PageContext, tmp_path: Path
) -> None:
    talk, inbox = talked(engine, context, "What?", "And why?"), Inbox(tmp_path / "labels")
    talk.change(2, thumb=-1)
    assert save_reply(inbox, talk, 2, "Because.", "ann", "en")
    assert not save_reply(inbox, talk, 2, "Because.", "ann", "en")
    item = inbox.get(inbox.items()[0].id)
    assert [turn["role"] for turn in item.given.turns] == ["user", "assistant", "user", "assistant"]
    assert item.given.turns[-1]["content"] == "Because." and item.summary.source == {"kind": "chat", "name": RESULT}
    assert item.series[0].points.tolist() == SAW.points.tolist() and item.series[0].name == "flow"
    assert item.given.meta["thumb"] == "down" and item.given.meta["rejected"] == talk.turns[1].replies[0].text
    assert talk.turns[1].replies[0].saved == "Because."


def test_an_answer_is_saved_as_it_is_and_an_empty_one_is_not(
    engine: ChatEngine, context: PageContext, tmp_path: Path
) -> None:
    talk, inbox = talked(engine, context, "What?"), Inbox(tmp_path / "labels")
    with pytest.raises(UserError):
        save_reply(inbox, talk, 1, "  ", "ann", "en")
    with pytest.raises(UserError):
        save_reply(inbox, talk, 99, None, "ann", "en")
    assert save_reply(inbox, talk, 1, None, "ann", "en")
    item = inbox.get(inbox.items()[0].id)
    assert item.given.turns[-1]["content"] == talk.turns[0].replies[0].text and "rejected" not in item.given.meta


def test_what_needs_no_new_answer_needs_no_valid_seed(engine: ChatEngine, desk: ChatDesk) -> None:
    do, request = Conversation(desk), session()
    do.ask(request, "t", RESULT, "en", "What?", "wait", False, *SAMPLING)
    engine.finish()
    do.tick("t", RESULT, "en", "wait", {}, request)
    for name in ("up", "explain", "base"):
        event: Any = SimpleNamespace(_data={"do": name, "reply": 1})
        answer = do.act(event, request, "t", RESULT, "en", "wait", "", None, 0, 1, 0, 1, "no seed")
        assert ("no seed" in answer[desk.parts.said]) == (name == "base")
    assert desk.talk("t", request).turns[0].replies[0].thumb == 1


def test_what_is_chosen_is_not_sent_again_when_the_tab_is_opened(desk: ChatDesk, tmp_path: Path) -> None:
    write_lines(tmp_path / "datasets" / "own.jsonl", [row()])
    model, dataset = desk.parts.model, desk.parts.attach.dataset
    first = desk.offers(None, None, "en")
    assert first[model]["value"] == RESULT and first[dataset]["value"] in desk.room.usable()
    again = desk.offers("builtin", "own", "en")
    assert "value" not in again[model] and "value" not in again[dataset] and again[model]["choices"]


def test_thumbs_are_given_and_taken_back(engine: ChatEngine, desk: ChatDesk) -> None:
    do, request = Conversation(desk), session()
    do.ask(request, "t", RESULT, "en", "What?", "wait", False, *SAMPLING)
    engine.finish()
    do.tick("t", RESULT, "en", "wait", {}, request)
    talk = desk.talk("t", request)
    for button, wanted in (("up", 1), ("down", -1), ("down", 0)):
        event = SimpleNamespace(_data={"do": button, "reply": 1})
        do.act(event, request, "t", RESULT, "en", "wait", *SAMPLING)  # type: ignore[arg-type]
        assert talk.turns[0].replies[0].thumb == wanted


# -- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_every_control_has_words_of_each_language(language: str) -> None:
    words = Words()
    with gr.Blocks(analytics_enabled=False) as blocks:
        place_chat(words)
    english, other = words.properties("en"), words.properties(language)
    same = {
        text
        for component, properties in other.items()
        for name, text in properties.items()
        if text == english[component][name] or not text
    }
    assert same == set()
    wordless = (gr.HTML, gr.Timer, gr.State, gr.Row, gr.Column)
    shown = [each for each in blocks.blocks.values() if each.visible is not None and not isinstance(each, wordless)]
    missing = [each for each in shown if each.visible != "hidden" and each not in other and type(each) is not gr.Blocks]
    assert [each.elem_id for each in missing if not type(each).__name__.startswith("Form")] == []
