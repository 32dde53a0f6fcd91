"""Tasks on how the series of a row belong together: which are related, and which moves first."""

from typing import Any

import numpy as np

from tsft.data.tasks import fields
from tsft.data.tasks.fields import Field
from tsft.data.tasks.subject import Subject
from tsft.data.tasks.task import Parameters, Task


def _draw_cluster(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    """Asks for the companions of one series: of a related one, or of one that stands alone."""
    relations = subject.relations
    if relations is None:
        return None
    alone = [index for index in range(len(subject.series)) if index not in relations.related]
    is_none = wanted == "none" or not relations.related or (not wanted and alone and generator.random() < 0.3)
    pool = alone if is_none else list(relations.related)
    if not pool or (wanted == "some" and is_none):
        return None
    return {"wording": "cluster_shape" if relations.near is None else "cluster_events", "series": _one(pool, generator)}


def _solve_cluster(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    relations = subject.relations
    if relations is None:
        return None
    asked = parameters["series"]
    others = [index for index in relations.related if index != asked] if asked in relations.related else []
    options = [each.name for index, each in enumerate(subject.series) if index != asked]
    return (fields.names_of("related", [subject.series[index].name for index in others], options),)


def _draw_first(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    relations = subject.relations
    if relations is None or relations.near is None:
        return None
    return None if wanted and (relations.first is None) != (wanted == "none") else {"wording": "first_mover"}


def _solve_first(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    relations = subject.relations
    if relations is None or relations.near is None:
        return None
    options = [each.name for each in subject.series]
    first = None if relations.first is None else options[relations.first]
    return (fields.name_of("first", first, options),)


def _one(pool: list[int], generator: np.random.Generator) -> int:
    return pool[int(generator.integers(len(pool)))]


RELATION_TASKS = (
    Task("cluster", "relations", _draw_cluster, _solve_cluster, ("cluster_shape", "cluster_events"), 3, 16, True),
    Task("first_mover", "relations", _draw_first, _solve_first, ("first_mover",), 2, 16, True),
)
