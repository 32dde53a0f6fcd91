"""The REST interface over the fake engine and a real record, asked in-process."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.fakes import FakeEngine
from tsft.access import Accounts, Door
from tsft.api.application import make_api
from tsft.api.gate import Gate
from tsft.api.health import Examiner
from tsft.api.service import Service
from tsft.store.app_settings import SettingsFile
from tsft.store.record import Record
from tsft.store.workspace import Workspace, open_workspace

HOST = "http://127.0.0.1:7860"
ACCOUNTS = Accounts({"anna": "correct horse", "bob": "staple-staple"})


@dataclass
class Api:
    """What a test needs to ask and to look behind."""

    client: TestClient
    application: FastAPI
    engine: Any
    workspace: Workspace
    record: Record
    settings: SettingsFile

    def data(self, path: str, **query: Any) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["ok"] is True
        return answer.json()["data"]

    def refused(self, method: str, path: str, status: int, **options: Any) -> list[str]:
        """The keys of what was wrong."""
        answer = self.client.request(method, path, **options)
        assert answer.status_code == status, answer.text
        tree = answer.json()
        assert set(tree) == {"ok", "problems"} and tree["ok"] is False
        assert all(set(each) == {"key", "field", "sentence"} for each in tree["problems"])
        return [each["key"] for each in tree["problems"]]


def make_api_client(
    folder: Path,
    engine: Any = None,
    door: Door | None = None,
    session_user: Callable[[Mapping[str, str]], str] = lambda cookies: "",
    record: Record | None = None,
) -> Api:
    workspace = record.workspace if record is not None else open_workspace(folder)
    record = record or Record(workspace)
    settings = SettingsFile(workspace, {})
    engine = engine or FakeEngine(seconds=0.01)
    service = Service(engine, workspace, record, settings)
    examiner = Examiner(engine, workspace, record, settings, reach_hub=lambda: True)
    application = make_api(service, Gate(door, session_user), examiner)
    client = TestClient(application, base_url=HOST, raise_server_exceptions=False)
    return Api(client, application, engine, workspace, record, settings)


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}
