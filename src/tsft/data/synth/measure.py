"""What is true of a rendered series: measured on its rounded values, or "not clear enough to ask" (None)."""

from functools import lru_cache

import numpy as np

from tsft.data.synth.curves import RISING
from tsft.data.synth.event_shapes import OVERLAYS
from tsft.data.synth.plan import Placed, Rendered
from tsft.data.tasks.event_types import EVENT_TYPE
from tsft.data.tasks.subject import Attributes, Event

# An event is seen when it exceeds the noise fourfold and a quarter of the range of trend and season.
EVENT_SIGMAS, EVENT_SHARE = 4.0, 0.25
# What lasts after an event may be smaller than the event, but not than this.
LASTING_SIGMAS, LASTING_SHARE = 2.0, 0.1
# Directions are clear from 0.3 of the range on, level means less than 0.08; what lies between is not asked.
CLEAR_RISE, STILL_LEVEL = 0.3, 0.08
NOISY_SHARE, QUIET_SHARE = 0.05, 0.005
# Autocorrelation at the period, and the most that a series without a period may show anywhere.
PERIODIC_FIT, APERIODIC_FIT = 0.4, 0.35
# Theil-Sen over this many block means: 496 slopes instead of 32,640, and season and noise average out in a block.
BLOCKS = 32


def measured(series: Rendered) -> Attributes | None:
    """The attributes of a series; None where an event of the plan is not visible in what was rendered."""
    rest = series.values - series.clean
    outside = np.ones(len(rest), dtype=bool)
    for each in series.placed:
        if each.type in (*OVERLAYS, "variance burst", "shake"):
            outside[each.start : each.end] = False
    for start, end in series.plan.missing:
        outside[start:end] = False
    sigma = float(rest[outside].std())
    events = []
    for each in series.placed:
        event = _event(series, each, sigma)
        if event is None:
            return None
        events.append(event)
    trend, change = _trend(series)
    period = _period(series)
    return Attributes(
        trend=trend,
        change=change,
        period=period,
        swing=_swing(series) if period else None,
        noise=_noise_class(series, sigma),
        sigma=sigma,
        events=tuple(sorted(events, key=lambda each: each.start)),
    )


def _event(series: Rendered, placed: Placed, sigma: float) -> Event | None:
    """Size, tip and levels from the values; None where the event is not above noise and range."""
    values, inside = series.values, slice(placed.start, placed.end)
    course = series.clean - placed.added
    away = values - course
    peak = placed.start + int(np.argmax(np.abs(away[inside])))
    size = float(away[peak])
    span = float(np.ptp(series.slow + series.season))
    if abs(size) < max(EVENT_SIGMAS * sigma, EVENT_SHARE * span):
        return None
    direction = EVENT_TYPE[placed.type].direction
    if direction and (size > 0) != (direction > 0):
        return None
    after = _next_start(series, placed)
    if placed.lasting:
        level = float(np.median(away[placed.end : after]))
        if abs(level) < max(LASTING_SIGMAS * sigma, LASTING_SHARE * span) or (level > 0) != (placed.lasting > 0):
            return None
    width = max(3, len(values) // 16)
    before = float(values[max(0, placed.start - width) : placed.start].mean())
    return Event(
        type=placed.type,
        start=placed.start,
        end=placed.end,
        peak=peak,
        size=size,
        before=before,
        after=float(values[placed.end : min(placed.end + width, after)].mean()),
        is_permanent=bool(placed.lasting),
    )


def _next_start(series: Rendered, placed: Placed) -> int:
    return min((each.start for each in series.placed if each.start >= placed.end), default=len(series.values))


def _trend(series: Rendered) -> tuple[str | None, float | None]:
    plan, values = series.plan, series.values
    slow = series.slow + sum((_lasting(each) for each in series.placed), np.zeros(len(values)))
    span = float(np.ptp(values))
    change = float(slow[-1] - slow[0])
    slope = theil_sen(values) * (len(values) - 1)
    if plan.trend == "flat" and plan.course is None and abs(change) <= STILL_LEVEL * span:
        return ("flat", change) if abs(slope) < 0.1 * span else (None, None)
    is_one_way = plan.trend in RISING and plan.course is None
    if is_one_way and abs(change) > CLEAR_RISE * span and (change > 0) == (plan.rise > 0):
        is_seen = abs(slope) > 0.5 * CLEAR_RISE * span and (slope > 0) == (change > 0)
        return ("up" if change > 0 else "down", change) if is_seen else (None, None)
    return None, None


def _lasting(placed: Placed) -> np.ndarray:
    """The lasting part of what an event adds."""
    lasting = np.zeros(len(placed.added))
    if placed.lasting:
        lasting[placed.end :] = placed.added[-1]
    return lasting


def theil_sen(values: np.ndarray) -> float:
    """Slope a point: the median over all pairs of block means."""
    length = len(values)
    edges = np.linspace(0, length, min(BLOCKS, length // 2) + 1).astype(int)
    means = np.add.reduceat(values, edges[:-1]) / np.diff(edges)
    centres = (edges[:-1] + edges[1:] - 1) / 2
    first, second = _pairs(len(means))
    return float(np.median((means[second] - means[first]) / (centres[second] - centres[first])))


@lru_cache(maxsize=64)
def _pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(count, k=1)


def _period(series: Rendered) -> int | None:
    """The period of the plan where the autocorrelation of the values shows it, 0 where it shows none."""
    fits = autocorrelation(series.values)
    inside = fits[1:-1]
    is_peak = (inside >= fits[:-2]) & (inside >= fits[2:])
    peaks = np.flatnonzero(is_peak) + 1
    peaks = peaks[peaks >= 3]
    plan = series.plan
    if not plan.period:
        return None if len(peaks) and float(fits[peaks].max()) > APERIODIC_FIT else 0
    near = np.abs(peaks - plan.period) <= max(1, round(0.05 * plan.period))
    if not near.any() or float(fits[peaks[near]].max()) < PERIODIC_FIT:
        return None
    # A shorter period that fits as well would be the right answer, too.
    shorter = peaks < 0.8 * plan.period
    is_rivalled = shorter.any() and float(fits[peaks[shorter]].max()) > 0.8 * float(fits[peaks[near]].max())
    return None if is_rivalled else plan.period


def autocorrelation(values: np.ndarray) -> np.ndarray:
    """float[L // 2]: correlation of the series with itself by lag, a parabola taken off first."""
    length = len(values)
    basis = _parabola(length)
    rest = values - basis @ (basis.T @ values)
    power = np.abs(np.fft.rfft(rest, 2 * length)) ** 2
    sums = np.fft.irfft(power)[: length // 2]
    if sums[0] <= 0:
        return np.zeros(length // 2)
    return sums / sums[0] * length / (length - np.arange(length // 2))


@lru_cache(maxsize=256)
def _parabola(length: int) -> np.ndarray:
    """float[L, 3]: an orthonormal basis of constants, lines and parabolas."""
    u = np.linspace(-1.0, 1.0, length)
    return np.linalg.qr(np.stack([np.ones(length), u, u**2], axis=1))[0]


def _swing(series: Rendered) -> float:
    """Height of the mean cycle: season and noise, folded."""
    period = series.plan.period
    wave = series.values - series.clean + series.season
    cycles = len(wave) // period
    return float(np.ptp(np.median(wave[: cycles * period].reshape(cycles, period), axis=0)))


def _noise_class(series: Rendered, sigma: float) -> str | None:
    span = float(np.ptp(series.clean))
    if span <= 0:
        return None
    return "noisy" if sigma > NOISY_SHARE * span else "quiet" if sigma < QUIET_SHARE * span else None
