"""Where the page listens and who may come in."""

import asyncio
import socket
from typing import Any

import gradio as gr
import httpx
import pytest

from tsft.access import FREE_TRIES, LONGEST_PAUSE_SECONDS, Accounts, Door
from tsft.errors import UserError
from tsft.ui.guard import LOOPBACK, Guard
from tsft.ui.launch import (
    MOST_WAITING,
    Address,
    first_free_port,
    is_free,
    launch,
    login_at,
    spare_own_address_from_proxies,
)


def answer(headers: dict[str, str], method: str = "GET", allows_addresses: bool = False) -> str:
    """ "app" when the request went through, else the status."""
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append("app")

    async def send(part: Any) -> None:
        heard.append(part.get("status"))

    async def receive() -> None: ...

    scope = {"type": "http", "method": method, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    guard = Guard(app, {*LOOPBACK, "my.gradio.live"}, allows_addresses, lambda: ("Proxy.Example",))
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
        ({"host": "127.0.0.1:7860", "origin": "http://evil.example"}, "GET", False, "403"),
        ({"host": "192.168.1.5:7860", "origin": "http://evil.example"}, "GET", True, "403"),
        ({"host": "127.0.0.1:7860", "origin": "null"}, "POST", False, "403"),
        ({"host": "127.0.0.1:7860", "origin": "http://evil.example"}, "OPTIONS", False, "403"),
        ({"host": "[half"}, "GET", False, "403"),
        ({"host": "proxy.example"}, "GET", False, "app"),
    ],
)
def test_foreign_names_and_pages_are_kept_out(headers: dict, method: str, allows: bool, wanted: str) -> None:
    assert answer(headers, method, allows) == wanted


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"host": "127.0.0.1:7860", "origin": "http://evil.example"}, "websocket.close"),
        ({"host": "evil.example"}, "websocket.close"),
        ({"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:7860"}, "app"),
        ({"host": "127.0.0.1:7860", "sec-fetch-site": "cross-site"}, "websocket.close"),
    ],
)
def test_a_foreign_page_opens_no_websocket(headers: dict[str, str], wanted: str) -> None:
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append("app")

    async def send(part: Any) -> None:
        heard.append(part["type"])

    async def receive() -> None: ...

    scope = {"type": "websocket", "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    asyncio.run(Guard(app, set(LOOPBACK))(scope, receive, send))
    assert heard == [wanted]


def test_a_login_waits_out_the_pause_and_never_longer_than_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("tsft.ui.launch.asyncio.sleep", sleep)
    login = login_at(Door(Accounts({"anna": "right-password"}), lambda: now[0]))
    tries = [asyncio.run(login("anna", "wrong")) for _ in range(12)]
    assert tries == [False] * 12
    assert slept[:3] == [0.5, 1.0, 2.0]
    assert max(slept) == LONGEST_PAUSE_SECONDS
    assert asyncio.run(login("anna", "right-password"))


def test_a_flood_of_logins_is_told_no_at_once() -> None:
    door = Door(Accounts({"anna": "right-password"}), lambda: 0.0)
    for _ in range(FREE_TRIES + 1):
        door.knock("anna", "wrong", "")
    login = login_at(door)

    async def flood() -> list[bool]:
        waiting = [asyncio.create_task(login("anna", "wrong")) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        late = await asyncio.wait_for(login("anna", "wrong"), 1.0)
        for each in waiting:
            each.cancel()
        return [late]

    assert asyncio.run(flood()) == [False]


def test_a_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("tsft.ui.launch.DEFAULT_PORT", port)
        assert not is_free("127.0.0.1", port)
        assert first_free_port("127.0.0.1") > port


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
