"""Real days out of a package: fetched only when used, one question a day, and told plainly where they cannot be had."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tsft.data import power_days
from tsft.data.checks.rows import examine_row
from tsft.data.mapping import GUESS
from tsft.data.overview import overview
from tsft.data.power_days import POWER_NAME, POWER_POINTS, materialise_power, power_rows, read_days
from tsft.data.registry import find_dataset, list_datasets
from tsft.errors import UserError
from tsft.evaluate.scores import score

FILE = "#about\n@problemName X\n@classLabel true 1 2\n@data\n" + "\n".join(
    ",".join(f"{value:.4f}" for value in np.sin(np.arange(24) / 4 + day)) + f":{1 + day % 2}" for day in range(6)
)


def wheel(folder: Path) -> Path:
    path = folder / "sktime-0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sktime/__init__.py", "raise SystemExit('never run')")
        for name in ("TRAIN", "TEST"):
            archive.writestr(f"sktime/datasets/data/ItalyPowerDemand/ItalyPowerDemand_{name}.ts", FILE)
    return path


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setattr(power_days, "installed_folders", lambda package: [])


def test_a_day_is_24_values_and_a_class():
    days = read_days(FILE)
    assert len(days) == 6 and [kind for _, kind in days] == ["1", "2"] * 3
    np.testing.assert_allclose(days[1][0], np.sin(np.arange(24) / 4 + 1), atol=1e-4)


def test_each_day_is_asked_about_once_by_turns_in_two_languages():
    rows = list(power_rows(read_days(FILE)))
    assert [json.loads(row["meta"])["language"] for row in rows] == ["en", "zh"] * 3
    assert [row["output"] for row in rows][:2] == ["winter half-year", "夏半年"]
    for row in rows:
        assert score(row["output"], json.loads(row["meta"])["label"]).value == 1
        assert not examine_row(row, GUESS).sentences


def test_the_rows_are_made_once_from_what_pip_fetched(tmp_path, monkeypatch, no_package):
    fetched = []

    def fetch(folder):
        fetched.append(folder)
        return wheel(folder)

    monkeypatch.setattr(power_days, "_fetched", fetch)
    path = materialise_power(tmp_path)
    assert len(path.read_text(encoding="utf-8").splitlines()) == 12
    assert materialise_power(tmp_path) == path and len(fetched) == 1


def test_an_installed_package_is_read_and_not_imported(tmp_path, monkeypatch):
    with zipfile.ZipFile(wheel(tmp_path)) as archive:
        archive.extractall(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(power_days, "_fetched", lambda folder: pytest.fail("it was fetched"))
    assert materialise_power(tmp_path / "cache").is_file()
    assert "sktime" not in sys.modules


def test_what_cannot_be_fetched_is_told_with_pips_reason(tmp_path, monkeypatch, no_package):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError) as caught:
        find_dataset(POWER_NAME, [], tmp_path)
    assert caught.value.message.key == "data.power.not_fetched"
    assert "No matching distribution" in caught.value.message.values["reason"]


def test_a_list_of_datasets_fetches_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(power_days, "_days", lambda: pytest.fail("it was fetched"))
    (listed,) = [each for each in list_datasets([]) if each.name == POWER_NAME]
    seen = overview(listed, [], tmp_path)
    assert (seen.rows, seen.points) == (listed.rows, (POWER_POINTS,) * 3)
