"""The Runs tab: every run of the workspace in a table; a chosen one whole; several compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.errors import UserError
from tsft.i18n import say, say_all
from tsft.ui import monitor, runs_live
from tsft.ui.ask_box import AskBox, place_ask_box, wire_ask_box
from tsft.ui.context import PageContext
from tsft.ui.events import PRIVATE
from tsft.ui.run_actions_box import (
    RunActionsBox,
    action_updates,
    following_updates,
    place_run_actions,
    wire_run_actions,
)
from tsft.ui.run_rows import RunPage, RunQuery, RunTold
from tsft.ui.run_scores import cell_html
from tsft.ui.run_view import chart_html, comparison_html, log_html, overlay_html, summary_html, told_html
from tsft.ui.runs_table import RunsTable, bar_updates, place_runs_table, query_of, table_html, tag_update
from tsft.ui.words import Words

# A click on a run of the family tree chooses it; the button of a sweep selects its runs and compares them.
FOLLOW = """
element.addEventListener('click', (event) => {
  const link = event.target.closest('.run-link'), sweep = event.target.closest('.compare-sweep');
  const tab = event.target.closest('.to-tab');
  if (tab) document.getElementById(tab.dataset.tab)?.click();
  if (link) trigger('select', { run: link.dataset.run });
  if (sweep) trigger('like', { marked: JSON.parse(sweep.dataset.runs) });
});
"""
MOST_COMPARED = 12
NEWEST_FIRST = {"sort": RunQuery.sort, "first": 0}
CHART = '<div class="tsft-chart" data-feed="{}"></div>'


@dataclass(frozen=True)
class RunsTab:
    """The tab's controls; `chosen` is this session's run id, `seen` what it was sent last, `compared` which runs."""

    tab: Any
    notes: Any
    runs: RunsTable
    chosen: Any
    comparison: Any
    compared_table: Any
    compared_chart: Any
    compared: Any
    summary: Any
    chart_feed: Any
    details: Any
    log: Any
    actions: RunActionsBox
    ask: AskBox
    cells: Any
    seen: Any
    timer: Any

    @property
    def outputs(self) -> list[Any]:
        """What `refreshed` fills."""
        listed = [self.notes, self.runs.table, self.runs.tag, *self.runs.bar, self.chosen]
        return [*listed, self.seen, *self.parts, *self.actions.outputs]

    @property
    def parts(self) -> list[Any]:
        """What shows the chosen run, in the order of `runs_live.PARTS`."""
        return [self.summary, self.chart_feed, self.details, self.log]

    @property
    def live_outputs(self) -> list[Any]:
        """What `live_updates` fills."""
        compared = [self.compared_table, self.compared_chart]
        return [self.seen, self.runs.table, self.cells, *self.parts, *self.actions.following, *compared]

    @property
    def asked(self) -> list[Any]:
        """What `refreshed` is told beside the language."""
        return [self.chosen, self.runs.marked, *self.runs.asked]


def place_runs_tab(words: Words, tab: Any) -> RunsTab:
    """Lay the tab out inside the open `gr.Tab`."""
    notes = gr.HTML(elem_id="runs-notes", apply_default_css=False)
    runs = place_runs_table(words)
    with gr.Column(visible=False, elem_id="comparison") as comparison:
        compared_table = gr.HTML(elem_id="compared", apply_default_css=False)
        gr.HTML(CHART.format("compared-feed"), elem_id="compared-chart", apply_default_css=False)
        compared_chart = gr.HTML(elem_id="compared-feed", elem_classes=["feed"])
    with gr.Row(equal_height=False, elem_id="run-columns"):
        with gr.Column(scale=7, min_width=320):
            summary = gr.HTML(elem_id="run-summary", apply_default_css=False)
            gr.HTML(CHART.format("run-chart-feed"), elem_id="run-chart", apply_default_css=False)
            chart_feed = gr.HTML(elem_id="run-chart-feed", elem_classes=["feed"])
            log = gr.HTML(elem_id="run-log", apply_default_css=False)
        with gr.Column(scale=5, min_width=320):
            actions = place_run_actions(words)
            details = gr.HTML(elem_id="run-facts", apply_default_css=False, js_on_load=FOLLOW)
            ask = place_ask_box(words)
    cells = gr.HTML(elem_id="runs-cells", elem_classes=["feed"], js_on_load=runs_live.PATCH)
    timer = gr.Timer(runs_live.SECONDS, active=False)
    compared = (comparison, compared_table, compared_chart, gr.State([]))
    view = (summary, chart_feed, details, log)
    return RunsTab(tab, notes, runs, gr.State(""), *compared, *view, actions, ask, cells, gr.State({}), timer)


def refreshed(
    context: PageContext,
    chosen: str,
    language: str,
    marked: Sequence[str] = (),
    search: str = "",
    status: str = "",
    tag: str = "",
    order: dict[str, Any] | None = None,
) -> list[Any]:
    """Updates for `RunsTab.outputs`: the table as it is now and the chosen run, the newest when none was chosen."""
    query = query_of(search, status, tag, order or NEWEST_FIRST)
    page = context.run_actions.find(query)
    if not chosen and page.rows:
        chosen = page.rows[0].id
    notes = "".join(monitor.said(say(language, each), is_bad=True) for each in context.record_notes())
    table = table_html(page, query, chosen, marked, language)
    told, parts = _viewed(context, chosen, language)
    seen = runs_live.shown(page, told, parts, chosen, language)
    listed = [notes, table, tag_update(page, language, tag), *bar_updates(marked, language), chosen]
    return [*listed, seen, *parts, *action_updates(told, language)]


def left(
    context: PageContext,
    tab: RunsTab,
    sought: str,
    language: str,
    chosen: str,
    marked: Sequence[str],
    search: str,
    status: str,
    tag: str,
    order: dict[str, Any],
) -> list[Any]:
    """Updates for what was sought, the order and `RunsTab.outputs` when the search is left.

    Unchanged it would find nothing else, and an answer that comes late would undo the click that left it.
    """
    if search == sought:
        return [gr.skip()] * (2 + len(tab.outputs))
    order = {**order, "first": 0}
    return [search, order, *refreshed(context, chosen, language, marked, search, status, tag, order)]


def live_updates(
    context: PageContext,
    seen: dict[str, Any],
    compared: Sequence[str],
    chosen: str,
    language: str,
    marked: Sequence[str],
    query: RunQuery,
) -> list[Any]:
    """Updates for `RunsTab.live_outputs`: what is another than this session has seen; all skipped where nothing is."""
    page = context.run_actions.find(query)
    has_moved = _has_moved(seen, page, chosen, language)
    told, parts = _viewed(context, chosen, language) if has_moved else (None, [""] * len(runs_live.PARTS))
    now = runs_live.shown(page, told, parts, chosen, language)
    if not has_moved:
        now |= {name: seen[name] for name in ("parts", "controls", "is_going_on")}
    has_other_rows = (seen["rows"], seen["total"]) != (now["rows"], now["total"])
    table = table_html(page, query, chosen, marked, language) if has_other_rows else gr.skip()
    cells = "" if has_other_rows else runs_live.changed_cells(seen, now)
    controls = [gr.skip()] * len(following_updates(None, language))
    if now["controls"] != seen["controls"]:
        controls = following_updates(told, language, keeps_choice=True)
    is_of_compared = any(seen["cells"].get(each) != cells for each, cells in now["cells"].items() if each in compared)
    several = _comparison(context, compared, language) if is_of_compared else [gr.skip()] * 2
    new_seen = now if now != seen else gr.skip()
    return [new_seen, table, cells or gr.skip(), *runs_live.changed_parts(seen, now, parts), *controls, *several]


def wire_runs_tab(
    tab: RunsTab, context: PageContext, language: Any, who: Callable[[gr.Request], str], tabs: Any
) -> None:
    """Choosing, searching, refreshing, and what can be done with the chosen run."""
    runs = tab.runs

    def refresh(chosen_language: str, chosen: str, marked: Any, *asked: Any) -> list[Any]:
        return refreshed(context, chosen, chosen_language, marked, *asked)

    def choose(event: gr.EventData, chosen_language: str, marked: Any, *asked: Any) -> list[Any]:
        return refreshed(context, str(event._data.get("run", "")), chosen_language, marked, *asked)

    def reorder(order: dict[str, Any], event: gr.EventData) -> dict[str, Any]:
        told = event._data
        if "sort" in told:
            return {"sort": str(told["sort"]), "first": 0}
        return {**order, "first": max(0, int(told.get("first", 0)))}

    def first_page(order: dict[str, Any]) -> dict[str, Any]:
        return {**order, "first": 0}

    def leave(sought: str, *given: Any) -> list[Any]:
        return left(context, tab, sought, *given)

    inputs = [language, *tab.asked]
    view = {"fn": refresh, "inputs": inputs, "outputs": tab.outputs, **PRIVATE}
    gr.on([tab.tab.select, runs.refresh.click], **view)
    asked = [runs.search.submit, runs.status.input, runs.tag.input]
    gr.on(asked, first_page, runs.order, runs.order, **PRIVATE).then(**view)
    runs.search.submit(lambda search: search, runs.search, runs.sought, **PRIVATE)
    runs.search.blur(leave, [runs.sought, *inputs], [runs.sought, runs.order, *tab.outputs], **PRIVATE)
    runs.table.edit(reorder, runs.order, runs.order, **PRIVATE).then(**view)
    others = [language, *tab.asked[1:]]
    gr.on([runs.table.select, tab.details.select], choose, others, tab.outputs, **PRIVATE)
    _wire_comparison(tab, context, language, view)
    _wire_live(tab, context, language, tabs)
    wire_ask_box(tab.ask, context, tab.tab, tab.chosen, language)
    wire_run_actions(tab.actions, context, tab.chosen, language, lambda event: event.then(**view), who)


def _wire_comparison(tab: RunsTab, context: PageContext, language: Any, view: dict[str, Any]) -> None:
    """Selecting several, comparing them, and a sweep's runs by one click."""
    runs = tab.runs

    def mark(chosen_language: str, event: gr.EventData) -> list[Any]:
        marked = [str(each) for each in event._data.get("marked", [])][:MOST_COMPARED]
        return [marked, *bar_updates(marked, chosen_language)]

    def compare(marked: Sequence[str], chosen_language: str) -> list[Any]:
        is_shown = gr.update(visible=len(marked) > 1)
        return [is_shown, list(marked), *_comparison(context, marked, chosen_language)]

    compared = {
        "fn": compare,
        "inputs": [runs.marked, language],
        "outputs": [tab.comparison, tab.compared, tab.compared_table, tab.compared_chart],
        **PRIVATE,
    }
    runs.table.like(mark, [language], [runs.marked, *runs.bar], **PRIVATE)
    runs.compare.click(**compared)
    swept = tab.details.like(mark, [language], [runs.marked, *runs.bar], **PRIVATE)
    swept.then(**compared).then(**view)

    def nothing() -> Any:
        return [], [], gr.update(visible=False)

    cleared = [runs.marked, tab.compared, tab.comparison]
    runs.clear.click(nothing, None, cleared, **PRIVATE).then(**view)


def _wire_live(tab: RunsTab, context: PageContext, language: Any, tabs: Any) -> None:
    """The clock goes only while the tab is open."""

    def follow(event: gr.EventData) -> Any:
        return gr.Timer(active=event._data.get("id") == tab.tab.id)

    def tick(
        seen: dict[str, Any], compared: Any, chosen: str, chosen_language: str, marked: Any, *asked: Any
    ) -> list[Any]:
        if not seen:
            return [gr.skip()] * len(tab.live_outputs)
        return live_updates(context, seen, compared, chosen, chosen_language, marked, query_of(*asked))

    inputs = [tab.seen, tab.compared, tab.chosen, language, tab.runs.marked, *tab.runs.asked]
    tabs.select(follow, None, tab.timer, **PRIVATE)
    tab.timer.tick(tick, inputs, tab.live_outputs, concurrency_limit=None, trigger_mode="once", **PRIVATE)


def _has_moved(seen: dict[str, Any], page: RunPage, chosen: str, language: str) -> bool:
    """Whether the chosen run may look otherwise than this session has seen it."""
    if seen["is_going_on"] or seen["chosen"] != chosen:
        return True
    row = next((each for each in page.rows if each.id == chosen), None)
    if row is None or not seen["controls"]:
        return False
    answers = seen["cells"].get(chosen, {}).get("answers")
    return row.status != seen["controls"][0] or cell_html(row.answers, language) != answers


def _comparison(context: PageContext, run_ids: Sequence[str], language: str) -> list[str]:
    """The table and the curves of several runs; those that are gone are left out."""
    found = (_told(context, each, language) for each in run_ids)
    several = [told for told in found if isinstance(told, RunTold)]
    return [comparison_html(several, language), overlay_html(several, language)]


def _told(context: PageContext, run_id: str, language: str) -> RunTold | str:
    """The run, or the sentence that says why it cannot be shown."""
    try:
        return context.run_actions.told(run_id)
    except UserError as error:
        return monitor.said(say_all(language, error), is_bad=True)


def _viewed(context: PageContext, run_id: str, language: str) -> tuple[RunTold | None, list[str]]:
    """The chosen run, None where there is none, and its parts in the order of `runs_live.PARTS`."""
    told = _told(context, run_id, language) if run_id else ""
    if not isinstance(told, RunTold):
        return None, [told, "", "", ""]
    failed = context.shown_rows(run_id, "failed") if told.state.failure else ()
    log = context.log_tail(run_id) if told.state.failure else ""
    probes = context.shown_rows(run_id, "probes") if told.state.probes else ()
    drawn = context.shown_rows(run_id, "drawn") if told.state.drawn else ()
    return told, [
        summary_html(told, failed, language, log),
        chart_html(told, language),
        told_html(told, language),
        log_html(told, probes, drawn, language),
    ]
