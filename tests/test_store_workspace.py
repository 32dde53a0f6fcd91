"""Names become safe file names that never collapse, and nothing leaves or half-fills the workspace."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.atomic import replacing, write_json, write_text
from tsft.errors import UserError
from tsft.store.workspace import Workspace, inside, open_workspace, slug


@pytest.mark.parametrize(
    ("name", "expected"),
    [("run-1", "run-1"), ("温度异常", "温度异常"), ("Прогноз_2.1", "Прогноз_2.1"), ("ChatTS-8B", "ChatTS-8B")],
)
def test_a_safe_name_stays_as_it_is(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text(max_size=300))
def test_a_slug_is_one_short_path_part_that_is_not_hidden(name: str) -> None:
    made = slug(name)
    assert made and len(made.encode()) <= 120
    assert not set(made) & set('/\\:*?"<>|\0\n ')
    assert not made.startswith(".") and not made.endswith(".")


@given(st.text(max_size=40), st.text(max_size=40))
def test_two_names_never_collapse_into_one(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


def test_a_name_that_looks_like_a_slug_does_not_collapse_with_its_original() -> None:
    assert slug(slug("a b")) != slug("a b")


@pytest.mark.parametrize("name", ["con", "NUL", "com1.txt", "", ".", "..", "a b", "x" * 300, "a/b"])
def test_a_name_no_file_can_have_is_changed(name: str) -> None:
    assert slug(name) != name and "~" in slug(name)


@pytest.mark.parametrize("name", ["..", "../x", "/etc/passwd", "a/../..", ".", "", "a\0b"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        inside(tmp_path / "root", name)
    assert caught.value.message.key == "workspace.outside"


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(UserError):
        inside(tmp_path / "root", "link/x")


def test_a_path_within_is_given_absolute(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b") == tmp_path.resolve() / "a" / "b"


def test_opening_makes_every_folder(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "new" / "пространство")
    folders = (workspace.runs, workspace.models, workspace.datasets, workspace.presets, workspace.cache)
    assert all(folder.is_dir() for folder in folders)


def test_the_environment_names_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSFT_WORKSPACE", str(tmp_path / "named"))
    assert open_workspace().root == tmp_path / "named"


def test_a_file_in_the_place_of_the_workspace_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        open_workspace(tmp_path / "file")
    assert caught.value.message.key == "workspace.not_writable"
    assert caught.value.message.values["path"] == str(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_told(tmp_path: Path) -> None:
    Workspace(tmp_path).runs.mkdir()
    tmp_path.chmod(0o500)
    with pytest.raises(UserError):
        open_workspace(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_refused_write_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write_json(tmp_path / "absent" / "config.json", {})
    assert caught.value.message.key == "file.not_written"


def test_an_own_folder_of_datasets_comes_before_the_workspace(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    assert workspace.dataset_folders() == [workspace.datasets]
    assert workspace.dataset_folders(str(tmp_path)) == [tmp_path, workspace.datasets]
