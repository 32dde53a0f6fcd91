"""A disturbed series differs where it says, by as much as was asked for."""

import numpy as np
import pytest

from tsft.evaluate.disturbances import KINDS, disturbed

WAVE = np.sin(np.arange(100.0) / 5) * 2 + 7


@pytest.mark.parametrize("kind", KINDS)
def test_it_differs_inside_the_stretch_only_and_the_original_stays(kind: str) -> None:
    before = WAVE.copy()
    found = disturbed(WAVE, kind, 0.2, seed=3)
    changed = np.flatnonzero(found.points != WAVE)
    assert len(changed) and changed.min() >= found.first and changed.max() <= found.last
    assert np.array_equal(WAVE, before) and len(found.points) == len(WAVE)
    assert np.array_equal(found.points, disturbed(WAVE, kind, 0.2, seed=3).points)


def test_strengths_are_shares_of_range_and_length() -> None:
    extent = float(np.ptp(WAVE))
    assert np.allclose(disturbed(WAVE, "shift", 0.5).points - WAVE, 0.5 * extent)
    assert np.allclose(disturbed(WAVE, "scale", 1.0).points, 2 * WAVE)
    spike = disturbed(WAVE, "spike", 1.5)
    assert spike.first == spike.last and spike.points[spike.first] - WAVE[spike.first] == pytest.approx(1.5 * extent)
    gap = disturbed(WAVE, "gap", 0.2)
    assert gap.last - gap.first == 19 and np.allclose(np.diff(gap.points[gap.first : gap.last + 1], 2), 0)
    assert np.std(disturbed(WAVE, "noise", 0.1).points - WAVE) == pytest.approx(0.1 * extent, rel=0.3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("points", [[5.0], [0.0, 0.0], [3.0, 3.0, 3.0]])
def test_short_and_constant_series_are_disturbed_too(kind: str, points: list[float]) -> None:
    found = disturbed(np.array(points), kind, 0.5)
    assert np.isfinite(found.points).all() and 0 <= found.first <= found.last < len(points)
