"""Intervals over series and paired tests agree with what is known of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.evaluate.statistics import Estimate, bootstrap, columns, mcnemar, paired_bootstrap


def test_a_mean_keeps_its_value_and_has_it_inside_its_interval():
    values = np.random.default_rng(0).random(200)
    found = bootstrap(columns(values), range(200))
    assert found.value == pytest.approx(values.mean()) and found.low < found.value < found.high


def test_the_interval_of_independent_rows_is_as_wide_as_the_normal_curve_says():
    values = np.random.default_rng(1).random(400)
    found = bootstrap(columns(values), range(400), resamples=4_000)
    half = 1.96 * values.std() / math.sqrt(400)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.08)


def test_rows_that_repeat_a_series_do_not_narrow_the_interval():
    values = np.random.default_rng(2).random(40)
    alone = bootstrap(columns(values), range(40))
    ten_times = bootstrap(columns(np.repeat(values, 10)), np.repeat(range(40), 10).tolist())
    assert (ten_times.low, ten_times.high) == pytest.approx((alone.low, alone.high))
    as_rows = bootstrap(columns(np.repeat(values, 10)), range(400))
    assert as_rows.high - as_rows.low < 0.5 * (alone.high - alone.low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        found = bootstrap(columns(generator.random(60) < 0.3), range(60), resamples=500)
        hits += found.low <= 0.3 <= found.high
    assert 180 <= hits <= 199


@pytest.mark.parametrize(("value", "expected"), [(1.0, (0.025 ** (1 / 20), 1.0)), (0.0, (0.0, 1 - 0.025 ** (1 / 20)))])
def test_answers_that_never_differ_still_get_an_interval(value, expected):
    found = bootstrap(columns([value] * 20), range(20))
    assert (found.low, found.high) == pytest.approx(expected)


def test_the_same_seed_gives_the_same_interval_and_few_series_give_none():
    rows = columns(np.random.default_rng(4).random(30))
    assert bootstrap(rows, range(30), seed=5) == bootstrap(rows, range(30), seed=5)
    assert bootstrap(rows, [1] * 30) == Estimate(pytest.approx(rows[:, 0].mean()), None, None, 1)
    assert bootstrap(rows[:0], []) is None


def test_without_resamples_there_is_a_value_alone():
    rows = columns([0.0, 1.0, 1.0, 0.0])
    assert bootstrap(rows, range(4), resamples=0) == Estimate(0.5, None, None, 4)
    found = paired_bootstrap(rows, rows, range(4), resamples=0)
    assert (found.value, found.chance, found.is_clear) == (0, None, False)


def test_many_series_are_drawn_in_parts_with_the_same_meaning():
    rows = columns(np.random.default_rng(4).random(9_000))
    found = bootstrap(rows, range(9_000), resamples=600)
    assert found.high - found.low == pytest.approx(2 * 1.96 * rows[:, 0].std() / math.sqrt(9_000), rel=0.15)


def test_a_paired_difference_is_sure_where_separate_intervals_overlap():
    generator = np.random.default_rng(6)
    first = generator.random(100)
    second = first - 0.02 - 0.01 * generator.random(100)
    found = paired_bootstrap(columns(first), columns(second), range(100))
    one, other = bootstrap(columns(first), range(100)), bootstrap(columns(second), range(100))
    assert found.is_clear and found.low > 0 and found.chance < 0.01 and not one.is_apart_from(other)


def test_a_model_does_not_differ_from_itself():
    rows = columns(np.random.default_rng(7).random(50))
    found = paired_bootstrap(rows, rows, range(50))
    assert (found.value, found.low, found.high, found.chance, found.is_clear) == (0, 0, 0, 1, False)


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [(0, 0, 1.0), (5, 0, 2 / 32), (1, 9, 2 * 11 / 1024), (4, 4, 1.0), (3, 10, 2 * (1 + 13 + 78 + 286) / 8192)],
)
def test_mcnemar_by_hand(only_first, only_second, expected):
    first = [True] * only_first + [False] * only_second + [True, False]
    second = [False] * only_first + [True] * only_second + [True, False]
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (only_first, only_second)
    assert found.chance == pytest.approx(expected)


@pytest.mark.parametrize(("one", "other"), [(480, 560), (500, 530), (700, 700)])
def test_mcnemar_of_many_rows_agrees_with_the_exact_sum(one, other):
    exact = min(1.0, 2 * sum(math.comb(one + other, k) for k in range(min(one, other) + 1)) / 2 ** (one + other))
    found = mcnemar([True] * one + [False] * other, [False] * one + [True] * other)
    assert found.chance == pytest.approx(exact, abs=2e-3)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_mcnemar_does_not_care_which_model_comes_first(pairs):
    forward = mcnemar([a for a, _ in pairs], [b for _, b in pairs])
    backward = mcnemar([b for _, b in pairs], [a for a, _ in pairs])
    assert forward.chance == backward.chance and forward.only_first == backward.only_second


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=30), st.randoms())
def test_the_order_of_rows_does_not_change_the_value(rows, random):
    shuffled = random.sample(rows, len(rows))
    one, other = (
        bootstrap(columns([v for v, _ in each]), [k for _, k in each], resamples=20) for each in (rows, shuffled)
    )
    assert one.value == pytest.approx(other.value) and one.series_count == other.series_count
