"""What somebody has becomes datasets and tables of the workspace; the original stays as it is."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsft.data.checks.diagnosis import diagnose
from tsft.data.importing.bring import ROWS, TABLE, Arrival, bring
from tsft.data.importing.published import SHAPES, published_shape
from tsft.data.preparation import read_dataset
from tsft.data.provenance import read_provenance
from tsft.data.registry import list_datasets
from tsft.errors import UserError
from tsft.evaluate.scores import score
from tsft.run.ports import Stopped

ROW = {"input": "温度 <ts><ts/> 上升吗？", "output": "是", "timeseries": [[1.0, 2.5, 3.0, 2.0]]}
SENSORS = "timestamp,value\n2024-01-01 00:00:00,1.5\n2024-01-01 00:05:00,2.5\n"
EXAM = {
    "question": "Which way does it go?", "options": ["up", "down"], "answer": "down", "ts": [3.0, 2.0, 1.0],
    "category": "Pattern", "subcategory": "Trend", "difficulty": "easy",
}  # fmt: skip
SETS: dict[str, dict[str, Any]] = {
    "time_series_exam": EXAM,
    "chatts_evaluation": {
        "question": "1. Describe A. 2. Are they alike?", "answer": "1. rises 2. yes", "cols": ["A", "B"],
        "timeseries": [[1, 2, 3], [2, 4, 7]], "ability_types": ["trend", "shape"], "attributes": [{"trend": 1}, {}],
    },
    "st_bench": {
        "input": "Look: <ts><ts/>\nA. up\nB. down\nWhich?", "output": "It falls. <answer>B</answer>",
        "timeseries": [[3, 2, 1]], "category": "reasoning",
    },
    "chattime_tsqa": {
        "Question": "Which? (A) up (B) down", "Answer": "(B)", "Task": "trend", "Series": "[3, 2, 1.5]",
    },
}  # fmt: skip


class Room:
    """A workspace's folders."""

    def __init__(self, root: Path) -> None:
        self.datasets, self.tables, self.cache = root / "datasets", root / "tables", root / "cache"

    def bring(self, path: Path, **options: Any) -> Arrival:
        return bring(path, self.datasets, self.tables, self.cache, **options)

    def rows(self, name: str) -> list[Any]:
        return list(read_dataset(name, [self.datasets], self.cache)[0])


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "workspace")


def lines(path: Path, *records: Any, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records).encode(encoding))
    return path


def test_rows_that_can_be_read_are_copied_byte_for_byte(room: Room, tmp_path: Path) -> None:
    source = lines(tmp_path / "own.jsonl", ROW, ROW)
    (made,) = room.bring(source, by="ada").brought
    assert (made.name, made.kind, made.message().key) == ("own", ROWS, "data.import.copied")
    assert made.path.read_bytes() == source.read_bytes()
    known = read_provenance(made.path)
    assert known is not None and known.by == "ada" and known.parents[0].name == "own.jsonl"
    assert known.content == known.parents[0].content
    assert [each.series[0].tolist() for each in room.rows("own")] == [ROW["timeseries"][0]] * 2


def test_a_name_that_is_taken_is_not_overwritten(room: Room, tmp_path: Path) -> None:
    names = [room.bring(lines(tmp_path / str(n) / "own.jsonl", {**ROW, "output": str(n)})).brought[0] for n in range(3)]
    assert [each.name for each in names] == ["own", "own-2", "own-3"]
    assert [room.rows(each.name)[0].turns[1]["content"] for each in names] == ["0", "1", "2"]


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030"])
def test_lines_in_other_encodings_become_utf_8(room: Room, tmp_path: Path, encoding: str) -> None:
    (made,) = room.bring(lines(tmp_path / "own.jsonl", ROW, encoding=encoding)).brought
    assert json.loads(made.path.read_text(encoding="utf-8")) == ROW
    known = read_provenance(made.path)
    assert known is not None and known.steps[0].options["encoding"] == encoding


@pytest.mark.parametrize(("name", "separator"), [("rows.tsv", "\t"), ("rows.csv", ",")])
def test_rows_in_a_separated_file_are_rows(room: Room, tmp_path: Path, name: str, separator: str) -> None:
    text = f'input{separator}output{separator}timeseries\n<ts><ts/>?{separator}up{separator}"[[1, 2.5]]"\n'
    (tmp_path / name).write_text(text, encoding="utf-8")
    (made,) = room.bring(tmp_path / name).brought
    assert made.kind == ROWS
    assert room.rows("rows")[0].series[0].tolist() == [1.0, 2.5]


def test_rows_in_a_workbook_are_rows_and_measurements_there_are_a_table(room: Room, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    for name, lines_ in (
        ("rows", [("input", "output", "timeseries"), ("<ts><ts/>?", "上升", "[[1, 2.5]]")]),
        ("machine", [("time", "value"), ("2024-01-01", 1.5), ("2024-01-02", 2.5)]),
    ):
        book = openpyxl.Workbook()
        for line in lines_:
            book.active.append(line)
        book.save(tmp_path / f"{name}.xlsx")
    assert room.bring(tmp_path / "rows.xlsx").brought[0].kind == ROWS
    assert room.rows("rows")[0].turns[1]["content"] == "上升"
    (made,) = room.bring(tmp_path / "machine.xlsx").brought
    assert (made.kind, made.path.name) == (TABLE, "machine.xlsx")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("machine.csv", SENSORS),
        ("machine.tsv", SENSORS.replace(",", "\t")),
        ("windows.json", '{\n "a": [["x", "y"]]\n}'),
    ],
)
def test_measurements_and_intervals_wait_for_the_builder(room: Room, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (made,) = room.bring(tmp_path / name).brought
    assert (made.kind, made.path, made.message().key) == (TABLE, room.tables / name, "data.import.table")
    assert [each.name for each in list_datasets([room.datasets])] == ["demo", "power_days"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda each: each.name)
def test_published_shapes_become_rows_that_pass_the_doctor(room: Room, tmp_path: Path, shape: Any) -> None:
    record = SETS[shape.name]
    assert published_shape(record) is shape
    (made,) = room.bring(lines(tmp_path / "set.jsonl", record)).brought
    assert (made.shape, made.rows, made.left_out) == (shape.name, 1, 0)
    found = diagnose("set", [room.datasets], room.cache).report
    assert [each.kind for each in found.findings if each.kind != "prefix_answerable"] == ["constant"] * 0
    row = json.loads(made.path.read_text(encoding="utf-8"))
    meta = json.loads(row["meta"])
    assert meta["source"] == shape.name
    if "label" in meta:
        assert score(row["output"], meta["label"]).is_right
        assert not score("A", meta["label"]).is_right


def test_three_of_the_four_shapes_have_an_answer_that_can_be_scored() -> None:
    labelled = [
        name for name, record in SETS.items() if "label" in json.loads(published_shape(record).row(record)["meta"])
    ]  # type: ignore[union-attr]
    assert labelled == ["time_series_exam", "st_bench", "chattime_tsqa"]


def test_a_question_of_two_series_introduces_both(room: Room, tmp_path: Path) -> None:
    record = {**{key: value for key, value in EXAM.items() if key != "ts"}, "ts1": [1, 2], "ts2": [2, 1]}
    room.bring(lines(tmp_path / "exam.json", record))
    (row,) = room.rows("exam")
    assert row.turns[0]["content"].startswith("Series 1: <ts><ts/>\nSeries 2: <ts><ts/>\n")
    assert row.turns[1]["content"] == "B"


def test_records_of_a_set_that_make_no_sense_are_counted(room: Room, tmp_path: Path) -> None:
    wrong = [
        {**EXAM, "answer": ""},
        {**EXAM, "answer": "AB"},
        {**EXAM, "answer": "sideways"},
        {**EXAM, "ts": "none"},
        {**EXAM, "options": 3},
        {"question": "?"},
    ]
    (made,) = room.bring(lines(tmp_path / "exam.jsonl", EXAM, *wrong)).brought
    assert (made.rows, made.left_out) == (1, 6)


def test_a_folder_of_llamafactory_becomes_its_datasets(room: Room, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    talk = {"talk": [{"from": "human", "value": "<ts><ts/>?"}, {"from": "gpt", "value": "up"}], "ts": [[1, 2, 4]]}
    lines(folder / "chat.jsonl", talk)
    lines(folder / "plain.jsonl", ROW)
    info = {
        "chats": {
            "file_name": "chat.jsonl", "formatting": "sharegpt", "columns": {"messages": "talk", "timeseries": "ts"},
        },
        "gone": {"file_name": "gone.jsonl"},
    }  # fmt: skip
    (folder / "dataset_info.json").write_text(json.dumps(info), encoding="utf-8")
    arrival = room.bring(folder)
    assert {each.name for each in arrival.brought} == {"chats", "plain"}
    assert [each.key for each in arrival.refused] == ["data.info.missing_file"]
    assert room.rows("chats")[0].turns[1]["content"] == "up"


def test_an_archive_brings_rows_and_tables_and_nothing_leaves_its_folder(room: Room, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("in/own.jsonl", json.dumps(ROW) + "\n")
        archive.writestr("../../escaped.jsonl", json.dumps(ROW) + "\n")
        archive.writestr("__MACOSX/own.jsonl", "x")
        archive.writestr("machine.csv", SENSORS)
        archive.writestr("readme.md", "nothing")
    arrival = room.bring(tmp_path / "all.zip")
    assert {(each.name, each.kind) for each in arrival.brought} == {
        ("own", ROWS),
        ("escaped", ROWS),
        ("machine", TABLE),
    }
    assert not list(tmp_path.rglob("escaped.jsonl"))[1:]
    assert list(room.cache.glob("import-*")) == []


def test_names_in_an_archive_of_chinese_windows_are_readable(room: Room, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        info = zipfile.ZipInfo("温度.jsonl")
        archive.writestr(info, json.dumps(ROW) + "\n")
    raw = (tmp_path / "all.zip").read_bytes()
    plain = raw.replace("温度".encode(), "温度".encode("gb18030") + b"xx")
    plain = plain.replace(b"PK\x03\x04\x14\x00\x00\x08", b"PK\x03\x04\x14\x00\x00\x00")
    plain = plain.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x08", b"PK\x01\x02\x14\x03\x14\x00\x00\x00")
    (tmp_path / "all.zip").write_bytes(plain)
    assert [each.name for each in room.bring(tmp_path / "all.zip").brought] == ["温度xx"]


@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("gone.jsonl", None, "data.file.missing"),
        ("notes.md", b"x", "data.file.kind"),
        ("broken.zip", b"PK nothing", "data.import.no_archive"),
        ("empty", "folder", "data.import.nothing"),
    ],
)
def test_what_cannot_be_brought_in_says_why(room: Room, tmp_path: Path, name: str, content: Any, key: str) -> None:
    if content == "folder":
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as refused:
        room.bring(tmp_path / name)
    assert refused.value.message.key == key


def test_stopping_leaves_nothing_behind(room: Room, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        room.bring(lines(tmp_path / "own.jsonl", ROW), should_stop=lambda: True)
    assert list(room.datasets.iterdir()) == [] and list(room.cache.glob("import-*")) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".zip", ".parquet"]))
def test_whatever_is_handed_in_arrives_or_is_refused_with_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / f"a{suffix}").write_bytes(content)
    try:
        arrival = Room(folder).bring(folder / f"a{suffix}")
    except UserError as refused:
        assert refused.problems
    else:
        assert arrival.brought


def test_rows_between_semicolons_are_rows_in_utf_8_too(room: Room, tmp_path: Path) -> None:
    text = 'input;output;timeseries\n<ts><ts/>?;auf;"[[1, 2.5]]"\n'
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    assert room.bring(tmp_path / "rows.csv").brought[0].kind == ROWS
    assert room.rows("rows")[0].turns[1]["content"] == "auf"


def test_an_archive_cannot_name_files_outside_itself(room: Room, tmp_path: Path) -> None:
    secret = lines(tmp_path / "secret.jsonl", ROW)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("own.jsonl", json.dumps(ROW) + "\n")
        archive.writestr("dataset_info.json", json.dumps({"mine": {"file_name": str(secret)}}))
    arrival = room.bring(tmp_path / "all.zip")
    assert [each.name for each in arrival.brought] == ["own"]
    assert [each.key for each in arrival.refused] == ["data.import.outside"]


def test_names_in_an_archive_of_a_mac_are_readable(room: Room, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("温度.jsonl"), json.dumps(ROW) + "\n")
    plain = (tmp_path / "all.zip").read_bytes().replace(b"PK\x03\x04\x14\x00\x00\x08", b"PK\x03\x04\x14\x00\x00\x00")
    plain = plain.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x08", b"PK\x01\x02\x14\x03\x14\x00\x00\x00")
    (tmp_path / "all.zip").write_bytes(plain)
    assert [each.name for each in room.bring(tmp_path / "all.zip").brought] == ["温度"]


def test_what_arrived_before_a_stop_stays_and_is_told(room: Room, tmp_path: Path) -> None:
    for name in ("a", "b"):
        lines(tmp_path / "all" / f"{name}.jsonl", ROW)
    arrival = room.bring(tmp_path / "all", should_stop=lambda: (room.datasets / "a.jsonl").exists())
    assert [each.name for each in arrival.brought] == ["a"]
    assert [each.key for each in arrival.refused] == ["data.import.stopped"]


def test_a_file_of_which_no_record_can_be_used_leaves_no_dataset(room: Room, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        room.bring(lines(tmp_path / "exam.jsonl", {**EXAM, "answer": "sideways"}))
    assert refused.value.message.key == "data.none_left" and list(room.datasets.iterdir()) == []
