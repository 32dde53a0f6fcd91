"""Files of every kind and shape are read as they are; every row is either kept or counted with a reason."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data_fakes import row, write_lines
from tsft.data.encodings import encoding_of, guess
from tsft.data.examples import Findings
from tsft.data.files import read_raw
from tsft.data.mapping import GUESS, mapping_of
from tsft.data.preparation import check_dataset
from tsft.data.readers import Source, checked_rows, read_source
from tsft.errors import UserError
from tsft.run.ports import Stopped

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared example data is not here")


def read(path, mapping=GUESS, **more):
    """Examples and findings of one file, straight from the reader, without a cache."""
    findings = Findings()
    source = Source("rows", (path,), mapping, **more)
    return [example for example, _ in checked_rows(source, findings, lambda done, total: None, None)], findings


@needs_shared
def test_a_chatts_training_folder_works_unchanged(tmp_path):
    shutil.copy(SHARED / "chatts_dev.jsonl", tmp_path / "chatts_dev.jsonl")
    shutil.copy(SHARED / "chatts_dataset_info.json", tmp_path / "dataset_info.json")
    report = check_dataset("chatts_dev", [tmp_path], tmp_path / "cache")
    assert (report.rows_read, report.kept, report.dropped_rows) == (100, 100, 0)


ALPACA = {"instruction": "Look", "input": "A <ts><ts/>", "output": "up", "system": "S", "history": [["q", "a"]]}
ALPACA_TURNS = [("system", "S"), ("user", "q"), ("assistant", "a"), ("user", "Look\nA <ts><ts/>"), ("assistant", "up")]
SHAREGPT = [{"from": "system", "value": "S"}, {"from": "human", "value": "<ts><ts/>"}, {"from": "gpt", "value": "up"}]
OPENAI = [{"role": "user", "content": [{"type": "text", "text": "<ts><ts/>"}]}, {"role": "assistant", "content": "up"}]
TAGS = {"role_tag": "who", "content_tag": "says", "user_tag": "me", "assistant_tag": "you", "system_tag": "top"}
TAGGED = [{"who": "top", "says": "S"}, {"who": "me", "says": "<ts><ts/>"}, {"who": "you", "says": "up"}]
SHAPES = [
    ("chatts", row("A <ts><ts/>", "up"), None, [("user", "A <ts><ts/>"), ("assistant", "up")]),
    ("alpaca", ALPACA, None, ALPACA_TURNS),
    ("sharegpt", {"conversations": SHAREGPT}, None, [("system", "S"), ("user", "<ts><ts/>"), ("assistant", "up")]),
    ("openai", {"messages": OPENAI}, None, [("user", "<ts><ts/>"), ("assistant", "up")]),
    (
        "columns",
        {"frage": "<ts><ts/>", "antwort": "up", "history": [["ignored"]]},
        {"columns": {"prompt": "frage", "response": "antwort"}},
        [("user", "<ts><ts/>"), ("assistant", "up")],
    ),
    (
        "tags",
        {"talk": TAGGED},
        {"formatting": "sharegpt", "columns": {"messages": "talk"}, "tags": TAGS},
        [("system", "S"), ("user", "<ts><ts/>"), ("assistant", "up")],
    ),
    (
        "openai entry",
        {"messages": OPENAI},
        {"formatting": "openai", "columns": {"messages": "messages"}},
        [("user", "<ts><ts/>"), ("assistant", "up")],
    ),
]


@pytest.mark.parametrize(("name", "record", "entry", "turns"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_each_shape_gives_its_turns(tmp_path, name, record, entry, turns):
    path = write_lines(tmp_path / "rows.jsonl", [{"timeseries": [[1, 2.5]], **record}])
    (example,), findings = read(path, mapping_of(entry) if entry else GUESS, max_rows=0)
    assert [(turn["role"], turn["content"]) for turn in example.turns] == turns
    assert not findings.problems


def write_jsonl(path, rows):
    write_lines(path, rows)


def write_list(path, rows):
    path.write_text(json.dumps(rows, indent=2), encoding="utf-8")


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(rows[0])
        writer.writerows([[*list(each.values())[:2], json.dumps(each["timeseries"])] for each in rows])


def write_parquet(path, rows):
    parquet.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", write_jsonl),
        ("a.json", write_list),
        ("lines.json", write_jsonl),
        ("list.jsonl", write_list),
        ("a.csv", write_csv),
        ("a.parquet", write_parquet),
    ],
)
def test_every_kind_of_file_gives_the_same_rows(tmp_path, name, write):
    rows = [row(f'Q{n}, "<ts><ts/>]}}" 中文', f"{n}\nA", [[n + 0.5, 2.0, 1e9]]) for n in range(20)]
    write(tmp_path / name, rows)
    examples, findings = read(tmp_path / name)
    assert [e.turns[0]["content"] for e in examples] == [r["input"] for r in rows]
    assert [e.series[0].tolist() for e in examples] == [r["timeseries"][0] for r in rows]
    assert [e.row for e in examples] == list(range(1, 21))
    assert findings.kept == findings.rows_read == 20


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        *(
            (encoding, name)
            for encoding in ("utf-8", "utf-8-sig", "gb18030")
            for name in ("a.jsonl", "a.json", "a.csv")
        ),
        ("utf-16", "a.json"),
        ("utf-16", "a.csv"),
    ],
)
def test_a_chinese_file_is_read_in_any_of_its_encodings(tmp_path, name, encoding):
    rows = [row("温度 <ts><ts/> 上升吗？", "是")]
    {"a.jsonl": write_jsonl, "a.json": write_list, "a.csv": write_csv}[name](tmp_path / name, rows)
    text = json.dumps(rows, ensure_ascii=False) if name == "a.json" else (tmp_path / name).read_text(encoding="utf-8")
    (tmp_path / name).write_bytes(text.encode(encoding))
    (example,), findings = read(tmp_path / name)
    assert example.turns[0]["content"] == "温度 <ts><ts/> 上升吗？"
    assert [note.key for note in findings.file_notes] == (
        ["data.file.read_as"] if encoding in ("gb18030", "utf-16") else []
    )


TEXTS = {
    "gb18030": ["时间,温度(℃),压力", "温度", '{"input":"请描述这条序列<ts><ts/>的变化趋势。","output":"先升后降"}'],
    "cp932": ["時刻,温度,センサー", "温度(℃),異常ラベル", "時刻,値,ラベル"],
    "cp949": ["시간,온도,압력", "측정값,이상 여부,설비 번호"],
    "cp1251": ["Время;Температура", "авария;метка", "t,°C;Давление"],
    "cp1252": ["Zeit;Temperatur (°C);Druck", "timestamp,temp_°C", "Störung;Größe;µm", "température;pression"],
    "utf-16": ["时间,温度"],
    "utf-8": ["时间,温度 °C"],
}


@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
def test_the_encoding_is_told_by_the_letters(encoding, text):
    # Where a table is cut in the middle of a character, nothing changes.
    found = {guess(f"{text}\n1;2,5\n".encode(encoding)), guess((f"{text}\n" * 9).encode(encoding)[:-1], is_whole=False)}
    assert {str(each).removesuffix("-sig") for each in found} == {encoding}


def test_the_bytes_of_a_bracket_in_a_chinese_character_end_no_row(tmp_path):
    # The second bytes of these are those of \\, [, ] and {.
    text = "".join(bytes([0x81, second]).decode("gb18030") for second in (0x5C, 0x5B, 0x5D, 0x7B))
    (tmp_path / "a.json").write_bytes(
        json.dumps([row(f"{text} <ts><ts/>{text}", "是的")] * 2, ensure_ascii=False).encode("gb18030")
    )
    examples, _ = read(tmp_path / "a.json")
    assert [each.turns[0]["content"] for each in examples] == [f"{text} <ts><ts/>{text}"] * 2


def test_lines_in_utf_16_are_refused_by_name(tmp_path):
    (tmp_path / "a.jsonl").write_bytes("{}".encode("utf-16"))
    with pytest.raises(UserError) as refused:
        read(tmp_path / "a.jsonl")
    assert refused.value.message.key == "data.file.utf16_lines"
    assert refused.value.message.values["file"] == "a.jsonl"


def test_a_broken_item_of_a_list_costs_only_itself(tmp_path):
    good = json.dumps(row())
    (tmp_path / "a.json").write_text(f'[{good}, {{"input": 1,}}, 5, {good}]\n', encoding="utf-8")
    examples, findings = read(tmp_path / "a.json")
    assert [each.row for each in examples] == [1, 4]
    assert [(p.row, p.reason.key) for p in findings.problems] == [
        (2, "data.row.broken_json"),
        (3, "data.row.not_object"),
    ]


def test_blank_lines_are_not_rows_but_keep_the_line_numbers_right(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [row(), "", "  ", row(answer="")])
    examples, findings = read(path)
    assert findings.rows_read == 2 and [each.row for each in examples] == [1] and findings.problems[0].row == 4


def test_a_csv_record_with_another_number_of_cells_is_counted(tmp_path):
    (tmp_path / "a.csv").write_text('input,output,timeseries\n<ts><ts/>,b,"[[1,2]]"\nx,y\n', encoding="utf-8")
    examples, findings = read(tmp_path / "a.csv")
    assert len(examples) == 1 and findings.dropped == {"data.row.csv_cells": 1}


def test_a_file_that_is_no_parquet_is_refused_by_name(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"not parquet")
    with pytest.raises(UserError) as refused:
        read(tmp_path / "a.parquet")
    assert refused.value.message.key == "data.file.parquet"


def test_the_cache_is_reused_until_the_file_changes(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [row()])
    seen = []
    for expected in (1, 1, 2):
        if expected == 2:
            write_lines(path, [row(), row()])
        examples, _ = read_source(Source("a", (path,)), tmp_path / "c", lambda done, total: seen.append((done, total)))
        assert len(examples) == expected
    assert len([each for each in seen if each[0] == each[1]]) == 2


@pytest.mark.parametrize("damaged", ["rows.arrow", "report.json"])
def test_a_damaged_cache_is_made_anew(tmp_path, damaged):
    source = Source("a", (write_lines(tmp_path / "a.jsonl", [row()] * 5),))
    read_source(source, tmp_path / "c")
    (folder,) = (tmp_path / "c").iterdir()
    (folder / damaged).write_bytes((folder / damaged).read_bytes()[:50])
    examples, findings = read_source(source, tmp_path / "c")
    assert len(examples) == findings.kept == 5


def test_a_stop_while_reading_leaves_nothing_behind(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [row()] * 10)
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        read_source(Source("a", (path,)), tmp_path / "c", None, lambda: next(asked))
    assert list((tmp_path / "c").iterdir()) == []
    assert len(read_source(Source("a", (path,)), tmp_path / "c")[0]) == 10


def test_max_rows_reads_the_first_rows_only(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [row(answer=str(n)) for n in range(10)])
    examples, findings = read_source(Source("a", (path,), max_rows=3), tmp_path / "c")
    assert findings.rows_read == 3 and [each.turns[-1]["content"] for each in examples] == ["0", "1", "2"]


finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=20)
series_lists = st.lists(st.lists(finite, min_size=1, max_size=12), max_size=4)
slow_disk = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@slow_disk
@given(rows=st.lists(st.tuples(texts, texts, series_lists), min_size=1, max_size=8))
def test_random_rows_come_back_value_for_value(tmp_path, rows):
    written = [row("q" + text + "<ts><ts/>" * len(series), "a" + answer, series) for text, answer, series in rows]
    path = write_lines(tmp_path / "a.jsonl", [json.dumps(each) for each in written])
    shutil.rmtree(tmp_path / "c", ignore_errors=True)
    examples, findings = read_source(Source("a", (path,)), tmp_path / "c")
    assert findings.kept == len(written)
    for example, original in zip(examples, written, strict=True):
        assert [turn["content"] for turn in example.turns] == [original["input"], original["output"]]
        assert len(example.series) == len(original["timeseries"])
        for read_back, points in zip(example.series, original["timeseries"], strict=True):
            assert np.array_equal(read_back, np.array(points, dtype=np.float64))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
odd_rows = st.fixed_dictionaries(
    {},
    optional={
        "input": json_values | st.just("a <ts><ts/>"),
        "output": json_values | st.just("b"),
        "timeseries": json_values,
        "history": json_values,
        "conversations": json_values,
    },
)


@slow_disk
@given(
    pieces=st.lists(st.binary(max_size=40) | odd_rows.map(lambda r: json.dumps(r).encode()), max_size=8),
    name=st.sampled_from(["a.jsonl", "a.json", "a.csv"]),
    is_list=st.booleans(),
    cut=st.integers(0, 30),
)
def test_whatever_a_file_holds_every_row_is_kept_or_counted(tmp_path, pieces, name, is_list, cut):
    content = b"[" + b",".join(pieces) + b"]" if is_list else b"\n".join(pieces)
    (tmp_path / name).write_bytes(content[: len(content) - cut] if cut else content)
    try:
        raw = sum(1 for _ in read_raw(tmp_path / name, encoding_of(tmp_path / name)))
        examples, findings = read(tmp_path / name)
    except UserError as refused:
        assert refused.message.key in ("data.file.encoding", "data.file.utf16_lines")
        return
    assert findings.rows_read == raw == findings.kept + sum(findings.dropped.values())
    assert len(examples) == findings.kept
