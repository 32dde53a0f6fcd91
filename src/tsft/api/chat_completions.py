"""An interface as OpenAI's for the model in this process: /v1/models and /v1/chat/completions, whole or streamed.

Series come as content parts of the kind "timeseries". The forms are `chat_forms.py`; an answer in the making is
`chat_turns.py`.
"""

import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tsft import __version__
from tsft.api import answers, chat_errors
from tsft.api.chat_forms import WantedChat
from tsft.api.chat_models import ChatModel, ChatModels
from tsft.api.chat_turns import ChatTurn, Growth, Turns
from tsft.api.gate import Gate
from tsft.errors import UserError
from tsft.run.ports import EnginePort

CHAT_PREFIX = "/v1"
# Fifty series of the longest kind with all their digits.
MOST_BYTES = 10_000_000
GONE = 499


def make_chat_api(engine: EnginePort, models: ChatModels, gate: Gate) -> FastAPI:
    """The application, behind the same login as the page: a password is the key of its clients."""
    api = FastAPI(title="tsft", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    api.state.refusal = chat_errors.refusal
    api.add_middleware(Gated, gate=gate)
    api.add_exception_handler(UserError, chat_errors.on_user_error)
    api.add_exception_handler(HTTPException, chat_errors.on_http_error)
    api.add_exception_handler(RequestValidationError, chat_errors.on_invalid)
    api.add_exception_handler(ClientDisconnect, _on_gone)
    api.add_exception_handler(Exception, answers.on_bug)
    turns = Turns(engine)

    @api.get(CHAT_PREFIX + "/models")
    def listed() -> JSONResponse:
        """The loaded model, results and bases."""
        return JSONResponse({"object": "list", "data": [_model(each) for each in models.listed()]})

    @api.get(CHAT_PREFIX + "/models/{name:path}")
    def model(name: str) -> JSONResponse:
        return JSONResponse(_model(models.find(name)))

    @api.post(CHAT_PREFIX + "/chat/completions")
    async def complete(wanted: WantedChat, request: Request) -> Response:
        """The answer to the last message."""
        wanted.refuse_what_cannot_be()
        config = await run_in_threadpool(models.config_of, wanted.model)
        turn = await turns.begin(request, config, wanted.question, wanted.options, wanted.stops)
        head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": config.model.continue_from or config.model.name,
        }
        if not wanted.stream:
            return JSONResponse(_whole(head, await turn.whole()))
        with_usage = wanted.stream_options is not None and wanted.stream_options.include_usage
        pieces = _chunks(head, turn, await turn.first(), with_usage, answers.language_of(request))
        # A proxy that gathers what it passes on would make a stream useless.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return Streamed(pieces, turn, headers)

    return api


class Streamed(StreamingResponse):
    """Leaves the turn however it ends, also when the caller was gone before the first piece was asked for."""

    def __init__(self, pieces: AsyncIterator[bytes], turn: ChatTurn, headers: dict[str, str]) -> None:
        super().__init__(pieces, media_type="text/event-stream", headers=headers)
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._turn.end()


class Gated:
    """ASGI middleware that asks the gate. Not Starlette's own kind: that would hide that a caller hangs up."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._gate.refusal(Request(scope), MOST_BYTES) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)


async def _on_gone(request: Request, error: Exception) -> Response:
    """Nobody reads this; the number is the one that servers write into their logs for it."""
    return Response(status_code=GONE)


def _model(model: ChatModel) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "tsft",
        "loaded": model.is_loaded,
    }


def _whole(head: dict[str, Any], last: Growth) -> dict[str, Any]:
    answer = {"role": "assistant", "content": last.text, "refusal": None}
    choice = {"index": 0, "message": answer, "logprobs": None, "finish_reason": last.ending}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(last)}


def _usage(last: Growth) -> dict[str, int]:
    total = last.prompt_tokens + last.tokens
    return {"prompt_tokens": last.prompt_tokens, "completion_tokens": last.tokens, "total_tokens": total}


async def _chunks(
    head: dict[str, Any], turn: ChatTurn, first: Growth, with_usage: bool, language: str
) -> AsyncIterator[bytes]:
    """Server-sent events, each with what was written since the one before."""
    frame = {**head, "object": "chat.completion.chunk", **({"usage": None} if with_usage else {})}

    def chunk(delta: dict[str, Any], ending: str | None = None) -> bytes:
        return _event({**frame, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": ending}]})

    try:
        yield chunk({"role": "assistant", "content": ""})
        now, shown = first, 0
        while True:
            if len(now.text) > shown:
                yield chunk({"content": now.text[shown:]})
                shown = len(now.text)
            if now.ending is not None:
                break
            now = await turn.next()
        yield chunk({}, now.ending)
        if with_usage:
            yield _event({**frame, "choices": [], "usage": _usage(now)})
        yield b"data: [DONE]\n\n"
    except ClientDisconnect:
        return
    except UserError as error:  # the headers are gone: what went wrong can only be said in the stream
        yield _event(chat_errors.error_body(chat_errors.status_of(error), error.problems, language))


def _event(tree: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(tree, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n\n"
