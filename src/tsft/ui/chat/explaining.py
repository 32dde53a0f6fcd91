"""What a chosen part of an answer rests on: asks the engine to occlude patch after patch, and keeps what it finds."""

from html import escape

from tsft.errors import UserError, message
from tsft.i18n import say, translate
from tsft.run.answers import AnswerOptions, Attribution
from tsft.run.ports import EnginePort
from tsft.ui import monitor
from tsft.ui.chat.asking import question_of
from tsft.ui.chat.models import config_of
from tsft.ui.chat.talk import Explaining, Talk, Weights
from tsft.ui.context import PageContext


def explain(context: PageContext, talk: Talk, reply_id: int, part: tuple[int, int], beside: str) -> None:
    """Begin, with the model and the system prompt of the answer; beside: what is done while a run goes on.

    part: the chosen characters of the answer, an empty one stands for all of it. UserError: why not."""
    with talk.lock:
        found = talk.find(reply_id)
        if found is None:
            raise UserError(message("page.chat.reply_gone"))
        place, reply = found
        question = question_of(talk.turns[:place], talk.turns[place], reply.series, reply.system)
    begin, end = (max(0, min(each, len(reply.text))) for each in part)
    if begin >= end:
        begin, end = 0, len(reply.text)
    config = config_of(context, reply.model)
    options = AnswerOptions(keeps_model=True, beside=beside)
    number = context.engine.begin_attribution(config, question, reply.text, (begin, end), options)
    with talk.lock:
        talk.explaining = Explaining(reply_id, (begin, end), number)
        talk.touch()


def stop_explaining(engine: EnginePort, talk: Talk) -> None:
    """End the attribution of this conversation; one that somebody else began since goes on."""
    with talk.lock:
        explaining = talk.explaining
    now = engine.attribution()
    if explaining is not None and now is not None and now.number == explaining.number:
        engine.stop_attribution()


def follow_explaining(engine: EnginePort, talk: Talk, language: str) -> tuple[str, str]:
    """Take over what was found once it is; returns how far it is, and why it ended without a result, as HTML."""
    now = engine.attribution()
    with talk.lock:
        explaining = talk.explaining
        if explaining is None:
            return "", ""
        if now is None or now.number != explaining.number:
            talk.explaining = None
            talk.touch()
            return "", monitor.said(translate(language, "page.ask.given_up"), is_bad=True)
        if not now.is_done:
            return progress_html(now, language), ""
        talk.explaining = None
        talk.touch()
        if now.problem is not None:
            return "", monitor.said(say(language, now.problem.message), is_bad=True)
        if now.weights:
            talk.change(explaining.reply, weights=Weights(explaining.part, now.weights, now.patch_points))
            return "", ""
        return "", monitor.said(translate(language, "page.chat.explaining_stopped"))


def progress_html(now: Attribution, language: str) -> str:
    """A bar with a button that stops it."""
    told = escape(translate(language, "page.chat.explaining", done=now.done, total=now.total))
    stop = escape(translate(language, "page.data.stop"))
    share = now.done / now.total if now.total else 0.0
    return (
        f'<div class="box calm"><p role="status">{told} <button type="button" class="tool" data-do="stop-explaining">'
        f'{stop}</button></p><div class="bar"><i style="width:{share:.1%}"></i></div></div>'
    )
