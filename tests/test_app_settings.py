"""The settings of the app: read again when the file changes, strict, and really used."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine_runs import Bench, small
from tests.fakes import FakeEngine
from tsft.config.run_config import RunConfig
from tsft.errors import UserError
from tsft.i18n import LANGUAGES, say, translate
from tsft.store.app_settings import (
    AppSettings,
    SettingsFile,
    app_settings,
    app_settings_of,
    first_config,
    thread_limit,
    with_defaults,
)
from tsft.store.record import Record
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.context import PageContext
from tsft.ui.page import Page
from tsft.ui.words import language_of

HOOK = "https://hooks.example/services/very-secret"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path)


def write(workspace: Workspace, tree: Any) -> None:
    path = workspace.root / "settings.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree), encoding="utf-8")
    # Two writes within one tick of the clock and of one size would look the same.
    stamp = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(stamp, stamp))


def test_without_a_file_all_is_as_by_default(workspace: Workspace) -> None:
    file = SettingsFile(workspace, {})
    assert file.current() == AppSettings()
    assert (file.problems, file.webhook()) == ((), ("", ""))


def test_a_change_counts_at_the_next_look_without_a_restart(workspace: Workspace) -> None:
    file, heard = SettingsFile(workspace, {}), []
    file.listen(lambda settings: heard.append(settings.limits.upload_mb))
    assert file.current().limits.upload_mb == 200
    write(workspace, {"limits": {"upload_mb": 7}})
    assert file.current().limits.upload_mb == 7
    assert heard == [7]
    (workspace.root / "settings.json").unlink()
    assert file.current().limits.upload_mb == 200


def test_a_broken_file_leaves_the_last_good_settings_and_is_told(workspace: Workspace) -> None:
    file = SettingsFile(workspace, {})
    write(workspace, {"limits": {"upload_mb": 7}})
    assert file.current().limits.upload_mb == 7
    write(workspace, '{"limits": {"upload_mb": ')
    assert file.current().limits.upload_mb == 7
    assert [each.message.key for each in file.problems] == ["config.not_json"]
    for language in LANGUAGES:
        assert "settings.json" in say(language, file.notes()[0])
    write(workspace, {"limits": {"upload_mb": 8}})
    assert (file.current().limits.upload_mb, file.problems) == (8, ())


def test_everything_wrong_is_named_at_once_with_the_nearest_name() -> None:
    tree = {
        "limits": {"uplod_mb": 5, "threads": -1, "queue_length": "many"},
        "defaults": {"language": "fr"},
        "notify": {"occasions": ["finished", "tea"]},
        "other": 1,
        "about": "mine",
    }
    with pytest.raises(UserError) as caught:
        app_settings_of(tree)
    found = {each.field: each.message.key for each in caught.value.problems}
    assert found == {
        "limits.uplod_mb": "config.unknown",
        "limits.threads": "check.at_least",
        "limits.queue_length": "config.wrong_kind",
        "defaults.language": "check.choice",
        "notify.occasions": "check.choice",
        "other": "config.unknown",
        "about": "config.unknown",
    }
    hints = {each.field: each.message.values.get("hint") for each in caught.value.problems}
    assert hints["limits.uplod_mb"] == "limits.upload_mb"


@pytest.mark.parametrize("tree", [[], 1, "x", None])
def test_a_file_that_is_no_object_is_refused(tree: Any) -> None:
    with pytest.raises(UserError, match="config.not_an_object"):
        app_settings_of(tree)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_setting_is_explained(language: str) -> None:
    for each in app_settings():
        assert translate(language, f"app_settings.help.{each.section}_{each.name}")


def test_the_webhook_may_come_from_the_environment_and_the_file_wins(workspace: Workspace) -> None:
    file = SettingsFile(workspace, {"TSFT_WEBHOOK_URL": "https://env.example/", "TSFT_WEBHOOK_TOKEN": "tok"})
    assert file.webhook() == ("https://env.example/", "tok")
    write(workspace, {"notify": {"webhook_url": HOOK}})
    assert file.webhook() == (HOOK, "tok")


def test_defaults_fill_the_first_form_and_a_run_that_names_nothing() -> None:
    settings = app_settings_of({"defaults": {"model": "chatts-8b", "datasets": ["a", "b"], "precision": "bf16"}})
    config = first_config(settings.defaults)
    assert (config.model.name, config.data.datasets, config.model.precision) == ("chatts-8b", ("a", "b"), "bf16")
    assert with_defaults(RunConfig(), AppSettings().defaults) == RunConfig()


@pytest.mark.parametrize(("limit", "wanted", "used"), [(0, 0, 0), (0, 6, 6), (2, 0, 2), (2, 6, 2), (2, 1, 1)])
def test_no_run_takes_more_threads_than_allowed(workspace: Workspace, limit: int, wanted: int, used: int) -> None:
    write(workspace, {"limits": {"threads": limit}})
    assert thread_limit(workspace, wanted) == used


def test_a_fresh_page_shows_the_workspaces_own_model_language_and_what_is_wrong(workspace: Workspace) -> None:
    write(workspace, {"defaults": {"model": "chatts-8b", "language": "ko"}})
    file = SettingsFile(workspace, {})
    context = PageContext(
        FakeEngine(),
        presets=list,
        with_defaults=lambda config: with_defaults(config, file.current().defaults),
        default_language=lambda: file.current().defaults.language,
        app_notes=file.notes,
    )
    page = Page(context)
    updates = page.handlers.load("en", None, "visitor")
    assert updates[page.parts.form.widget("model.name")]["value"] == "chatts-8b"
    request: Any = SimpleNamespace(query_params={}, cookies={}, headers={"accept-language": "en"})
    assert language_of(request, context.default_language()) == "ko"
    assert page.parts.live.view("en").fetches == ""
    write(workspace, "{")
    assert "settings.json" in page.parts.live.view("en").fetches


def test_a_full_queue_refuses_with_the_way_out(bench: Bench) -> None:
    write(bench.workspace, {"limits": {"queue_length": 1}})
    bench.engine.enqueue([small()], "test")
    with pytest.raises(UserError, match="queue.full") as caught:
        bench.engine.enqueue([small()], "test")
    assert caught.value.message.values == {"waiting": 1, "more": 1, "limit": 1}
    assert len(Record(bench.workspace).waiting()) == 1
