"""Where the page listens and who may come in."""

import asyncio
import socket
from typing import Any

import gradio as gr
import httpx
import pytest

from tsft.errors import UserError
from tsft.ui.guard import LOOPBACK, Guard
from tsft.ui.launch import Address, first_free_port, is_free, launch, spare_own_address_from_proxies


def answer(headers: dict[str, str], method: str = "GET", allows_addresses: bool = False) -> str:
    """ "app" when the request went through, else the status."""
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append("app")

    async def send(part: Any) -> None:
        heard.append(part.get("status"))

    async def receive() -> None: ...

    scope = {"type": "http", "method": method, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    guard = Guard(app, {*LOOPBACK, "my.gradio.live"}, allows_addresses)
    asyncio.run(guard(scope, receive, send))
    return str(heard[0])


@pytest.mark.parametrize(
    ("headers", "method", "allows", "wanted"),
    [
        ({"host": "127.0.0.1:7860"}, "GET", False, "app"),
        ({"host": "localhost:7860"}, "POST", False, "app"),
        ({"host": "[::1]:7860"}, "GET", False, "app"),
        ({"host": "my.gradio.live"}, "POST", False, "app"),
        ({"host": "evil.example"}, "GET", False, "403"),
        ({}, "GET", False, "403"),
        ({"host": "192.168.1.5:7860"}, "GET", False, "403"),
        ({"host": "192.168.1.5:7860"}, "GET", True, "app"),
        ({"host": "evil.example"}, "GET", True, "403"),
        ({"host": "127.0.0.1:7860", "origin": "http://evil.example"}, "POST", False, "403"),
        ({"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:7860"}, "POST", False, "app"),
        ({"host": "127.0.0.1:7860", "sec-fetch-site": "cross-site"}, "POST", False, "403"),
        ({"host": "127.0.0.1:7860", "sec-fetch-site": "cross-site"}, "GET", False, "app"),
    ],
)
def test_foreign_names_and_pages_are_kept_out(headers: dict, method: str, allows: bool, wanted: str) -> None:
    assert answer(headers, method, allows) == wanted


def test_a_taken_port_is_passed_over() -> None:
    free = first_free_port("127.0.0.1")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", free))
        taken.listen()
        assert not is_free("127.0.0.1", free)
        assert first_free_port("127.0.0.1") > free


def test_a_port_that_is_taken_between_looking_and_listening_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        looks = iter([port])
        monkeypatch.setattr("tsft.ui.launch.first_free_port", lambda host: next(looks, 0) or first_free_port(host))
        with gr.Blocks() as blocks:
            gr.HTML("here")
        launched = launch(blocks, Address())
        try:
            assert not launched.url.endswith(f":{port}")
            assert httpx.get(launched.url).status_code == 200
        finally:
            blocks.close(verbose=False)


def test_no_free_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsft.ui.launch.PORTS_TRIED", 0)
    with pytest.raises(UserError, match="app.no_port"):
        first_free_port("127.0.0.1")


@pytest.mark.parametrize(
    ("address", "is_local"),
    [(Address(), True), (Address("0.0.0.0"), False), (Address(share=True), False), (Address("localhost"), True)],
)
def test_only_loopback_without_a_link_is_local(address: Address, is_local: bool) -> None:
    assert address.is_local is is_local


def test_own_address_is_kept_from_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    monkeypatch.setenv("no_proxy", "")
    spare_own_address_from_proxies("10.0.0.1")
    import os

    assert os.environ["NO_PROXY"] == "example.org,127.0.0.1,localhost,10.0.0.1"
