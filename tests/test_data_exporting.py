"""A dataset leaves as ChatTS rows that other tools can read."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from tsft.data.exporting import export, export_to_hub
from tsft.data.preparation import read_dataset
from tsft.data.provenance import read_provenance
from tsft.data.synth.dataset import SynthJob, write_dataset
from tsft.data.synth.recipe import SynthRecipe
from tsft.errors import UserError
from tsft.run.ports import Stopped

TALK = {
    "messages": [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "<ts><ts/> up?"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "and <ts><ts/>?"},
        {"role": "assistant", "content": "no"},
    ],
    "timeseries": [[1, 2, 3], [3, 2, 1]],
    "meta": {"task": "trend", "note": "一"},
}
BROKEN = {"messages": [{"role": "user", "content": "<ts><ts/>"}], "timeseries": [[1]]}


class Hub:
    """Stands for the hub: keeps what it is sent."""

    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses
        self.sent: dict[str, Any] = {}

    def create_repo(self, name: str, *, repo_type: str, private: bool, exist_ok: bool) -> str:
        if self.refuses:
            raise OSError("401 Client Error: Unauthorized\nand more")
        self.sent |= {"name": name, "kind": repo_type, "private": private}
        return f"https://hub.example/datasets/{name}"

    def upload_file(self, *, path_or_fileobj: str, path_in_repo: str, repo_id: str, repo_type: str) -> None:
        self.sent |= {"path": path_in_repo, "rows": parquet.read_table(path_or_fileobj).num_rows}


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "datasets"
    folder.mkdir()
    text = "\n".join(json.dumps(each) for each in (TALK, BROKEN, TALK))
    (folder / "talks.jsonl").write_text(text + "\n", encoding="utf-8")
    return [folder]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_an_export_is_read_back_as_the_same_conversation(tmp_path: Path, folders: list[Path], kind: str) -> None:
    cache = tmp_path / "cache"
    made = export("talks", folders, cache, tmp_path / "exports", kind, by="ada")
    assert (made.rows, made.left_out) == (2, 1) and made.path is not None
    again, report = read_dataset(str(made.path), [], cache)
    before, _ = read_dataset("talks", folders, cache)
    assert report.dropped_rows == 0
    assert [each.turns for each in again] == [each.turns for each in before]
    assert [[points.tolist() for points in each.series] for each in again] == [[[1.0, 2, 3], [3, 2, 1]]] * 2
    known = read_provenance(made.path)
    assert known is not None and (known.by, known.parents[0].name, known.steps[0].do) == ("ada", "talks", "export")


def test_each_column_has_one_type_however_rows_differ(tmp_path: Path, folders: list[Path]) -> None:
    (folders[0] / "whole.jsonl").write_text(
        '{"input": "<ts><ts/>", "output": "a", "timeseries": [[1, 2]]}\n'
        '{"input": "<ts><ts/>", "output": "b", "timeseries": [[1.5, 2]], "meta": "{\\"task\\": 1}"}\n',
        encoding="utf-8",
    )
    made = export("whole", folders, tmp_path / "cache", tmp_path, "jsonl")
    assert made.path is not None
    rows = [json.loads(line) for line in made.path.read_text(encoding="utf-8").splitlines()]
    assert all(isinstance(value, float) for row in rows for points in row["timeseries"] for value in points)
    assert json.loads(rows[1]["meta"]) == {"task": 1}


def test_labels_survive_an_export(tmp_path: Path) -> None:
    folder, cache = tmp_path / "datasets", tmp_path / "cache"
    write_dataset(SynthJob(SynthRecipe(count=20)), "made", folder, cache)
    made = export("made", [folder], cache, tmp_path / "exports", "jsonl")
    assert made.path is not None
    labels = [
        [json.loads(json.loads(line)["meta"])["label"] for line in path.open()]
        for path in (folder / "made.jsonl", made.path)
    ]
    assert labels[0] == labels[1]


def test_rows_go_to_the_hub_as_a_private_dataset(tmp_path: Path, folders: list[Path]) -> None:
    hub = Hub()
    made = export_to_hub("talks", folders, tmp_path / "cache", "ada/talks", api=lambda: hub)
    assert hub.sent == {
        "name": "ada/talks",
        "kind": "dataset",
        "private": True,
        "path": "data/train.parquet",
        "rows": 2,
    }
    assert made.url.endswith("ada/talks") and made.path is None
    assert list((tmp_path / "cache").glob("export-*")) == []


def test_a_hub_that_refuses_is_a_sentence(tmp_path: Path, folders: list[Path]) -> None:
    with pytest.raises(UserError) as refused:
        export_to_hub("talks", folders, tmp_path / "cache", "ada/talks", api=lambda: Hub(refuses=True))
    assert refused.value.message.key == "data.export.hub"
    assert refused.value.message.values["why"] == "401 Client Error: Unauthorized"


@pytest.mark.parametrize("name", ["talks", "a/b/c", "/talks", "ada/ "])
def test_a_repository_without_an_owner_is_refused(tmp_path: Path, folders: list[Path], name: str) -> None:
    with pytest.raises(UserError) as refused:
        export_to_hub("talks", folders, tmp_path / "cache", name, api=Hub)
    assert refused.value.message.key == "data.export.repository"


@pytest.mark.parametrize(
    ("name", "kind", "key"), [("talks", "xlsx", "data.export.kind"), ("bad", "jsonl", "data.none_left")]
)
def test_what_cannot_be_exported_says_why(tmp_path: Path, folders: list[Path], name: str, kind: str, key: str) -> None:
    (folders[0] / "bad.jsonl").write_text(json.dumps(BROKEN) + "\n", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        export(name, folders, tmp_path / "cache", tmp_path / "exports", kind)
    assert refused.value.message.key == key
    assert list((tmp_path / "exports").glob("*")) == [] if (tmp_path / "exports").exists() else True


def test_stopping_leaves_no_part_of_a_file(tmp_path: Path, folders: list[Path]) -> None:
    with pytest.raises(Stopped):
        export("talks", folders, tmp_path / "cache", tmp_path / "exports", "jsonl", should_stop=lambda: True)
    assert list((tmp_path / "exports").iterdir()) == []


def test_an_export_never_takes_the_place_of_what_is_no_export(tmp_path: Path, folders: list[Path]) -> None:
    before = (folders[0] / "talks.jsonl").read_bytes()
    with pytest.raises(UserError) as refused:
        export("talks", folders, tmp_path / "cache", folders[0], "jsonl")
    assert refused.value.message.key == "data.export.exists"
    assert (folders[0] / "talks.jsonl").read_bytes() == before
    for _ in range(2):
        assert export("talks", folders, tmp_path / "cache", tmp_path / "exports", "jsonl").rows == 2


def test_rows_keep_their_ids(tmp_path: Path, folders: list[Path]) -> None:
    row = {"id": 7, "input": "<ts><ts/>", "output": "a", "timeseries": [[1, 2]]}
    (folders[0] / "named.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    made = export("named", folders, tmp_path / "cache", tmp_path / "exports", "jsonl")
    assert made.path is not None and json.loads(made.path.read_text(encoding="utf-8"))["id"] == "7"
