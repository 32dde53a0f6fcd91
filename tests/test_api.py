"""REST: what each path answers, to whom, and in which form."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_client import ACCOUNTS, HOST, Api, basic, make_api_client
from tests.engine_runs import SMALL, Bench, small
from tests.fakes import FakeEngine
from tsft.access import FREE_TRIES, Door
from tsft.api.application import Branch
from tsft.errors import Problem, message
from tsft.run.state import CURVES

OWN = {"Origin": HOST}
START = {"preset": "first_run"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = make_api_client(tmp_path)
    yield made
    made.engine.stop()
    made.engine.join()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Api]:
    """With a login; the cookie `session` holds the name of who has one."""
    made = make_api_client(tmp_path, door=Door(ACCOUNTS, lambda: 0.0), session_user=lambda c: c.get("session", ""))
    yield made
    made.engine.stop()
    made.engine.join()


# -- who may ask -------------------------------------------------------------------------------------------------------

PATHS = ["/api/health", "/api/runs", "/api/runs/current", "/api/queue", "/api/openapi.json", "/api/nothing"]


@pytest.mark.parametrize("path", PATHS)
def test_strangers_are_told_nothing(guarded: Api, path: str) -> None:
    assert guarded.refused("GET", path, 401) == ["api.login_needed"]
    assert "WWW-Authenticate" in guarded.client.get(path, headers={"Authorization": "Basic !!!"}).headers


@pytest.mark.parametrize(
    "headers",
    [basic("anna", "correct horse"), {"Authorization": "Bearer staple-staple"}, {"Cookie": "session=anna"}],
)
def test_three_ways_of_saying_who_one_is(guarded: Api, headers: dict[str, str]) -> None:
    assert guarded.client.get("/api/queue", headers=headers).status_code == 200


def test_wrong_passwords_have_to_wait_and_are_told_how_long(guarded: Api) -> None:
    for _ in range(FREE_TRIES + 1):
        guarded.refused("GET", "/api/queue", 401, headers=basic("anna", "wrong"))
    answer = guarded.client.get("/api/queue", headers=basic("anna", "correct horse"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert guarded.client.get("/api/queue", headers=basic("bob", "staple-staple")).status_code == 200


def test_who_started_a_run_is_known(guarded: Api) -> None:
    answer = guarded.client.post("/api/runs", json=START, headers=basic("anna", "correct horse"))
    assert answer.status_code == 201
    guarded.engine.join()
    queued = guarded.client.post("/api/runs", json={**START, "queue": True}, headers=basic("bob", "staple-staple"))
    assert queued.json()["data"]["queued"] is True
    assert guarded.engine.queue()[0].by == "bob"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Cookie": "session=anna"}, 403),  # a script with somebody's cookie, or an old browser's form
        ({"Cookie": "session=anna", "Origin": "http://evil.example"}, 403),
        ({"Cookie": "session=anna", "Origin": "http://127.0.0.1:3000"}, 403),  # another server of this machine
        ({"Cookie": "session=anna", **OWN}, 201),
        (basic("anna", "correct horse"), 201),
        ({**basic("anna", "correct horse"), "Origin": "http://evil.example"}, 403),
    ],
)
def test_a_foreign_page_changes_nothing_in_anybodys_name(guarded: Api, headers: dict, status: int) -> None:
    assert guarded.client.post("/api/runs", json=START, headers=headers).status_code == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_refused(api: Api, kind: str) -> None:
    options: dict[str, Any] = {"content": json.dumps(START), "headers": {"Content-Type": kind}}
    assert api.refused("POST", "/api/runs", 415, **options) == ["api.json_needed"]
    assert api.engine.started == []


def test_a_body_has_a_length_and_a_limit(api: Api) -> None:
    json_type = {"Content-Type": "application/json"}
    assert api.refused("POST", "/api/runs", 413, content=b" " * 1_000_001, headers=json_type) == ["api.too_large"]
    pieces = iter([b"{}"])
    assert api.refused("POST", "/api/runs", 411, content=pieces, headers=json_type) == ["api.length_needed"]


# -- what is answered --------------------------------------------------------------------------------------------------


def test_a_run_is_started_watched_and_stopped(api: Api) -> None:
    overrides = {"optim.learning_rate": "1e-3", "output.name": "by REST"}
    begun = api.client.post("/api/runs", json={**START, "overrides": overrides}).json()["data"]
    assert api.engine.started[0].optim.learning_rate == 1e-3
    state = api.data("/api/runs/current")
    assert (state["run"], state["name"]) == (begun["run"], "by REST")
    assert api.client.post("/api/runs/current/commands", json={"command": "stop"}).status_code in (200, 404)


@pytest.mark.slow
def test_the_commands_reach_the_engine(tmp_path: Path, bench: Bench) -> None:
    api = make_api_client(tmp_path, bench.engine, record=bench.record)
    refused = api.refused("POST", "/api/runs/current/commands", 404, json={"command": "stop"})
    assert refused == ["record.no_run"]
    begun = api.client.post("/api/runs", json={"config": {"model": {"name": "builtin"}}, "overrides": SMALL})
    run = begun.json()["data"]["run"]
    told = api.client.post(f"/api/runs/{run}/commands", json={"command": "stop"}, headers=OWN)
    assert told.json()["data"] == {"run": run, "command": "stop"}
    assert bench.engine.wait(60).status == "stopped"
    assert api.refused("POST", f"/api/runs/{run}/commands", 409, json={"command": "stop"}) == ["api.nothing_runs"]
    listed = api.data("/api/runs", search="builtin")
    assert [each["run"] for each in listed["runs"]] == [run]
    assert api.data(f"/api/runs/{run}/config")["model"]["name"] == "builtin"
    assert set(api.data(f"/api/runs/{run}/metrics")) == set(CURVES)


def test_the_list_goes_by_pages_and_is_searched(api: Api) -> None:
    names = ("amber", "birch", "cedar", "daisy", "elder")
    made = [api.record.create_run(small(output__name=name)).id for name in names]
    first = api.data("/api/runs", limit=2)
    second = api.data("/api/runs", limit=2, offset=first["next_offset"])
    third = api.data("/api/runs", limit=2, offset=second["next_offset"])
    assert third["next_offset"] is None
    shown = [each["run"] for page in (first, second, third) for each in page["runs"]]
    assert sorted(shown) == sorted(made)
    assert [each["name"] for each in api.data("/api/runs", search="daisy")["runs"]] == ["daisy"]


def test_curves_are_thinned_and_keep_their_ends(api: Api) -> None:
    api.client.post("/api/runs", json=START)
    api.engine.join()
    curve = api.data("/api/runs/current/metrics", names="loss", points=10)["loss"]["points"]
    assert len(curve) <= 12
    assert (curve[-1][0], curve[0][0]) == (60, 1)
    assert api.refused("GET", "/api/runs/current/metrics?names=loss,tea", 422) == ["api.unknown_metric"]


def test_a_busy_engine_says_who_runs_and_the_queue_takes_the_run(tmp_path: Path) -> None:
    api = make_api_client(tmp_path, FakeEngine(seconds=5.0))
    api.client.post("/api/runs", json=START)
    assert api.refused("POST", "/api/runs", 409, json=START) == ["engine.busy"]
    runs = [{**START, "overrides": {"optim.learning_rate": rate}} for rate in (1e-4, 3e-4)]
    queued = api.client.post("/api/queue", json={"runs": runs, "sweep": "rates"}).json()["data"]["runs"]
    assert [each["run"] for each in api.data("/api/queue")["runs"]] == queued
    moved = api.client.patch(f"/api/queue/{queued[1]}", json={"position": 1}).json()["data"]
    assert [each["run"] for each in moved["runs"]] == queued[::-1]
    left = api.client.delete(f"/api/queue/{queued[1]}").json()["data"]
    assert [(each["position"], each["sweep"]) for each in left["runs"]] == [(1, "rates")]
    held = api.client.patch("/api/queue", json={"is_held": True}).json()["data"]
    assert held["is_held"] is True and api.data("/api/queue")["is_held"] is True
    assert api.refused("DELETE", "/api/queue/none", 404) == ["queue.not_waiting"]
    api.engine.stop()


def test_everything_wrong_comes_back_at_once_in_the_callers_language(api: Api) -> None:
    wrong = {"optim.learnig_rate": 1, "lora.rank": 0, "schedule.batch_size": "many"}
    body = {**START, "overrides": wrong}
    answer = api.client.post("/api/runs", json=body, headers={"Accept-Language": "zh-CN,en;q=0.5"})
    found = {each["field"]: each["sentence"] for each in answer.json()["problems"]}
    assert set(found) == set(wrong)
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in sentence) for sentence in found.values())
    assert api.engine.started == []


def test_one_wrong_run_keeps_all_out_of_the_queue(api: Api) -> None:
    runs = [START, {**START, "overrides": {"lora.rank": 0}}]
    assert api.refused("POST", "/api/queue", 422, json={"runs": runs}) == ["check.at_least"]
    assert api.data("/api/queue")["runs"] == []


def test_a_check_starts_nothing(tmp_path: Path) -> None:
    warning = Problem("schedule.threads", message("preflight.threads", threads=9, cores=2), is_warning=True)
    api = make_api_client(tmp_path, FakeEngine(refuses=[warning]))
    wanted = {**START, "overrides": {"lora.rank": 0}}
    found = api.client.post("/api/check", json=wanted).json()["data"]
    assert [each["field"] for each in found["problems"]] == ["lora.rank"]
    assert [each["field"] for each in found["warnings"]] == ["schedule.threads"]
    assert api.engine.started == []


def test_a_run_that_names_nothing_takes_the_workspaces_defaults(api: Api) -> None:
    settings = {"defaults": {"model": "builtin", "datasets": ["demo"]}}
    (api.workspace.root / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    assert api.client.post("/api/runs", json={}).status_code == 201
    assert api.engine.started[0].model.name == "builtin"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "key"),
    [
        ("GET", "/api/nothing", None, 404, "api.unknown_path"),
        ("PUT", "/api/runs", {}, 405, "api.wrong_method"),
        ("GET", "/api/runs/none", None, 404, "record.no_run"),
        ("GET", "/api/runs/..%2f..%2fetc", None, 404, "api.unknown_path"),
        ("GET", "/api/runs?limit=0", None, 422, "api.wrong_value"),
        ("POST", "/api/runs", {"preset": "none"}, 404, "preset.unknown"),
        ("POST", "/api/runs", {"prset": "x"}, 422, "api.unknown_field"),
        ("POST", "/api/runs", {"config": {"nothing": 1}}, 422, "config.unknown"),
        ("POST", "/api/runs/x/commands", {}, 422, "api.missing"),
        ("POST", "/api/runs/x/commands", {"command": "dance"}, 422, "api.wrong_value"),
        ("POST", "/api/runs", {"preset": "a\ud800"}, 422, "api.wrong_value"),
    ],
)
def test_each_refusal_has_its_status_and_key(
    api: Api, method: str, path: str, body: Any, status: int, key: str
) -> None:
    content = json.dumps(body) if body is not None else None
    options = {"content": content, "headers": {"Content-Type": "application/json"}} if content else {}
    assert key in api.refused(method, path, status, **options)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"[]", b'"x"', b"NaN"])
def test_a_body_that_is_no_object_is_refused(api: Api, content: bytes) -> None:
    answer = api.client.post("/api/runs", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["ok"] is False


def test_a_bug_is_told_without_its_inside(tmp_path: Path) -> None:
    class Broken(FakeEngine):
        def queue(self) -> list[Any]:
            raise ZeroDivisionError("secret inside")

    api = make_api_client(tmp_path, Broken())
    answer = api.client.get("/api/queue")
    assert (answer.status_code, answer.json()["problems"][0]["key"]) == (500, "api.bug")
    assert "secret inside" not in answer.text


# -- health and description --------------------------------------------------------------------------------------------


def test_health_names_every_part_and_its_numbers(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    health = api.data("/api/health")
    found = {each["name"]: each for each in health["checks"]}
    assert set(found) == {"workspace", "disk", "database", "device", "hub", "settings"}
    assert health["healthy"] is True and all(each["ok"] for each in found.values())
    assert found["disk"]["detail"]["free_bytes"] > 0


def test_health_tells_of_a_broken_settings_file_and_of_a_lost_workspace(api: Api) -> None:
    (api.workspace.root / "settings.json").write_text("{", encoding="utf-8")
    api.workspace.runs.rmdir()
    health = api.data("/api/health")
    bad = {each["name"] for each in health["checks"] if not each["ok"]}
    assert bad >= {"workspace", "settings"} and health["healthy"] is False


def test_the_description_names_every_path_and_the_form_of_refusals(api: Api) -> None:
    tree = api.client.get("/api/openapi.json").json()
    assert "/api/runs/{run}/metrics" in tree["paths"]
    assert set(tree["components"]["schemas"]["Bad"]["properties"]) == {"ok", "problems"}
    assert api.client.get("/docs").status_code == 404


@pytest.mark.parametrize(
    ("path", "root", "wanted"),
    [
        ("/api/runs", "", "api"),
        ("/api/runs", "/tsft", "api"),
        ("/tsft/api/runs", "/tsft", "api"),
        ("/", "", "page"),
        ("/apiary", "", "page"),
        ("/gradio_api/info", "", "page"),
    ],
)
def test_only_what_is_under_api_leaves_the_page(path: str, root: str, wanted: str) -> None:
    import asyncio

    heard: list[str] = []

    def named(name: str) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            heard.append(name)

        return app

    branch = Branch(named("page"), {"/api": named("api")})
    asyncio.run(branch({"type": "http", "path": path, "root_path": root}, None, None))  # type: ignore[arg-type]
    assert heard == [wanted]
