"""The report of a run: one HTML file with curves, settings, origin, answers and log that opens without a network."""

import time
from collections.abc import Sequence
from html import escape
from typing import Any

from tsft.i18n import translate
from tsft.ui.context import PageContext
from tsft.ui.lineage import lineage_html
from tsft.ui.readings import moment
from tsft.ui.run_rows import RunTold
from tsft.ui.run_scores import scores_html
from tsft.ui.run_view import chart_html, details_html, log_html, summary_html
from tsft.ui.runs_table import tags_html
from tsft.ui.theme import asset, style

# Nothing is fetched or sent, whatever a name or an answer holds: a browser refuses it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
# Dark where the reader's system is; the chart draws itself from the hidden payload, as on the page.
SCHEME = "document.documentElement.classList.toggle('dark', matchMedia('(prefers-color-scheme: dark)').matches);"
DRAW = "tsft.sweepers.forEach((draw) => draw());"


def report_of(context: PageContext, told: RunTold, language: str) -> str:
    """The report of a run as the page knows it now."""
    run_id = told.row.id
    failed = context.shown_rows(run_id, "failed") if told.state.failure else ()
    probes = context.shown_rows(run_id, "probes") if told.state.probes else ()
    drawn = context.shown_rows(run_id, "drawn") if told.state.drawn else ()
    return report_html(told, probes, failed, language, time.time(), drawn)


def report_html(
    told: RunTold,
    probe_rows: Sequence[Any],
    failed_rows: Sequence[Any],
    language: str,
    written_at: float,
    drawn_rows: Sequence[Any] = (),
) -> str:
    """The whole file. Every text of data, models and people in it is escaped.

    probe_rows, failed_rows, drawn_rows: what the probes, the rows at fault and the questions of the run's own answers
    hold. written_at: seconds since the epoch.
    """
    row, state = told.row, told.state
    written = translate(language, "report.written", run=row.id, at=moment(written_at))
    about = " · ".join(each for each in (row.by, moment(row.started_at) if row.started_at else "", written) if each)
    notes = f'<p class="turn">{tags_html(row.tags)} {escape(row.notes)}</p>' if row.notes or row.tags else ""
    right = scores_html(told.answers, language, with_links=False)
    right += lineage_html(row, told.lineage, language, with_links=False)
    right += details_html(row, told.config, told.checkpoints, language, state.best_step)
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(row.name)} · tsft</title>
<style>{style()}{asset("report.css")}</style><script>{SCHEME}</script></head>
<body><h1>{escape(row.name)}</h1><p>{escape(about)}</p>
{notes}{summary_html(told, failed_rows, language)}
<div class="tsft-chart" data-feed="report-feed"></div>
<div id="report-feed" class="feed">{chart_html(told, language)}</div>
<div class="report-columns"><div>{log_html(told, probe_rows, drawn_rows, language)}</div><div>{right}</div></div>
<script>{asset("plot.js")}</script><script>{asset("chart.js")}</script><script>{DRAW}</script>
</body></html>
"""
