"""Positions and values that texts quote, in English and Chinese; what only looks like one is left alone."""

import numpy as np
import pytest

from tsft.data.checks.findings import kind_of
from tsft.data.checks.quality import quality
from tsft.data.quotes import number_of, quoted_positions, quoted_values, rounding

POSITIONS = [
    ("a spike at points 120-140 and at point 7.", "", [(120, 140), (7, 7)]),
    ("between points 5 and 10", "", [(5, 10)]),
    ("Points 3 to 9", "", [(3, 9)]),
    ("from index 12 to index 40", "", [(12, 40)]),
    ("第 120 个点出现尖峰，第30到第40个点下降", "", [(120, 120), (30, 40)]),
    ("时间点 5 到 9 之间", "", [(5, 9)]),
    ("在点 12 处", "", [(12, 12)]),
    ("[[5, 9], [20,30]]", "List every unusual stretch", [(5, 9), (20, 30)]),
    ("[[5, 9]]", "列出所有异常区间", [(5, 9)]),
    ('{"start": 3, "end": 9}', "", [(3, 9)]),
    ("[[5, 9]]", "Which values?", []),
    ("12点30分", "", []),
    ("It rose 5 percentage points in 2024.", "", []),
    ("index 7.5", "", []),
    ("position 3:30", "", []),
    ("points 10% to 20%", "", []),
    ("the 3 points are high", "", []),
]


@pytest.mark.parametrize(("text", "context", "expected"), POSITIONS)
def test_positions_are_read_as_written(text, context, expected):
    assert [(each.first, each.last) for each in quoted_positions(text, context)] == expected


VALUES = [
    ("the value at point 12 is 3.50", [(3.5, 12)]),
    ("a value of 7 at point 3", [(7.0, 3)]),
    ("At point 4, the series reaches about -1,234.5.", [(-1234.5, 4)]),
    ("第12个点的值为3.2", [(3.2, 12)]),
    ("最大值约为 99.5，最小值为-3", [(99.5, None), (-3.0, None)]),
    ("The maximum value is 1.5e3.", [(1500.0, None)]),
    ("The maximum is 5k", []),
    ("a maximum of 5 spikes", []),
    ("the maximum is 40 % above the mean", []),
    ("The peak is 3-5 times higher", []),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_values_are_read_where_the_text_ties_them_to_the_series(text, expected):
    assert [(each.value, each.position) for each in quoted_values(text)] == expected


def test_a_written_number_knows_its_rounding():
    assert (number_of("−1,200.50"), rounding("−1,200.50"), rounding("12"), rounding("1.5e3")) == (
        -1200.5,
        0.005,
        0.5,
        50,
    )


RAMP = np.linspace(0.0, 99.0, 100)
ANSWERS = [
    ("It begins at point 120.", ["quoted_position"]),
    ("It begins at point 100.", []),
    ("异常出现在第 150 个点。", ["quoted_position"]),
    ("From point 60 to point 40.", ["quoted_position"]),
    ("The value at point 50 is 50.3.", []),
    ("The value at point 50 is 80.", ["quoted_value"]),
    ("第 50 个点的值为 80。", ["quoted_value"]),
    ("The maximum value is 99.", []),
    ("The maximum value is 990.", ["quoted_value"]),
    ("最大值为 990。", ["quoted_value"]),
    ("It rises by 500 in all, 40 % a day.", []),
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
def test_an_answer_is_named_only_when_no_reading_fits_the_series(answer, expected):
    turns = [{"role": "user", "content": "<ts><ts/> What happens?"}, {"role": "assistant", "content": answer}]
    assert [kind_of(each) for each in quality(turns, [RAMP], {})] == expected


PREFIXES = [
    ("How many points does the series have?", "100", True),
    ("序列的最大值是多少？", "99.00", True),
    ("What is the first value?", "The first value is 0.0.", True),
    ("What is the mean value?", "49.5", True),
    ("What is the maximum value between points 5 and 10?", "99", False),
    ("Where is the maximum value?", "point 99", False),
    ("What is the maximum value?", "97.3", False),
    ("How many spikes are there?", "100", False),
]


@pytest.mark.parametrize(("question", "answer", "is_answered"), PREFIXES)
def test_a_question_that_the_prefix_answers_is_known_by_its_number(question, answer, is_answered):
    turns = [{"role": "user", "content": f"S: <ts><ts/> {question}"}, {"role": "assistant", "content": answer}]
    kinds = [kind_of(each) for each in quality(turns, [RAMP], {})]
    assert ("prefix_answerable" in kinds) == is_answered
    assert "prefix_answerable" not in [kind_of(each) for each in quality(turns, [RAMP], {"prefix_answerable": True})]
