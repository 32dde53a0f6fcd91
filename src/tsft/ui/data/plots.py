"""Series with what is said about them: stretches shaded, points marked. Drawn by matplotlib, handed out as an <img>.

Nothing of the data's text is in a picture: names stand beside it.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.ui.charts import thinned
from tsft.ui.pictures import FONT_POINTS, FRAME, LINE, PIXELS_PER_INCH, drawing, extent

WIDTH, HEIGHT = 560, 76
# Two points a pixel: the eye sees no more.
MOST_POINTS = 2 * WIDTH
SHADE, MARK, CUT = "#f59e0b", "#dc2626", "#8a8f98"


@dataclass(frozen=True)
class Plotted:
    """One series, float[L]. spans: [start, end) shaded; points: marked; cuts: dashed lines; all by point number."""

    values: np.ndarray
    spans: Sequence[tuple[float, float]] = ()
    points: Sequence[float] = ()
    cuts: Sequence[float] = ()


def plot(series: Sequence[Plotted], description: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    """All series below each other in one <img>; `description` is escaped already."""
    if not series:
        return ""
    encoded = base64.b64encode(drawn(series, width, height)).decode("ascii")
    return f'<div class="wide"><img class="plot" src="data:image/svg+xml;base64,{encoded}" alt="{description}"></div>'


def drawn(series: Sequence[Plotted], width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """The picture as SVG."""
    with drawing() as new_figure:
        count = len(series)
        figure = new_figure(figsize=(width / PIXELS_PER_INCH, count * height / PIXELS_PER_INCH))
        left, right, top, bottom = 62 / width, 8 / width, 6 / height, 18 / height
        for index, each in enumerate(series):
            place = (left, 1 - (index + 1 - bottom) / count, 1 - left - right, (1 - top - bottom) / count)
            _draw(figure.add_axes(place), each)
        written = io.BytesIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return written.getvalue()


def _draw(axes: Any, each: Plotted) -> None:
    values = np.asarray(each.values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    heights = (
        (values / 2 - low / 2) / (high / 2 - low / 2) if high > low else np.where(np.isfinite(values), 0.5, np.nan)
    )
    steps = np.arange(len(values))
    if len(values) > MOST_POINTS and len(finite) == len(values):
        thin = np.array(thinned(list(zip(steps.tolist(), heights.tolist(), strict=True)), MOST_POINTS))
        steps, heights = thin[:, 0], thin[:, 1]
    for start, end in each.spans:
        axes.axvspan(start - 0.5, max(end - 0.5, start + 0.5), color=SHADE, alpha=0.28, linewidth=0)
    for cut in each.cuts:
        axes.axvline(cut, color=CUT, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(steps, heights, color=LINE, linewidth=0.9, marker="." if len(finite) < 2 else "")
    for point in each.points:
        if 0 <= point < len(values) and np.isfinite(values[int(point)]):
            middle = high > low
            axes.plot([point], [(values[int(point)] - low) / (high - low) if middle else 0.5], "o", color=MARK, ms=4)
    _frame(axes, values, len(values))


def _frame(axes: Any, values: np.ndarray, length: int) -> None:
    """The lowest and the highest value and five point numbers are the ticks."""
    low, high = extent(values)
    ticks = {0.5: low} if low == high else {0.0: low, 1.0: high}
    axes.set_xlim(-0.5, max(1, length) - 0.5)
    axes.set_ylim(-0.12, 1.12)
    axes.set_yticks(list(ticks), list(ticks.values()))
    places = sorted({round(each) for each in np.linspace(0, max(0, length - 1), 5)})
    axes.set_xticks(places, [str(each) for each in places])
    labels = axes.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")
    axes.tick_params(length=2, width=0.5, pad=2, color=FRAME, labelcolor=FRAME, labelsize=FONT_POINTS)
    for side, spine in axes.spines.items():
        spine.set(linewidth=0.5, color=FRAME, visible=side in ("left", "bottom"))
