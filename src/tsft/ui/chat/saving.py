"""What is kept of an answer: a row that waits in the label room, as it is or corrected, and what was said of it."""

from collections.abc import Sequence
from typing import Any

from tsft.data.labelling.inbox import Inbox, new_item
from tsft.data.labelling.items import ItemSeries
from tsft.data.names import SeriesName
from tsft.data.preferences.verdicts import Said, Verdicts
from tsft.errors import UserError, message
from tsft.i18n import translate
from tsft.ui.chat.talk import Attached, Reply, Talk, history, told_series

# Of how an answer was written, what is kept with a verdict.
SETTINGS = ("max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed")


def save_reply(inbox: Inbox, talk: Talk, reply_id: int, corrected: str | None, by: str, language: str) -> bool:
    """Put the conversation up to the reply into the label room; False where it lies there already.

    The system prompt of the reply goes first. corrected: what the answer should have been, None to take it as it is.
    The row keeps what the model wrote, and whether it was found good, in its `meta`.
    """
    reply, turns, series = _asked(talk, reply_id)
    answer = (corrected if corrected is not None else reply.text).strip()
    if not answer:
        raise UserError(message("page.chat.empty_answer"))
    item = new_item(
        [*turns, {"role": "assistant", "content": answer}],
        [each.points for each in series],
        {"kind": "chat", "name": reply.model},
        _note(reply, answer, language),
        [SeriesName(each.name, each.unit) for each in series],
        meta=_meta(reply, answer),
    )
    is_new = bool(inbox.add([item], by))
    with talk.lock:
        talk.change(reply_id, saved=answer)
        talk.correcting = 0
        talk.touch()
    return is_new


def judge_reply(
    verdicts: Verdicts, talk: Talk, reply_id: int, by: str, thumb: int | None = None, better: str | None = None
) -> None:
    """Keep a thumb (1, -1; 0 takes it back) or a better answer, with question, series, model and settings."""
    said = said_of(talk, reply_id)
    if better is not None and better.strip() == said.answer.strip():
        return
    verdicts.judge(said, thumb, better, by)


def said_of(talk: Talk, reply_id: int) -> Said:
    """The answer in its conversation, as it was asked."""
    reply, turns, series = _asked(talk, reply_id)
    options = reply.options
    settings = {name: getattr(options, name) for name in SETTINGS} if options is not None else {}
    listed = tuple(ItemSeries(each.points, each.name, each.unit) for each in series)
    return Said(tuple(turns), listed, reply.text, reply.model, settings)


def _asked(talk: Talk, reply_id: int) -> tuple[Reply, list[dict[str, str]], Sequence[Attached]]:
    """The reply with the turns up to its question and their series. UserError where it is gone."""
    with talk.lock:
        found = talk.find(reply_id)
        if found is None:
            raise UserError(message("page.chat.reply_gone"))
        place, reply = found
        earlier, turn = talk.turns[:place], talk.turns[place]
    turns = [*history(earlier, reply.system), {"role": "user", "content": turn.question}]
    return reply, turns, reply.series or (*told_series(earlier), *turn.series)


def _note(reply: Reply, answer: str, language: str) -> str:
    """Why it was sent, for whoever looks at it next."""
    if answer != reply.text.strip():
        return translate(language, "page.chat.note.corrected", text=reply.text.strip())
    if reply.thumb:
        return translate(language, "page.chat.note.good" if reply.thumb > 0 else "page.chat.note.bad")
    return ""


def _meta(reply: Reply, answer: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"source": "chat", "model": reply.model}
    if reply.thumb:
        meta["thumb"] = "up" if reply.thumb > 0 else "down"
    if answer != reply.text.strip():
        meta["rejected"] = reply.text.strip()
    return meta
