"""The exports of a workspace: what lies there, what one would weigh, and one less."""

import json
import os
from pathlib import Path

import pytest

from tests.export_folders import TEST, base_model, export_folder, trained
from tsft.errors import UserError
from tsft.run.export import ExportSettings, SelfTest, token_variable, written_format
from tsft.store.exports import RECORD, card_of, find_export, list_exports, outlook, remove_export
from tsft.store.workspace import Workspace, open_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


def test_every_form_is_known_again_as_a_folder_and_as_a_zip(workspace: Workspace) -> None:
    for form in ("adapter", "merged", "hf"):
        export_folder(workspace, form, form, dtype="bfloat16")
        export_folder(workspace, f"{form}-packed", form, is_zipped=True)
    (workspace.exports / "data").mkdir()  # rows that were taken away
    (workspace.exports / "data" / "rows.jsonl").write_text("{}")
    (workspace.exports / ".half.7.partial").mkdir()
    (workspace.exports / "broken.zip").write_bytes(b"PK")
    found = {each.name: each for each in list_exports(workspace)}
    assert {name: each.form for name, each in found.items()} == {
        **{name: name for name in ("adapter", "merged", "hf")},
        **{f"{name}-packed.zip": name for name in ("adapter", "merged", "hf")},
    }
    assert all(each.is_zipped == name.endswith(".zip") for name, each in found.items())
    assert {each.test for each in found.values()} == {TEST} and {each.step for each in found.values()} == {20}
    assert found["hf"].dtype == "bfloat16" and found["hf"].size_bytes > 80
    assert {card_of(each).splitlines()[0] for name, each in found.items() if "merged" in name} == {
        "# merged <b>card</b>",
        "# merged-packed <b>card</b>",
    }


def test_the_newest_export_comes_first_and_one_without_a_record_is_listed_with_what_is_known(
    workspace: Workspace,
) -> None:
    old = export_folder(workspace, "old", test=None)
    os.utime(old, (1000, 1000))
    export_folder(workspace, "new")
    broken = export_folder(workspace, "broken", test=None)
    (broken / RECORD).write_text(json.dumps({"test": {"rows": "many"}, "step": "x"}))
    os.utime(broken, (2000, 2000))
    found = list_exports(workspace)
    assert [each.name for each in found] == ["new", "broken", "old"]
    assert found[2].test is None and found[2].made_at == 1000 and found[1].test is None and found[1].step == 0


@pytest.mark.parametrize("name", ["../runs", "data/x", "nowhere", ".", ".hidden", "a\0b"])
def test_only_what_lies_in_the_exports_is_found(workspace: Workspace, name: str) -> None:
    export_folder(workspace, ".hidden")
    with pytest.raises(UserError):
        find_export(workspace, name)


def test_a_deleted_export_is_gone_and_nothing_else_is(workspace: Workspace) -> None:
    export_folder(workspace, "one")
    export_folder(workspace, "two", is_zipped=True)
    remove_export(find_export(workspace, "two.zip"))
    assert [path.name for path in workspace.exports.iterdir()] == ["one"]
    remove_export(find_export(workspace, "one"))
    assert list(workspace.exports.iterdir()) == []
    with pytest.raises(UserError) as refused:
        find_export(workspace, "one")
    assert refused.value.message.key == "export.gone"


def test_size_and_room_are_told_before_anything_is_loaded(workspace: Workspace) -> None:
    base_model(workspace, 1_000_000, "bfloat16")
    name = trained(workspace, numbers=100_000)
    merged = outlook(workspace, ExportSettings(name), "pump")
    assert merged.path == workspace.exports / "pump-merged" and merged.bytes == 2_200_000
    assert merged.free_bytes > 0 and merged.lacks_code
    zipped = outlook(workspace, ExportSettings(name, dtype="float32", is_zipped=True), "pump")
    assert zipped.bytes == 4_400_000 and zipped.path.name == "pump-merged.zip"
    assert merged.needed_bytes and zipped.needed_bytes and zipped.needed_bytes > merged.needed_bytes
    adapter = outlook(workspace, ExportSettings(name, form="adapter", name="mine"), "pump")
    assert adapter.path.name == "mine" and adapter.bytes and 400_000 < adapter.bytes < 410_000


def test_an_adapter_on_an_adapter_is_followed_to_its_base(workspace: Workspace) -> None:
    base_model(workspace, 1_000, "float32")
    first = trained(workspace, "first")
    second = trained(workspace, "second", base=first)
    assert outlook(workspace, ExportSettings(second), "x").bytes == 4 * 1_100


def test_of_a_base_that_is_elsewhere_no_size_is_made_up(workspace: Workspace) -> None:
    name = trained(workspace, base="Qwen/Qwen3-0.6B")
    circle = trained(workspace, "circle", base="runs/circle-1/adapter")
    for each in (name, circle, "runs/gone/adapter", ""):
        assert outlook(workspace, ExportSettings(each), "x").bytes is None


def test_self_tests_survive_being_written_and_nothing_else_is_taken_for_one() -> None:
    assert SelfTest.from_json(json.loads(json.dumps(TEST.to_json()))) == TEST
    for wrong in (None, [], {}, {"rows": 1}, {**TEST.to_json(), "reload": "0"}, {**TEST.to_json(), "reload": None}):
        assert SelfTest.from_json(wrong) is None


def test_the_number_format_is_the_wished_one_else_that_of_the_base() -> None:
    assert written_format("float16", {"torch_dtype": "bfloat16"}) == "float16"
    assert written_format("auto", {"torch_dtype": "torch.bfloat16"}) == "bfloat16"
    assert written_format("auto", {"dtype": "int8"}) == written_format("auto", {}) == "float32"


def test_the_variable_of_a_token_is_told_and_not_the_token() -> None:
    assert token_variable("huggingface", {"HUGGING_FACE_HUB_TOKEN": "secret"}) == "HUGGING_FACE_HUB_TOKEN"
    assert token_variable("modelscope", {"HF_TOKEN": "secret"}) == ""
