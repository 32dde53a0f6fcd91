"""Refuses requests that came to this server by a foreign host name or from a foreign page.

Gradio checks neither: a web page could reach a server on this machine through its own DNS name, or send it uploads.
On every address but the loopback Gradio even lets any foreign page read its answers, so that reading is refused too.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
POLICY_VIOLATION = 1008

# Where the request that is being answered comes from; Gradio's login hands on only name and password.
caller_address: ContextVar[str] = ContextVar("caller_address", default="")


class Guard:
    """ASGI middleware. `hosts` may grow after the start (a share link's name is known only then).

    allows_addresses: any bare IP address is a good host too; a foreign name can never look like one.
    more_hosts: names that are good at this moment (a proxy's, from the settings of the app).
    """

    def __init__(
        self,
        app: Any,
        hosts: set[str],
        allows_addresses: bool = False,
        more_hosts: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._allows_addresses = allows_addresses
        self._more_hosts = more_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._is_foreign(scope):
            await _refuse(scope["type"], send)
            return
        caller_address.set((scope.get("client") or ("",))[0])
        await self._app(scope, receive, send)

    def _is_foreign(self, scope: Scope) -> bool:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if not self._is_known(_name(headers.get(b"host", ""))):
            return True
        origin = headers.get(b"origin")
        if origin is not None and not self._is_known(_name(origin, is_url=True)):
            return True
        # Without an Origin a browser still tells that a foreign page asks; following a link to the page is no fault.
        is_reading = scope["type"] == "http" and scope.get("method") in ("GET", "HEAD")
        return not is_reading and headers.get(b"sec-fetch-site") == "cross-site"

    def _is_known(self, host: str | None) -> bool:
        if not host:
            return False
        if host.lower() in self._hosts or host.lower() in {each.lower() for each in self._more_hosts()}:
            return True
        return self._allows_addresses and _is_address(host)


async def _refuse(kind: str, send: Send) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"Forbidden host or origin"})


def _name(text: str, is_url: bool = False) -> str | None:
    try:
        return urlsplit(text if is_url else "//" + text).hostname
    except ValueError:  # brackets that hold no address
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
