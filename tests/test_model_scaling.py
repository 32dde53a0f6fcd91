"""Scaling and its words: values worked out by hand, the edge cases of the format, and properties."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.errors import UserError
from tsft.model.families import PREFIX_ERAS
from tsft.model.prefix import is_already_encoded, prefix_text
from tsft.model.scaling import ScaledSeries, scale_series

finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)
POINT = np.arange(256)
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_PATTERNS = {
    "current": re.compile(
        rf"\[offset={_NUMBER}\|scaling={_NUMBER}\|length=(\d+)\|max={_NUMBER}\|min={_NUMBER}"
        rf"\|left={_NUMBER}\|right={_NUMBER}\]"
    ),
    "short": re.compile(rf"\[offset={_NUMBER}\|scaling={_NUMBER}\]"),
    "paper": re.compile(rf"\[Value Offset: {_NUMBER}\|Value Scaling: {_NUMBER}\]"),
    "prerelease": re.compile(rf"\[Offset: {_NUMBER}\|Scaled by: {_NUMBER}\]"),
}
_FIELDS = ("offset", "scaling", "length", "max", "min", "left", "right")


def unscale(scaled: ScaledSeries) -> np.ndarray:
    """The raw values again, float64[L]."""
    return scaled.values * scaled.scale - scaled.offset


def parse_prefix(text: str) -> tuple[str, dict[str, float]] | None:
    """The era and the numbers of the first prefix in `text`, or None."""
    for era, pattern in _PATTERNS.items():
        if found := pattern.search(text):
            return era, dict(zip(_FIELDS, map(float, found.groups()), strict=False))
    return None


WORDED = [
    (
        5 * np.sin(POINT / 10) - 10 * (POINT >= 100),
        "[offset=6.0772|scaling=3.6917|length=256|max=4.9979|min=-15.0000|left=0.0000|right=-8.2047]",
    ),
    (
        0.05 * POINT + 10 * (POINT == 103),
        "[offset=-6.4141|scaling=2.9120|length=256|max=15.1500|min=0.0000|left=0.0000|right=12.7500]",
    ),
    (list(range(8)), "[offset=-3.5000|scaling=1.1667|length=8|max=7.0000|min=0.0000|left=0.0000|right=7.0000]"),
    ([5] * 10, "[offset=-5.0000|scaling=1.0000|length=10|max=5.0000|min=5.0000|left=5.0000|right=5.0000]"),
    ([0.0] * 10, "[offset=-0.0000|scaling=1.0000|length=10|max=0.0000|min=0.0000|left=0.0000|right=0.0000]"),
    ([1e-9] * 4, "[offset=-0.0000|scaling=1.0000|length=4|max=0.0000|min=0.0000|left=0.0000|right=0.0000]"),
    ([-1e-9] * 4, "[offset=0.0000|scaling=1.0000|length=4|max=-0.0000|min=-0.0000|left=-0.0000|right=-0.0000]"),
    ([-3, 3], "[offset=-0.0000|scaling=1.0000|length=2|max=3.0000|min=-3.0000|left=-3.0000|right=3.0000]"),
    ([True, False], "[offset=-0.5000|scaling=1.0000|length=2|max=1.0000|min=0.0000|left=1.0000|right=0.0000]"),
]


@pytest.mark.parametrize(("raw", "words"), WORDED)
def test_words_are_those_the_models_have_seen(raw, words):
    assert prefix_text(scale_series(raw), "current") == words


@pytest.mark.parametrize(
    ("era", "words"),
    [
        ("paper", "[Value Offset: -3.5000|Value Scaling: 1.1667]"),
        ("short", "[offset=-3.5000|scaling=1.1667]"),
        ("prerelease", "[Offset: -3.5000|Scaled by: 1.1667]"),
    ],
)
def test_each_era_has_its_own_wording(era, words):
    assert prefix_text(scale_series(list(range(8))), era) == words


@pytest.mark.parametrize(("reach", "factor"), [(2.99, 1.0), (3.0, 1.0), (3.001, 3.001 / 3)])
def test_scaling_begins_where_the_largest_distance_reaches_three(reach, factor):
    scaled = scale_series([-reach, reach])
    assert scaled.scale == factor
    np.testing.assert_allclose(scaled.values, [-min(reach, 3.0), min(reach, 3.0)], rtol=1e-15)


REFUSED = [
    ([1.0, math.nan, math.nan], "series.not_finite_nan", {"series": 4, "position": 1, "count": 2}),
    ([1.0, 2.0, math.inf], "series.not_finite_infinite", {"series": 4, "position": 2, "count": 1}),
    ([1e308, 1e308, -1e308], "series.too_large", {"series": 4, "value": "1e+308"}),
    ([], "series.empty", {"series": 4}),
    ([1.0, None], "series.not_a_number", {"series": 4, "position": 1, "value": "None"}),
    ([1.0, "2"], "series.not_a_number", {"series": 4, "position": 0, "value": "1.0"}),
    (["x"], "series.not_a_number", {"series": 4, "position": 0, "value": "x"}),
    ([1j], "series.not_a_number", {"series": 4, "position": 0, "value": "1j"}),
    ([[1, 2], [3, 4]], "series.not_one_dimensional", {"series": 4, "shape": "2 x 2"}),
    ([[1, 2], [3]], "series.not_one_dimensional", {"series": 4, "shape": "?"}),
    (3.0, "series.not_one_dimensional", {"series": 4, "shape": "0"}),
]


@pytest.mark.parametrize(("raw", "key", "values"), REFUSED)
def test_what_cannot_be_scaled_is_refused_with_series_and_position(raw, key, values):
    with pytest.raises(UserError) as caught:
        scale_series(raw, 4)
    assert caught.value.message.key == key
    assert dict(caught.value.message.values) == values


def test_a_column_vector_is_read_as_a_series():
    np.testing.assert_array_equal(scale_series([[1.0], [2.0]]).values, [-0.5, 0.5])


def test_large_integers_keep_their_differences_in_float64():
    scaled = scale_series(np.array([16777216.0, 16777217.0]))
    assert scaled.values[1] - scaled.values[0] == 1.0


def test_the_callers_array_is_left_as_it_was():
    raw = np.array([100.0, 0.0])
    scale_series(raw)
    np.testing.assert_array_equal(raw, [100.0, 0.0])


@given(st.lists(finite, min_size=1, max_size=60))
def test_scaled_values_stay_within_three_and_give_the_series_back(raw):
    scaled = scale_series(raw)
    assert np.abs(scaled.values).max() <= 3.0 + 1e-12
    largest = max(1.0, float(np.abs(raw).max()))
    np.testing.assert_allclose(unscale(scaled), raw, rtol=0, atol=1e-12 * largest)


@given(st.lists(finite, min_size=1, max_size=30), st.sampled_from(PREFIX_ERAS))
def test_a_prefix_reads_back_as_the_numbers_it_was_made_from(raw, era):
    scaled = scale_series(raw)
    found_era, numbers = parse_prefix(f"the value {prefix_text(scaled, era)}<ts><ts/>")
    assert found_era == era
    expected = {"offset": scaled.offset, "scaling": scaled.scale}
    if era == "current":
        expected |= {"length": scaled.length, "max": scaled.maximum, "min": scaled.minimum}
        expected |= {"left": scaled.left, "right": scaled.right}
    assert numbers == {name: float(f"{value:.4f}") for name, value in expected.items()}


@given(st.lists(finite, min_size=1, max_size=10), st.sampled_from(PREFIX_ERAS))
def test_a_row_that_was_encoded_before_is_recognised_in_every_era(raw, era):
    words = prefix_text(scale_series(raw), era)
    assert is_already_encoded(f"Look at {words}<ts><ts/>.")
    assert not is_already_encoded(f"Look at {words} and then at <ts><ts/>.")


@given(st.lists(st.one_of(st.floats(), st.integers(), st.none(), st.text(max_size=3), st.booleans()), max_size=8))
def test_any_list_is_scaled_or_refused_in_words(raw):
    try:
        scaled = scale_series(raw)
    except UserError as error:
        assert error.message.key.startswith("series.")
    else:
        assert np.isfinite(scaled.values).all()
