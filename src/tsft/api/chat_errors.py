"""Refusals in OpenAI's form: our sentences with its types, so that its clients raise the right kind of error."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tsft.api.answers import faults, language_of
from tsft.errors import Problem, UserError, message

# A client that is told to come back tries again by itself: soon behind another question, later behind a run.
TURN_SECONDS, RUN_SECONDS = 1, 10
# Wrong values that are told of: a series of a thousand gaps is one mistake.
MOST_TOLD = 10
STATUS_BY_KEY = {
    "api.chat.no_model": HTTPStatus.NOT_FOUND,
    "api.chat.crowded": HTTPStatus.TOO_MANY_REQUESTS,
    "engine.answering": HTTPStatus.TOO_MANY_REQUESTS,
    "api.chat.ended": HTTPStatus.SERVICE_UNAVAILABLE,
    "engine.busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "engine.examining": HTTPStatus.SERVICE_UNAVAILABLE,
    "engine.closing": HTTPStatus.SERVICE_UNAVAILABLE,
    "engine.poisoned": HTTPStatus.SERVICE_UNAVAILABLE,
    "engine.beside_ended": HTTPStatus.SERVICE_UNAVAILABLE,
    "engine.no_room_beside": HTTPStatus.SERVICE_UNAVAILABLE,
    "export.busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "evaluation.busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "failure.memory": HTTPStatus.SERVICE_UNAVAILABLE,
}
_TYPES = {
    HTTPStatus.UNAUTHORIZED: ("authentication_error", "invalid_api_key"),
    HTTPStatus.FORBIDDEN: ("permission_error", "forbidden"),
    HTTPStatus.NOT_FOUND: ("invalid_request_error", "not_found"),
    HTTPStatus.TOO_MANY_REQUESTS: ("rate_limit_error", "rate_limit_exceeded"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("server_error", "overloaded"),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("server_error", "server_error"),
}


def status_of(error: UserError) -> HTTPStatus:
    """A failure of the model itself is the server's, all else the caller's."""
    key = error.message.key
    other = HTTPStatus.INTERNAL_SERVER_ERROR if key.startswith("failure.") else HTTPStatus.BAD_REQUEST
    return STATUS_BY_KEY.get(key, other)


def error_body(status: int, problems: Sequence[Problem], language: str) -> dict[str, Any]:
    """{"error": {...}}: all sentences in one text, the first field as `param`."""
    told = faults(problems, language)
    kind, code = _TYPES.get(HTTPStatus(status), ("invalid_request_error", "invalid_request"))
    if told[0].key == "api.chat.no_model":
        code = "model_not_found"
    text = "\n".join(f"{each.field}: {each.sentence}" if each.field else each.sentence for each in told)
    return {"error": {"message": text, "type": kind, "param": told[0].field or None, "code": code, "key": told[0].key}}


def refusal(
    status: int, problems: Sequence[Problem], language: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """As `answers.refusal`, in this form."""
    return JSONResponse(error_body(status, problems, language), status_code=int(status), headers=dict(headers or {}))


async def on_user_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)
    status, headers = status_of(error), {}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers = {"Retry-After": str(TURN_SECONDS)}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": str(RUN_SECONDS)}
    return refusal(status, error.problems, language_of(request), headers)


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """Paths and methods that do not exist."""
    assert isinstance(error, HTTPException)
    told = message("api.chat.unknown_path", path=request.url.path, method=request.method)
    return refusal(error.status_code, [Problem("", told)], language_of(request), error.headers)


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Every part of the request that does not have its form."""
    assert isinstance(error, RequestValidationError)
    problems = [_invalid(each) for each in error.errors()[:MOST_TOLD]]
    return refusal(HTTPStatus.BAD_REQUEST, problems, language_of(request))


def _invalid(found: Mapping[str, Any]) -> Problem:
    # A part's kind stands in the path once more, in front of its fields.
    path = [str(part) for part in found["loc"][1:]]
    place = ".".join(part for number, part in enumerate(path) if number < 2 or path[number - 2] != "content")
    match found["type"]:
        case "missing":
            return Problem(place, message("api.missing", name=place or "body"))
        case "json_invalid":
            return Problem("", message("api.not_json"))
        case _:
            value = str(found.get("input"))[:80]
            return Problem(place, message("api.chat.wrong_value", name=place or "body", value=value))
