"""An answer becomes a row that waits in the label room: as it is, or corrected."""

from typing import Any

from tsft.data.labelling.inbox import Inbox, new_item
from tsft.data.names import SeriesName
from tsft.errors import UserError, message
from tsft.i18n import translate
from tsft.ui.chat.talk import Reply, Talk, history, told_series


def save_reply(inbox: Inbox, talk: Talk, reply_id: int, corrected: str | None, by: str, language: str) -> bool:
    """Put the conversation up to the reply into the label room; False where it lies there already.

    The system prompt of the reply goes first. corrected: what the answer should have been, None to take it as it is.
    The row keeps what the model wrote, and whether it was found good, in its `meta`.
    """
    with talk.lock:
        found = talk.find(reply_id)
        if found is None:
            raise UserError(message("page.chat.reply_gone"))
        place, reply = found
        earlier, turn = talk.turns[:place], talk.turns[place]
    answer = (corrected if corrected is not None else reply.text).strip()
    if not answer:
        raise UserError(message("page.chat.empty_answer"))
    turns = [
        *history(earlier, reply.system),
        {"role": "user", "content": turn.question},
        {"role": "assistant", "content": answer},
    ]
    series = reply.series or (*told_series(earlier), *turn.series)
    item = new_item(
        turns,
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
