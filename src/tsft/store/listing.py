"""Which runs a list shows and in what order: words, status, tag and sorting as one query over the record's table."""

import json
from typing import Any

from sqlalchemy import Select, func, select

from tsft.errors import UserError, message
from tsft.store.database import runs_table

_COLUMNS = runs_table.c
# What a list can be sorted by; a "-" before the name turns the order round. Runs without a value always come last.
SORTS: dict[str, Any] = {
    "created": _COLUMNS.created_at,
    "name": func.lower(_COLUMNS.name),
    "status": _COLUMNS.status,
    "model": func.lower(_COLUMNS.model),
    "data": func.lower(_COLUMNS.datasets),
    "method": _COLUMNS.method,
    "score": _COLUMNS.score,
    "answer_score": _COLUMNS.answer_score,
    "loss": _COLUMNS.loss,
    "step": _COLUMNS.step,
    "time": func.nullif(func.max(_COLUMNS.ended_at - _COLUMNS.started_at, 0), 0),
    "size": _COLUMNS.size_bytes,
}


def runs_query(
    search: str = "",
    status: str = "",
    tag: str = "",
    sweep: str = "",
    sort: str = "-created",
    limit: int = 200,
    offset: int = 0,
) -> Select[Any]:
    """The query behind `Record.list_runs`. Raises UserError for a sorting that there is not."""
    query = _filtered(select(runs_table), search, status, tag, sweep)
    return query.order_by(*_order(sort)).limit(limit).offset(offset)


def count_query(search: str = "", status: str = "", tag: str = "", sweep: str = "") -> Select[Any]:
    """One row with `count`: how many runs `runs_query` would find without a limit."""
    return _filtered(select(func.count().label("count")).select_from(runs_table), search, status, tag, sweep)


def children_query(run_id: str) -> Select[Any]:
    """The runs that come from this one, the oldest first."""
    return select(runs_table).where(_COLUMNS.parent == run_id).order_by(_COLUMNS.created_at, _COLUMNS.id)


def tidy_tags(tags: Any) -> tuple[str, ...]:
    """Tags as they are kept: without blanks around them, each once, none empty; a comma parts two."""
    parts = [part.strip() for tag in tags for part in str(tag).split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


def _filtered(query: Select[Any], search: str, status: str, tag: str, sweep: str) -> Select[Any]:
    for word in search.casefold().split():
        within = _COLUMNS.search_text.contains(word, autoescape=True)
        query = query.where(within | (_COLUMNS.status == word))
    if status:
        query = query.where(_COLUMNS.status == status)
    if tag:
        # `tags` is a JSON list: the tag stands in it between its quotes, whole.
        query = query.where(func.instr(_COLUMNS.tags, json.dumps(tag, ensure_ascii=False)) > 0)
    if sweep:
        query = query.where(_COLUMNS.sweep == sweep)
    return query


def _order(sort: str) -> list[Any]:
    name = sort.removeprefix("-")
    if name not in SORTS:
        raise UserError(message("record.no_sort", sort=name, sorts=", ".join(SORTS)))
    column = SORTS[name]
    directed = column.desc() if sort.startswith("-") else column.asc()
    return [directed.nulls_last(), _COLUMNS.created_at.desc(), _COLUMNS.id.desc()]
