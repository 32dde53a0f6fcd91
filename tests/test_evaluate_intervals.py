"""Metrics of stretches agree with values worked out by hand and with the table of the reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.evaluate.affiliation import affiliation
from tsft.evaluate.intervals import (
    adjusted_f1,
    composite_f1,
    delays,
    event_rates,
    false_alarms,
    matched,
    overlap,
    pairs,
    point_rates,
    soft_f1,
)

TRUE = [[300, 400], [900, 1000], [1500, 1600]]
LENGTH = 2000


@st.composite
def stretches(draw, length=200):
    """Up to four stretches that do not overlap."""
    cuts = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    return [[a, b] for a, b in zip(cuts[::2], cuts[1::2], strict=False)]


@pytest.mark.parametrize(
    ("first", "second", "expected"), [([0, 10], [0, 10], 1), ([0, 10], [5, 15], 1 / 3), ([0, 5], [5, 9], 0)]
)
def test_overlap_is_shared_over_covered(first, second, expected):
    assert overlap(first, second) == pytest.approx(expected)


def test_everything_called_anomalous_scores_as_in_the_reference():
    said = [[0, LENGTH]]
    assert point_rates(said, TRUE, LENGTH).f1 == pytest.approx(0.261, abs=0.001)
    assert adjusted_f1(said, TRUE, LENGTH) == pytest.approx(0.261, abs=0.001)
    assert composite_f1(said, TRUE, LENGTH) == pytest.approx(0.261, abs=0.001)
    assert affiliation(said, TRUE, LENGTH).f1 == pytest.approx(0.678, abs=0.03)
    assert event_rates(said, TRUE, 0.1).f1 == 0


def test_point_adjustment_rewards_random_points_and_events_do_not():
    generator = np.random.default_rng(0)
    rates = []
    for _ in range(20):
        said = [[int(p), int(p) + 1] for p in np.flatnonzero(generator.random(LENGTH) < 0.05)]
        rates.append(
            (adjusted_f1(said, TRUE, LENGTH), event_rates(said, TRUE, 0.1).f1, affiliation(said, TRUE, LENGTH).f1)
        )
    adjusted, event, affiliated = np.mean(rates, axis=0)
    assert adjusted == pytest.approx(0.871, abs=0.03) and event == 0 and affiliated == pytest.approx(0.671, abs=0.03)


def test_a_jittered_truth_is_found():
    said = [[start + 20, end + 20] for start, end in TRUE]
    assert event_rates(said, TRUE, 0.5).f1 == 1 and affiliation(said, TRUE, LENGTH).f1 > 0.97
    assert delays(said, TRUE, LENGTH) == [20, 20, 20]


def test_a_stretch_is_matched_once_and_the_matching_is_the_largest():
    assert len(matched([[0, 10], [0, 10]], [[0, 10]], 0.1)) == 1
    # The first fits both; it must leave the left one to the second.
    assert len(matched([[0, 20], [0, 8]], [[0, 9], [10, 20]], 0.1)) == 2


@given(stretches())
def test_the_truth_itself_gets_full_marks_everywhere(true):
    assert event_rates(true, true, 0.5).f1 == soft_f1(true, true) == point_rates(true, true, 200).f1 == 1
    assert composite_f1(true, true, 200) == pytest.approx(1) and affiliation(true, true, 200).f1 == pytest.approx(1)
    assert false_alarms(true, true, 200) == 0


@given(stretches(), stretches())
def test_rates_stay_between_nothing_and_all_and_only_the_truth_is_perfect(said, true):
    values = [
        soft_f1(said, true),
        event_rates(said, true).f1,
        point_rates(said, true, 200).f1,
        composite_f1(said, true, 200),
        affiliation(said, true, 200).f1,
    ]
    assert all(0 <= value <= 1 + 1e-9 for value in values)
    assert (soft_f1(said, true) > 1 - 1e-9) == (said == true)


def test_false_alarms_are_counted_per_thousand_points():
    assert false_alarms([[0, 5], [310, 320]], TRUE, LENGTH) == 0.5


@given(stretches(), stretches())
def test_affiliation_is_the_same_seen_backwards_and_at_another_scale(said, true):
    found = affiliation(said, true, 200)
    for other in (
        affiliation(*([[200 - b, 200 - a] for a, b in each] for each in (said, true)), 200),
        affiliation(*([[7 * a, 7 * b] for a, b in each] for each in (said, true)), 1400),
    ):
        assert (other.precision, other.recall) == pytest.approx((found.precision, found.recall), abs=1e-9)


def test_of_two_alike_each_meets_its_own() -> None:
    assert pairs([[True, True], [True, True]]) == [(0, 0), (1, 1)]
    assert pairs([[True, True], [True, False]]) == [(0, 1), (1, 0)]
