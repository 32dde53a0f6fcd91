"""The handlers that attach series to the next question, and take them away again."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from tsft.errors import UserError
from tsft.i18n import translate
from tsft.ui.chat import sources
from tsft.ui.chat.desk import ChatDesk, Updates
from tsft.ui.chat.talk import Attached, Talk
from tsft.ui.monitor import said


class Attaching:
    """Handlers that give updates by component; each gets `ChatDesk.given` first."""

    def __init__(self, desk: ChatDesk) -> None:
        self.desk, self.parts, self.box = desk, desk.parts, desk.parts.attach

    @property
    def outputs(self) -> list[Any]:
        return [self.parts.attached, self.parts.said, self.parts.open, self.parts.question, self.parts.seen]

    def bring(self, token: str, model: str | None, language: str, path: str | None, request: gr.Request) -> Updates:
        """A table was uploaded: its columns of numbers are offered."""
        talk, box = self.desk.talk(token, request), self.box
        try:
            table, columns = sources.number_columns(path or "")
        except UserError as error:
            return self.desk.refused(error, language)
        with talk.lock:
            talk.table = path or ""
        told = {"file": table.path.name, "rows": f"{table.rows:,}", "columns": len(columns)}
        return {
            box.picking: gr.update(visible=True),
            box.columns: gr.update(choices=columns, value=columns[:1]),
            box.first: 1,
            box.last: table.rows,
            box.table: said(translate(language, "page.chat.table", **told)),
            self.parts.said: "",
        }

    def table(
        self, token: str, model: str | None, language: str, columns: Sequence[str], first: Any, last: Any,
        request: gr.Request,
    ) -> Updates:  # fmt: skip
        path = self.desk.talk(token, request).table
        return self._put(
            token, model, language, request, lambda: (sources.from_table(path, columns or (), first, last), "")
        )

    def paste(self, token: str, model: str | None, language: str, text: str, name: str, request: gr.Request) -> Updates:
        return self._put(token, model, language, request, lambda: (sources.from_text(text, name), ""))

    def draw(self, token: str, model: str | None, language: str, feed: str, name: str, request: gr.Request) -> Updates:
        return self._put(token, model, language, request, lambda: (sources.from_drawing(feed, name), ""))

    def row(
        self, token: str, model: str | None, language: str, dataset: str | None, row: Any, question: str,
        request: gr.Request,
    ) -> Updates:  # fmt: skip
        room = self.desk.room
        return self._put(token, model, language, request, lambda: sources.from_row(room, dataset, row), question)

    def generate(
        self, token: str, model: str | None, language: str, kind: str | None, seed: Any, points: Any, question: str,
        request: gr.Request,
    ) -> Updates:  # fmt: skip
        made = lambda: sources.from_generator(kind, seed, points, language)  # noqa: E731
        return self._put(token, model, language, request, made, question)

    def remove(self, token: str, model: str | None, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        talk, place = self.desk.talk(token, request), int(event._data.get("series", -1))
        with talk.lock:
            if 0 <= place < len(talk.attached):
                del talk.attached[place]
                talk.touch()
        return self._shown(talk, model, language)

    def _put(
        self,
        token: str,
        model: str | None,
        language: str,
        request: gr.Request,
        make: Callable[[], tuple[list[Attached], str]],
        question: str | None = None,
    ) -> Updates:
        """Attach what is made. Its question goes into the box where nothing is typed and nothing else is attached."""
        talk = self.desk.talk(token, request)
        try:
            series, asks = make()
            with talk.lock:
                is_first = not talk.attached
                talk.attach(series)
        except UserError as error:
            return self.desk.refused(error, language)
        shown = {**self._shown(talk, model, language), self.parts.said: ""}
        if asks and is_first and question is not None and not question.strip():
            shown[self.parts.question] = asks
        return shown

    def _shown(self, talk: Talk, model: str | None, language: str) -> Updates:
        """Only what is attached: the conversation above it stays as it is."""
        seen = {"version": talk.version}
        return {self.parts.attached: self.desk.attached(talk, model, language), self.parts.seen: seen}
