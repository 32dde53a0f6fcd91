"""A curve stays bounded however many points go in, and no spike is lost."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsft.run.curve import LIMIT, Curve, smoothed


def curve_of(values: list[float | None]) -> Curve:
    curve = Curve()
    for step, value in enumerate(values, start=1):
        curve = curve.add(step, value)
    return curve


@pytest.mark.parametrize("count", [1, 1_999, 2_000, 2_001, 8_000, 20_000, 50_000])
def test_at_most_two_thousand_points_are_kept_in_order(count: int) -> None:
    curve = curve_of([math.sin(step) for step in range(count)])
    assert len(curve.points) <= LIMIT
    assert len(curve.shown) <= LIMIT + 2
    steps = [step for step, _ in curve.shown]
    assert steps == sorted(set(steps))
    assert curve.shown[-1][0] == count


@pytest.mark.parametrize("spike_at", [1, 17, 2_001, 5_003, 9_998, 10_000])
@pytest.mark.parametrize("height", [100.0, -100.0])
def test_one_spike_among_many_points_is_kept(spike_at: int, height: float) -> None:
    values: list[float | None] = [0.0] * 10_000
    values[spike_at - 1] = height
    assert (spike_at, height) in curve_of(values).shown


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(LIMIT, 3 * LIMIT))
def test_the_highest_the_lowest_and_the_newest_value_survive(seed: int, count: int) -> None:
    random = Random(seed)
    values: list[float | None] = [random.gauss(0, 1) for _ in range(count)]
    curve = curve_of(values)
    shown = [value for _, value in curve.shown]
    assert max(shown) == max(values)  # type: ignore[type-var]
    assert min(shown) == min(values)  # type: ignore[type-var]
    assert curve.last == shown[-1] == values[-1]


@given(st.lists(st.floats(-1e6, 1e6), max_size=100))
def test_a_short_curve_keeps_every_point(values: list[float]) -> None:
    assert [value for _, value in curve_of(list(values)).shown] == values


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_a_gap_and_not_a_point(value: float | None) -> None:
    curve = curve_of([1.0, value, 3.0])
    assert curve.shown == ((1, 1.0), (3, 3.0))
    assert curve.gaps == (2,)


def test_gaps_are_bounded() -> None:
    assert len(curve_of([None] * (LIMIT + 10)).gaps) == LIMIT


@pytest.mark.parametrize("count", [100, 10_000])
def test_cutting_leaves_nothing_after_the_step_and_goes_on(count: int) -> None:
    curve = curve_of([float(step) for step in range(count)]).cut_after(count // 2)
    assert all(step <= count // 2 for step, _ in curve.shown)
    longer = curve.add(count // 2 + 1, -5.0)
    assert longer.lowest == (count // 2 + 1, -5.0)


def test_the_lowest_of_equals_is_the_earliest() -> None:
    assert curve_of([2.0, 1.0, 1.0]).lowest == (2, 1.0)
    assert Curve().lowest is None and Curve().last is None


def test_smoothing_with_no_weight_changes_nothing_and_has_no_bias_at_the_start() -> None:
    points = ((1.0, 4.0), (2.0, 8.0))
    assert smoothed(points, 0.0) == points
    assert smoothed(points)[0][1] == pytest.approx(4.0)
    assert smoothed(tuple((float(step), 3.0) for step in range(50)))[-1][1] == pytest.approx(3.0)
