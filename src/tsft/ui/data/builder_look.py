"""What the builder shows of a table under a recipe: its first rows, its columns as pictures, windows, and tasks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from tsft.data.builder.columns import LONG
from tsft.data.builder.dataset import notes_of
from tsft.data.builder.labels import read_stretches
from tsft.data.builder.recipe import LEAST_POINTS, BuildRecipe
from tsft.data.builder.recipe import MOST_POINTS as MOST_WINDOW
from tsft.data.builder.rows import Plan
from tsft.data.builder.sheets import NO_COLUMN
from tsft.data.builder.tables import Table, read_table
from tsft.data.builder.times import written
from tsft.data.builder.tracks import Track, read_recordings, with_roles
from tsft.data.tasks.measures import runs
from tsft.data.tasks.words import STYLES
from tsft.errors import UserError
from tsft.i18n import say, translate
from tsft.ui.data.entries import Choice
from tsft.ui.data.plots import Plotted, plot
from tsft.ui.pictures import extent

FIRST_ROWS = 6
# More columns or recordings than this are named, but not drawn.
MOST_DRAWN = 6
MOST_POINTS = 200_000
# More series than this are not named one by one.
MOST_NAMED = 40
# With fewer recordings a split by recording leaves too little; one of them is then cut into so many windows.
FEW_RECORDINGS, PARTS = 5, 8


@dataclass(frozen=True)
class Found:
    """The first table of a recipe and the recipe with what the table's columns look like."""

    table: Table
    recipe: BuildRecipe

    @property
    def columns(self) -> list[str]:
        return list(self.table.columns)


def find(recipe: BuildRecipe) -> Found:
    """UserError where the table cannot be read."""
    table = read_table(Path(recipe.sources[0]))
    return Found(table, with_roles(recipe, table))


def is_stretches(path: Path) -> bool:
    """Whether a file that was brought holds labelled stretches and no table."""
    if path.suffix.lower() != ".json":
        return False
    try:
        read_stretches(path, "UTC")
    except UserError:
        return False
    return True


def table_html(found: Found, language: str) -> str:
    """The first rows, with what each column stands for."""
    table, recipe = found.table, found.recipe
    roles = {recipe.time: "time", recipe.series: "series", recipe.group: "group", recipe.label: "label"}
    roles |= dict.fromkeys(recipe.values, "values")
    head = "".join(_heading(name, roles.get(name, ""), language) for name in table.columns)
    cells = [column.slice(0, FIRST_ROWS).to_pylist() for column in table.columns.values()]
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cut(cell))}</td>" for cell in line) + "</tr>"
        for line in zip(*cells, strict=True)
    )
    told = translate(language, "page.build.table", name=table.path.name, rows=table.rows, columns=len(table.columns))
    return (
        f'<p class="told">{escape(told)}</p>'
        f'<div class="wide"><table class="cells"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def plan_html(plan: Plan, language: str) -> str:
    """Notes, what each split will have, and the pictures."""
    notes = "".join(f"<li>{escape(say(language, each))}</li>" for each in notes_of(plan))
    counts = plan.counts()
    lines = "".join(
        f"<tr><th scope=row>{escape(translate(language, f'page.build.split.{split}'))}</th>"
        f"<td>{len(plan.windows[split]):,}</td><td>{count:,}</td></tr>"
        for split, count in counts.items()
    )
    head = "".join(f"<th>{escape(translate(language, f'page.build.head.{each}'))}</th>" for each in ("windows", "rows"))
    table = f'<table class="counts"><thead><tr><td></td>{head}</tr></thead><tbody>{lines}</tbody></table>'
    told = f'<ul class="notes">{notes}</ul>' if notes else ""
    return f"{table}{told}{plots_html(plan, language)}"


def plots_html(plan: Plan, language: str) -> str:
    """The columns over time: labelled stretches shaded, dashed lines where one split ends and the next begins."""
    drawn = list(_drawn(plan))
    shown = drawn[:MOST_DRAWN]
    captions = [_caption(track, place, language) for track, place in shown]
    series = [_plotted(plan, track, place) for track, place in shown]
    more = len(drawn) - len(shown)
    rest = f"<p>{escape(translate(language, 'page.preview.more_series', count=more))}</p>" if more else ""
    key = "page.build.plot_labelled" if any(each.spans for each in series) else "page.build.plot"
    lines = "".join(f"<li>{each}</li>" for each in captions)
    return (
        f'<figure>{plot(series, "; ".join(captions))}<figcaption><ol class="captions">{lines}</ol>'
        f"{escape(translate(language, key))}</figcaption></figure>{rest}"
    )


def task_choices(plan: Plan, language: str) -> list[Choice]:
    """All tasks; those without truth in this data with the reason."""
    return [
        Choice(
            each.task.key,
            translate(language, f"page.data.task.{each.task.key}"),
            "" if each.reason is None else say(language, each.reason),
        )
        for each in plan.offers
    ]


def style_choices(language: str) -> list[Choice]:
    return [Choice(each, translate(language, f"page.data.style.{each}")) for each in STYLES]


def column_choices(found: Found, language: str) -> list[tuple[str, str]]:
    """All columns, and first of all none."""
    return [(translate(language, "page.build.no_column"), NO_COLUMN), *((each, each) for each in found.columns)]


def value_keys(found: Found, recipe: BuildRecipe) -> list[str]:
    """What becomes a series: columns, or in the long layout the names in the column of series."""
    if found.recipe.layout != LONG or found.recipe.series not in found.table.columns:
        return list(found.recipe.values)[:MOST_NAMED]
    return list(dict.fromkeys(found.table.texts(found.recipe.series)))[:MOST_NAMED]


def fitted(recipe: BuildRecipe, are_cases: bool) -> BuildRecipe:
    """For recordings that are all shorter than the window: each of them whole, or parts of them where they are few.

    are_cases: the format says that each recording is a case of its own, which is never cut.
    """
    lengths = [len(track) for track in read_recordings(recipe).tracks]
    if are_cases:
        return replace(recipe, window=min(MOST_WINDOW, max(LEAST_POINTS, min(lengths))), split_by="group")
    if max(lengths) >= recipe.window:
        return recipe
    if len(lengths) >= FEW_RECORDINGS:
        return replace(recipe, window=max(LEAST_POINTS, min(lengths)), split_by="group")
    return replace(recipe, window=max(LEAST_POINTS, max(lengths) // PARTS))


def _drawn(plan: Plan) -> Iterator[tuple[Track, int]]:
    for track in plan.recordings.tracks:
        for place in range(len(track.columns)):
            yield track, place


def _plotted(plan: Plan, track: Track, place: int) -> Plotted:
    values = track.values[:MOST_POINTS, place]
    spans = [] if track.unusual is None else runs(np.asarray(track.unusual[:MOST_POINTS, place]))
    firsts = [
        min(window.part.offset for window in windows if window.part.track is track)
        for windows in plan.windows.values()
        if any(window.part.track is track for window in windows)
    ]
    return Plotted(values, spans, cuts=[first for first in firsts if first > 0])


def _caption(track: Track, place: int, language: str) -> str:
    low, high = extent(track.values[:, place])
    name = " / ".join(each for each in (track.name, track.columns[place]) if each)
    told = translate(language, "page.preview.extent", name=name, count=len(track), low=low, high=high)
    finite = [] if track.times is None else track.times[np.isfinite(track.times)].tolist()
    times = f" · {written(finite[0])} – {written(finite[-1])}" if finite else ""
    return escape(told + times)


def _heading(name: str, role: str, language: str) -> str:
    chip = f'<span class="chip">{escape(translate(language, f"page.build.role.{role}"))}</span>' if role else ""
    return f"<th>{escape(name)} {chip}</th>"


def _cut(cell: Any) -> str:
    text = str(cell or "")
    return text if len(text) <= 40 else text[:40] + "…"
