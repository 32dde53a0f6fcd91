"""Files that somebody brings become presets of the workspace's own, or are refused by name; own presets travel."""

import json
from pathlib import Path

import pytest

from tsft.config.run_config import RunConfig
from tsft.config.schema import with_values
from tsft.errors import UserError
from tsft.store.imports import LARGEST_BYTES, read_tree
from tsft.store.presets import (
    export_preset,
    import_preset,
    list_presets,
    load_preset,
    readable_preset,
    rename_preset,
    save_preset,
    shipped_presets,
)
from tsft.store.workspace import Workspace, open_workspace

CONFIG = with_values(RunConfig(), {"lora.rank": 3, "data.datasets": ("a,b", "窑炉")})
YAML = b"""### model
model_name_or_path: Qwen/Qwen3-0.6B
learning_rate: 1e-4
adam_beta1: 0.8
deepspeed: ds_z3.json
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "w")


def own(workspace: Workspace) -> list[str]:
    return [preset.name for preset in list_presets(workspace) if not preset.is_shipped]


def test_a_training_yaml_becomes_a_preset_and_says_what_was_left_over(workspace: Workspace) -> None:
    imported = import_preset(workspace, YAML, "qwen3_lora_sft.yaml")
    assert imported.preset.name == "qwen3_lora_sft"
    config = load_preset(workspace, "qwen3_lora_sft")
    assert (config.model.name, config.optim.learning_rate, config.optim.beta1) == ("Qwen3-0.6B", 1e-4, 0.8)
    assert [each.source for each in imported.leftovers] == ["deepspeed"]


def test_a_saved_form_becomes_a_preset(workspace: Workspace) -> None:
    imported = import_preset(
        workspace, b"top.finetuning_type: full\ntrain.learning_rate: '2e-5'\n", "form.yaml", "mine"
    )
    assert load_preset(workspace, "mine").tuning.method == "full"
    assert [each.source for each in imported.mapped] == ["top.finetuning_type", "train.learning_rate"]


@pytest.mark.parametrize("name", ["mine", "две строки / и черта", "同じ"])
def test_an_exported_preset_comes_back_in_another_workspace(workspace: Workspace, tmp_path: Path, name: str) -> None:
    save_preset(workspace, name, CONFIG, about="for the kiln")
    file_name, text = export_preset(workspace, name)
    other = open_workspace(tmp_path / "other")
    imported = import_preset(other, text.encode(), file_name)
    assert (imported.preset.name, imported.preset.about, imported.problems) == (name, "for the kiln", ())
    assert load_preset(other, name) == CONFIG


@pytest.mark.parametrize("preset", shipped_presets(), ids=lambda preset: preset.name)
def test_a_shipped_preset_can_be_exported_and_comes_back_under_a_name_of_its_own(
    workspace: Workspace, preset: object
) -> None:
    name = preset.name  # type: ignore[attr-defined]
    imported = import_preset(workspace, export_preset(workspace, name)[1].encode(), "x.json")
    assert imported.preset.name == f"{name} 2"
    assert load_preset(workspace, imported.preset.name) == load_preset(workspace, name)


def test_importing_twice_replaces_nothing(workspace: Workspace) -> None:
    import_preset(workspace, YAML, "a.yaml")
    import_preset(workspace, YAML, "a.yaml")
    assert own(workspace) == ["a", "a 2"]


def test_unknown_and_wrong_keys_are_named_and_the_rest_can_be_had(workspace: Workspace) -> None:
    tree = {"lora": {"rank": 3, "rnk": 4, "alpha": "much"}, "optin": {}, "about": {"name": "old"}}
    imported = import_preset(workspace, json.dumps(tree).encode(), "x.json")
    with pytest.raises(UserError):
        load_preset(workspace, "old")
    config, problems = readable_preset(workspace, "old")
    assert config == with_values(RunConfig(), {"lora.rank": 3})
    assert {each.field for each in problems} == {"lora.rnk", "lora.alpha"}
    assert list(imported.problems) == problems
    assert json.loads(imported.preset.path.read_text())["lora"] == tree["lora"], "nothing is kept back"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1]",
        b"text",
        b"a: b: c",
        b"a: &x [1]\nlearning_rate: *x",
        b"key: !!python/object/apply:os.system ['true']",
        b"\xff\xfe\x00",
        b"frobnicate: 7",
        b'{"a": "\\ud800"}',
        b"[" * 5000,
        b"x" * (LARGEST_BYTES + 1),
    ],
)
def test_a_file_that_is_none_is_refused_by_name_and_leaves_nothing(workspace: Workspace, data: bytes) -> None:
    with pytest.raises(UserError) as caught:
        import_preset(workspace, data, "some.yaml")
    assert caught.value.message.values["file"] == "some.yaml"
    assert own(workspace) == []


def test_the_line_of_a_broken_file_is_told() -> None:
    with pytest.raises(UserError) as caught:
        read_tree(b"a: 1\nb: [1\nc: 2\n", "x.yaml")
    assert caught.value.message.values["line"] == 3


def test_a_preset_is_renamed_with_everything_in_it(workspace: Workspace) -> None:
    save_preset(workspace, "old", CONFIG, about="for the kiln")
    save_preset(workspace, "taken", RunConfig())
    renamed = rename_preset(workspace, "old", " new ")
    assert (renamed.name, renamed.about) == ("new", "for the kiln")
    assert own(workspace) == ["new", "taken"] and load_preset(workspace, "new") == CONFIG
    for name, new in (("new", "taken"), ("new", ""), ("new", "first_run"), ("first_run", "x"), ("absent", "x")):
        with pytest.raises(UserError):
            rename_preset(workspace, name, new)
    assert rename_preset(workspace, "new", "new").name == "new"
    assert own(workspace) == ["new", "taken"]
