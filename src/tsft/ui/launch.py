"""Puts a built page on the network: address, port, password, guard, theme. What runs behind it is wired in `app.py`."""

import asyncio
import contextlib
import io
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from tsft.access import Door
from tsft.errors import UserError, message
from tsft.ui.guard import LOOPBACK, Guard, caller_address
from tsft.ui.theme import ASSETS, head, make_theme, style

logger = logging.getLogger(__name__)

DEFAULT_PORT = 7860
PORTS_TRIED = 100
PORT_RACES = 5
MEGABYTE = 1024 * 1024
# A login waits out the pause after wrong passwords; so many at once are a flood, and told no at once.
LONGEST_WAIT_SECONDS, MOST_WAITING = 40.0, 32


@dataclass(frozen=True)
class Address:
    """Where the page listens. port 0: the first free one from 7860 on. root_path: behind a proxy's prefix."""

    host: str = "127.0.0.1"
    port: int = 0
    share: bool = False
    root_path: str = ""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK and not self.share


@dataclass(frozen=True)
class Entry:
    """Who may come in, and what stands in front of the page. door: None without a login.

    hosts: further good host names at this moment. in_front: middleware behind the guard.
    """

    door: Door | None = None
    hosts: Callable[[], Iterable[str]] = tuple
    upload_mb: int = 200
    in_front: tuple[Middleware, ...] = ()


@dataclass(frozen=True)
class Launched:
    """A page that answers. share_url: "" when there is no public link."""

    blocks: gr.Blocks
    url: str
    share_url: str


def launch(blocks: gr.Blocks, address: Address, entry: Entry | None = None) -> Launched:
    """Serve the page and return at once. Raises UserError when the port is taken."""
    entry = entry or Entry()
    spare_own_address_from_proxies(address.host)
    if address.port and not is_free(address.host, address.port):
        raise UserError(message("app.port_taken", port=str(address.port)))
    hosts = {*LOOPBACK, address.host}
    hosts |= set() if address.is_local else {socket.gethostname().lower(), socket.getfqdn().lower()}
    is_open = address.host not in LOOPBACK
    guard = Middleware(Guard, hosts=hosts, allows_addresses=is_open, more_hosts=entry.hosts)
    port = _launch_at_a_free_port(blocks, address, entry, [guard, *entry.in_front])
    share_url = blocks.share_url or ""
    if share_url:
        hosts.add(share_url.split("//")[-1].split("/")[0].split(":")[0].lower())
    return Launched(blocks, f"http://{_shown(address.host)}:{port}{address.root_path}", share_url)


def limit_uploads(blocks: gr.Blocks, megabytes: int) -> None:
    """The largest file that may come in from now on. Gradio reads both at each upload and each page."""
    blocks.max_file_size = megabytes * MEGABYTE
    if isinstance(getattr(blocks, "config", None), dict):
        blocks.config["max_file_size"] = blocks.max_file_size


def session_user(blocks: gr.Blocks, cookies: Mapping[str, str]) -> str:
    """Who has logged in to the page with these cookies, "" for nobody. Tokens and cookie's name are gradio 6.31's."""
    app = getattr(blocks, "app", None)
    tokens, cookie = getattr(app, "tokens", {}), getattr(app, "cookie_id", None)
    if cookie is None:
        return ""
    for name in (f"access-token-{cookie}", f"access-token-unsecure-{cookie}"):
        user = tokens.get(cookies.get(name, ""))
        if user:
            return str(user)
    return ""


def login_at(door: Door) -> Callable[[str, str], Awaitable[bool]]:
    """What Gradio asks at a login. The pause after wrong passwords is waited out, never longer than the longest."""
    waiting = 0

    async def login(name: str, password: str) -> bool:
        nonlocal waiting
        address, passed = caller_address.get(), 0.0
        while (knock := door.knock(name, password, address)).wait_seconds > 0:
            if waiting >= MOST_WAITING or passed + knock.wait_seconds > LONGEST_WAIT_SECONDS:
                return False
            passed += knock.wait_seconds
            waiting += 1
            try:
                await asyncio.sleep(knock.wait_seconds)
            finally:
                waiting -= 1
        return bool(knock.name)

    return login


def _launch_at_a_free_port(blocks: gr.Blocks, address: Address, entry: Entry, middleware: list[Middleware]) -> int:
    """The port. One that was free a moment ago may have been taken by another process since: then the next one."""
    lost = 0
    while True:
        port = address.port or first_free_port(address.host)
        try:
            with _gradios_words_in_the_log():
                blocks.launch(
                    server_name=address.host,
                    server_port=port,
                    share=address.share,
                    auth=login_at(entry.door) if entry.door is not None else None,  # type: ignore[arg-type]  # it awaits what is awaitable
                    max_file_size=f"{entry.upload_mb}mb",
                    root_path=address.root_path or None,
                    app_kwargs={"middleware": middleware, "docs_url": None, "redoc_url": None, "openapi_url": None},
                    favicon_path=str(ASSETS / "favicon.svg"),
                    **LOOK,
                )
            return port
        except OSError:
            lost += 1
            if address.port or lost == PORT_RACES:
                raise


@contextlib.contextmanager
def _gradios_words_in_the_log() -> Iterator[None]:
    """What Gradio prints of its link is English only, and blames a missing file when the network is away."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        for line in printed.getvalue().splitlines():
            if line.strip():
                logger.info("heard from gradio: %s", line.strip())


# What of `launch` is the same everywhere.
LOOK: Mapping[str, Any] = {
    "theme": make_theme(),
    "css": style(),
    "head": head(),
    "quiet": True,
    "prevent_thread_lock": True,
    "show_error": True,
    "ssr_mode": False,
    "pwa": False,
    "mcp_server": False,
    "footer_links": [],
    "run_history": False,
    "enable_monitoring": False,
}


def first_free_port(host: str) -> int:
    """The first free port from 7860 on. Raises UserError when a hundred are taken."""
    for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
        if is_free(host, port):
            return port
    raise UserError(message("app.no_port", first=str(DEFAULT_PORT), last=str(DEFAULT_PORT + PORTS_TRIED - 1)))


def is_free(host: str, port: int) -> bool:
    """Whether the port can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def spare_own_address_from_proxies(host: str) -> None:
    """Gradio calls its own address while it starts; through a proxy that fails (gradio issues 9817, 10729)."""
    for name in ("NO_PROXY", "no_proxy"):
        listed = [each for each in os.environ.get(name, "").split(",") if each]
        missing = [each for each in ("127.0.0.1", "localhost", host) if each not in listed]
        os.environ[name] = ",".join([*listed, *missing])


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
