"""Affiliation precision and recall of stretches: how near what is said lies to what is true, against chance nearby.

The timeline is cut halfway between true events into zones. Precision is the mean, over what is said in a zone, of the
share of the zone that lies at least as far from the event; recall the mean, over the event, of the share of the zone
at least as far away from it as the nearest stretch said. Time is continuous and the integrals are exact: between
breakpoints the share is a straight line, so the middle of a piece gives its mean. Even nonsense scores about 0.5 to
0.7 here: show it beside a random baseline only.
"""

from collections.abc import Sequence

import numpy as np

from tsft.evaluate.intervals import Interval, Rates

Edges = tuple[float, float]


def affiliation(predicted: Sequence[Interval], true: Sequence[Interval], length: int) -> Rates:
    """Over the zones. Precision leaves zones out where nothing is said (0 if that is all of them); recall is 0 there.

    Where there is nothing to find it is 1 if nothing is said, and 0 if something is.
    """
    said = joined(predicted, length)
    real = joined(true, length)
    if not real:
        return Rates(0.0, 0.0) if said else Rates(1.0, 1.0)
    cuts = [0.0, *((a[1] + b[0]) / 2 for a, b in zip(real, real[1:], strict=False)), float(length)]
    precisions, recalls = [], []
    for event, zone in zip(real, zip(cuts, cuts[1:], strict=False), strict=True):
        here = [(max(a, zone[0]), min(b, zone[1])) for a, b in said if min(b, zone[1]) > max(a, zone[0])]
        if here:
            precisions.append(_precision(here, event, zone))
        recalls.append(_recall(here, event, zone) if here else 0.0)
    return Rates(float(np.mean(precisions)) if precisions else 0.0, float(np.mean(recalls)))


def joined(intervals: Sequence[Interval], length: int) -> list[Edges]:
    """In order, inside [0, length), those that touch or overlap as one."""
    result: list[Edges] = []
    for start, end in sorted((max(0.0, float(a)), min(float(length), float(b))) for a, b in intervals):
        if end <= start:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def _precision(here: Sequence[Edges], event: Edges, zone: Edges) -> float:
    # The share bends where one side of the zone is used up, and jumps at the ends of the event.
    used_up = [2 * event[1] - zone[1], event[0] + event[1] - zone[0], 2 * event[0] - zone[0]]
    used_up.append(event[0] + event[1] - zone[1])
    middles, widths = _pieces(here, [*event, *used_up])
    distance = np.maximum(np.maximum(event[0] - middles, middles - event[1]), 0.0)
    farther = np.maximum(event[0] - distance - zone[0], 0.0) + np.maximum(zone[1] - event[1] - distance, 0.0)
    share = np.where(distance > 0, farther / (zone[1] - zone[0]), 1.0)
    return float(np.sum(share * widths) / np.sum(widths))


def _recall(here: Sequence[Edges], event: Edges, zone: Edges) -> float:
    ends = np.array(here).ravel()
    bends = [*ends, *((a[1] + b[0]) / 2 for a, b in zip(here, here[1:], strict=False))]
    # Where a side of the zone is used up: |point - end| = point - zone start, or zone end - point.
    bends += [*((ends + zone[0]) / 2), *((ends + zone[1]) / 2)]
    middles, widths = _pieces([event], bends)
    gaps = [np.maximum(np.maximum(start - middles, middles - end), 0.0) for start, end in here]
    distance = np.min(gaps, axis=0)
    farther = np.maximum(middles - distance - zone[0], 0.0) + np.maximum(zone[1] - middles - distance, 0.0)
    return float(np.sum(farther * widths) / (zone[1] - zone[0]) / np.sum(widths))


def _pieces(stretches: Sequence[Edges], breaks: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Middles and widths of the stretches cut at the breaks."""
    middles, widths = [], []
    for start, end in stretches:
        edges = np.unique([start, *(each for each in breaks if start < each < end), end])
        middles.append((edges[:-1] + edges[1:]) / 2)
        widths.append(np.diff(edges))
    return np.concatenate(middles), np.concatenate(widths)
