"""Numbers that are pasted or drawn become series; what is no number is named."""

import numpy as np
import pytest

from tsft.data.by_hand import drawn_series, pasted_series, without_gaps
from tsft.errors import UserError


def lists(text: str) -> dict[str, list[float]]:
    return {each.name: each.points.tolist() for each in pasted_series(text)}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 2 3.5", {"": [1, 2, 3.5]}),
        ("1, 2,-3e2", {"": [1, 2, -300]}),
        ("1\n2\n3\n", {"": [1, 2, 3]}),
        ("1,5; 2,5; −3", {"": [1.5, 2.5, -3]}),
        ("load\n1\n2", {"load": [1, 2]}),
        ("a\tb\n1\t10\n2\t20,5", {"a": [1, 2], "b": [10, 20.5]}),
        ("a,b\n1,10\n2,20", {"a": [1, 2], "b": [10, 20]}),
        ("[1, 2, 3]", {"": [1, 2, 3]}),
        ('{"x": [1, 2], "y": [3, 4]}', {"x": [1, 2], "y": [3, 4]}),
    ],
)
def test_numbers_are_read_as_people_paste_them(text: str, wanted: dict[str, list[float]]) -> None:
    assert lists(text) == wanted


def test_json_lists_of_lists_are_several_series() -> None:
    assert [each.points.tolist() for each in pasted_series("[[1, 2], [3, 4, 5]]")] == [[1, 2], [3, 4, 5]]


def test_missing_values_are_kept_as_such() -> None:
    points = pasted_series("1 nan 3")[0].points
    assert np.isnan(points[1]) and without_gaps(points).tolist() == [1, 2, 3]
    assert without_gaps(pasted_series("[null, 2, null]")[0].points).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "data.by_hand.nothing"),
        ("1 2 x3", "data.by_hand.not_a_number"),
        ("nan nan", "data.by_hand.no_number"),
        ("[1, 2", "data.by_hand.json"),
        ('{"x": 3}', "data.by_hand.not_a_number"),
        ('["a"]', "data.by_hand.not_a_number"),
    ],
)
def test_what_is_no_series_is_refused_with_its_reason(text: str, key: str) -> None:
    with pytest.raises(UserError) as refused:
        pasted_series(text)
    assert refused.value.message.key == key


def test_a_drawing_has_the_points_and_the_range_that_were_asked_for() -> None:
    assert drawn_series([None, 0.0, None, 1.0, None], 5, 10, 20).tolist() == [10, 12.5, 15, 17.5, 20]
    assert drawn_series([0.0, 2.0], 2, 0, 1).tolist() == [0, 1]


@pytest.mark.parametrize(("heights", "points", "low", "high"), [([], 8, 0, 1), ([0.5], 8, 0, 1), ([0, 1], 1, 0, 1)])
def test_no_drawing_is_refused(heights: list[float], points: int, low: float, high: float) -> None:
    with pytest.raises(UserError):
        drawn_series(heights, points, low, high)
    with pytest.raises(UserError):
        drawn_series([0.0, 1.0], 8, 1, 1)
