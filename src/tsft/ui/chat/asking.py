"""Puts questions of a conversation to the engine, one after another, and takes over what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tsft.config.run_config import RunConfig
from tsft.data.examples import PLACEHOLDER
from tsft.data.tasks.row import introduction
from tsft.data.tasks.subject import NamedSeries, Subject
from tsft.errors import UserError, message
from tsft.run.answers import WAITING, AnswerOptions, Question
from tsft.run.ports import EnginePort
from tsft.ui.chat.models import name_of
from tsft.ui.chat.talk import (
    BASE,
    CHANGED,
    DONE,
    FAILED,
    MOST_SERIES,
    OWN,
    STOPPED,
    Attached,
    Change,
    Heard,
    Reply,
    Talk,
    Turn,
    Wish,
    Writing,
    history,
    placeholders,
    told_series,
)


def with_placeholders(question: str, series: Sequence[Attached]) -> str:
    """The question with a placeholder for each series, in their order.

    Where it places none they are introduced in front of it; where it places some, the others follow behind.

    UserError where it is empty, or places more series than there are.
    """
    text, placed = question.strip(), placeholders(question)
    if not text.replace(PLACEHOLDER, "").strip():
        raise UserError(message("page.chat.no_question"))
    if placed > len(series):
        raise UserError(message("page.chat.placeholders", placed=placed, series=len(series)))
    missing = series[placed:]
    if not missing:
        return text
    language = "zh" if any("\u3400" <= letter <= "\u9fff" for letter in text) else "en"
    nameless = {"en": "series {number}", "zh": "序列 {number}"}[language]
    named = tuple(
        NamedSeries(each.name or nameless.format(number=number), each.points, each.unit)
        for number, each in enumerate(missing, placed + 1)
    )
    told = introduction(Subject(named), language, np.random.default_rng(0))
    return f"{text}\n{told}" if placed else f"{told}\n{text}"


def question_of(turns: Sequence[Turn], turn: Turn, series: Sequence[Attached], system: str) -> Question:
    """The last turn's question after the others. series: all of the conversation, changed or not."""
    said = [*history(turns, system), {"role": "user", "content": turn.question}]
    return Question(said, [each.points for each in series])


def ask_new(
    engine: EnginePort, talk: Talk, question: str, config: RunConfig, options: AnswerOptions, system: str
) -> Reply:
    """Ask what was typed about what is attached; in the place of the last question where that is being edited."""
    with talk.lock:
        asked = talk.asked
        before = talk.turns[:-1] if talk.editing else talk.turns[:]
        attached = tuple(talk.attached)
        turn = Turn(with_placeholders(question, attached), attached)
        series = (*told_series(before), *attached)
        reply = Reply(next(talk.numbers), name_of(config), OWN, series, system=system, options=options)
    wish = Wish(reply.id, config, question_of(before, turn, series, system), options)

    def put() -> None:
        talk.turns[len(before) :] = [replace(turn, replies=(reply,))]
        # What was attached meanwhile goes with the next question.
        talk.attached = [each for each in talk.attached if not any(each is sent for sent in attached)]
        talk.editing, talk.correcting = False, 0
        talk.asked += 1

    _begin(engine, talk, wish, asked, put)
    return reply


def ask_again(engine: EnginePort, talk: Talk, config: RunConfig, options: AnswerOptions, system: str) -> Reply:
    """The last question once more; the new answer takes the place of the own one."""
    with talk.lock:
        turn, asked = _last(talk), talk.asked
        series = (*told_series(talk.turns[:-1]), *turn.series)
        reply = Reply(next(talk.numbers), name_of(config), OWN, series, system=system, options=options)
        wish = Wish(reply.id, config, question_of(talk.turns[:-1], turn, series, system), options)

    def put() -> None:
        now = talk.turns[-1]
        beside = tuple(each for each in now.replies if each.kind != OWN)
        talk.turns[-1] = replace(now, replies=(reply, *beside))
        talk.correcting = 0

    _begin(engine, talk, wish, asked, put)
    return reply


def ask_beside(
    engine: EnginePort,
    talk: Talk,
    config: RunConfig,
    options: AnswerOptions,
    system: str,
    change: Change | None = None,
    series: Sequence[Attached] | None = None,
) -> Reply:
    """The last question to another model, or about changed series; it waits while an answer is being written."""
    with talk.lock:
        turn, asked = _last(talk), talk.asked
        count = talk.changed_series + (len(change.places) if change is not None else 0)
        if change is not None and count > MOST_SERIES:
            raise UserError(message("page.chat.too_many_changed", count=count, most=MOST_SERIES))
        told = tuple(series) if series is not None else (*told_series(talk.turns[:-1]), *turn.series)
        kind = BASE if change is None else CHANGED
        reply = Reply(next(talk.numbers), name_of(config), kind, told, change=change, system=system, options=options)
        wish = Wish(reply.id, config, question_of(talk.turns[:-1], turn, told, system), options)
        is_busy = talk.is_busy
        if is_busy:
            talk.waiting.append(wish)
            talk.add_reply(len(talk.turns) - 1, reply)
    if not is_busy:
        _begin(engine, talk, wish, asked, lambda: talk.add_reply(len(talk.turns) - 1, reply))
    return reply


def follow(engine: EnginePort, talk: Talk) -> None:
    """Take over what the engine has told since, and ask what waits once an answer is done."""
    with talk.lock:
        writing = talk.writing
    now = engine.answering()  # before what was heard: the last word is told before the round is over
    with talk.lock:
        if talk.writing is not writing:
            return  # another handler was quicker: what the engine said is of the answer before
        if writing is not None:
            mine = now if now is not None and now.number == writing.number else None
            said, reply = writing.heard.answer, writing.wish.reply
            known = {"text": said.text, "seconds": said.seconds, "tokens": said.tokens} if said is not None else {}
            if mine is not None and not mine.is_done:
                found = talk.find(reply)
                if found is not None and found[1].phase != mine.phase:
                    talk.change(reply, phase=mine.phase)
                return
            talk.writing, talk.over = None, reply
            if mine is not None and mine.problem is not None:
                talk.change(reply, state=FAILED, problem=mine.problem.message, **known)
            elif said is not None and said.problem is not None:
                talk.change(reply, state=FAILED, problem=said.problem, **known)
            else:
                state = DONE if said is not None and said.is_done else STOPPED
                talk.change(reply, state=state, is_cut=said is not None and said.is_cut, **known)
            if mine is None or mine.is_stopped:
                _give_up_waiting(talk)
        wish = talk.waiting.pop(0) if talk.waiting else None
    if wish is not None:
        _begin_waiting(engine, talk, wish)


def text_so_far(talk: Talk) -> tuple[int, str, str]:
    """Of the answer under way its reply, its text, and its phase; (0, "", "") where there is none."""
    with talk.lock:
        writing = talk.writing
        if writing is None:
            return 0, "", ""
        found = talk.find(writing.wish.reply)
        said = writing.heard.answer
        return writing.wish.reply, said.text if said is not None else "", found[1].phase if found else WAITING


def stop(engine: EnginePort, talk: Talk) -> bool:
    """End the answer under way and what waits behind it; what is written stays."""
    with talk.lock:
        _give_up_waiting(talk)
        number = talk.writing.number if talk.writing is not None else 0
    return bool(number) and engine.stop_answering(number)


def last_asked(turn: Turn, kind: str) -> Reply | None:
    return next((each for each in turn.replies if each.kind == kind), None)


def _last(talk: Talk) -> Turn:
    if not talk.turns:
        raise UserError(message("page.chat.nothing_asked"))
    return talk.turns[-1]


def _begin(engine: EnginePort, talk: Talk, wish: Wish, asked: int, put: Callable[[], None]) -> None:
    """Ask, and `put` the reply into the conversation; asked: `Talk.asked` when the question was made.

    UserError where an answer is under way, or another question is the last one by now: then nothing is put.
    """
    if talk.is_busy:
        raise UserError(message("page.chat.busy"))
    heard = Heard()
    number = engine.answer(wish.config, [wish.question], wish.options, heard)
    with talk.lock:
        is_same = talk.asked == asked and not talk.is_busy
        if is_same:
            put()
            talk.writing = Writing(wish, heard, number)
            talk.touch()
    if not is_same:
        engine.stop_answering(number)
        raise UserError(message("page.chat.changed_meanwhile"))


def _begin_waiting(engine: EnginePort, talk: Talk, wish: Wish) -> None:
    heard = Heard()
    try:
        number = engine.answer(wish.config, [wish.question], wish.options, heard)
    except UserError as error:
        with talk.lock:
            talk.over = wish.reply
            talk.change(wish.reply, state=FAILED, problem=error.message)
        return
    with talk.lock:
        is_wanted = talk.find(wish.reply) is not None
        if is_wanted:
            talk.writing = Writing(wish, heard, number)
            talk.touch()
    if not is_wanted:
        engine.stop_answering(number)  # the conversation was cleared meanwhile


def _give_up_waiting(talk: Talk) -> None:
    for each in talk.waiting:
        talk.without_reply(each.reply)
    talk.waiting = []
