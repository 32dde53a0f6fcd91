"""The report on ChatTS's sets A and B: its own figures, the corrected ones beside, and what is wrong with its own."""

from collections.abc import Mapping
from html import escape

from tsft.evaluate.chatts import ORIGINAL_GROUPS, ChattsReport
from tsft.evaluate.chatts_corrected import GROUPS
from tsft.evaluate.statistics import Estimate
from tsft.i18n import say, translate
from tsft.ui.evaluate.figures import figure_html, group_word, metric_html, model_html, row_html, table_html
from tsft.ui.readings import NONE

GROUP_ORDER = tuple(dict.fromkeys((*ORIGINAL_GROUPS, *GROUPS)))


def chatts_html(reports: Mapping[str, ChattsReport], language: str) -> str:
    """All models."""
    intro = f'<p class="quiet">{_said("page.evaluate.chatts.about", language)}</p>'
    return intro + "".join(_model(name, each, language) for name, each in reports.items())


def _model(name: str, report: ChattsReport, language: str) -> str:
    counts = {"items": report.items, "parts": report.parts, "lost": report.lost}
    told = escape(translate(language, "page.evaluate.chatts.counted", **counts))
    unread = f"{metric_html('unread', language)}: {figure_html(report.unread)}"
    head = [_said("page.evaluate.column.group", language), *_sides(language)]
    rows = [
        row_html(escape(group_word(each, language)), _cells(report.original, report.corrected, each))
        for each in GROUP_ORDER
        if each in report.original or each in report.corrected
    ]
    return (
        f"<section><h3>{model_html(name, False, language)}</h3>"
        f'<p class="quiet">{told} · <span class="inline-figure">{unread}</span></p>{table_html(head, rows)}'
        f"{_abilities(report, language)}{_defects(report, language)}</section>"
    )


def _abilities(report: ChattsReport, language: str) -> str:
    head = [_said("page.evaluate.column.ability", language), _said("page.evaluate.column.parts", language)]
    head += [_said("page.evaluate.column.group", language), *_sides(language)]
    rows = []
    for ability in report.abilities:
        groups = [each for each in GROUP_ORDER if each in ability.original or each in ability.corrected]
        for place, group in enumerate(groups):
            name, parts = (f"<code>{escape(ability.ability)}</code>", f"{ability.parts:,}") if place == 0 else ("", "")
            cells = [parts, escape(group_word(group, language)), *_cells(ability.original, ability.corrected, group)]
            rows.append(row_html(name, cells))
    title = _said("page.evaluate.part.abilities", language)
    return f'<details class="part"><summary>{title}</summary>{table_html(head, rows)}</details>'


def _defects(report: ChattsReport, language: str) -> str:
    """Those that bore on this run first; the others say that they did not."""
    found = sorted(report.defects, key=lambda each: each.count == 0)
    lines = "".join(
        f'<li class="{"bad" if each.count else "none"}" data-defect="{escape(each.key)}">'
        f"{escape(say(language, each.sentence))}</li>"
        for each in found
    )
    return f'<h4>{_said("page.evaluate.part.defects", language)}</h4><ul class="defects">{lines}</ul>'


def _sides(language: str) -> list[str]:
    return [_said(f"page.evaluate.column.{each}", language) for each in ("original", "corrected")]


def _cells(original: Mapping[str, float], corrected: Mapping[str, Estimate], group: str) -> list[str]:
    told = f"{100 * original[group]:.1f} %" if group in original else NONE
    return [told, figure_html(corrected.get(group))]


def _said(key: str, language: str) -> str:
    return escape(translate(language, key))
