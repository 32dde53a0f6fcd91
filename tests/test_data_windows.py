"""Overlapping windows and near repeats are found by short signatures, wherever the shared values lie."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tsft.data.checks.signatures import near_keys, repeats, row_key
from tsft.data.checks.windows import GRAM, SHORTEST_OVERLAP, WindowIndex, digest_of, fingerprints, shares

TURNS = [{"role": "user", "content": "<ts><ts/> rises?"}, {"role": "assistant", "content": "Yes."}]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    overlap=st.integers(SHORTEST_OVERLAP, 80),
    sides=st.lists(st.integers(0, 50), min_size=4, max_size=4),
)
def test_any_overlap_of_31_points_is_found(seed, overlap, sides):
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=overlap)
    first = np.concatenate([generator.normal(size=sides[0]), shared, generator.normal(size=sides[1])])
    second = np.concatenate([generator.normal(size=sides[2]), shared, generator.normal(size=sides[3])])
    assert shares(fingerprints(first), np.sort(fingerprints(second)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_other_series_of_the_same_process_share_nothing(seed):
    generator = np.random.default_rng(seed)
    first, second = (np.round(generator.normal(size=200), 2).cumsum() for _ in range(2))
    assert not shares(fingerprints(first), np.sort(fingerprints(second)))


def test_stretches_that_say_nothing_are_no_overlap():
    for points in (np.zeros(100), np.arange(100.0), np.tile([0.0, 1.0], 50), np.tile([1.0, 2.0, 3.0], 40)):
        assert len(fingerprints(points)) == 0


def test_of_overlapping_windows_the_first_stays_and_leaving_out_the_rest_leaves_none():
    recording = np.random.default_rng(1).normal(size=1_000)
    windows = [recording[start : start + 100] for start in range(0, 900, 50)]
    keys = np.arange(len(windows))
    index = WindowIndex()
    for row, points in enumerate(windows):
        index.add(row, digest_of([points]))
    dropped = dict(index.overlapping(keys))
    assert sorted(dropped) == list(range(1, len(windows), 2))
    kept = WindowIndex()
    for row in range(0, len(windows), 2):
        kept.add(row // 2, digest_of([windows[row]]))
    assert list(kept.overlapping(keys[::2])) == []


def test_the_same_series_with_another_question_is_no_overlap():
    points = np.random.default_rng(2).normal(size=100)
    index = WindowIndex()
    for row in range(3):
        index.add(row, digest_of([points]))
    assert list(index.overlapping(np.array([7, 7, 7]))) == []


def test_the_index_stays_within_its_limit_and_still_finds_long_overlaps():
    generator = np.random.default_rng(3)
    index = WindowIndex(limit=500)
    for row in range(60):
        index.add(row, digest_of([generator.normal(size=300)]))
    again = generator.normal(size=3_000)
    index.add(60, digest_of([again]))
    index.add(61, digest_of([again[200:]]))
    assert len(index) <= 500
    assert [row for row, _ in index.overlapping(np.arange(62))] == [61]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(GRAM, 300), scale=st.floats(1e-3, 1e6))
def test_a_row_with_hardly_changed_values_is_a_near_repeat(seed, length, scale):
    generator = np.random.default_rng(seed)
    points = generator.normal(size=length).cumsum() * scale
    changed = points + generator.normal(size=length) * 1e-7 * scale
    shouted = [{**turn, "content": turn["content"].upper().replace("?", " ?")} for turn in TURNS]
    near = zip(near_keys(TURNS, [points]), near_keys(shouted, [changed]), strict=True)
    assert any(first == second for first, second in near)
    other = generator.normal(size=length).cumsum() * scale
    assert not any(a == b for a, b in zip(near_keys(TURNS, [points]), near_keys(TURNS, [other]), strict=True))


def test_repeats_name_the_first_row_of_each_key():
    later, origin = repeats(np.array([5, 3, 5, 9, 3, 5]))
    assert (later.tolist(), origin.tolist()) == ([2, 4, 5], [0, 1, 0])
    assert row_key(TURNS, 1) != row_key(TURNS, 2)
