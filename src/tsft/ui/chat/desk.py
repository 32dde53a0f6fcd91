"""What all handlers of the Chat tab share: whose conversation it is, and what of it is shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.config.catalog import BUILTIN
from tsft.data.encoding import RowReader
from tsft.errors import Message, UserError, message
from tsft.i18n import say_all, translate
from tsft.run.answers import WAIT, AnswerOptions, check_options
from tsft.ui import monitor
from tsft.ui.chat.asking import text_so_far
from tsft.ui.chat.attached_html import attached_html
from tsft.ui.chat.draw_html import draw_html
from tsft.ui.chat.facts import reader_of
from tsft.ui.chat.layout import IDLE_SECONDS, WRITING_SECONDS, ChatParts
from tsft.ui.chat.models import base_of, config_of, model_choices, model_words
from tsft.ui.chat.slot_html import OCCUPIED, slot_html
from tsft.ui.chat.talk import Talk, Talks, Turn
from tsft.ui.chat.turns_html import Look, feed_html, over_html, turns_html
from tsft.ui.chat.verdict_box import counts_html
from tsft.ui.context import PageContext
from tsft.ui.data.room import DataRoom

Updates = dict[Any, Any]
# As large as torch takes one.
SEED_DIGITS = 18


@dataclass(frozen=True)
class Asked:
    """How an answer is to be written, as the controls say."""

    system: str
    options: AnswerOptions


@dataclass(frozen=True)
class ChatDesk:
    """parts: the controls; talks: all conversations; who: the name of a visitor."""

    parts: ChatParts
    context: PageContext
    room: DataRoom
    talks: Talks
    language: Any
    who: Callable[[gr.Request], str]

    # -- whose ------------------------------------------------------------------------------------------------------

    def talk(self, token: str | None, request: gr.Request) -> Talk:
        """The conversation of this browser tab; of the page alone where the browser keeps nothing."""
        own = (token or "").strip() or str(request.session_hash)
        return self.talks.of(f"{self.who(request)}\0{own}")

    @property
    def given(self) -> list[Any]:
        """What every handler gets first."""
        return [self.parts.token, self.parts.model, self.language]

    # -- what is shown ----------------------------------------------------------------------------------------------

    @property
    def shown(self) -> list[Any]:
        """What `show` and `refused` may change."""
        parts = self.parts
        boxes = [
            parts.turns,
            parts.feed,
            parts.over,
            parts.attached,
            parts.said,
            parts.open,
            parts.correcting,
            parts.seen,
            parts.verdicts.counts,
        ]
        return [*boxes, parts.stop, parts.again, parts.edit, parts.timer, *self.of_slot]

    @property
    def of_slot(self) -> list[Any]:
        return [self.parts.slot, self.parts.free, self.parts.beside]

    def show(self, talk: Talk, model: str | None, language: str, said: str = "") -> Updates:
        """The conversation as it stands; `said` is HTML below it."""
        parts = self.parts
        with talk.lock:
            turns, is_busy, version, editing = list(talk.turns), talk.is_busy, talk.version, talk.editing
            correcting, is_active = talk.correcting, talk.is_needed
            over = talk.find(talk.over)
        seconds = WRITING_SECONDS if is_active else IDLE_SECONDS
        edit = translate(language, "page.chat.edit_cancel" if editing else "page.chat.edit")
        can_go_on = bool(turns) and not is_busy
        return {
            parts.turns: turns_html(turns, self.look(turns, model, correcting, language)),
            parts.feed: self.feed(talk, language),
            parts.over: over_html(over[1] if over is not None else None, language),
            parts.attached: self.attached(talk, model, language),
            parts.said: said,
            parts.open: gr.update(visible=False),
            parts.correcting: gr.update(visible=bool(correcting)),
            parts.stop: gr.update(interactive=is_busy),
            parts.again: gr.update(interactive=can_go_on),
            parts.edit: gr.update(interactive=can_go_on, value=edit),
            # Whether it goes at all is for the tab to say.
            parts.timer: gr.Timer(seconds),
            parts.seen: {"version": version},
            parts.verdicts.counts: counts_html(self.room.verdicts.counts(), language),
        }

    def look(self, turns: Sequence[Turn], model: str | None, correcting: int, language: str) -> Look:
        results = self.context.results()
        # Of the model that answered, whichever is chosen now.
        last = turns[-1].own if turns else None
        has_base = last is not None and base_of(self.context.engine, config_of(self.context, last.model)) is not None
        return Look(
            language,
            lambda name: model_words(name, results, language),
            has_base,
            self.patch_points(model),
            correcting,
            is_builtin=model == BUILTIN,
        )

    def patch_points(self, model: str | None) -> int:
        reader = self.reader(model)
        return 0 if isinstance(reader, Message) else reader.patch_size

    def feed(self, talk: Talk, language: str) -> str:
        reply, text, phase = text_so_far(talk)
        return feed_html(reply, text, phase, language) if reply else ""

    def attached(self, talk: Talk, model: str | None, language: str) -> str:
        """What goes with the next question."""
        with talk.lock:
            series = list(talk.attached)
        return attached_html(series, self.reader(model), language) if series else ""

    def reader(self, model: str | None) -> RowReader | Message:
        """The processor of the chosen model, or why there is none."""
        if not model:
            return message("page.chat.no_model")
        return reader_of(self.context.engine, config_of(self.context, model))

    def slot(self, beside: str | None, language: str) -> Updates:
        """Who has the place for a model, what is done with a question meanwhile, and whether it can be freed."""
        slot = self.context.engine.slot()
        name = model_words(slot.model, self.context.results(), language) if slot.state == "chat" else slot.model
        return {
            self.parts.slot: slot_html(slot, name, beside or WAIT, language),
            self.parts.free: gr.update(interactive=slot.state in ("chat", "loading")),
            self.parts.beside: gr.update(visible=slot.state in OCCUPIED),
        }

    def refused(self, error: UserError, language: str) -> Updates:
        """Why a click did nothing."""
        said = monitor.said(say_all(language, error), is_bad=True)
        return {self.parts.said: said, self.parts.open: gr.update(visible=False)}

    def offers(self, model: str | None, dataset: str | None, language: str) -> Updates:
        """The models and datasets that there are now, and the drawing board in the page's language."""
        choices = model_choices(self.context, language)
        names = self.room.usable()
        # What is chosen is not sent again: the answer may come after the next choice.
        first_model: Updates = {} if model else {"value": next((value for _, value in choices), None)}
        first_name: Updates = {} if dataset in names else {"value": next(iter(names), None)}
        return {
            self.parts.model: gr.update(choices=choices, **first_model),
            self.parts.attach.dataset: gr.update(choices=names, **first_name),
            self.parts.attach.draw: draw_html(language),
        }

    @property
    def offered(self) -> list[Any]:
        return [self.parts.model, self.parts.attach.dataset, self.parts.attach.draw]


def asked_of(values: Sequence[Any], beside: str | None) -> Asked:
    """What the controls of `Sampling.inputs` say; an empty number is its default. UserError: what is wrong."""
    system, tokens, temperature, top_p, top_k, repetition, seed = values
    plain = AnswerOptions()
    options = AnswerOptions(
        max_new_tokens=plain.max_new_tokens if tokens is None else int(tokens),
        temperature=float(temperature or 0.0),
        top_p=float(top_p if top_p else plain.top_p),
        top_k=int(top_k or 0),
        repetition_penalty=float(repetition or plain.repetition_penalty),
        seed=_seed(seed),
        keeps_model=True,
        beside=beside or WAIT,
    )
    wrong = check_options(options)
    if wrong:
        raise UserError(*(message("page.chat.bad_option", name=_label(each.field), why=each.message) for each in wrong))
    return Asked(str(system or ""), options)


def is_new(talk: Talk, seen: Mapping[str, Any]) -> bool:
    """Whether the conversation is another one than this page was sent last."""
    return bool(seen.get("version") != talk.version)


def _label(option: str) -> Message:
    """The label of the control that says an option."""
    own = {"max_new_tokens": "tokens", "repetition_penalty": "repetition", "seed": "answer_seed"}
    return message(f"page.chat.{own.get(option, option)}")


def _seed(text: Any) -> int | None:
    plain = str(text if text is not None else "").strip()
    if not plain:
        return None
    if not plain.isdecimal() or len(plain) > SEED_DIGITS:
        raise UserError(message("page.chat.bad_seed", text=plain[:40]))
    return int(plain)
