"""Datasets are found by name or path; whatever is wrong with dataset_info.json is said and hides nothing else."""

import json

import pytest

from tests.data_fakes import row, write_lines
from tsft.data.registry import find_dataset, list_datasets, safe_name
from tsft.errors import UserError
from tsft.i18n import say


def folder_with(tmp_path, info):
    write_lines(tmp_path / "rows.jsonl", [row()])
    text = info if isinstance(info, str) else json.dumps(info, indent=2)
    (tmp_path / "dataset_info.json").write_text(text, encoding="utf-8")
    return tmp_path


def test_entries_plain_files_and_the_demo_are_listed(tmp_path):
    folder = folder_with(tmp_path, {"mine": {"file_name": "rows.jsonl"}})
    write_lines(tmp_path / "my rows, 2.json", [row()])
    (tmp_path / ".hidden.jsonl").write_text("{}", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no data", encoding="utf-8")
    found = {each.name: each for each in list_datasets([folder, tmp_path / "not there"])}
    assert {name: each.origin for name, each in found.items()} == {
        "mine": "info",
        "my_rows_2": "file",
        "demo": "builtin",
        "power_days": "package",
    }
    assert all(each.problem is None for each in found.values())
    assert found["mine"].size_bytes == (tmp_path / "rows.jsonl").stat().st_size


BROKEN_ENTRIES = [
    ("data.info.entry_type", "rows.jsonl"),
    ("data.info.field_type", {"file_name": 3}),
    ("data.info.field_type", {}),
    ("data.info.field_type", {"file_name": "rows.jsonl", "columns": ["input"]}),
    ("data.info.field_type", {"file_name": "rows.jsonl", "columns": {"prompt": 1}}),
    ("data.info.field_type", {"file_name": "rows.jsonl", "num_samples": -1}),
    ("data.info.formatting", {"file_name": "rows.jsonl", "formatting": "chatml"}),
    ("data.info.hub", {"hf_hub_url": "someone/rows"}),
    ("data.info.field_type", {"file_name": "rows.jsonl", "ranking": "yes"}),
    ("data.info.missing_file", {"file_name": "gone/train.jsonl"}),
    ("data.info.kind", {"file_name": "dataset_info.json/.."}),
    ("data.info.kind", {"file_name": "notes.txt"}),
]


@pytest.mark.parametrize(("key", "entry"), BROKEN_ENTRIES)
def test_a_broken_entry_names_file_and_line_and_leaves_the_others(tmp_path, key, entry):
    (tmp_path / "notes.txt").write_text("no data", encoding="utf-8")
    if key == "data.info.kind" and entry["file_name"] != "notes.txt":
        (tmp_path / "empty").mkdir()
        entry = {"file_name": "empty"}
    folder = folder_with(tmp_path, {"good": {"file_name": "rows.jsonl"}, "bad": entry})
    found = {each.name: each for each in list_datasets([folder])}
    problem = found["bad"].problem
    assert problem.key == key and problem.values["line"] == 5
    assert str(folder / "dataset_info.json") in say("zh", problem)
    assert found["good"].problem is None
    with pytest.raises(UserError):
        find_dataset("bad", [folder], tmp_path / "cache")


@pytest.mark.parametrize(
    ("key", "text"), [("data.info.syntax", '{\n "a": {},\n}'), ("data.info.not_object", "[]"), ("data.info.syntax", "")]
)
def test_a_broken_file_is_listed_beside_the_plain_files(tmp_path, key, text):
    found = {each.name: each for each in list_datasets([folder_with(tmp_path, text)])}
    assert found["dataset_info.json"].problem.key == key
    assert found["rows"].problem is None and "demo" in found
    if text.startswith("{"):
        assert found["dataset_info.json"].problem.values["line"] == 3


def test_a_folder_of_files_is_one_dataset_and_a_name_may_be_any_script(tmp_path):
    (tmp_path / "parts").mkdir()
    write_lines(tmp_path / "parts" / "b.jsonl", [row()])
    write_lines(tmp_path / "parts" / "a.jsonl", [row()])
    folder = folder_with(tmp_path, {"温度, 一": {"file_name": "parts"}})
    dataset = find_dataset("温度, 一", [folder], tmp_path / "cache")
    assert [path.name for path in dataset.files] == ["a.jsonl", "b.jsonl"]


def test_an_unknown_name_brings_the_nearest(tmp_path):
    folder = folder_with(tmp_path, {"chatts_dev": {"file_name": "rows.jsonl"}})
    with pytest.raises(UserError) as refused:
        find_dataset("chats_dev", [folder], tmp_path / "cache")
    assert refused.value.message.key == "data.unknown_near" and "chatts_dev" in refused.value.message.values["near"]
    with pytest.raises(UserError) as refused:
        find_dataset("\x00", [folder], tmp_path / "cache")
    assert refused.value.message.key == "data.unknown"


def test_a_dataset_can_be_named_by_its_path(tmp_path):
    path = write_lines(tmp_path / "rows.jsonl", [row()])
    assert find_dataset(str(path), [], tmp_path / "cache").files == (path,)
    assert find_dataset("rows.jsonl", [tmp_path], tmp_path / "cache").origin == "path"


def test_two_datasets_never_share_a_name(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_lines(tmp_path / name / "rows.jsonl", [row()])
    names = [each.name for each in list_datasets([tmp_path / "one", tmp_path / "two"])]
    assert names == ["rows", "rows-2", "demo", "power_days"]
    assert find_dataset("rows-2", [tmp_path / "one", tmp_path / "two"], tmp_path).path.parent.name == "two"


@pytest.mark.parametrize(
    ("text", "name"), [("../../etc", "etc"), ("a b/c", "a_b_c"), ("温度", "温度"), ("..", "dataset")]
)
def test_a_safe_name_has_no_separators(text, name):
    assert safe_name(text) == name
