"""Puts a built page on the network: address, port, password, guard, theme. What runs behind it is wired in `app.py`."""

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from tsft.errors import UserError, message
from tsft.ui.guard import LOOPBACK, Guard
from tsft.ui.theme import ASSETS, head, make_theme, style

DEFAULT_PORT = 7860
PORTS_TRIED = 100
PORT_RACES = 5
USER = "tsft"


@dataclass(frozen=True)
class Address:
    """Where the page listens and who may come in.

    port 0: the first free one from 7860 on. auth: (name, password), None for none. root_path: behind a proxy's prefix.
    """

    host: str = "127.0.0.1"
    port: int = 0
    share: bool = False
    auth: tuple[str, str] | None = None
    root_path: str = ""
    hosts: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK and not self.share


@dataclass(frozen=True)
class Launched:
    """A page that answers. share_url: "" when there is no public link."""

    blocks: gr.Blocks
    url: str
    share_url: str


def launch(blocks: gr.Blocks, address: Address) -> Launched:
    """Serve the page and return at once. Raises UserError when the port is taken."""
    spare_own_address_from_proxies(address.host)
    if address.port and not is_free(address.host, address.port):
        raise UserError(message("app.port_taken", port=str(address.port)))
    hosts = {*LOOPBACK, address.host, *address.hosts}
    hosts |= set() if address.is_local else {socket.gethostname().lower(), socket.getfqdn().lower()}
    guard = Middleware(Guard, hosts=hosts, allows_addresses=address.host not in LOOPBACK)
    port = _launch_at_a_free_port(blocks, address, guard)
    share_url = blocks.share_url or ""
    if share_url:
        hosts.add(share_url.split("//")[-1].split("/")[0].split(":")[0].lower())
    return Launched(blocks, f"http://{_shown(address.host)}:{port}{address.root_path}", share_url)


def _launch_at_a_free_port(blocks: gr.Blocks, address: Address, guard: Middleware) -> int:
    """The port. One that was free a moment ago may have been taken by another process since: then the next one."""
    lost = 0
    while True:
        port = address.port or first_free_port(address.host)
        try:
            blocks.launch(
                server_name=address.host,
                server_port=port,
                share=address.share,
                auth=address.auth,
                root_path=address.root_path or None,
                app_kwargs={"middleware": [guard], "docs_url": None, "redoc_url": None, "openapi_url": None},
                favicon_path=str(ASSETS / "favicon.svg"),
                **LOOK,
            )
            return port
        except OSError:
            lost += 1
            if address.port or lost == PORT_RACES:
                raise


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
    "max_file_size": "200mb",
    "enable_monitoring": False,
}


def generated_password() -> tuple[str, str]:
    """A name and a password for one start."""
    return USER, secrets.token_urlsafe(12)


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
