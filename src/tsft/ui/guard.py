"""Refuses requests that came to this server by a foreign host name or from a foreign page.

Gradio checks neither: a web page could reach a server on this machine through its own DNS name, or send it uploads.
"""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Guard:
    """ASGI middleware. `hosts` may grow after the start (a share link's name is known only then).

    allows_addresses: any bare IP address is a good host too; a foreign name can never look like one.
    """

    def __init__(self, app: Any, hosts: set[str], allows_addresses: bool = False) -> None:
        self._app = app
        self._hosts = hosts
        self._allows_addresses = allows_addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and self._is_foreign(scope):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"Forbidden host or origin"})
            return
        await self._app(scope, receive, send)

    def _is_foreign(self, scope: Scope) -> bool:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if not self._is_known(urlsplit("//" + headers.get(b"host", "")).hostname):
            return True
        if scope.get("method") in ("GET", "HEAD"):
            return False
        origin = headers.get(b"origin")
        is_other_origin = origin is not None and not self._is_known(urlsplit(origin).hostname)
        return is_other_origin or headers.get(b"sec-fetch-site") == "cross-site"

    def _is_known(self, host: str | None) -> bool:
        if not host:
            return False
        if host.lower() in self._hosts:
            return True
        return self._allows_addresses and _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
