"""A table under a recipe: its columns read once as what they stand for, and its rows by recording."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tsft.data.builder.columns import ANOMALY, NORMAL_WORDS, Roles
from tsft.data.builder.recipe import BuildRecipe
from tsft.data.builder.tables import Table, has_number, numbers
from tsft.data.builder.times import seconds_of
from tsft.errors import Message, message

# A role that is to stay empty although a column looks like it.
NO_COLUMN = "-"


@dataclass(frozen=True)
class Sheet:
    """One table; the recipe has every column chosen. All arrays are as long as the table."""

    table: Table
    recipe: BuildRecipe

    @cached_property
    def roles(self) -> Roles:
        return roles_of(self.recipe)

    @cached_property
    def times(self) -> np.ndarray | None:
        """float64[rows], seconds in UTC, NaN where unreadable; None without a column of times."""
        if not self.roles.time:
            return None
        return seconds_of(self.table.texts(self.roles.time), self.roles.time_format, self.recipe.time_zone)

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """By value column."""
        return {column: numbers(self.table, column) for column in self.roles.values}

    @cached_property
    def labels(self) -> np.ndarray:
        """object[rows] of texts."""
        return np.array(self.table.texts(self.roles.label), dtype=object)

    @cached_property
    def series(self) -> np.ndarray:
        """object[rows]: the series each value of a long table is of."""
        return np.array(self.table.texts(self.roles.series), dtype=object)

    @cached_property
    def normal(self) -> frozenset[str]:
        """The labels, folded, that mark nothing."""
        given = [each.casefold() for each in self.recipe.normal]
        return frozenset((*given, "") if given else NORMAL_WORDS)

    @cached_property
    def marked(self) -> np.ndarray | None:
        """bool[rows]: labelled as unusual; None where the labels do not say so, or there are none."""
        # A class that a format tells names the whole recording; that it is called "0" does not make it a normal one.
        if not self.roles.label_kind or self.table.roles.get("label") == self.roles.label:
            return None
        folded = [each.casefold() for each in self.labels.tolist()]
        # Named classes mark what is unusual only where one of them says that nothing is.
        if self.roles.label_kind != ANOMALY and not self.normal & (set(folded) - {""}):
            return None
        return np.array([each not in self.normal for each in folded])

    def groups(self) -> list[tuple[str, np.ndarray]]:
        """(name, row numbers) of each recording, in the order of the table; "" where there is one only."""
        if not self.roles.group:
            return [("", np.arange(self.table.rows))]
        return grouped(np.array(self.table.texts(self.roles.group), dtype=object))

    def notes(self) -> list[Message]:
        """Lines and cells that could not be used."""
        table = self.table
        unread = 0 if self.times is None else int(np.isnan(self.times).sum())
        found = [
            ("data.build.left_out_lines", table.left_out, table.path.name),
            ("data.build.unread_times", unread, self.roles.time),
        ]
        for column in self.roles.values:
            found.append(("data.build.text_cells", int((~has_number(table, column)).sum()), column))
        return [message(key, count=count, name=name) for key, count, name in found if count]


def roles_of(recipe: BuildRecipe) -> Roles:
    """The columns of a recipe, `NO_COLUMN` as none."""
    chosen = {name: getattr(recipe, name) for name in ("time", "series", "group", "label")}
    plain = {name: "" if column == NO_COLUMN else column for name, column in chosen.items()}
    return Roles(
        layout=recipe.layout,
        time_format=recipe.time_format,
        values=recipe.values,
        label_kind=recipe.label_kind if plain["label"] else "",
        **plain,
    )


def grouped(owners: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """(name, row numbers) of each different text, in order of first appearance. owners: object[rows]"""
    if not len(owners):
        return []
    names, first, inverse = np.unique(owners.astype(str), return_index=True, return_inverse=True)
    rows = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    return [(str(names[place]), rows[place]) for place in np.argsort(first).tolist()]
