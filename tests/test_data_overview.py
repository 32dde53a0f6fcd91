"""A dataset at a glance, from its first rows."""

import json
from pathlib import Path

import pytest

from tsft.data.checks.diagnosis import source_of
from tsft.data.overview import ROWS_LOOKED_AT, ancestry, languages_of, overview
from tsft.data.registry import list_datasets
from tsft.data.row_access import RowAccess


def write(folder: Path, count: int, series: int = 2) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "own.jsonl").open("w", encoding="utf-8") as file:
        for number in range(count):
            question = "温度是否上升？" if number % 2 else "Does it rise?"
            values = [[float(each) for each in range(10 + number % 5)]] * series
            meta = {"task": "trend"}
            row = {
                "input": question + "<ts><ts/>" * series,
                "output": "是" if number % 2 else "yes",
                "timeseries": values,
                "meta": meta,
            }
            file.write(json.dumps(row) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "datasets"


def test_rows_series_lengths_languages_and_tasks_are_seen(tmp_path: Path, folder: Path) -> None:
    write(folder, 20)
    found = overview(list_datasets([folder])[0], [folder], tmp_path / "cache")
    assert (found.rows, found.is_estimated, found.unreadable) == (20, False, 0)
    assert (found.series, found.points) == ((2, 2, 2), (10, 12, 14))
    assert set(found.languages) == {"zh", "en"} and found.tasks == ("trend",)


def test_the_rows_of_a_large_file_are_estimated_until_it_is_indexed(tmp_path: Path, folder: Path) -> None:
    write(folder, 3 * ROWS_LOOKED_AT)
    dataset, cache = list_datasets([folder])[0], tmp_path / "cache"
    guessed = overview(dataset, [folder], cache)
    assert guessed.is_estimated and abs(guessed.rows - 3 * ROWS_LOOKED_AT) < 30
    RowAccess(source_of(dataset), cache).index()
    counted = overview(dataset, [folder], cache)
    assert (counted.rows, counted.is_estimated) == (3 * ROWS_LOOKED_AT, False)


def test_a_changed_file_is_looked_at_again(tmp_path: Path, folder: Path) -> None:
    for count in (3, 5):
        write(folder, count)
        assert overview(list_datasets([folder])[0], [folder], tmp_path / "cache").rows == count


def test_rows_without_series_and_broken_rows_are_said(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / "own.jsonl").write_text('{"input": "a", "output": "b"}\n{"input": 5}\nnothing\n', encoding="utf-8")
    found = overview(list_datasets([folder])[0], [folder], tmp_path / "cache")
    assert (found.rows, found.unreadable, found.series, found.points) == (3, 2, None, None)


def test_the_demo_is_made_where_it_is_looked_at(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    demo = list_datasets([folder])[-1]
    assert overview(demo, [folder], tmp_path / "cache").rows == demo.rows
    assert ancestry(demo) is None


@pytest.mark.parametrize(
    ("texts", "languages"),
    [
        (["温度 (°C) 是否上升？CPU 使用率"], ("zh",)),
        (["温度は上がっていますか"], ("ja",)),
        (["온도가 오르는가"], ("ko",)),
        (["Растёт ли температура"], ("ru",)),
        (["Does it rise?", "Does it fall?", "升？"], ("en", "zh")),
        (["1, 2, 3"], ()),
        ([], ()),
    ],
)
def test_languages_are_told_by_their_letters(texts: list[str], languages: tuple[str, ...]) -> None:
    assert languages_of(texts) == languages
