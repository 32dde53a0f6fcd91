"""Baselines that find anomalies with arithmetic alone: three sigmas off a rolling window, and the spectral residual.

Both answer the two questions about anomalies, which stretches there are and whether one lies near a point. Their one
free number is fitted by event F1 on the training set; without labelled stretches there they keep the usual value.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tsft.evaluate.answers import Question, written
from tsft.evaluate.intervals import matched
from tsft.evaluate.scores import FOUND_OVERLAP

SIGMAS = 3.0
# Shares of the series that the window may take.
WINDOWS = (1 / 4, 1 / 2, 1 / 8, 1 / 16)
LEAST_WINDOW_POINTS = 8
# Of the paper (Ren et al. 2019): how far a point of the saliency map stands out of its surroundings.
THRESHOLDS = (3.0, 2.0, 4.0, 6.0, 9.0)
_SPECTRUM_POINTS, _SALIENCY_POINTS, _EXTENDED_POINTS, _SLOPES = 3, 21, 5, 5
# Fitting looks at so many rows at most: it is a choice among five numbers.
_FITTED_ROWS = 300

Detect = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Detector:
    """detect(series, number) gives bool[L]; `number` is what was fitted."""

    detect: Detect
    number: float

    def answer(self, question: Question) -> str | None:
        field = question.fields[0]
        if not question.series:
            return None
        if field["kind"] == "intervals" and question.task == "anomalies":
            return written({field["name"]: self.stretches(question.series)})
        if question.task == "anomaly_near" and {"point", "around"} <= set(question.parameters):
            low = question.parameters["point"] - question.parameters["around"]
            high = question.parameters["point"] + question.parameters["around"]
            found = self.stretches(question.series)
            return written({field["name"]: any(start <= high and end > low for start, end in found)})
        return None

    def stretches(self, series: Sequence[np.ndarray]) -> list[list[int]]:
        """Where any of the series stands out; gaps as wide as a position may be wrong are closed."""
        length = max(len(each) for each in series)
        flags = np.zeros(length, dtype=bool)
        for each in series:
            flags[: len(each)] |= self.detect(np.asarray(each, dtype=np.float64), self.number)
        return grouped(flags, gap=max(3, length // 50))


def fit_three_sigma(train: Iterable[Question]) -> Detector:
    return _fit(three_sigma, WINDOWS, train)


def fit_spectral_residual(train: Iterable[Question]) -> Detector:
    return _fit(spectral_residual, THRESHOLDS, train)


def all_anomalous() -> Detector:
    """Calls every point anomalous: what metrics that forgive near misses give for nothing."""
    return Detector(lambda values, number: np.ones(len(values), dtype=bool), 0.0)


def three_sigma(values: np.ndarray, window_share: float) -> np.ndarray:
    """bool[L]: more than three standard deviations off the mean of the window before the point."""
    length = len(values)
    window = min(max(LEAST_WINDOW_POINTS, round(window_share * length)), length - 1)
    flags = np.zeros(length, dtype=bool)
    span = float(np.ptp(values)) if length else 0.0
    if window < 2 or span == 0.0:
        return flags
    before = np.lib.stride_tricks.sliding_window_view(values, window)[:-1]
    # A window without any spread would call float noise an anomaly.
    spread = np.maximum(before.std(axis=1), 1e-9 * span)
    flags[window:] = np.abs(values[window:] - before.mean(axis=1)) > SIGMAS * spread
    return flags


def spectral_residual(values: np.ndarray, threshold: float) -> np.ndarray:
    """bool[L]: where the saliency map stands out of its surroundings by more than the threshold."""
    length = len(values)
    if length < 2 * _EXTENDED_POINTS or float(np.ptp(values)) == 0.0:
        return np.zeros(length, dtype=bool)
    extended = np.concatenate([values, np.full(_EXTENDED_POINTS, _next_value(values))])
    spectrum = np.fft.fft(extended - extended.mean())
    # The mean is taken out: its empty place must not pull down the strength around the lowest frequencies.
    spectrum[0] = np.abs(spectrum[1])
    amplitude = np.abs(spectrum)
    # Frequencies without any strength would be blown up to the strength of the others.
    floor = 1e-8 * float(amplitude.max())
    logarithm = np.log(np.maximum(amplitude, floor))
    residual = np.exp(logarithm - _smoothed(logarithm, _SPECTRUM_POINTS))
    kept = np.where(amplitude > floor, spectrum / np.maximum(amplitude, floor) * residual, 0.0)
    kept[0] = 0.0
    saliency = np.abs(np.fft.ifft(kept))
    local = _mean_before(saliency, _SALIENCY_POINTS)
    stands_out = (saliency - local) / np.maximum(local, 1e-8 * float(saliency.max()))
    return np.asarray(stands_out[:length] > threshold)


def grouped(flags: np.ndarray, gap: int) -> list[list[int]]:
    """Runs of true points as [start, end), joined where at most `gap` points lie between them."""
    points = np.flatnonzero(flags)
    if not len(points):
        return []
    breaks = np.flatnonzero(np.diff(points) > gap + 1)
    starts = points[np.concatenate([[0], breaks + 1])]
    ends = points[np.concatenate([breaks, [len(points) - 1]])] + 1
    return [[int(start), int(end)] for start, end in zip(starts, ends, strict=True)]


def _fit(detect: Detect, numbers: Sequence[float], train: Iterable[Question]) -> Detector:
    labelled = [each for each in train if each.task == "anomalies" and each.series][:_FITTED_ROWS]
    if not labelled:
        return Detector(detect, numbers[0])

    def quality(number: float) -> float:
        """Event F1 of the pooled counts: silence on the rows without events must not outweigh the events."""
        found = Detector(detect, number)
        hits = said = true = 0
        for each in labelled:
            given, real = found.stretches(each.series), each.fields[0]["value"]
            hits += len(matched(given, real, FOUND_OVERLAP))
            said, true = said + len(given), true + len(real)
        return 2 * hits / max(1, said + true)

    # The usual number comes first and wins a tie.
    return Detector(detect, max(numbers, key=quality))


def _next_value(values: np.ndarray) -> float:
    """The value after the last, along the mean slope from the last few points: points at the edge need a neighbour."""
    steps = np.arange(1, _SLOPES + 1)
    slopes = (values[-1] - values[-1 - steps]) / steps
    return float(values[-_SLOPES] + slopes.mean() * _SLOPES)


def _smoothed(values: np.ndarray, points: int) -> np.ndarray:
    """Moving mean around each point, over what there is at the edges."""
    window = np.ones(points)
    counts = np.convolve(np.ones(len(values)), window, mode="same")
    return np.asarray(np.convolve(values, window, mode="same") / counts)


def _mean_before(values: np.ndarray, points: int) -> np.ndarray:
    """Mean of the points before each one, as many as there are; of all points for the first, which has none."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(len(values))
    starts = np.maximum(0, ends - points)
    return np.where(ends > 0, (sums[ends] - sums[starts]) / np.maximum(1, ends - starts), values.mean())
