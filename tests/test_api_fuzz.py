"""Anything may be asked of the REST interface: requests made from its own description, and worse, never break it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api_client import Api, make_api_client
from tests.engine_runs import small
from tests.fakes import FakeEngine
from tsft.config.schema import setting_by_key

JSON = {"Content-Type": "application/json"}
KEYS = [*setting_by_key(), "optim.learnig_rate", "", "a.b", "format.x"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
FUZZ = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    made = make_api_client(tmp_path_factory.mktemp("fuzz"), FakeEngine())
    for number in range(3):
        made.record.create_run(small(output__name=f"run {number}"))
    yield made
    made.engine.stop()


def resolved(api: Api, schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = api.application.openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def values(api: Api, schema: dict[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """Mostly what the description allows, now and then something else."""
    schema = resolved(api, schema)
    if "anyOf" in schema:
        right = st.one_of([values(api, each, name) for each in schema["anyOf"]])
    elif "enum" in schema or "const" in schema:
        right = st.sampled_from(schema.get("enum", [schema.get("const")]))
    else:
        right = _typed(api, schema, name)
    return st.integers(0, 9).flatmap(lambda roll: ANYTHING if roll == 0 else right)


def _typed(api: Api, schema: dict[str, Any], name: str) -> st.SearchStrategy[Any]:
    match schema.get("type"):
        case "object" if "properties" in schema:
            parts = {key: values(api, each, key) for key, each in schema["properties"].items()}
            return st.fixed_dictionaries({}, optional=parts)
        case "object":
            keys = st.sampled_from(KEYS) if name == "overrides" else st.sampled_from(["model", "optim", "", "x"])
            return st.dictionaries(keys, ANYTHING, max_size=5)
        case "array":
            return st.lists(values(api, schema.get("items", {})), max_size=3)
        case "integer":
            return st.integers(-3, 2**33)
        case "number":
            return st.floats()
        case "boolean":
            return st.booleans()
        case _:
            return st.sampled_from(["", "first_run", "chatts_align", "none", "../x", "run", "-created"]) | st.text()


def operations(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    found = [
        (method.upper(), path, facts)
        for path, methods in api.application.openapi()["paths"].items()
        for method, facts in methods.items()
    ]
    return sorted(found, key=lambda each: each[:2])


def hold(api: Api, method: str, path: str, **options: Any) -> None:
    answer = api.client.request(method, path, **options)
    assert answer.status_code < 500, (method, path, options, answer.text)
    tree = answer.json()
    if path.startswith("/api/openapi.json"):
        return
    assert tree["ok"] is (answer.status_code < 400)
    assert set(tree) == ({"ok", "data"} if tree["ok"] else {"ok", "problems"})


@FUZZ
@given(st.data())
def test_requests_made_from_the_description_are_always_answered_in_the_one_form(api: Api, data: st.DataObject) -> None:
    method, path, facts = data.draw(st.sampled_from(operations(api)))
    query: dict[str, Any] = {}
    for each in facts.get("parameters", ()):
        value = data.draw(values(api, each["schema"], each["name"]))
        if each["in"] == "path":
            ids = st.sampled_from(["current", "none", *(run.id for run in api.record.list_runs())])
            path = path.replace("{run}", data.draw(ids))
        elif data.draw(st.booleans()):
            query[each["name"]] = str(value).encode("utf-8", "replace").decode()
    options: dict[str, Any] = {"params": query}
    if "requestBody" in facts:
        body = data.draw(values(api, facts["requestBody"]["content"]["application/json"]["schema"]))
        options |= {"content": json.dumps(body), "headers": JSON}
    hold(api, method, path, **options)


@FUZZ
@given(ANYTHING, st.sampled_from(["/api/runs", "/api/check", "/api/queue", "/api/runs/current/commands"]))
def test_any_json_is_answered(api: Api, body: Any, path: str) -> None:
    hold(api, "POST", path, content=json.dumps(body), headers=JSON)


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes_are_answered(api: Api, body: bytes) -> None:
    hold(api, "POST", "/api/runs", content=body, headers=JSON)


@FUZZ
@given(st.text(max_size=40))
def test_any_run_id_is_answered(api: Api, name: str) -> None:
    from urllib.parse import quote

    part = quote(name.encode("utf-8", "replace").decode(), safe="")
    for path in (f"/api/runs/{part}", f"/api/runs/{part}/metrics", f"/api/runs/{part}/config"):
        answer = api.client.get(path)
        assert answer.status_code < 500, (path, answer.text)


@FUZZ
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=6))
def test_any_settings_are_answered(api: Api, overrides: dict[str, Any]) -> None:
    hold(api, "POST", "/api/check", content=json.dumps({"preset": "first_run", "overrides": overrides}), headers=JSON)


@pytest.mark.slow
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=6))
def test_any_settings_are_answered_by_the_real_engine(tmp_path: Path, overrides: dict[str, Any]) -> None:
    from tsft.engine.engine import Engine
    from tsft.store.record import Record
    from tsft.store.workspace import open_workspace

    record = Record(open_workspace(tmp_path))
    api = make_api_client(tmp_path, Engine(record.workspace, record), record=record)
    hold(api, "POST", "/api/check", content=json.dumps({"preset": "first_run", "overrides": overrides}), headers=JSON)
