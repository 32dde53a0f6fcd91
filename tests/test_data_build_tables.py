"""Tables in any common form become columns; times, roles and labelled stretches are read as a person would."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.data.builder.columns import Roles, guess_roles, name_and_unit
from tsft.data.builder.labels import read_stretches, stretches_of
from tsft.data.builder.tables import has_number, numbers, read_table
from tsft.data.builder.times import check_zone, guess_format, seconds_of, written
from tsft.errors import UserError


def table(tmp_path, text, name="a.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return read_table(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_found(tmp_path, encoding, separator):
    rows = [("时间", "温度"), ("2024-01-01", "1.5"), ("2024-01-02", "2.5")]
    found = table(tmp_path, "\n".join(separator.join(row) for row in rows) + "\n", encoding=encoding)
    assert list(found.columns) == ["时间", "温度"] and numbers(found, "温度").tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x;y\n1,5;a\n-2,25;b\n", [1.5, -2.25]),
        ("x;y\n1.234,5;a\n7,0;b\n", [1234.5, 7.0]),
        ('x,y\n"1,234.5",a\n2,b\n', [1234.5, 2.0]),
        ("x,y\n 1e3 ,a\n+.5,b\n", [1000.0, 0.5]),
        ("x,y\nn/a,a\nbroken,b\n", [np.nan, np.nan]),
    ],
)
def test_numbers_are_read_as_they_are_written_in_each_country(tmp_path, text, expected):
    found = table(tmp_path, text)
    assert np.array_equal(numbers(found, "x"), expected, equal_nan=True)


@given(values=st.lists(st.floats(-1e9, 1e9).map(lambda value: round(value, 6)), min_size=1, max_size=30))
def test_any_number_survives(tmp_path_factory, values):
    found = table(tmp_path_factory.mktemp("t"), "x,y\n" + "".join(f"{value!r},1\n" for value in values))
    assert numbers(found, "x").tolist() == values


def test_a_table_without_heading_gets_names_and_double_names_differ(tmp_path):
    assert list(table(tmp_path, "1\t2\n3\t4\n", "a.txt").columns) == ["column 1", "column 2"]
    assert list(table(tmp_path, "x,x,\na,b,c\n", "b.csv").columns) == ["x", "x 2", "column 3"]


def test_lines_that_do_not_fit_are_counted_and_left_out(tmp_path):
    found = table(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert (found.rows, found.left_out) == (2, 2)


def test_a_text_cell_is_no_number_and_no_missing_one(tmp_path):
    assert has_number(table(tmp_path, "a,b\n1,x\n,x\nNaN,x\nbroken,x\n"), "a").tolist() == [True, True, True, False]


def test_parquet_and_json_lines_are_tables_too(tmp_path):
    columns = {"t": ["2024-01-01", "2024-01-02"], "x": [1, 2.5], "deep": [[1], [2]]}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    lines = [json.dumps({name: values[row] for name, values in columns.items()}) + "\n" for row in range(2)]
    (tmp_path / "a.jsonl").write_text("".join(lines), encoding="utf-8")
    for name in ("a.parquet", "a.jsonl"):
        found = read_table(tmp_path / name)
        assert list(found.columns) == ["t", "x"] and numbers(found, "x").tolist() == [1.0, 2.5]


@pytest.mark.parametrize(("name", "text"), [("a.csv", ""), ("a.csv", "a,b\n"), ("a.xyz", "a,b\n1,2\n")])
def test_what_is_no_table_is_refused(tmp_path, name, text):
    with pytest.raises(UserError):
        table(tmp_path, text, name)
    with pytest.raises(UserError):
        read_table(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("texts", "form", "first"),
    [
        (["2024-03-01 10:00:00", "2024-03-01 10:05:00.5"], "iso", "2024-03-01T10:00:00Z"),
        (["2024-03-01T10:00:00+02:00"], "iso", "2024-03-01T08:00:00Z"),
        (["1709287200", "1709287500"], "unix", "2024-03-01T10:00:00Z"),
        (["1709287200000"], "unix_ms", "2024-03-01T10:00:00Z"),
        (["13/02/2024 07:30", "14/02/2024 07:30"], "%d/%m/%Y %H:%M", "2024-02-13T07:30:00Z"),
        (["02/13/2024 07:30", "02/14/2024 07:30"], "%m/%d/%Y %H:%M", "2024-02-13T07:30:00Z"),
        (["13.02.2024"], "%d.%m.%Y", "2024-02-13T00:00:00Z"),
        (["2024年2月13日 07:30"], "%Y年%m月%d日 %H:%M", "2024-02-13T07:30:00Z"),
    ],
)
def test_times_are_read_in_their_form(texts, form, first):
    assert guess_format(texts) == form and written(float(seconds_of(texts, form, "UTC")[0])) == first


def test_measurements_are_no_times():
    assert guess_format(["73.96", "74.93"]) == "" and guess_format(["20240101.5"]) == "" and guess_format([]) == ""


def test_a_time_without_zone_is_of_the_zone_that_was_chosen():
    texts = ["2024-01-15 12:00:00", "2024-07-15 12:00:00", "nothing"]
    found = seconds_of(texts, "iso", "Europe/Berlin")
    assert [written(each) for each in found[:2]] == ["2024-01-15T11:00:00Z", "2024-07-15T10:00:00Z"]
    assert np.isnan(found[2])
    # The clocks go back: 02:30 comes twice, and the first is meant; forward: 02:30 is left out.
    both = seconds_of(["2024-10-27 02:30:00", "2024-03-31 02:30:00"], "iso", "Europe/Berlin")
    assert written(both[0]) == "2024-10-27T00:30:00Z" and written(both[1]) == "2024-03-31T01:00:00Z"
    with pytest.raises(UserError):
        check_zone("Europe/Atlantis")


HOURS = [f"2024-01-{1 + hour // 24:02d} {hour % 24:02d}:00:00" for hour in range(96)]


@pytest.mark.parametrize(
    ("head", "line", "expected"),
    [
        ("timestamp,value", "{t},{n}.5", Roles(time="timestamp", time_format="iso", values=("value",))),
        (
            "index,date,Oil (°C),load,anomaly",
            "{n},{t},{n}.5,{n},{late}",
            Roles("wide", "date", "iso", ("Oil (°C)", "load"), "", "", "anomaly", "anomaly"),
        ),
        (
            "时间,设备,指标,数值,状态",
            "{t},A{odd},温度{third},{n},{word}",
            Roles("long", "时间", "iso", ("数值",), "指标", "设备", "状态", "anomaly"),
        ),
        ("machine_id,x,class", "{odd},{n}.5,{name}", Roles("wide", "", "", ("x",), "", "machine_id", "class", "class")),
        ("a,b", "{n},{n}.5", Roles(values=("a", "b"))),
    ],
)
def test_the_roles_of_columns_are_guessed(tmp_path, head, line, expected):
    lines = []
    for n, time in enumerate(HOURS):
        parts = {"t": HOURS[n // 6] if "指标" in head else time, "n": n, "odd": n % 2, "third": n % 3}
        parts |= {"late": int(n > 80), "word": "异常" if n > 80 else "正常", "name": ("idle", "run")[n // 48]}
        lines.append(line.format(**parts))
    assert guess_roles(table(tmp_path, "\n".join([head, *lines]) + "\n")) == expected


def test_a_heading_with_a_unit_is_a_name_and_a_unit():
    assert name_and_unit("Oil_temperature (°C)") == ("Oil temperature", "°C")
    assert name_and_unit("压力【bar】") == ("压力", "bar")
    assert name_and_unit("load") == ("load", "")


NAB = {"x/pump.csv": [["2024-01-01 03:00:00.000000", "2024-01-01 05:00:00.000000"]], "x/fan.csv": []}


def test_stretches_come_from_nab_files_lists_and_tables(tmp_path):
    (tmp_path / "nab.json").write_text(json.dumps(NAB), encoding="utf-8")
    found = read_stretches(tmp_path / "nab.json", "UTC")
    pump = stretches_of(found, tmp_path / "nab.json", "", tmp_path / "pump.csv")
    assert not pump.is_rows and [written(each) for each in pump.pairs[0]] == [
        "2024-01-01T03:00:00Z",
        "2024-01-01T05:00:00Z",
    ]
    assert len(stretches_of(found, tmp_path / "nab.json", "", tmp_path / "fan.csv").pairs) == 0
    (tmp_path / "list.json").write_text('[[10, 20], {"start": 40, "end": 50}]', encoding="utf-8")
    rows = read_stretches(tmp_path / "list.json", "UTC")[""]
    assert rows.is_rows and rows.pairs.tolist() == [[10, 20], [40, 50]]
    (tmp_path / "t.csv").write_text("machine,start,end\nA,3,5\nB,7,9\nA,8,9\n", encoding="utf-8")
    assert read_stretches(tmp_path / "t.csv", "UTC")["A"].pairs.tolist() == [[3, 5], [8, 9]]


def test_a_file_that_speaks_of_other_recordings_is_no_proof_that_nothing_happened(tmp_path):
    (tmp_path / "nab.json").write_text(json.dumps(NAB), encoding="utf-8")
    found = read_stretches(tmp_path / "nab.json", "UTC")
    with pytest.raises(UserError) as refused:
        stretches_of(found, tmp_path / "nab.json", "", tmp_path / "motor.csv")
    assert refused.value.message.key == "data.build.no_stretches_for"


@pytest.mark.parametrize("text", ["{", "[[1]]", "[[5, 2]]", '[["a", "b"]]', '{"a": 3}'])
def test_broken_stretches_are_refused(tmp_path, text):
    (tmp_path / "s.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError):
        read_stretches(tmp_path / "s.json", "UTC")
