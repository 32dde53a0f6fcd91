"""The server as a process: it answers, says so once, and ends well on a signal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

START = "from tsft.cli import webui; raise SystemExit(webui())"
DEADLINE_SECONDS = 90.0


def started(folder: Path, *flags: str) -> tuple[subprocess.Popen[str], list[str]]:
    """The process and the lines it printed up to READY."""
    command = [sys.executable, "-c", START, "--workspace", str(folder), *flags]
    environment = {**os.environ, "LANG": "C", "LC_ALL": "C"}
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
