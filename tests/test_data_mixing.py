"""Mixing plans and splits are decided by the seed alone and keep their promises for any sizes and weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsft.data.mixing import MixedRows, plan
from tsft.data.split import by_fraction, by_time, shared_keys
from tsft.errors import UserError

sizes_and_weights = st.lists(st.tuples(st.integers(0, 60), st.floats(0.05, 10)), min_size=1, max_size=5)


def rows_of(sizes):
    return [np.arange(size) for size in sizes]


def counts(datasets, indexes, number):
    return np.bincount(indexes[datasets == number], minlength=1)


def test_concatenation_gives_every_row_once_in_order():
    datasets, indexes = plan(rows_of([3, 0, 2]), "concatenate", (), 1)
    assert datasets.tolist() == [0, 0, 0, 2, 2] and indexes.tolist() == [0, 1, 2, 0, 1]


@settings(deadline=None, max_examples=60)
@given(sizes_and_weights, st.integers(0, 2**31 - 1))
def test_interleave_under_stops_when_the_first_is_used_up(parts, seed):
    sizes = [size for size, _ in parts]
    datasets, indexes = plan(rows_of(sizes), "interleave_under", [weight for _, weight in parts], seed)
    drawn = [int((datasets == number).sum()) for number in range(len(sizes))]
    assert all(times <= size for times, size in zip(drawn, sizes, strict=True))
    for number in range(len(sizes)):
        assert counts(datasets, indexes, number).max(initial=0) <= 1
    if any(sizes):
        last = datasets[-1]
        assert drawn[last] == sizes[last]


@settings(deadline=None, max_examples=60)
@given(sizes_and_weights, st.integers(0, 2**31 - 1))
def test_interleave_over_uses_every_row_and_repeats_evenly(parts, seed):
    sizes = [size for size, _ in parts]
    datasets, indexes = plan(rows_of(sizes), "interleave_over", [weight for _, weight in parts], seed)
    for number, size in enumerate(sizes):
        if size:
            times = counts(datasets, indexes, number)
            assert len(times) == size and times.min() >= 1 and times.max() - times.min() <= 1
    again = plan(rows_of(sizes), "interleave_over", [weight for _, weight in parts], seed)
    assert np.array_equal(again[0], datasets) and np.array_equal(again[1], indexes)


def test_weights_set_the_shares_and_another_seed_another_order():
    datasets, _ = plan(rows_of([4_000, 4_000]), "interleave_under", (3.0, 1.0), 0)
    assert abs((datasets == 0).mean() - 0.75) < 0.02
    other, _ = plan(rows_of([4_000, 4_000]), "interleave_under", (3.0, 1.0), 1)
    assert not np.array_equal(datasets[:100], other[:100])


def test_a_weight_of_zero_takes_no_part():
    datasets, _ = plan(rows_of([5, 5]), "interleave_over", (0.0, 1.0), 0)
    assert set(datasets.tolist()) == {1}


@pytest.mark.parametrize(
    ("weights", "key"),
    [
        ((1.0,), "data.mix.weights_count"),
        ((1.0, -1.0), "data.mix.weights_values"),
        ((0.0, 0.0), "data.mix.weights_values"),
        ((float("nan"), 1.0), "data.mix.weights_values"),
        ((1.0, 1e-12), "data.mix.too_long"),
    ],
)
def test_weights_that_cannot_be_are_refused(weights, key):
    with pytest.raises(UserError) as refused:
        plan(rows_of([10, 10]), "interleave_over", weights, 0)
    assert refused.value.message.key == key


class Letters:
    def __init__(self, letters):
        self.letters = letters

    def column(self, name):
        return np.array([ord(letter) for letter in self.letters])

    def __len__(self):
        return len(self.letters)

    def __getitem__(self, index):
        return {"letter": self.letters[index]}


def test_mixed_rows_follow_the_plan():
    rows = MixedRows([Letters("ab"), Letters("xyz")], np.array([1, 0, 1], np.int32), np.array([2, 0, 0]))
    assert [each["letter"] for each in rows] == ["z", "a", "x"]
    assert rows.lengths.tolist() == [ord("z"), ord("a"), ord("x")]


key_lists = st.lists(st.lists(st.integers(-20, 20), max_size=60), min_size=1, max_size=3)


@given(key_lists, st.floats(0.05, 0.6), st.integers(0, 2**31 - 1))
def test_equal_series_never_stand_on_both_sides(keys, fraction, seed):
    arrays = [np.array(each, dtype=np.int64) for each in keys]
    masks = by_fraction(arrays, fraction, seed)
    train = np.concatenate([each[~mask] for each, mask in zip(arrays, masks, strict=True)])
    held = np.concatenate([each[mask] for each, mask in zip(arrays, masks, strict=True)])
    assert shared_keys(train, held) == 0
    assert all(mask.any() for each, mask in zip(arrays, masks, strict=True) if len(set(each.tolist())) > 1)
    assert all(np.array_equal(a, b) for a, b in zip(masks, by_fraction(arrays, fraction, seed), strict=True))


def test_the_fraction_is_met_and_the_seed_decides_who():
    keys = [np.arange(1_000)]
    first, second = by_fraction(keys, 0.1, 0)[0], by_fraction(keys, 0.1, 1)[0]
    assert first.sum() == second.sum() == 100
    assert not np.array_equal(first, second)


@given(st.lists(st.integers(0, 100), max_size=4), st.floats(0.01, 0.9))
def test_time_order_holds_back_the_last_rows(sizes, fraction):
    for size, mask in zip(sizes, by_time(sizes, fraction), strict=True):
        assert len(mask) == size and np.array_equal(mask, np.sort(mask))
        if size > 1:
            assert 1 <= mask.sum() < size and abs(mask.sum() - size * fraction) <= 1
