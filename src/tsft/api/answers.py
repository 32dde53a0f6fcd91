"""The one form of every answer, good or bad, and how what went wrong becomes it in the caller's language."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Generic, Literal, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from tsft.api.forms import Fault
from tsft.errors import Message, Problem, UserError, message
from tsft.i18n import LANGUAGES, best_language, say
from tsft.log import without_secrets

logger = logging.getLogger(__name__)
Data = TypeVar("Data")

# Which refusals are more than "this cannot be done as it was asked".
STATUS_BY_KEY = {
    "engine.busy": HTTPStatus.CONFLICT,
    "engine.closing": HTTPStatus.SERVICE_UNAVAILABLE,
    "engine.poisoned": HTTPStatus.SERVICE_UNAVAILABLE,
    "record.run_active": HTTPStatus.CONFLICT,
    "record.no_run": HTTPStatus.NOT_FOUND,
    "preset.unknown": HTTPStatus.NOT_FOUND,
    "queue.not_waiting": HTTPStatus.NOT_FOUND,
    "workspace.outside": HTTPStatus.NOT_FOUND,
    "api.nothing_runs": HTTPStatus.CONFLICT,
    "queue.full": HTTPStatus.CONFLICT,
    "file.not_written": HTTPStatus.INSUFFICIENT_STORAGE,
}


class Good(BaseModel, Generic[Data]):
    """What an answer looks like when all went well."""

    ok: Literal[True] = True
    data: Data


class Bad(BaseModel):
    """What it looks like when not: every problem at once."""

    ok: Literal[False] = False
    problems: list[Fault]


def language_of(request: Request) -> str:
    """`?lang=`, then what the caller reads, else the workspace's own language, else English."""
    chosen = request.query_params.get("lang", "")
    if chosen in LANGUAGES:
        return chosen
    default = getattr(request.app.state, "default_language", str)()
    asked = request.headers.get("accept-language", "")
    return best_language(f"{asked},{default}" if default else asked)


def faults(problems: Iterable[Problem], language: str) -> list[Fault]:
    """Problems as they are sent. A sentence may quote a path with a secret in it: that is blotted out."""
    return [
        Fault(
            key=each.message.key,
            field=_clean(each.field),
            sentence=_clean(without_secrets(say(language, each.message))),
        )
        for each in problems
    ]


def refusal(
    status: int, problems: Sequence[Problem], language: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    body = Bad(problems=faults(problems, language))
    return JSONResponse(body.model_dump(), status_code=int(status), headers=dict(headers or {}))


def refuse(request: Request, status: int, told: Message, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A refusal of one sentence, in the form that the application of the request has for them."""
    form = getattr(request.app.state, "refusal", refusal)
    return form(status, [Problem("", told)], language_of(request), headers)


async def on_user_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)
    status = STATUS_BY_KEY.get(error.message.key, HTTPStatus.UNPROCESSABLE_ENTITY)
    return refusal(status, error.problems, language_of(request))


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """Paths and methods that do not exist."""
    assert isinstance(error, HTTPException)
    keys = {HTTPStatus.METHOD_NOT_ALLOWED: "api.wrong_method", HTTPStatus.NOT_FOUND: "api.unknown_path"}
    key = keys.get(HTTPStatus(error.status_code), "api.not_json")
    told = message(key, path=request.url.path, method=request.method)
    return refuse(request, error.status_code, told, error.headers)


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """A request that does not have the described form: every part of it that is wrong."""
    assert isinstance(error, RequestValidationError)
    problems = [_invalid(each) for each in error.errors()]
    return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, problems, language_of(request))


async def on_bug(request: Request, error: Exception) -> JSONResponse:
    """What nobody thought of: the traceback goes to the log, never to the caller."""
    logger.error("answering %s %s failed", request.method, request.url.path, exc_info=error)
    return refuse(request, HTTPStatus.INTERNAL_SERVER_ERROR, message("api.bug"))


def _clean(text: str) -> str:
    """Without secrets, and without half characters, which JSON can bring in and UTF-8 cannot take out."""
    return without_secrets(text).encode("utf-8", errors="replace").decode("utf-8")


def _invalid(found: Mapping[str, Any]) -> Problem:
    place = ".".join(str(part) for part in found["loc"][1:])
    match found["type"]:
        case "missing":
            return Problem(place, message("api.missing", name=place or "body"))
        case "extra_forbidden":
            return Problem(place, message("api.unknown_field", name=place))
        case "json_invalid":
            return Problem("", message("api.not_json"))
        case _:
            return Problem(place, message("api.wrong_value", name=place or "body", value=str(found.get("input"))[:200]))
