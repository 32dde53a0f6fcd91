"""Where items come from: rows of a dataset, and windows cut from a table that nobody has labelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tsft.data.arrow_cache import Progress, ShouldStop
from tsft.data.builder.recipe import BuildRecipe, check_recipe
from tsft.data.builder.rows import shown_name
from tsft.data.builder.times import written
from tsft.data.builder.tracks import read_recordings
from tsft.data.builder.windows import Window, windows_of
from tsft.data.checks.diagnosis import diagnose, last_diagnosis, source_of
from tsft.data.checks.facts import Filter
from tsft.data.examples import PLACEHOLDER
from tsft.data.labelling.answers import Wanted, answer_from
from tsft.data.labelling.inbox import new_item
from tsft.data.labelling.items import ItemSeries, Mark, NewItem
from tsft.data.names import SeriesName
from tsft.data.registry import find_dataset
from tsft.data.row_access import RowAccess
from tsft.data.tasks.row import introduction
from tsft.data.tasks.subject import NamedSeries, Subject
from tsft.data.view import RowView, view_row
from tsft.errors import UserError, message, raise_if_any
from tsft.run.ports import Stopped

# More at once nobody looks through, and the list would only be long.
MOST_ITEMS = 5_000


@dataclass(frozen=True)
class RowChoice:
    """Rows of a dataset: first to last counted from 1 (last 0: to the end), those of one kind of finding, or all."""

    dataset: str
    first: int = 1
    last: int = 0
    finding: str = ""


def rows_of(
    choice: RowChoice,
    folders: Sequence[Path],
    cache: Path,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> list[NewItem]:
    """The rows as items. `progress` tells of the reading. UserError where there are none, or more than MOST_ITEMS."""
    access = RowAccess(source_of(find_dataset(choice.dataset, folders, cache)), cache)
    access.index(progress, should_stop)
    chosen = np.arange(len(access))
    if choice.finding:
        # What was found last is what the finding was chosen from: with a model, against other datasets.
        found = last_diagnosis(choice.dataset, folders, cache)
        found = found or diagnose(choice.dataset, folders, cache, None, progress, should_stop)
        chosen = found.facts.where(Filter(finding=choice.finding))
    last = choice.last or len(access)
    chosen = chosen[(chosen >= choice.first - 1) & (chosen < last)]
    _refuse_count(len(chosen))
    items = []
    for located in access.rows(chosen):
        if should_stop is not None and should_stop():
            raise Stopped
        items.append(item_of(view_row(located), {"kind": "dataset", "name": choice.dataset, "row": located.index + 1}))
    return items


def item_of(view: RowView, source: Mapping[str, Any], note: str = "", more: Mapping[str, Any] | None = None) -> NewItem:
    """A row as a person looks at it; one that cannot be read has its finding as the note. more: goes into its meta."""
    names = [SeriesName(each.name, each.unit) for each in view.series]
    series = [each.points for each in view.series]
    return new_item(view.turns, series, source, note, names, meta={**view.meta, **(more or {})})


def windows_from(
    recipe: BuildRecipe, wanted: Wanted, question: str = "", folder: Path | None = None, most: int = MOST_ITEMS
) -> list[NewItem]:
    """Windows of tables as items without an answer, in order of time; stretches that the table labels are marked.

    question: what to ask of each; "" asks for the unusual stretches. Of the recipe, columns, grid, window and stride
    count. UserError with everything that is wrong with it.
    """
    recipe = replace(recipe, split_by="none")
    raise_if_any(check_recipe(recipe))
    recordings = read_recordings(recipe, folder)
    found = [each for windows in windows_of(recordings.tracks, recordings.recipe).values() for each in windows]
    if not found:
        longest = max(len(track) for track in recordings.tracks)
        raise UserError(message("data.build.no_windows", window=recipe.window, points=longest))
    return [_window_item(each, recordings.recipe, wanted, question) for each in islice(found, min(most, MOST_ITEMS))]


def _window_item(window: Window, recipe: BuildRecipe, wanted: Wanted, question: str) -> NewItem:
    track, values = window.part.track, window.values
    names = [shown_name(recipe, track.columns[column], wanted.language) for column in window.columns]
    series = [
        ItemSeries(np.ascontiguousarray(values[:, place]), name, unit) for place, (name, unit) in enumerate(names)
    ]
    seed = f"{track.name}/{window.first_point}"
    asked = _asked(series, wanted, question, seed)
    source = {
        "kind": "table",
        "name": track.source.name,
        "group": track.name,
        "columns": [track.columns[column] for column in window.columns],
        "first_point": window.first_point,
        "times": None if window.times is None else [written(each) for each in window.times],
    }
    labelled = window.intervals or ()
    marks = tuple(
        Mark(number, start, end - 1) for number in range(len(series)) for start, end in labelled if len(series) == 1
    )
    turns = ({"role": "user", "content": asked},)
    return NewItem(turns, tuple(series), source, marks=marks)


def _asked(series: Sequence[ItemSeries], wanted: Wanted, question: str, seed: str) -> str:
    if not question.strip():
        return answer_from(series, (), wanted, seed).question
    if PLACEHOLDER in question:
        return question
    subject = Subject(tuple(NamedSeries(each.name, each.points, each.unit) for each in series))
    return f"{introduction(subject, wanted.language, np.random.default_rng(0))}\n{question.strip()}"


def _refuse_count(count: int) -> None:
    if not count:
        raise UserError(message("label.no_rows"))
    if count > MOST_ITEMS:
        raise UserError(message("label.too_many", count=count, most=MOST_ITEMS))
