"""The answers to a run's probes over time, each beside its series; and how busy the machine is, in one line."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from tsft.i18n import translate
from tsft.run.gauges import Amount, Gauges
from tsft.run.state import RunState
from tsft.ui.pictures import picture
from tsft.ui.readings import size

MOST_SERIES = 6


def probes_html(state: RunState, rows: Sequence[Any], language: str) -> str:
    """Each probe with its question, expected answer, series and the answers by step; "" for a run without probes.

    rows: what the probes' rows hold, in their order, each with `series` (None where a value is not finite).
    """
    if not state.probes:
        return ""
    parts = []
    for number, probe in enumerate(state.probes, 1):
        answers = sorted((each.step, each.answer) for each in state.samples if each.probe == number)
        lines = "".join(
            f"<tr><td>{escape(translate(language, 'page.probes.step', step=step))}</td><td>{escape(answer)}</td></tr>"
            for step, answer in answers
        )
        expected = translate(language, "page.probes.expected")
        gold = f"<tr><td>{escape(expected)}</td><td>{escape(probe.expected)}</td></tr>" if probe.expected else ""
        drawn = row_picture(rows[number - 1], probe.source) if number <= len(rows) else ""
        parts.append(
            f'<div class="preview-row probe"><h4>{escape(probe.source)}</h4>{drawn}'
            f'<p class="turn">{escape(probe.question)}</p><table class="facts">{gold}{lines}</table></div>'
        )
    title = escape(translate(language, "page.probes.title"))
    return f'<p class="facts-title">{title}</p>{"".join(parts)}'


def gauges_html(gauges: Gauges, language: str) -> str:
    """CPU, memory, disk and accelerator as small bars; what is not known is left out."""
    bars = []
    if gauges.cpu is not None:
        bars.append(_gauge(translate(language, "page.gauge.cpu"), gauges.cpu, f"{gauges.cpu:.0%}"))
    for name, amount in (("memory", gauges.memory), ("disk", gauges.disk)):
        if amount is not None:
            bars.append(_gauge(translate(language, f"page.gauge.{name}"), amount.fraction, _amount(amount)))
    if gauges.gpu is not None:
        told = "" if gauges.gpu.utilisation is None else f"{gauges.gpu.utilisation:.0%} · "
        bars.append(_gauge(gauges.gpu.name, gauges.gpu.memory.fraction, told + _amount(gauges.gpu.memory)))
    return f'<div class="gauges">{"".join(bars)}</div>' if bars else ""


def _gauge(name: str, fraction: float, told: str) -> str:
    kind = " high" if fraction > 0.9 else ""
    return (
        f'<div class="gauge{kind}"><span>{escape(name)}</span> <b>{escape(told)}</b>'
        f'<meter min="0" max="1" value="{fraction:.3f}" aria-label="{escape(name)}"></meter></div>'
    )


def _amount(amount: Amount) -> str:
    return f"{size(amount.used_bytes)} / {size(amount.total_bytes)}"


def row_picture(row: Any, source: str) -> str:
    """The first series of a row that is kept to be shown."""
    series = [np.array([np.nan if each is None else each for each in points]) for points in row.series]
    return picture(series[:MOST_SERIES], escape(source))
