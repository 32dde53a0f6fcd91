"""Requests take turns with the one model; an answer grows here from the engine's thread into the server's loop."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from tsft.config.run_config import RunConfig
from tsft.errors import UserError, message
from tsft.run.answers import Answer, AnswerOptions, Question
from tsft.run.ports import EnginePort

# Requests that wait for their turn; more are told to come back.
MOST_WAITING = 16
# How often an answer is looked for that says nothing: one that was ended, or whose caller hung up.
POLL_SECONDS = 0.1
# How long the answer before, which was ended, may take to end. A token of a large model on a CPU takes seconds.
CLEAR_SECONDS = 30.0


@dataclass(frozen=True)
class Growth:
    """An answer so far, without its stop text. ending: None while it grows, then "stop" or "length"."""

    text: str
    ending: str | None
    tokens: int
    prompt_tokens: int


class Turns:
    """One request at a time asks the engine; the others wait in order. Used by the server's loop alone."""

    def __init__(self, engine: EnginePort) -> None:
        self._engine = engine
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._ended = 0

    async def begin(
        self, request: Request, config: RunConfig, question: Question, options: AnswerOptions, stops: Sequence[str]
    ) -> "ChatTurn":
        """Wait for the turn and ask. Raises UserError as `EnginePort.answer` does, and `api.chat.crowded`."""
        if self._waiting >= MOST_WAITING:
            raise UserError(message("api.chat.crowded", waiting=self._waiting))
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            turn = ChatTurn(self, self._engine, request, stops)
            await turn.refuse_if_gone()
            await self._clear()
            turn.number = await run_in_threadpool(self._engine.answer, config, [question], options, turn.tell)
        except BaseException:
            self._lock.release()
            raise
        return turn

    def leave(self, number: int) -> None:
        """The turn is over; its answer is ended where it still goes on."""
        self._engine.stop_answering(number)
        self._ended = number
        self._lock.release()

    async def _clear(self) -> None:
        """Wait until the answer that was ended last has let go of the model."""
        for _ in range(int(CLEAR_SECONDS / POLL_SECONDS)):
            now = self._engine.answering()
            if now is None or now.is_done or now.number != self._ended:
                return
            await asyncio.sleep(POLL_SECONDS)


class ChatTurn:
    """One answer in the making."""

    def __init__(self, turns: Turns, engine: EnginePort, request: Request, stops: Sequence[str]) -> None:
        self.number = 0
        self._turns = turns
        self._engine = engine
        self._request = request
        self._stops = stops
        self._loop = asyncio.get_running_loop()
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()
        self._has_left = False

    def tell(self, answer: Answer) -> None:
        """Called on the engine's thread."""
        self._loop.call_soon_threadsafe(self._answers.put_nowait, answer)

    async def first(self) -> Growth:
        """As soon as there is text, or the end: what goes wrong before that still has a status of its own."""
        try:
            while True:
                now = await self.next()
                if now.text or now.ending is not None:
                    return now
        except BaseException:
            self.end()
            raise

    async def whole(self) -> Growth:
        """The answer when it is written."""
        try:
            while True:
                now = await self.next()
                if now.ending is not None:
                    return now
                await self.refuse_if_gone()  # `next` looks only where the model is slow
        finally:
            self.end()

    async def next(self) -> Growth:
        """What is written after a while. Raises UserError when nothing more comes, ClientDisconnect for nobody."""
        while True:
            try:
                answer = await asyncio.wait_for(self._answers.get(), POLL_SECONDS)
            except TimeoutError:
                await self.refuse_if_gone()
                self._refuse_if_over()
                continue
            while not self._answers.empty():  # only the newest counts
                answer = self._answers.get_nowait()
            if answer.problem is not None:
                raise UserError(answer.problem)
            return grown(answer, self._stops)

    async def refuse_if_gone(self) -> None:
        if await self._request.is_disconnected():
            raise ClientDisconnect

    def end(self) -> None:
        """Leave the turn to the next one; may be called again."""
        if not self._has_left:
            self._has_left = True
            self._turns.leave(self.number)

    def _refuse_if_over(self) -> None:
        """Raise when the engine is done with these questions and said nothing of an answer."""
        now = self._engine.answering()
        is_over = now is None or now.number != self.number or now.is_done
        if not is_over or not self._answers.empty():
            return
        if now is not None and now.number == self.number and now.problem is not None:
            raise UserError(now.problem)
        raise UserError(message("api.chat.ended"))


def grown(answer: Answer, stops: Sequence[str]) -> Growth:
    """The answer up to its first stop text; while it grows, without what may yet become one."""
    found = [place for place in (answer.text.find(each) for each in stops) if place >= 0]
    if found:
        return Growth(answer.text[: min(found)], "stop", answer.tokens, answer.prompt_tokens)
    if answer.is_done:
        return Growth(answer.text, "length" if answer.is_cut else "stop", answer.tokens, answer.prompt_tokens)
    kept = max((_overlap(answer.text, each) for each in stops), default=0)
    return Growth(answer.text[: len(answer.text) - kept], None, answer.tokens, answer.prompt_tokens)


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text may be the beginning of the stop text."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if stop.startswith(text[-size:])), 0)
