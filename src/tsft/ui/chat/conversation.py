"""The handlers of the conversation: ask, stop, ask again, edit, clear, and what is done with an answer."""

import secrets
from typing import Any

import gradio as gr

from tsft.config.run_config import RunConfig
from tsft.errors import UserError, message
from tsft.evaluate.disturbances import disturbed
from tsft.i18n import translate
from tsft.run.answers import WAIT
from tsft.run.ports import EnginePort
from tsft.ui import monitor
from tsft.ui.chat import asking
from tsft.ui.chat.desk import Asked, ChatDesk, Updates, asked_of, is_new
from tsft.ui.chat.explaining import explain, follow_explaining, stop_explaining
from tsft.ui.chat.models import base_of, config_of
from tsft.ui.chat.saving import judge_reply, save_reply
from tsft.ui.chat.sources import from_generator
from tsft.ui.chat.talk import DONE, Attached, Change, Talk, told_series

# Of a series to begin with: how long it is, and out of how many.
_START_POINTS, _SEEDS = 128, 100_000


class Conversation:
    """Handlers that give updates by component; each gets `ChatDesk.given` first."""

    def __init__(self, desk: ChatDesk) -> None:
        self.desk, self.parts = desk, desk.parts

    @property
    def engine(self) -> EnginePort:
        return self.desk.context.engine

    # -- asking -----------------------------------------------------------------------------------------------------

    def ask(
        self, request: gr.Request, token: str, model: str | None, language: str, question: str, beside: str, both: bool,
        *sampling: Any,
    ) -> Updates:  # fmt: skip
        """What was typed, about what is attached; with `both` the base too."""
        desk, talk = self.desk, self.desk.talk(token, request)
        try:
            config, asked = self._config(model), asked_of(sampling, beside)
            asking.follow(self.engine, talk)
            asking.ask_new(self.engine, talk, question or "", config, asked.options, asked.system)
            base = base_of(self.engine, config) if both else None
            if base is not None:
                asking.ask_beside(self.engine, talk, base, asked.options, asked.system)
        except UserError as error:
            return {self.parts.sent: "", **desk.refused(error, language)}
        return {self.parts.sent: question, **desk.show(talk, model, language), **desk.slot(beside, language)}

    def again(
        self, request: gr.Request, token: str, model: str | None, language: str, beside: str, both: bool, *sampling: Any
    ) -> Updates:
        """The last question once more. Without chance in it the answer will be the same, which is said."""
        desk, talk = self.desk, self.desk.talk(token, request)
        try:
            config, asked = self._config(model), asked_of(sampling, beside)
            asking.follow(self.engine, talk)
            before = talk.turns[-1].own if talk.turns else None
            asking.ask_again(self.engine, talk, config, asked.options, asked.system)
        except UserError as error:
            return desk.refused(error, language)
        is_same = before is not None and before.state == DONE and before.model == model
        said = ""
        if is_same and asked.options.temperature == 0:
            said = monitor.said(translate(language, "page.chat.same_again"))
        return {**desk.show(talk, model, language, said), **desk.slot(beside, language)}

    def ask_changed(
        self, request: gr.Request, token: str, model: str | None, language: str, kind: str, percent: float, number: Any,
        beside: str, *sampling: Any,
    ) -> Updates:  # fmt: skip
        """The last question about changed series, beside the others."""
        desk, talk = self.desk, self.desk.talk(token, request)
        try:
            config, asked = self._config(model), asked_of(sampling, beside)
            asking.follow(self.engine, talk)
            change, series = changed(talk, kind, float(percent or 0), int(number or 0))
            asking.ask_beside(self.engine, talk, config, asked.options, asked.system, change, series)
        except UserError as error:
            return desk.refused(error, language)
        return {**desk.show(talk, model, language), **desk.slot(beside, language)}

    def stop(self, token: str, model: str | None, language: str, request: gr.Request) -> Updates:
        talk = self.desk.talk(token, request)
        asking.stop(self.engine, talk)
        asking.follow(self.engine, talk)
        return self.desk.show(talk, model, language)

    def edit(self, token: str, model: str | None, language: str, request: gr.Request) -> Updates:
        """The last question back into its box with its series; pressed again, leave it as it was."""
        talk = self.desk.talk(token, request)
        with talk.lock:
            talk.editing = not talk.editing and bool(talk.turns)
            last = talk.turns[-1] if talk.editing else None
            talk.attached = list(last.series) if last is not None else []
            talk.touch()
        return {self.parts.question: last.question if last else "", **self.desk.show(talk, model, language)}

    def clear(self, token: str, model: str | None, language: str, request: gr.Request) -> Updates:
        talk = self.desk.talk(token, request)
        asking.stop(self.engine, talk)
        stop_explaining(self.engine, talk)
        with talk.lock:
            talk.clear()
        return {self.parts.question: "", **self.desk.show(talk, model, language)}

    def free(self, token: str, model: str | None, language: str, beside: str, request: gr.Request) -> Updates:
        """Give the memory of the model back; an answer under way ends where it is."""
        talk = self.desk.talk(token, request)
        self.engine.free_model()
        asking.follow(self.engine, talk)
        return {**self.desk.show(talk, model, language), **self.desk.slot(beside, language)}

    # -- what happens meanwhile -------------------------------------------------------------------------------------

    def tick(
        self, token: str, model: str | None, language: str, beside: str, seen: dict[str, Any], request: gr.Request
    ) -> Updates:
        """Only what changed since this page was sent something."""
        desk, parts, talk = self.desk, self.parts, self.desk.talk(token, request)
        asking.follow(self.engine, talk)
        progress, ended = follow_explaining(self.engine, talk, language)
        now = {"slot": (self.engine.slot(), beside, language), "doing": progress}
        # The names of models are read from disk: not at every tick.
        updates: Updates = {} if now["slot"] == seen.get("slot") else desk.slot(beside, language)
        if now["doing"] != seen.get("doing", ""):
            updates[parts.doing] = progress
        if is_new(talk, seen):
            shown = desk.show(talk, model, language, ended)
            # A sentence that answered a click stays until the next click, unless something else is to be said.
            if not ended:
                del shown[parts.said], shown[parts.open]
            return {**updates, **shown, parts.seen: {**shown[parts.seen], **now}}
        if talk.writing is not None:
            updates[parts.feed] = desk.feed(talk, language)
        return {**updates, parts.seen: {**seen, **now} if any(seen.get(key) != now[key] for key in now) else gr.skip()}

    # -- answers ----------------------------------------------------------------------------------------------------

    def act(
        self, event: gr.EventData, request: gr.Request, token: str, model: str | None, language: str, beside: str,
        *sampling: Any,
    ) -> Updates:  # fmt: skip
        """A button of the conversation: its name, the reply, and the characters of it that are selected."""
        talk, told = self.desk.talk(token, request), event._data
        reply, do = int(told.get("reply") or 0), str(told.get("do"))
        try:
            if do in ("up", "down"):
                self._thumb(talk, reply, 1 if do == "up" else -1, request)
            elif do == "correct":
                return self._correct(talk, reply, model, language)
            elif do == "save":
                return self._save(talk, reply, None, model, language, request)
            elif do == "explain":
                part = (int(told.get("begin") or 0), int(told.get("end") or 0))
                explain(self.desk.context, talk, reply, part, beside or WAIT)
            elif do == "stop-explaining":
                stop_explaining(self.engine, talk)
            elif do == "base":
                self._ask_base(talk, reply, asked_of(sampling, beside))
            elif do == "start":
                self._start(talk, str(told.get("kind")), model, language, asked_of(sampling, beside))
        except UserError as error:
            return self.desk.refused(error, language)
        return {**self.desk.show(talk, model, language), **self.desk.slot(beside, language)}

    def save(self, token: str, model: str | None, language: str, correction: str, request: gr.Request) -> Updates:
        """The corrected answer becomes a row."""
        talk = self.desk.talk(token, request)
        try:
            return self._save(talk, talk.correcting, correction or "", model, language, request)
        except UserError as error:
            return self.desk.refused(error, language)

    def cancel(self, token: str, model: str | None, language: str, request: gr.Request) -> Updates:
        talk = self.desk.talk(token, request)
        with talk.lock:
            talk.correcting = 0
            talk.touch()
        return self.desk.show(talk, model, language)

    def _start(self, talk: Talk, kind: str, model: str | None, language: str, asked: Asked) -> None:
        """Begin with a series that the generator makes for this task, and its question."""
        series, question = from_generator(kind, secrets.randbelow(_SEEDS), _START_POINTS, language)
        config = self._config(model)
        with talk.lock:
            talk.attach(series)
        asking.ask_new(self.engine, talk, question, config, asked.options, asked.system)

    def _ask_base(self, talk: Talk, reply_id: int, asked: Asked) -> None:
        """The base of the model that answered, whichever is chosen now, with the system prompt of that answer."""
        with talk.lock:
            found = talk.find(reply_id)
        if found is None:
            raise UserError(message("page.chat.reply_gone"))
        _, reply = found
        base = base_of(self.engine, config_of(self.desk.context, reply.model))
        if base is not None:
            asking.ask_beside(self.engine, talk, base, asked.options, reply.system)

    def _thumb(self, talk: Talk, reply_id: int, thumb: int, request: gr.Request) -> None:
        """Kept on disk before it shows; pressed again it is taken back."""
        with talk.lock:
            found = talk.find(reply_id)
        if found is None:
            raise UserError(message("page.chat.reply_gone"))
        now = 0 if found[1].thumb == thumb else thumb
        judge_reply(self.desk.room.verdicts, talk, reply_id, self.desk.who(request), thumb=now)
        with talk.lock:
            talk.change(reply_id, thumb=now)

    def _correct(self, talk: Talk, reply_id: int, model: str | None, language: str) -> Updates:
        with talk.lock:
            found = talk.find(reply_id)
            if found is None:
                raise UserError(message("page.chat.reply_gone"))
            talk.correcting = 0 if talk.correcting == reply_id else reply_id
            talk.touch()
        text = found[1].saved or found[1].text.strip()
        return {self.parts.correction: text, **self.desk.show(talk, model, language)}

    def _save(
        self, talk: Talk, reply: int, corrected: str | None, model: str | None, language: str, request: gr.Request
    ) -> Updates:
        room, by = self.desk.room, self.desk.who(request)
        is_added = save_reply(room.inbox, talk, reply, corrected, by, language)
        if corrected is not None:
            judge_reply(room.verdicts, talk, reply, by, better=corrected)
        key = "page.chat.saved" if is_added else "page.chat.saved_before"
        shown = self.desk.show(talk, model, language, monitor.said(translate(language, key)))
        return {**shown, self.parts.open: gr.update(visible=True)}

    def _config(self, model: str | None) -> RunConfig:
        if not model:
            raise UserError(message("page.chat.no_model"))
        return config_of(self.desk.context, model)


def changed(talk: Talk, kind: str, percent: float, number: int) -> tuple[Change, list[Attached]]:
    """The change, and all series of the last question with it. number: the series from 1, 0 for all."""
    with talk.lock:
        if not talk.turns:
            raise UserError(message("page.chat.nothing_asked"))
        series = [*told_series(talk.turns[:-1]), *talk.turns[-1].series]
    if not series:
        raise UserError(message("page.chat.no_series"))
    if not 0 <= number <= len(series):
        raise UserError(message("page.chat.no_such_series", number=number, count=len(series)))
    found, places = [], []
    for place, each in enumerate(series, 1):
        if number not in (0, place):
            found.append(each)
            continue
        new = disturbed(each.points, kind, percent / 100)
        places.append((place, new.first, new.last))
        found.append(Attached(new.points, each.name, each.unit, each.filled, each.origin))
    return Change(kind, percent, tuple(places)), found
