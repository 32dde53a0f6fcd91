"""The series of a row as one still picture: small multiples, drawn by matplotlib and handed out as an <img>.

Nothing of the data's text is in the picture; numbers also stand beside it as text, never as an array.
"""

import base64
import io
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tsft.ui.charts import thinned
from tsft.ui.readings import plain

COLUMNS = 3
# The size of one series in pixels; a browser has 96 to the inch.
WIDTH, HEIGHT, PIXELS_PER_INCH = 176, 68, 96
# Two points a pixel: the eye sees no more.
POINTS = 2 * WIDTH
# Both are read on a light and on a dark page.
LINE, FRAME = "#6366f1", "#8a8f98"
FONT_POINTS = 7.5
# matplotlib's settings and font caches belong to the process.
_drawing = threading.Lock()


def picture(series: Sequence[np.ndarray], description: str, first: int = 1) -> str:
    """All series (float[L] each) in one <img>, numbered from `first` on; `description` is escaped already."""
    if not series:
        return ""
    encoded = base64.b64encode(drawn(series, first)).decode("ascii")
    return f'<img class="picture" src="data:image/svg+xml;base64,{encoded}" alt="{description}">'


def drawn(series: Sequence[np.ndarray], first: int = 1) -> bytes:
    """The picture as SVG."""
    columns = min(COLUMNS, len(series))
    rows = math.ceil(len(series) / columns)
    size = (columns * WIDTH / PIXELS_PER_INCH, rows * HEIGHT / PIXELS_PER_INCH)
    written = io.BytesIO()
    with drawing() as new_figure:
        figure = new_figure(figsize=size)
        for index, points in enumerate(series):
            _draw(figure, _place(index, columns, rows), str(first + index), points)
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return written.getvalue()


@contextmanager
def drawing() -> Iterator[Any]:
    """matplotlib's `Figure`, while nobody else draws. It is loaded at the first picture: the page opens without it."""
    import matplotlib
    from matplotlib.figure import Figure

    with _drawing:
        # With a salt of its own the same series give the same picture.
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tsft"})
        yield Figure


def extent(points: np.ndarray) -> tuple[str, str]:
    """Lowest and highest value as text."""
    finite = points[np.isfinite(points)]
    if not len(finite):
        return plain(None), plain(None)
    return plain(float(finite.min())), plain(float(finite.max()))


def _place(index: int, columns: int, rows: int) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of a series' axes in shares of the figure, with room for the labels."""
    row, column = divmod(index, columns)
    left, right, top, bottom = 48 / WIDTH, 6 / WIDTH, 14 / HEIGHT, 8 / HEIGHT
    return (
        (column + left) / columns,
        1 - (row + 1 - bottom) / rows,
        (1 - left - right) / columns,
        (1 - top - bottom) / rows,
    )


def _draw(figure: Any, place: tuple[float, float, float, float], name: str, points: np.ndarray) -> None:
    """One series: the lowest and the highest value are the only ticks."""
    axes = figure.add_axes(place)
    steps, heights = _line(points)
    axes.plot(steps, heights, color=LINE, linewidth=0.9, marker="." if len(points) == 1 else "")
    low, high = extent(points)
    ticks = {0.5: low} if low == high else {0.0: low, 1.0: high}
    axes.set_xlim(0, max(1, len(points) - 1))
    axes.set_ylim(-0.08, 1.08)
    axes.set_xticks([])
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.tick_params(length=2, width=0.5, pad=2, color=FRAME, labelcolor=FRAME, labelsize=FONT_POINTS)
    axes.set_title(name, fontsize=FONT_POINTS, color=FRAME, loc="left", pad=2)
    for side, spine in axes.spines.items():
        spine.set(linewidth=0.5, color=FRAME, visible=side in ("left", "bottom"))


def _line(points: np.ndarray) -> tuple[list[float], list[float]]:
    """Steps and heights between 0 and 1; pieces of the line are parted by NaN.

    Scaled here: the span of a series can be more than a float holds, which matplotlib's own limits do not bear.
    """
    pieces = _stretches(points)
    values = [value for piece in pieces for _, value in piece]
    if not values:
        return [], []
    low, span = min(values), max(values) / 2 - min(values) / 2
    steps, heights = [], []
    for piece in pieces:
        for step, value in piece:
            steps.append(step)
            heights.append((value / 2 - low / 2) / span if span else 0.5)
        steps.append(piece[-1][0])
        heights.append(math.nan)
    return steps, heights


def _stretches(points: np.ndarray) -> Sequence[Sequence[tuple[float, float]]]:
    """The series in pieces without gaps: what is not finite breaks the line."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for step, value in enumerate(points.tolist()):
        if math.isfinite(value):
            pieces[-1].append((float(step), value))
        elif pieces[-1]:
            pieces.append([])
    found = [piece for piece in pieces if piece]
    return [thinned(piece, max(4, POINTS * len(piece) // max(1, len(points)))) for piece in found]
