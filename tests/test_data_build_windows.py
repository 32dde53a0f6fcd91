"""Recordings on an even grid, and windows of them that never leak from one split into another."""

import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build_fakes import hours, meta, recipe_for, wave, wide
from tsft.data.builder.dataset import survey
from tsft.data.builder.grid import Cells, grid_of, on_grid
from tsft.data.builder.recipe import BuildRecipe
from tsft.data.builder.rows import Tally, rows_of
from tsft.data.builder.tracks import Track, read_recordings
from tsft.data.builder.windows import windows_of
from tsft.errors import UserError

# -- the grid ----------------------------------------------------------------------------------------------------------


def cells(times, values):
    return Cells(np.array(values, dtype=float), np.array(times, dtype=float), np.zeros(len(values), dtype=bool))


def test_points_go_to_their_places_and_gaps_stay_empty():
    given = cells([1000, 1060, 1121, 1300], [1, 2, 3, 4])
    grid = grid_of([given], 0, "t")
    assert grid.step_seconds == 61 and grid.repeated == 0
    found = on_grid(given, grid, "mean").values
    assert found[[0, 1, 2, 5]].tolist() == [1, 2, 3, 4] and np.isnan(found[3:5]).all()


@pytest.mark.parametrize(
    ("how", "expected"),
    [("mean", 2.0), ("median", 2.0), ("minimum", 1.0), ("maximum", 3.0), ("last", 3.0), ("sum", 6.0)],
)
def test_points_of_one_step_are_taken_together(how, expected):
    given = cells([3605, 3600, 3610, 7200], [2, 1, 3, 9])
    grid = grid_of([given], 3600, "t")
    assert on_grid(given, grid, how).values.tolist() == [expected, 9.0] and grid.times.tolist() == [3600, 7200]


def test_days_begin_at_midnight_of_the_zone():
    given = cells([1_704_100_000, 1_704_200_000], [1, 2])
    assert (grid_of([given], 86400, "t", "Asia/Shanghai").times[0] + 8 * 3600) % 86400 == 0


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.floats(-1e6, 1e6)), min_size=2, max_size=60, unique_by=lambda p: p[0]),
    st.sampled_from([60.0, 300.0]),
)
def test_resampling_by_mean_agrees_with_a_loop(points, step):
    given = cells([1e9 + 7 * moment for moment, _ in points], [value for _, value in points])
    grid = grid_of([given], step, "t")
    found = on_grid(given, grid, "mean").values
    bins: dict[int, list[float]] = {}
    for moment, value in points:
        bins.setdefault(math.floor((1e9 + 7 * moment) / step), []).append(value)
    for place, start in enumerate(grid.times.tolist()):
        inside = bins.get(round(start / step))
        assert np.isnan(found[place]) if inside is None else found[place] == pytest.approx(np.mean(inside), abs=1e-6)


def test_a_step_that_does_not_fit_is_refused():
    with pytest.raises(UserError) as refused:
        grid_of([cells([0, 1, 2, 1e9], [1, 2, 3, 4])], 0, "t")
    assert refused.value.message.key == "data.build.too_sparse"


def test_months_are_taken_in_order():
    months = [datetime(2020 + month // 12, 1 + month % 12, 1).timestamp() for month in range(30)]
    given = cells(months, range(30))
    assert on_grid(given, grid_of([given], 0, "t"), "mean").values.tolist() == list(range(30))


# -- recordings, windows, splits ---------------------------------------------------------------------------------------


def test_a_long_table_gives_what_the_wide_one_gives(tmp_path):
    path = wide(tmp_path)
    columns = {"temperature (°C)": wave(400), "flow": wave(400, 1)}
    lines = ["time,metric,value"]
    for place, time in enumerate(hours(400)):
        lines += [f"{time},{name},{values[place]}" for name, values in columns.items()]
    (tmp_path / "long.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    one = read_recordings(recipe_for(path)).tracks[0]
    two = read_recordings(recipe_for(tmp_path / "long.csv")).tracks[0]
    assert one.columns == two.columns and np.array_equal(one.values, two.values) and two.unusual is None


@pytest.mark.parametrize(("gaps", "windows"), [("interpolate", 6), ("mark", 6), ("split", 5)])
def test_short_gaps_are_filled_or_divide_as_chosen(tmp_path, gaps, windows):
    holes = {place: "" for place in (60, 61)} | {place: "" for place in range(300, 320)}
    values = [holes.get(place, value) for place, value in enumerate(wave(448))]
    path = wide(tmp_path, 448, flow=values)
    plan = survey(recipe_for(path, gaps=gaps, split_by="none"))
    assert len(plan.windows["train"]) == windows
    found = [row["input"] for row in rows_of(plan, "train", Tally()) if meta(row)["first_point"] == 0]
    assert any("60-62" in each for each in found) == (gaps == "mark")
    if gaps != "split":
        track, window = plan.recordings.tracks[0], plan.windows["train"][0]
        expected = values[59] + (values[62] - values[59]) / 3
        assert np.isnan(track.values[60, 1]) and window.values[60, 1] == pytest.approx(expected, abs=1e-6)


tables = st.builds(
    lambda lengths, step, holes, marks, seed: (lengths, step, holes, marks, seed),
    st.lists(st.integers(40, 200), min_size=3, max_size=6),
    st.sampled_from([1.0, 60.0]),
    st.sets(st.integers(0, 199), max_size=12),
    st.sets(st.integers(0, 199), max_size=40),
    st.integers(0, 1000),
)


@settings(max_examples=60, deadline=None)
@given(tables, st.sampled_from(["time", "group"]), st.integers(16, 40), st.integers(1, 50), st.floats(0.05, 0.4))
def test_no_point_stands_in_two_splits_and_windows_are_whole(given_table, split_by, window, stride, share):
    lengths, step, holes, marks, seed = given_table
    generator = np.random.default_rng(seed)
    tracks = []
    for number, length in enumerate(lengths):
        values = generator.normal(size=(length, 2))
        values[[each for each in holes if each < length], 1] = np.nan
        unusual = np.zeros((length, 2), dtype=bool)
        unusual[[each for each in marks if each < length]] = True
        start = float(generator.integers(0, 3)) * 100 * step
        times = start + step * np.arange(length)
        tracks.append(Track(f"m{number}", Path("t.csv"), ("a", "b"), times, values, unusual))
    recipe = BuildRecipe(
        ("t.csv",), window=window, stride=stride, split_by=split_by, test=share, validation=share / 2, gap_points=3
    )
    used: dict[tuple[str, int], str] = {}
    latest: dict[str, float] = {}
    for split, found in windows_of(tracks, recipe).items():
        for each in found:
            name = each.part.track.name
            for point in range(each.first_point, each.first_point + window):
                assert used.setdefault((name, point), split) == split
            assert each.values.shape == (window, 2) and np.isfinite(each.values).all()
            shown = each.part.track.unusual[each.first_point : each.first_point + window].any(axis=1)
            assert set(np.flatnonzero(shown)) <= {p for start, end in each.intervals for p in range(start, end)}
            latest[split] = max(latest.get(split, -1.0), each.times[1])
    if split_by == "group":
        owners = {(name, split) for (name, _), split in used.items()}
        assert len({name for name, _ in owners}) == len(owners)


def test_recordings_of_one_time_are_cut_at_one_moment(tmp_path):
    lines = ["time,machine,x"]
    for name in ("A", "B"):
        lines += [f"{time},{name},{value}" for time, value in zip(hours(600), wave(600), strict=True)]
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    windows = survey(recipe_for(tmp_path / "m.csv", validation=0.2)).windows
    assert {each.part.track.name for each in windows["test"]} == {"A", "B"}
    ends = {split: (min(w.times[0] for w in found), max(w.times[1] for w in found)) for split, found in windows.items()}
    assert ends["train"][1] < ends["validation"][0] and ends["validation"][1] < ends["test"][0]


def test_too_few_groups_for_the_splits_are_refused(tmp_path):
    with pytest.raises(UserError) as refused:
        survey(recipe_for(wide(tmp_path), split_by="group"))
    assert refused.value.message.key == "data.build.few_groups"


def test_a_stretch_that_is_cut_to_almost_nothing_is_not_asked_about(tmp_path):
    path = wide(tmp_path, label=lambda place: int(20 <= place < 65))
    windows = survey(recipe_for(path, split_by="none")).windows["train"]
    assert [each.kind for each in windows[:3]] == ["unusual", "unclear", "calm"]
    assert windows[0].intervals == ((20, 64),) and windows[1].intervals == ((0, 1),)
