"""Tables from spreadsheets and from UCR/UEA archives, and texts as they are written in other countries."""

from datetime import datetime

import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build_fakes import all_rows, hours, meta, recipe_for, wave
from tsft.data.builder.columns import guess_roles
from tsft.data.builder.dataset import survey
from tsft.data.builder.tables import numbers, read_table
from tsft.errors import UserError
from tsft.evaluate.scores import score

NUMBERS = st.floats(-1e9, 1e9).map(lambda value: round(value, 6))


def workbook(path, *sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"s{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


# -- spreadsheets ------------------------------------------------------------------------------------------------------


def test_a_workbook_is_a_table_of_its_first_filled_sheet(tmp_path):
    rows = [
        [],
        [None, "时间", "温度 (°C)", "ok"],
        [None, datetime(2024, 1, 2, 3, 4, 5), 1.5, True],
        [None, None, 2, None],
    ]
    found = read_table(workbook(tmp_path / "a.xlsx", [], rows, [["other"], [1]]))
    assert list(found.columns) == ["时间", "温度 (°C)", "ok"]
    assert found.texts("时间") == ["2024-01-02 03:04:05", ""] and found.texts("ok") == ["true", ""]
    assert numbers(found, "温度 (°C)").tolist() == [1.5, 2.0]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(NUMBERS, st.one_of(st.none(), NUMBERS), st.text("ab 京é", max_size=5)), min_size=1, max_size=12)
)
def test_a_workbook_says_what_a_text_table_of_it_says(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("x") / "t.xlsx"
    workbook(path, [["a", "b", "c"], *([a, b, c or None] for a, b, c in cells)])
    found = read_table(path)
    assert numbers(found, "a").tolist() == [a for a, _, _ in cells]
    if "b" in found.columns and any(b is not None for _, b, _ in cells):
        expected = [np.nan if b is None else b for _, b, _ in cells]
        assert np.array_equal(numbers(found, "b"), expected, equal_nan=True)
    assert found.texts("c") == [c.strip() for _, _, c in cells]


def test_rows_are_built_from_a_workbook(tmp_path):
    rows = [["time", "flow", "fault"]]
    for place, (time, value) in enumerate(zip(hours(400), wave(400), strict=True)):
        rows.append([datetime.fromisoformat(time), value, int(150 <= place < 165)])
    recipe = recipe_for(workbook(tmp_path / "plant.xlsx", rows), questions=1)
    assert {"anomalies", "value_at"} <= {meta(row)["task"] for row in all_rows(recipe)}


@pytest.mark.parametrize("content", [b"no workbook", b"PK\x03\x04broken", b""])
def test_a_broken_workbook_is_refused(tmp_path, content):
    path = tmp_path / "x.xlsx"
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_table(path)


# -- archives of cases -------------------------------------------------------------------------------------------------

HEAD = "# about\n@problemName p\n@timeStamps {times}\n@univariate false\n@classLabel true {classes}\n@data\n"


def cases_file(path, cases, classes, times="false"):
    """cases: (dimensions as texts, class)"""
    lines = [":".join([*dimensions, name]) for dimensions, name in cases]
    path.write_text(HEAD.format(times=times, classes=" ".join(classes)) + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(1, 3), st.integers(1, 6), st.integers(1, 5))
def test_any_archive_comes_back_as_it_was_written(tmp_path_factory, data, dimensions, count, length):
    path = tmp_path_factory.mktemp("ts") / "a.ts"
    points = st.lists(st.one_of(st.none(), NUMBERS), min_size=length, max_size=length)
    values = [[data.draw(points) for _ in range(dimensions)] for _ in range(count)]
    names = [data.draw(st.sampled_from(["0", "1", "walk up"])) for _ in range(count)]
    written = [
        ([",".join("?" if v is None else repr(v) for v in d) for d in each], n)
        for each, n in zip(values, names, strict=True)
    ]
    found = read_table(cases_file(path, written, ["0", "1"]))
    assert found.rows == count * length
    assert found.texts("class") == [name for name in names for _ in range(length)]
    for place in range(dimensions):
        name = "value" if dimensions == 1 else f"dimension {place + 1}"
        expected = [np.nan if v is None else v for each in values for v in each[place]]
        assert np.array_equal(numbers(found, name), expected, equal_nan=True)
    roles = guess_roles(found)
    assert (roles.group, roles.label, roles.label_kind) == ("case", "class", "class")


def test_times_of_an_archive_are_read(tmp_path):
    path = cases_file(tmp_path / "t.ts", [(["(2024-01-01 00:00:00,1),(2024-01-01 01:00:00,2)"], "a")], ["a"], "true")
    found = read_table(path)
    assert found.texts("time") == ["2024-01-01 00:00:00", "2024-01-01 01:00:00"] and guess_roles(found).time == "time"


def test_the_class_of_a_case_is_asked_for_and_zero_is_not_normal(tmp_path):
    cases = [([",".join(map(str, wave(40, seed)))], str(seed % 2)) for seed in range(12)]
    recipe = recipe_for(
        cases_file(tmp_path / "c.ts", cases, ["0", "1"]), window=40, split_by="group", tasks={"classify": 1.0}
    )
    plan = survey(recipe)
    assert plan.classes == ("0", "1")
    assert "anomalies" not in {each.task.key for each in plan.offers if each.reason is None}
    rows = all_rows(recipe)
    assert {meta(row)["label"]["fields"][0]["value"] for row in rows} == {"0", "1"}
    assert all(score(row["output"], meta(row)["label"]).value == 1 for row in rows)
    by_series = {meta(row)["group"]: meta(row)["label"]["fields"][0]["value"] for row in rows}
    assert all(value == str((int(group.split()[1]) - 1) % 2) for group, value in by_series.items())


@pytest.mark.parametrize(
    "text", ["1,2:a\n", "@data\n1,2:3:a\n1:2:a\n", "@problemName x\n", "@classLabel true a\n@data\n1,2:3,4,5:a\n"]
)
def test_an_archive_that_is_none_is_refused_with_its_line(tmp_path, text):
    path = tmp_path / "b.ts"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError):
        read_table(path)


# -- texts of other countries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("cp932", "時刻\t温度センサー\tラベル"),
        ("gb18030", "时间\t温度传感器\t标签"),
        ("utf-16", "时间\tТемпература\tラベル"),
        ("cp1251", "время\tтемпература\tметка"),
    ],
)
@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".txt"])
def test_tabs_and_old_encodings_and_decimal_commas_are_read(tmp_path, encoding, head, suffix):
    path = tmp_path / f"t{suffix}"
    path.write_text(head + "\n2024-01-01\t1,5\tx\n2024-01-02\t-2,25\ty\n", encoding=encoding)
    found = read_table(path)
    assert list(found.columns) == head.split("\t") and numbers(found, head.split("\t")[1]).tolist() == [1.5, -2.25]


@pytest.mark.parametrize("name", ["事件", "event", "Note", "イベント", "событие"])
def test_a_column_in_which_somebody_wrote_what_happened_is_the_label(tmp_path, name):
    said = ["leak" if place % 50 < 5 else "normal" for place in range(200)]
    lines = [f"{time},{value},{what}" for time, value, what in zip(hours(200), wave(200), said, strict=True)]
    path = tmp_path / "log.csv"
    path.write_text(f"time,flow,{name}\n" + "\n".join(lines) + "\n", encoding="utf-8")
    roles = guess_roles(read_table(path))
    assert (roles.label, roles.label_kind, roles.values) == (name, "class", ("flow",))
