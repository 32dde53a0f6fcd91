"""Where a run comes from and what came of it, as HTML: a small tree with links, its data, its versions."""

import json
from collections.abc import Sequence
from html import escape

from tsft.i18n import translate
from tsft.ui.run_rows import Lineage, RunRow
from tsft.ui.runs_table import pill


def lineage_html(row: RunRow, lineage: Lineage, language: str, with_links: bool = True) -> str:
    """The tree of parents, this run and its children, then data and versions; "" where there is nothing to tell."""
    parts = [_tree(row, lineage, language, with_links), _sweep(row, lineage, language, with_links)]
    return "".join(part for part in (*parts, data_html(row, language), versions_html(row, language)) if part)


def data_html(row: RunRow, language: str) -> str:
    """What it read: rows kept of those read, and the hash of the files, by which two runs can be told to agree."""
    if not row.data:
        return ""
    lines = [
        (
            each.name,
            translate(
                language, "page.lineage.rows", rows=each.rows, rows_read=each.rows_read, content=each.content[:12]
            ),
        )
        for each in row.data
    ]
    return _facts(translate(language, "page.lineage.data"), lines)


def versions_html(row: RunRow, language: str) -> str:
    return _facts(translate(language, "page.lineage.versions"), list(row.versions.items())) if row.versions else ""


def _tree(row: RunRow, lineage: Lineage, language: str, with_links: bool) -> str:
    if not lineage.ancestors and not lineage.children:
        return ""
    here = f"<b>{escape(row.name)}</b> {escape(translate(language, 'page.lineage.this'))}"
    children = (f"{_came(each, language)} {_link(each, language, with_links)}" for each in lineage.children)
    below = "".join(f"<li>{each}</li>" for each in children)
    inner = f"<li>{_came(row, language)} {here}{f'<ul>{below}</ul>' if below else ''}</li>"
    for ancestor in reversed(lineage.ancestors):
        inner = f"<li>{_came(ancestor, language)} {_link(ancestor, language, with_links)}<ul>{inner}</ul></li>"
    return f'<ul class="lineage">{inner}</ul>'


def _came(row: RunRow, language: str) -> str:
    """How it came from the one above: cloned, resumed from a step, extended, trained further."""
    if not row.origin:
        return ""
    step = f" {translate(language, 'page.runs.checkpoint_step', step=row.parent_step)}" if row.parent_step else ""
    return f'<span class="quiet">{escape(translate(language, f"page.lineage.{row.origin}") + step)}</span>'


def _sweep(row: RunRow, lineage: Lineage, language: str, with_links: bool) -> str:
    others = [each for each in lineage.sweep if each.id != row.id]
    if not others:
        return ""
    title = escape(translate(language, "page.lineage.sweep", count=len(lineage.sweep)))
    links = "".join(f"<li>{_link(each, language, with_links)}</li>" for each in others)
    compare = escape(translate(language, "page.runs.compare_sweep"))
    ids = escape(json.dumps([each.id for each in lineage.sweep]))
    button = f'<button type="button" class="compare-sweep" data-runs="{ids}">{compare}</button>' if with_links else ""
    return f'<p class="facts-title">{title}{button}</p><ul class="lineage">{links}</ul>'


def _link(row: RunRow, language: str, with_links: bool) -> str:
    if not row.status or not with_links:
        return f"{escape(row.name)} {pill(row.status, language)}"
    button = f'<button type="button" class="run-link" data-run="{escape(row.id)}">{escape(row.name)}</button>'
    return f"{button} {pill(row.status, language)}"


def _facts(title: str, lines: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in lines)
    return f'<p class="facts-title">{escape(title)}</p><table class="facts">{rows}</table>'
