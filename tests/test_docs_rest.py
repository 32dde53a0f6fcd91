"""docs/rest.md tells the truth: every path, command and setting of the app is there, and nothing else."""

import json
import re
from pathlib import Path

from fastapi import FastAPI

from tests.api_client import make_api_client
from tsft.api.answers import STATUS_BY_KEY
from tsft.errors import message
from tsft.notify.watcher import letter_body
from tsft.run.events import COMMANDS
from tsft.run.notices import Notice
from tsft.run.state import RunState
from tsft.store.app_settings import app_settings

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "rest.md").read_text(encoding="utf-8")


def described(application: FastAPI) -> set[str]:
    paths = application.openapi()["paths"].items()
    return {f"{method.upper()} {path}" for path, methods in paths for method in methods}


def test_every_path_is_told_of_and_no_other(tmp_path: Path) -> None:
    told = set(re.findall(r"^\| `([A-Z]+ /api/[^`]+)` \|", TEXT, flags=re.MULTILINE))
    assert told == described(make_api_client(tmp_path).application)


def test_every_command_is_told_of() -> None:
    (line,) = (line for line in TEXT.splitlines() if "/commands`" in line)
    assert [name for name in COMMANDS if name not in line] == []


def test_every_setting_of_the_app_is_told_of_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(\w+\.\w+)` \| ([^|]+) \|", TEXT, flags=re.MULTILINE))
    assert set(told) == {each.key for each in app_settings()}
    for each in app_settings():
        default = ", ".join(each.default) if each.is_list and each.default else json.dumps(each.default)
        assert told[each.key] == default, each.key


def test_the_statuses_and_the_letter_are_as_told() -> None:
    assert {f"{int(status)}" for status in STATUS_BY_KEY.values()} <= set(re.findall(r"\b\d{3}\b", TEXT))
    body = letter_body(Notice("plateau", "", message("cli.yes")), RunState(), "running", "en")
    assert [name for name in body if f"`{name}`" not in TEXT] == []
