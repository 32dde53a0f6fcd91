"""Who may ask the REST interface, and that a foreign page cannot ask in somebody's name.

Three ways to say who one is: the page's own session, HTTP Basic with name and password, a password as bearer token.
"""

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from tsft.access import Door, Knock
from tsft.api.answers import refuse
from tsft.errors import message

READING = ("GET", "HEAD", "OPTIONS")
# A config with every setting is 5 kB; a sweep of a hundred fits.
MOST_BYTES = 1_000_000
CHALLENGE = {"WWW-Authenticate": 'Basic realm="tsft", charset="UTF-8"'}

SessionUser = Callable[[Mapping[str, str]], str]


class Gate:
    """door: None when no login is needed. session_user: whose session the cookies are, "" for nobody's."""

    def __init__(self, door: Door | None, session_user: SessionUser) -> None:
        self._door = door
        self._session_user = session_user

    def refusal(self, request: Request, most_bytes: int = MOST_BYTES) -> Response | None:
        """Why this request is not answered, None when it is; then `request.state.user` is who asks.

        most_bytes: the largest body that is taken.
        """
        request.state.user = ""
        if self._door is not None:
            refused = self._identify(request, self._door)
            if refused is not None:
                return refused
        return None if request.method in READING else self._change_refusal(request, most_bytes)

    def _identify(self, request: Request, door: Door) -> Response | None:
        by_session = self._session_user(request.cookies)
        request.state.has_shown_secret = not by_session
        if by_session:
            request.state.user = by_session
            return None
        knock = _knock(door, request)
        if knock.wait_seconds > 0:
            seconds = math.ceil(knock.wait_seconds)
            told = message("api.wait", seconds=seconds)
            return refuse(request, HTTPStatus.TOO_MANY_REQUESTS, told, {"Retry-After": str(seconds)})
        if not knock.name:
            return refuse(request, HTTPStatus.UNAUTHORIZED, message("api.login_needed"), CHALLENGE)
        request.state.user = knock.name
        return None

    def _change_refusal(self, request: Request, most_bytes: int) -> Response | None:
        """A page elsewhere can send forms with this browser's session, but neither JSON nor our Origin."""
        origin = request.headers.get("origin")
        is_own = origin is not None and urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
        has_session = self._door is not None and not request.state.has_shown_secret
        if (origin is not None and not is_own) or (has_session and not is_own):
            return refuse(request, HTTPStatus.FORBIDDEN, message("api.origin"))
        length = request.headers.get("content-length")
        if "transfer-encoding" in request.headers or (length or "0").strip().isdigit() is False:
            return refuse(request, HTTPStatus.LENGTH_REQUIRED, message("api.length_needed"))
        if int(length or 0) > most_bytes:
            told = message("api.too_large", bytes=int(length or 0), most=most_bytes)
            return refuse(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and (request.method == "POST" or int(length or 0) > 0):
            return refuse(request, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message("api.json_needed", kind=kind or "—"))
        return None


def _knock(door: Door, request: Request) -> Knock:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    address = request.client.host if request.client else ""
    match scheme.lower():
        case "bearer" if secret.strip():
            return door.knock_with_token(secret.strip(), address)
        case "basic":
            try:
                text = base64.b64decode(secret.strip(), validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                return Knock()
            name, _, password = text.partition(":")
            return door.knock(name, password, address)
        case _:
            return Knock()
