"""A row that is named is neither trained nor validated on, and nothing else changes."""

from pathlib import Path

import pytest

from tests.data_fakes import FakeEncoder, row, write_lines
from tsft.config.run_config import DataSettings
from tsft.data.lookup import find_examples
from tsft.data.preparation import PreparedData, prepare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [row(answer=str(n), series=[[n + 0.5 * k for k in range(20)]]) for n in range(40)]
    write_lines(tmp_path / "first.jsonl", rows)
    return tmp_path


def sides(folder: Path, *leave_out: str) -> tuple[set[int], set[int]]:
    settings = DataSettings(datasets=("first",), validation="fraction", system_prompt="", leave_out=leave_out)
    data: PreparedData = prepare(settings, FakeEncoder(), [folder], folder / "cache")
    assert data.evaluation is not None
    return set(data.train.gather("row").tolist()), set(data.evaluation.gather("row").tolist())


def test_named_rows_are_left_out_on_both_sides_and_the_split_stays(folder: Path) -> None:
    train, evaluation = sides(folder)
    out = {min(train), max(train), min(evaluation)}

    less_train, less_evaluation = sides(folder, *(f"first:{number}" for number in out), "other:7", "first:x", "nothing")

    assert (less_train, less_evaluation) == (train - out, evaluation - out)


def test_a_row_is_found_again_by_its_number(folder: Path) -> None:
    third, none = find_examples("first", [folder], folder / "cache", [(None, 3), (0, 99)])

    assert third is not None and third.turns[-1]["content"] == "2" and none is None
