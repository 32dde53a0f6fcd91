"""The list of runs: search, filters, sorting, pages and selection. A page of rows is all that is ever sent."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.i18n import translate
from tsft.run.state import STATUSES
from tsft.ui.readings import duration, moment, plain, size
from tsft.ui.run_rows import RunPage, RunQuery, RunRow
from tsft.ui.run_scores import cell_html
from tsft.ui.words import Words

# Columns with the name by which the record sorts them, "" where it cannot.
COLUMNS = (
    ("name", "name"),
    ("status", "status"),
    ("model", "model"),
    ("data", "data"),
    ("method", "method"),
    ("score", "score"),
    ("answers", "answer_score"),
    ("time", "time"),
    ("started", "created"),
    ("size", "size"),
    ("notes", ""),
)
NUMERIC = ("score", "answers", "time", "size")
NOTES_SHOWN = 80
# A click in a row chooses the run; boxes select several; heads, arrows and the phone's list order and turn pages.
BEHAVIOUR = """
const listed = () => element.querySelector('[data-marked]');
element.addEventListener('click', (event) => {
  if (event.target.closest('.mark, select')) return;
  const order = event.target.closest('[data-sort]'), turn = event.target.closest('[data-first]');
  const row = event.target.closest('[data-run]');
  if (order) trigger('edit', { sort: order.dataset.sort });
  else if (turn) trigger('edit', { first: Number(turn.dataset.first) });
  else if (row) trigger('select', { run: row.dataset.run });
});
element.addEventListener('change', (event) => {
  if (event.target.matches('.phone-sort')) return trigger('edit', { sort: event.target.value });
  const run = event.target.dataset.mark;
  if (!run) return;
  const others = JSON.parse(listed().dataset.marked).filter((each) => each !== run);
  const marked = event.target.checked ? [...others, run] : others;
  listed().dataset.marked = JSON.stringify(marked);
  trigger('like', { marked });
});
"""


@dataclass(frozen=True)
class RunsTable:
    """The controls. order: how this session sorts and which page it sees; marked: the ids it has selected.

    sought: the words for which the table was last searched.
    """

    search: Any
    status: Any
    tag: Any
    refresh: Any
    table: Any
    chosen_count: Any
    compare: Any
    clear: Any
    order: Any
    marked: Any
    sought: Any

    @property
    def asked(self) -> list[Any]:
        """What says which rows to show, in the order of `query_of`."""
        return [self.search, self.status, self.tag, self.order]

    @property
    def bar(self) -> list[Any]:
        return [self.chosen_count, self.compare, self.clear]


def place_runs_table(words: Words) -> RunsTable:
    """Search and filters in a row, the table, and what can be done with the selected runs."""
    with gr.Row(elem_id="runs-head", elem_classes=["gap-small"], equal_height=False):
        search = gr.Textbox(interactive=True, elem_id="runs-search", elem_classes=["setting"], min_width=200, scale=3)
        words.add(search, label="page.runs.search", placeholder="page.runs.search_hint")
        status = gr.Dropdown([], value="", interactive=True, elem_id="runs-status", min_width=130)
        words.add_made(status, _status_words)
        tag = gr.Dropdown([("", "")], value="", interactive=True, elem_id="runs-tag", min_width=130)
        words.add_made(tag, lambda language: {"label": translate(language, "page.runs.tag")})
        refresh = words.add(
            gr.Button(size="md", elem_id="runs-refresh", scale=0, min_width=110), value="page.runs.refresh"
        )
    table = gr.HTML(elem_id="runs-table", apply_default_css=False, js_on_load=BEHAVIOUR)
    with gr.Row(elem_id="runs-bar", elem_classes=["gap-small"]):
        chosen_count = gr.HTML(elem_id="runs-marked", apply_default_css=False)
        compare = words.add(
            gr.Button(size="md", interactive=False, elem_id="runs-compare", scale=0, min_width=130),
            value="page.runs.compare",
        )
        clear = words.add(
            gr.Button(size="md", interactive=False, elem_id="runs-clear", scale=0, min_width=160),
            value="page.runs.clear",
        )
    state = {"order": gr.State({"sort": RunQuery.sort, "first": 0}), "marked": gr.State([]), "sought": gr.State("")}
    return RunsTable(search, status, tag, refresh, table, chosen_count, compare, clear, **state)


def query_of(search: str, status: str, tag: str, order: dict[str, Any]) -> RunQuery:
    return RunQuery(search or "", status or "", tag or "", order["sort"], order["first"])


def tag_update(page: RunPage, language: str, chosen: str) -> Any:
    """The tags to filter by; one that no run has any more stays while it is chosen."""
    tags = dict.fromkeys([*page.tags, *([chosen] if chosen else [])])
    return gr.update(choices=[(translate(language, "page.runs.any_tag"), ""), *((each, each) for each in tags)])


def bar_updates(marked: Sequence[str], language: str) -> list[Any]:
    """Updates for `RunsTable.bar`."""
    told = translate(language, "page.runs.marked" if marked else "page.runs.none_marked", count=len(marked))
    html = f'<p class="quiet">{escape(told)}</p>'
    return [html, gr.update(interactive=len(marked) > 1), gr.update(interactive=bool(marked))]


def table_html(page: RunPage, query: RunQuery, chosen: str, marked: Sequence[str], language: str) -> str:
    """A page of runs. On a phone the style sheet makes each row a card with the column names inside."""
    if not page.rows:
        key = "page.runs.none_found" if query.search or query.status or query.tag else "page.runs.none"
        told = f'<div class="panel"><p class="idle">{escape(translate(language, key))}</p></div>'
        return f"<div data-marked='{_json(marked)}'>{told}</div>"
    names = {column: translate(language, f"page.runs.column.{column}") for column, _ in COLUMNS}
    head = "".join(_head(column, sort, names[column], query.sort) for column, sort in COLUMNS)
    choose = f'<th><span class="unseen">{escape(translate(language, "page.runs.select"))}</span></th>'
    body = "".join(_row(row, names, row.id == chosen, row.id in marked, language) for row in page.rows)
    table = f"<table><thead><tr>{choose}{head}</tr></thead><tbody>{body}</tbody></table>"
    phone = _phone_sort(names, query.sort, language)
    return f"<div class=\"runs\" data-marked='{_json(marked)}'>{phone}{table}</div>{_pager(page, query, language)}"


def turned(sort: str, column: str) -> str:
    """The sorting after a click on a column: by it, and the other way round at the second click."""
    first = f"-{column}" if column in ("created", "size", "time", "answer_score") else column
    second = column if first.startswith("-") else f"-{column}"
    return second if sort == first else first


def tags_html(tags: Sequence[str]) -> str:
    return "".join(f'<span class="tag">{escape(tag)}</span>' for tag in tags)


def pill(status: str, language: str) -> str:
    if status not in STATUSES:
        return f'<span class="pill">{escape(translate(language, "page.runs.gone"))}</span>'
    return f'<span class="pill {escape(status)}">{escape(translate(language, f"status.{status}"))}</span>'


def spent(row: RunRow) -> str:
    """From start to end; a dash while it goes on or before it began."""
    return duration(row.ended_at - row.started_at) if row.ended_at > row.started_at > 0 else duration(None)


def _head(column: str, sort: str, name: str, now: str) -> str:
    kind = ' class="number"' if column in NUMERIC else ""
    if not sort:
        return f'<th scope="col"{kind}>{escape(name)}</th>'
    is_sorted = now.removeprefix("-") == sort
    direction = ("descending" if now.startswith("-") else "ascending") if is_sorted else "none"
    arrow = {"descending": " ↓", "ascending": " ↑", "none": ""}[direction]
    button = f'<button type="button" data-sort="{escape(turned(now, sort))}">{escape(name)}{arrow}</button>'
    return f'<th scope="col" aria-sort="{direction}"{kind}>{button}</th>'


def live_cells(row: RunRow, language: str) -> dict[str, str]:
    """The cells that change while a run goes on, by column, as HTML."""
    steps = f"{row.step:,} / {row.steps:,}" if row.steps else f"{row.step:,}"
    return {
        "status": f"{pill(row.status, language)} <small>{steps}</small>",
        "score": plain(row.score if row.score is not None else row.best_validation_loss),
        "answers": cell_html(row.answers, language),
        "time": spent(row),
        "started": moment(row.started_at),
        "size": size(row.size_bytes),
    }


def _row(row: RunRow, names: dict[str, str], is_chosen: bool, is_marked: bool, language: str) -> str:
    notes = row.notes if len(row.notes) <= NOTES_SHOWN else row.notes[:NOTES_SHOWN] + "…"
    cells = {
        "name": f'<button type="button" title="{escape(row.id)}">{escape(row.name)}</button>',
        "model": escape(row.model),
        "data": escape(", ".join(row.datasets)),
        "method": escape(method_word(row.method, language)),
        "notes": f"{tags_html(row.tags)} {escape(notes)}",
        **live_cells(row, language),
    }
    columns = "".join(
        f'<td data-name="{escape(names[column])}" class="{column}{" number" if column in NUMERIC else ""}">{cell}</td>'
        for column, cell in ((column, cells[column]) for column, _ in COLUMNS)
    )
    label = escape(translate(language, "page.runs.select_run", name=row.name))
    checked = " checked" if is_marked else ""
    box = f'<input type="checkbox" data-mark="{escape(row.id)}" aria-label="{label}"{checked}>'
    mark = ' class="chosen" aria-current="true"' if is_chosen else ""
    return f'<tr data-run="{escape(row.id)}"{mark}><td class="mark"><label>{box}</label></td>{columns}</tr>'


def method_word(method: str, language: str) -> str:
    """The way of tuning in words; as it was written where a newer tsft named it."""
    from_schema = f"setting.tuning.method.choice.{method}"
    try:
        return translate(language, from_schema)
    except KeyError:
        return method


def _phone_sort(names: dict[str, str], now: str, language: str) -> str:
    """A phone shows no heads to click: a list orders there."""
    options = "".join(
        f'<option value="{sign}{sort}"{" selected" if now == sign + sort else ""}>'
        f"{escape(names[column])} {arrow}</option>"
        for column, sort in COLUMNS
        if sort
        for sign, arrow in (("", "↑"), ("-", "↓"))
    )
    return f'<select class="phone-sort" aria-label="{escape(translate(language, "page.runs.sort"))}">{options}</select>'


def _pager(page: RunPage, query: RunQuery, language: str) -> str:
    last = query.first + len(page.rows)
    told = translate(language, "page.runs.shown", first=query.first + 1, last=last, total=page.total)
    before, after = max(0, query.first - query.count), last
    buttons = "".join(
        f'<button type="button" data-first="{first}"{"" if can else " disabled"}>'
        f"{escape(translate(language, key))}</button>"
        for first, can, key in (
            (before, query.first > 0, "page.runs.previous"),
            (after, last < page.total, "page.runs.next"),
        )
    )
    return f'<div class="pager"><span>{escape(told)}</span>{buttons if page.total > query.count else ""}</div>'


def _status_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"status.{each}"), each) for each in STATUSES]
    return {
        "label": translate(language, "page.runs.column.status"),
        "choices": [(translate(language, "page.runs.any_status"), ""), *choices],
    }


def _json(marked: Sequence[str]) -> str:
    return escape(json.dumps(list(marked)))
