"""The Runs tab: every run of the workspace in a table; a chosen one with its curves, settings, checkpoints, files."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.config.run_config import RunConfig
from tsft.config.schema import flatten, is_active, setting_by_key
from tsft.errors import UserError
from tsft.i18n import say, say_all, translate
from tsft.run.state import RunState
from tsft.ui import monitor
from tsft.ui.ask_box import AskBox, place_ask_box, wire_ask_box
from tsft.ui.charts import chart_payload
from tsft.ui.context import CheckpointRow, PageContext, RunRow
from tsft.ui.events import PRIVATE
from tsft.ui.readings import moment, plain, size
from tsft.ui.widgets import value_words
from tsft.ui.words import Words

COLUMNS = ("name", "status", "model", "data", "steps", "loss", "validation_loss", "started", "size")
NUMERIC = ("steps", "loss", "validation_loss", "size")
RESUMABLE = ("interrupted", "stopped", "failed")
# A click anywhere in a row, or Enter on its name, chooses it.
CHOOSE = """
element.addEventListener('click', (event) => {
  const row = event.target.closest('[data-run]');
  if (row) trigger('select', { run: row.dataset.run });
});
"""


@dataclass(frozen=True)
class RunsTab:
    """The tab's controls; `chosen` is this session's run id."""

    tab: Any
    notes: Any
    table: Any
    refresh: Any
    chosen: Any
    summary: Any
    chart_feed: Any
    details: Any
    log: Any
    resume: Any
    said: Any
    ask: AskBox

    @property
    def outputs(self) -> list[Any]:
        view = [self.summary, self.chart_feed, self.details, self.log, self.resume]
        return [self.notes, self.table, self.chosen, self.said, *view]


def place_runs_tab(words: Words, tab: Any) -> RunsTab:
    """Lay the tab out inside the open `gr.Tab`."""
    notes = gr.HTML(elem_id="runs-notes", apply_default_css=False)
    with gr.Row(elem_id="runs-head"):
        refresh = words.add(
            gr.Button(size="md", elem_id="runs-refresh", scale=0, min_width=120), value="page.runs.refresh"
        )
    table = gr.HTML(elem_id="runs-table", apply_default_css=False, js_on_load=CHOOSE)
    said = gr.HTML(elem_id="runs-said", apply_default_css=False)
    chosen = gr.State("")
    with gr.Row(equal_height=False, elem_id="run-columns"):
        with gr.Column(scale=7, min_width=320):
            summary = gr.HTML(elem_id="run-summary", apply_default_css=False)
            gr.HTML(
                '<div class="tsft-chart" data-feed="run-chart-feed"></div>',
                elem_id="run-chart",
                apply_default_css=False,
            )
            chart_feed = gr.HTML(elem_id="run-chart-feed", elem_classes=["feed"])
            log = gr.HTML(elem_id="run-log", apply_default_css=False)
        with gr.Column(scale=5, min_width=320):
            resume = words.add(gr.Button(elem_id="resume", interactive=False), value="page.runs.resume")
            details = gr.HTML(elem_id="run-facts", apply_default_css=False)
            ask = place_ask_box(words)
    return RunsTab(tab, notes, table, refresh, chosen, summary, chart_feed, details, log, resume, said, ask)


def table_html(rows: Sequence[RunRow], chosen: str, language: str) -> str:
    """All runs, newest first. On a phone the style sheet makes each row a card with the column names inside."""
    if not rows:
        return f'<div class="panel"><p class="idle">{escape(translate(language, "page.runs.none"))}</p></div>'
    names = [escape(translate(language, f"page.runs.column.{column}")) for column in COLUMNS]
    head = "".join(f'<th scope="col"{_kind(index)}>{name}</th>' for index, name in enumerate(names))
    body = "".join(_row(row, names, row.id == chosen, language) for row in rows)
    return f'<div class="runs"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def details_html(row: RunRow, config: RunConfig, checkpoints: Sequence[CheckpointRow], language: str) -> str:
    """Where the files lie, the checkpoints, and the settings that differ from the defaults (the rest folded away)."""
    title = '<p class="facts-title">{}</p>'
    files = title.format(escape(translate(language, "page.runs.files"))) + _facts(
        [
            (translate(language, "page.runs.folder"), f'<code class="path">{escape(row.folder)}</code>'),
            (translate(language, "page.runs.result"), f'<code class="path">{escape(row.result) or "–"}</code>'),
        ]
    )
    saved = [
        (
            escape(translate(language, "page.runs.checkpoint_step", step=each.step)),
            escape(f"{plain(each.loss)} · {size(each.size_bytes)}"),
        )
        for each in checkpoints
    ]
    none = escape(translate(language, "page.runs.no_checkpoints"))
    points = title.format(escape(translate(language, "page.runs.checkpoints")))
    points += _facts(saved) if saved else f"<p>{none}</p>"
    return files + points + _settings(config, language)


def view_of(context: PageContext, row: RunRow, language: str) -> list[Any]:
    """Updates for summary, chart, details, log and the resume button. Raises UserError for a run that is gone."""
    state = context.run_state(row.id)
    if row.status == "interrupted" and state.is_active:
        state = _cut_off(state)
    summary = monitor.panel(state, language) + monitor.result(state, language)
    chart = f'<div data-payload="{escape(chart_payload(state, language))}"></div>'
    details = details_html(row, context.run_config(row.id), context.run_checkpoints(row.id), language)
    title = f'<p class="facts-title">{escape(translate(language, "page.log.title"))}</p>'
    return [
        summary,
        chart,
        details,
        title + monitor.log(state.notes, language),
        gr.update(interactive=row.status in RESUMABLE),
    ]


def refreshed(context: PageContext, chosen: str, language: str) -> list[Any]:
    """Updates for `RunsTab.outputs`: the table as it is now and the chosen run, the newest when none was chosen."""
    rows = context.runs()
    if not chosen and rows:
        chosen = rows[0].id
    notes = "".join(monitor.said(say(language, each), is_bad=True) for each in context.record_notes())
    return [notes, table_html(rows, chosen, language), chosen, "", *_view_or_sentence(context, rows, chosen, language)]


def wire_runs_tab(tab: RunsTab, context: PageContext, language: Any) -> None:
    """Choosing, refreshing, resuming."""

    def refresh(chosen: str, chosen_language: str) -> list[Any]:
        return refreshed(context, chosen, chosen_language)

    def choose(chosen_language: str, event: gr.EventData) -> list[Any]:
        return refreshed(context, str(event._data.get("run", "")), chosen_language)

    def resume(chosen: str, chosen_language: str, request: gr.Request) -> list[Any]:
        try:
            context.engine.resume(chosen, getattr(request, "username", None) or "")
        except UserError as error:
            return [monitor.said(say_all(chosen_language, error), is_bad=True), gr.skip()]
        return [monitor.said(translate(chosen_language, "page.runs.resumed")), gr.update(interactive=False)]

    gr.on([tab.tab.select, tab.refresh.click], refresh, [tab.chosen, language], tab.outputs, **PRIVATE)
    tab.table.select(choose, [language], tab.outputs, **PRIVATE)
    wire_ask_box(tab.ask, context, tab.tab, tab.chosen, language)
    tab.resume.click(resume, [tab.chosen, language], [tab.said, tab.resume], **PRIVATE)


def _view_or_sentence(context: PageContext, rows: Sequence[RunRow], run_id: str, language: str) -> list[Any]:
    row = next((each for each in rows if each.id == run_id), None)
    if row is None:
        return ["", "", "", "", gr.update(interactive=False)]
    try:
        return view_of(context, row, language)
    except UserError as error:
        return [monitor.said(say_all(language, error), is_bad=True), "", "", "", gr.update(interactive=False)]


def _row(row: RunRow, names: Sequence[str], is_chosen: bool, language: str) -> str:
    status = escape(translate(language, f"status.{row.status}"))
    steps = f"{row.step:,} / {row.steps:,}" if row.steps else f"{row.step:,}"
    cells = [
        f'<button type="button">{escape(row.name)}</button>',
        f'<span class="pill {escape(row.status)}">{status}</span>',
        escape(row.model),
        escape(", ".join(row.datasets)),
        steps,
        plain(row.loss),
        plain(row.best_validation_loss),
        moment(row.started_at),
        size(row.size_bytes),
    ]
    columns = "".join(
        f'<td data-name="{name}"{_kind(index)}>{cell}</td>'
        for index, (name, cell) in enumerate(zip(names, cells, strict=True))
    )
    mark = ' class="chosen" aria-current="true"' if is_chosen else ""
    return f'<tr data-run="{escape(row.id)}"{mark}>{columns}</tr>'


def _kind(index: int) -> str:
    return ' class="number"' if COLUMNS[index] in NUMERIC else ""


def _cut_off(state: RunState) -> RunState:
    """A run whose process is gone: its events end in the middle, the record says it was interrupted."""
    return dataclasses.replace(state, status="interrupted", phase="ended", ended_at=state.updated_at)


def _facts(rows: Sequence[tuple[str, str]]) -> str:
    """A two-column table; both columns are HTML already."""
    return (
        '<table class="facts">'
        + "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows)
        + "</table>"
    )


def _settings(config: RunConfig, language: str) -> str:
    changed: list[tuple[str, str]] = []
    rest: list[tuple[str, str]] = []
    for key, value in flatten(config).items():
        setting = setting_by_key()[key]
        if not is_active(config, setting):
            continue
        fact = (escape(translate(language, setting.label_key)), escape(value_words(setting, value, language)))
        (rest if value == setting.default else changed).append(fact)
    title, more = (
        escape(translate(language, f"page.runs.{name}")) for name in ("settings_changed", "settings_default")
    )
    return (
        f'<p class="facts-title">{title}</p>{_facts(changed)}<details><summary>{more}</summary>{_facts(rest)}</details>'
    )
