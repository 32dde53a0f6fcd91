"""The named endpoints, asked as a script asks them."""

from collections.abc import Iterator
from typing import Any

import pytest
from gradio_client import Client

from tests.engine_runs import small
from tests.fakes import FakeEngine
from tsft.access import Accounts, Door
from tsft.run.events import RunStarted, to_line
from tsft.store import presets
from tsft.store.record import Record
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext
from tsft.ui.launch import Address, Entry, launch, limit_uploads, session_user
from tsft.ui.page import build_page
from tsft.ui.run_rows import RunQuery
from tsft.ui.run_source import RunSource

DOOR = Door(Accounts({"anna": "correct horse"}))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str, FakeEngine]]:
    """A page behind a login."""
    workspace = open_workspace(tmp_path_factory.mktemp("endpoints"))
    engine = FakeEngine()
    record = Record(workspace)
    past = record.create_run(small(output__name="past"))
    past.folder.events.write_text(to_line(RunStarted(1.0, past.id, "past")) + "\n", encoding="utf-8")
    record.update(past.id, status="interrupted")
    actions = RunSource(workspace, record).actions()
    context = PageContext(
        engine,
        load_preset=lambda name: presets.load_preset(workspace, name),
        runs=lambda: actions.find(RunQuery()).rows,
        run_actions=actions,
    )
    launched = launch(build_page(context), Address(), Entry(door=DOOR))
    yield launched.blocks, launched.url, engine
    engine.stop()
    launched.blocks.close(verbose=False)


@pytest.fixture(scope="module")
def client(served: tuple[Any, str, FakeEngine], tmp_path_factory: pytest.TempPathFactory) -> Client:
    folder = tmp_path_factory.mktemp("downloads")
    return Client(served[1], auth=("anna", "correct horse"), verbose=False, download_files=str(folder))


def test_only_the_named_endpoints_are_described(client: Client) -> None:
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/start", "/stop", "/state", "/runs"}


def test_a_script_starts_watches_and_stops_a_run(client: Client, served: tuple[Any, str, FakeEngine]) -> None:
    engine = served[2]
    begun = client.predict("first_run", {"lora.rank": 4}, api_name="/start")
    assert begun == {"ok": True, "data": {"run": "run-1", "queued": False}}
    assert engine.started[0].lora.rank == 4
    engine.join()
    told = client.predict(api_name="/state")
    assert told["data"]["state"]["step"] == 60
    assert told["data"]["metrics"]["loss"]["points"][-1][0] == 60
    assert client.predict(api_name="/stop") == {"ok": True, "data": {"asked": False}}


def test_the_state_of_a_run_of_before_is_told_and_of_none_refused(client: Client) -> None:
    (past,) = client.predict(api_name="/runs")["data"]["runs"]
    told = client.predict(past["run"], api_name="/state")
    assert (told["data"]["state"]["name"], told["data"]["state"]["status"]) == ("past", "interrupted")
    refused = client.predict("no-such-run", api_name="/state")
    assert (refused["ok"], refused["problems"][0]["key"]) == (False, "record.no_run")


def test_what_is_wrong_comes_back_in_the_form_of_the_rest_interface(client: Client) -> None:
    told = client.predict("first_run", {"lora.rank": 0}, False, "zh", api_name="/start")
    assert told["ok"] is False
    assert (told["problems"][0]["key"], told["problems"][0]["field"]) == ("check.at_least", "lora.rank")


def test_the_pages_login_is_known_to_the_rest_interface(served: tuple[Any, str, FakeEngine]) -> None:
    import httpx

    blocks, url, _ = served
    with httpx.Client(trust_env=False) as web:
        wrong = web.post(f"{url}/login", data={"username": "anna", "password": "wrong"})
        right = web.post(f"{url}/login", data={"username": "anna", "password": "correct horse"})
        assert (wrong.status_code, right.status_code) == (400, 200)
        assert session_user(blocks, dict(web.cookies)) == "anna"
    assert session_user(blocks, {}) == session_user(blocks, {"access-token-x": "y"}) == ""


def test_the_limit_of_uploads_changes_without_a_restart(served: tuple[Any, str, FakeEngine]) -> None:
    import httpx

    blocks, url, _ = served
    files = {"files": ("a.bin", b"x" * 1_500_000)}
    with httpx.Client(trust_env=False) as web:
        web.post(f"{url}/login", data={"username": "anna", "password": "correct horse"})
        assert web.post(f"{url}/gradio_api/upload", files=files).status_code == 200
        limit_uploads(blocks, 1)
        assert web.post(f"{url}/gradio_api/upload", files=files).status_code == 413
        limit_uploads(blocks, 200)


def test_strangers_may_call_no_endpoint(served: tuple[Any, str, FakeEngine]) -> None:
    import httpx

    body = {"data": ["first_run", {}]}
    with httpx.Client(trust_env=False) as web:
        paths = ("/gradio_api/call/start", "/gradio_api/run/start", "/gradio_api/queue/join")
        assert {web.post(served[1] + path, json=body).status_code for path in paths} <= {401, 404, 405}
        assert web.get(served[1] + "/openapi.json").status_code == 404
        foreign = {"Origin": "http://evil.example"}
        files = {"files": ("a.txt", b"x")}
        assert web.post(served[1] + "/gradio_api/upload", files=files, headers=foreign).status_code == 403
