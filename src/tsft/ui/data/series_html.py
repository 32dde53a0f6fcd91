"""The element in which `assets/series.js` draws a row's series: escaped, thinned where too long, in one language."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Any

import numpy as np

from tsft.data.view import SeriesView
from tsft.i18n import translate
from tsft.ui.pictures import extent

# Points of one series that a browser is sent; of a longer one the lowest and the highest of each stretch.
POINTS = 50_000
# Classes of marks: what a text quotes, what is not there, the colours of a list of labels, and what is
# true beside what several models said.
MARK_CLASSES = (
    *("question", "answer", "wrong", "good", "truth"),
    *(f"c{number}" for number in range(1, 11)),
    *(f"said{number}" for number in range(1, 5)),
)
_WORDS = ("point", "gap", "zoom_in", "zoom_out", "reset", "help", "brush_help", "chosen")
# Placeholders of sentences that the browser fills in.
_LATER = {"index": "{index}", "first": "{first}", "last": "{last}"}


@dataclass(frozen=True)
class Heat:
    """What each patch of a series counts for, from -1 to 1, and how many points a patch has."""

    weights: Sequence[float]
    points: int


@dataclass(frozen=True)
class Mark:
    """A point (first == last) or an interval on a series (its number from 1, 0 for all). Points from 0, both inclusive.

    css: one of MARK_CLASSES
    """

    series: int
    first: int
    last: int
    label: str = ""
    css: str = "answer"


def series_html(
    series: Sequence[SeriesView],
    marks: Sequence[Mark],
    language: str,
    brush: bool = False,
    key: str = "",
    chosen: Mark | None = None,
    height: int = 0,
    heat: Mapping[int, Heat] = MappingProxyType({}),
    most_points: int = POINTS,
) -> str:
    """All series as one element; "" without any.

    brush: whether an interval can be chosen (CustomEvent "tsft-brush" with {series, first, last}, which bubbles).
    key: drawings of one key keep their zoom when the page makes them anew. chosen: the interval chosen before.
    height: of each drawing in pixels, 0 for the usual one. heat: a strip below the curve, by the series' numbers.
    most_points: of each series; of a longer one its extremes are sent.
    """
    if not series:
        return ""
    payload: dict[str, Any] = {
        "key": key,
        "words": {name: translate(language, f"page.data.series.{name}", **_of(name)) for name in _WORDS},
        "series": [_series(each, marks, language, most_points) for each in series],
    }
    if height:
        payload["series"] = [{**each, "height": height} for each in payload["series"]]
    for each in payload["series"]:
        if each["number"] in heat:
            found = heat[each["number"]]
            each["heat"] = {"weights": [round(weight, 3) for weight in found.weights], "points": found.points}
    if chosen is not None:
        payload["chosen"] = {"series": chosen.series, "first": chosen.first, "last": chosen.last}
    told = escape(json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False), quote=True)
    return f'<div class="tsft-series" data-brush="{int(brush)}" data-payload="{told}"></div>'


def title_of(series: SeriesView, language: str) -> str:
    """ "2. CPU load (%)", or "Series 2" where the text gives it no name."""
    name = series.name or translate(language, "page.preview.series", number=series.number)
    is_said = not series.unit or any(f"{a}{series.unit}{b}" in name for a, b in ("()", "（）"))
    unit = "" if is_said else f" ({series.unit})"
    return f"{series.number}. {name}{unit}" if series.name else f"{name}{unit}"


def _of(name: str) -> Mapping[str, str]:
    wanted = {"point": ("index",), "chosen": ("first", "last")}.get(name, ())
    return {each: _LATER[each] for each in wanted}


def _series(view: SeriesView, marks: Sequence[Mark], language: str, most_points: int) -> dict[str, Any]:
    own = [each for each in marks if each.series in (0, view.number)]
    low, high = extent(view.points)
    title = title_of(view, language)
    told = translate(language, "page.preview.extent", name=title, count=len(view.points), low=low, high=high)
    labels = [f"{each.label} {_where(each)}".strip() for each in own]
    known: dict[str, Any] = {
        "number": view.number,
        "title": title,
        "unit": view.unit,
        "length": len(view.points),
        "range": translate(language, "page.data.series.range", count=f"{len(view.points):,}", low=low, high=high),
        "description": "; ".join([told, *labels]),
        "patch": view.patch_starts[1] if len(view.patch_starts) > 1 else 0,
        "marks": [_mark(each) for each in own],
    }
    kept = _kept(view.points, most_points)
    values = view.points if kept is None else view.points[kept]
    known["y"] = [value if math.isfinite(value) else None for value in values.tolist()]
    return known if kept is None else {**known, "x": kept.tolist()}


def _mark(mark: Mark) -> dict[str, Any]:
    css = mark.css if mark.css in MARK_CLASSES else MARK_CLASSES[0]
    return {"first": mark.first, "last": mark.last, "label": mark.label, "css": css}


def _where(mark: Mark) -> str:
    return str(mark.first) if mark.first == mark.last else f"{mark.first}–{mark.last}"


def _kept(points: np.ndarray, most_points: int) -> np.ndarray | None:
    """int64[kept], the points that are sent of a long series; None for all of them."""
    if len(points) <= most_points:
        return None
    edges = np.linspace(0, len(points), most_points // 2 + 1).astype(np.int64)[:-1]
    parts = np.split(points, edges[1:])
    kept = {0, len(points) - 1}
    for begin, part in zip(edges.tolist(), parts, strict=True):
        # A missing value stands for its stretch: a gap is seen, however short.
        missing = np.flatnonzero(~np.isfinite(part))
        kept.update(begin + each for each in missing[:1].tolist())
        if len(missing) < len(part):
            kept.update((begin + int(np.nanargmin(part)), begin + int(np.nanargmax(part))))
    return np.array(sorted(kept), dtype=np.int64)
