"""The server as a process: it answers, says so once, and ends well on a signal."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine_runs import SMALL
from tests.test_notify import Listener

pytestmark = pytest.mark.slow

START = "from tsft.cli import webui; raise SystemExit(webui())"
DEADLINE_SECONDS = 90.0


def started(folder: Path, *flags: str, **variables: str) -> tuple[subprocess.Popen[str], list[str]]:
    """The process and the lines it printed up to READY."""
    command = [sys.executable, "-c", START, "--workspace", str(folder), *flags]
    environment = {**os.environ, "LANG": "C", "LC_ALL": "C", **variables}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    lines: list[str] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    assert process.stdout is not None
    while not (lines and lines[-1].startswith("READY")):
        line = process.stdout.readline()
        assert line and time.monotonic() < deadline, lines
        lines.append(line.strip())
    return process, lines


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_with_success(tmp_path: Path, sent: signal.Signals) -> None:
    process, lines = started(tmp_path)
    assert lines[-1].startswith("READY http://127.0.0.1:")
    process.send_signal(sent)
    assert process.wait(DEADLINE_SECONDS) == 0


def test_an_open_address_gets_a_password_told_once(tmp_path: Path) -> None:
    process, lines = started(tmp_path, "--host", "0.0.0.0")
    assert sum("password" in line for line in lines) == 1
    process.terminate()
    process.wait(DEADLINE_SECONDS)


def test_no_auth_must_be_said_to_do_without(tmp_path: Path) -> None:
    process, lines = started(tmp_path, "--host", "0.0.0.0", "--no-auth")
    assert not any("password" in line for line in lines)
    process.terminate()
    process.wait(DEADLINE_SECONDS)


def wait_for(web: httpx.Client, path: str, wanted: Any) -> Any:
    """The data at a path once `wanted` holds of it."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not wanted(data := web.get(path).json()["data"]):
        assert time.monotonic() < deadline, data
        time.sleep(0.2)
    return data


def test_a_script_behind_the_login_trains_and_the_webhook_is_told(tmp_path: Path) -> None:
    listener = Listener()
    process, lines = started(tmp_path, TSFT_AUTH="anna:correct horse", TSFT_WEBHOOK_URL=listener.url)
    url = lines[-1].split()[1]
    with httpx.Client(base_url=url, trust_env=False, timeout=DEADLINE_SECONDS) as web:
        for path in ("/api/health", "/api/openapi.json", "/config"):
            assert web.get(path).status_code == 401
        assert web.get("/openapi.json").status_code == 404
        web.post("/login", data={"username": "anna", "password": "correct horse"})
        assert web.get("/api/health").json()["data"]["healthy"] is True
        # The page's session may change things from the page only; a password may from anywhere.
        body = {"overrides": {"model.name": "builtin", "data.datasets": ["demo"], **SMALL, "schedule.max_steps": 2}}
        assert web.post("/api/runs", json=body).status_code == 403
        begun = web.post("/api/runs", json=body, headers={"Origin": url}).json()
        run = begun["data"]["run"]
        state = wait_for(web, f"/api/runs/{run}", lambda data: data["status"] == "finished")
        assert state["step"] == 2
        assert web.get("/api/runs").json()["data"]["runs"][0]["by"] == "anna"
        settings = {"limits": {"queue_length": 0}}
        (tmp_path / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        full = web.post("/api/queue", json={"runs": [body]}, headers={"Origin": url})
        assert (full.status_code, full.json()["problems"][0]["key"]) == (409, "queue.full")
    assert listener.is_heard.wait(DEADLINE_SECONDS)
    assert (listener.heard[0]["event"], listener.heard[0]["run"]) == ("finished", run)
    listener.close()
    process.terminate()
    assert process.wait(DEADLINE_SECONDS) == 0
