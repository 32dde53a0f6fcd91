"""Presets of the workspace: saved whole, read strictly, named safely."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.setting_values import another_value, changeable
from tsft.config.run_config import LoraSettings, RunConfig
from tsft.config.schema import Setting, with_values
from tsft.errors import UserError
from tsft.store.presets import delete_preset, import_preset, list_presets, load_preset, save_preset, shipped_presets
from tsft.store.workspace import Workspace, open_workspace

CONFIG = replace(RunConfig(), lora=LoraSettings(rank=3, targets=("q_proj", "v_proj")))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path)


def own(workspace: Workspace) -> list[str]:
    return [preset.name for preset in list_presets(workspace) if not preset.is_shipped]


@pytest.mark.parametrize("name", ["mine", "две строки / и черта", "..", "con", "同じ"])
def test_a_saved_preset_comes_back_under_its_own_name(workspace: Workspace, name: str) -> None:
    save_preset(workspace, name, CONFIG, about="for the kiln")
    assert load_preset(workspace, name) == CONFIG
    assert own(workspace) == [name]
    assert [path.parent for path in workspace.root.rglob("*.json")] == [workspace.presets]


@pytest.mark.parametrize("setting", changeable(), ids=lambda each: each.key)
def test_each_setting_survives_saving_and_loading(workspace: Workspace, setting: Setting) -> None:
    config = with_values(RunConfig(), {setting.key: another_value(setting)})
    save_preset(workspace, "mine", config)
    assert load_preset(workspace, "mine") == config != RunConfig()


def test_names_that_differ_in_a_blank_are_two_presets(workspace: Workspace) -> None:
    save_preset(workspace, "a b", CONFIG)
    save_preset(workspace, "a-b", RunConfig())
    assert sorted(own(workspace)) == ["a b", "a-b"]


def test_a_taken_name_is_refused_unless_it_is_to_be_replaced(workspace: Workspace) -> None:
    save_preset(workspace, "mine", CONFIG)
    with pytest.raises(UserError) as caught:
        save_preset(workspace, "mine", RunConfig())
    assert caught.value.message.key == "preset.exists"
    save_preset(workspace, "mine", RunConfig(), overwrite=True)
    assert load_preset(workspace, "mine") == RunConfig()


def test_a_shipped_preset_can_be_neither_replaced_nor_deleted(workspace: Workspace) -> None:
    name = shipped_presets()[0].name
    with pytest.raises(UserError):
        save_preset(workspace, name, CONFIG, overwrite=True)
    with pytest.raises(UserError):
        delete_preset(workspace, name)


def test_a_secret_in_an_address_is_not_written_down(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="trackers.secret_in_address"):
        save_preset(workspace, "mine", with_values(CONFIG, {"output.mlflow_uri": "https://token@example.org"}))
    text = '{"format": 1, "output": {"mlflow_uri": "https://token@example.org"}}'
    with pytest.raises(UserError, match="trackers.secret_in_address"):
        import_preset(workspace, text.encode(), "mine.json")
    assert own(workspace) == []


def test_an_empty_name_and_an_unknown_one_are_refused(workspace: Workspace) -> None:
    for attempt in (
        lambda: save_preset(workspace, "  ", CONFIG),
        lambda: load_preset(workspace, "absent"),
        lambda: delete_preset(workspace, "absent"),
        lambda: load_preset(workspace, "../config"),
    ):
        with pytest.raises(UserError):
            attempt()


def test_a_preset_of_a_few_settings_leaves_the_rest_as_by_default(workspace: Workspace) -> None:
    (workspace.presets / "few.json").write_text('{"lora": {"rank": 3, "targets": ["q_proj", "v_proj"]}}')
    assert load_preset(workspace, "few") == CONFIG


@pytest.mark.parametrize("text", ["{ cut", "[]", "", "null", '\ufeff{"lora": {"rnk": 3}}'])
def test_a_broken_preset_does_not_hide_the_others(workspace: Workspace, text: str) -> None:
    save_preset(workspace, "good", CONFIG)
    (workspace.presets / "bad.json").write_text(text, encoding="utf-8")
    assert own(workspace) == ["bad", "good"]
    with pytest.raises(UserError):
        load_preset(workspace, "bad")


def test_a_deleted_preset_is_gone(workspace: Workspace) -> None:
    save_preset(workspace, "mine", CONFIG)
    delete_preset(workspace, "mine")
    assert own(workspace) == []
