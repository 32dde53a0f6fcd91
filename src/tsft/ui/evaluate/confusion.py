"""The confusion matrix of a closed field as a still picture: one for the light page, one for the dark."""

import base64
import io
import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from tsft.evaluate.closed import Confusion
from tsft.ui.pictures import PIXELS_PER_INCH, drawing

# More classes could not be read: the most frequent stay, the others are added up.
MOST_CLASSES = 12
NAME_LENGTH = 22
CELL, LEFT, TOP, FONT_POINTS = 44, 150, 26, 8.0
# (cell of nothing, cell of everything, ink on the first, ink on the second, ink beside)
LIGHT = ("#f1f5f9", "#4338ca", "#334155", "#ffffff", "#475569")
DARK = ("#1e293b", "#a5b4fc", "#cbd5e1", "#0f172a", "#cbd5e1")


def confusion_html(found: Confusion, unread: str, others: str, description: str) -> str:
    """Both pictures. unread, others: words of the column of unread answers and of the rest; description is escaped."""
    parts = []
    for css, colours in (("only-light", LIGHT), ("only-dark", DARK)):
        encoded = base64.b64encode(drawn(_shortened(found, others), unread, colours)).decode("ascii")
        parts.append(f'<img class="confusion {css}" src="data:image/svg+xml;base64,{encoded}" alt="{description}">')
    return "".join(parts)


@lru_cache(maxsize=200)
def drawn(found: Confusion, unread: str, colours: tuple[str, ...]) -> bytes:
    """The picture as SVG: a row a true class, a column a said one, the last for what could not be read."""
    count = len(found.classes)
    width, height = LEFT + (count + 1) * CELL + 8, TOP + count * CELL + 76
    with drawing() as new_figure:
        figure = new_figure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))
        place = (LEFT / width, 76 / height, (count + 1) * CELL / width, count * CELL / height)
        _draw(figure.add_axes(place), found, unread, colours)
        written = io.BytesIO()
        with warnings.catch_warnings():
            # The text is written as text: the browser has the signs that matplotlib's own font lacks.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return written.getvalue()


def _draw(axes: Any, found: Confusion, unread: str, colours: tuple[str, ...]) -> None:
    count = len(found.classes)
    table = np.array([[*row, missing] for row, missing in zip(found.counts, found.unread, strict=True)], dtype=float)
    support = np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    shares = table / support
    axes.set_xlim(0, count + 1)
    axes.set_ylim(count, 0)
    for row in range(count):
        for column in range(count + 1):
            share = float(shares[row, column])
            left, right, top, bottom = column + 0.03, column + 0.97, row + 0.03, row + 0.97
            colour = _blend(colours[0], colours[1], share)
            axes.fill([left, right, right, left], [top, top, bottom, bottom], color=colour, linewidth=0)
            look = {"color": colours[3] if share > 0.45 else colours[2], "fontsize": FONT_POINTS}
            weight = "bold" if row == column else "normal"
            number = str(int(table[row, column]))
            axes.text(column + 0.5, row + 0.52, number, ha="center", va="center", fontweight=weight, **look)
    names = [_short(each) for each in found.classes]
    places = [each + 0.5 for each in range(count + 1)]
    axes.set_xticks(places, [*names, unread], rotation=40, ha="right", parse_math=False)
    axes.set_yticks(places[:-1], names, parse_math=False)
    axes.tick_params(length=0, pad=3, labelcolor=colours[4], labelsize=FONT_POINTS)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _shortened(found: Confusion, others: str) -> Confusion:
    count = len(found.classes)
    if count <= MOST_CLASSES:
        return found
    order = sorted(range(count), key=lambda each: -found.support[each])
    kept, rest = sorted(order[: MOST_CLASSES - 1]), sorted(order[MOST_CLASSES - 1 :])
    groups = [*([each] for each in kept), rest]
    table = np.array(found.counts)
    counts = tuple(tuple(int(table[np.ix_(row, column)].sum()) for column in groups) for row in groups)
    unread = tuple(int(sum(found.unread[each] for each in row)) for row in groups)
    return Confusion((*(found.classes[each] for each in kept), others), counts, unread)


def _blend(first: str, second: str, share: float) -> str:
    ends = [[int(each[at : at + 2], 16) for at in (1, 3, 5)] for each in (first, second)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))


def _short(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
