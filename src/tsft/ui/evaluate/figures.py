"""Figures of a report as a person reads them: a value with its interval, names of metrics and models, tables."""

from collections.abc import Iterable, Mapping
from html import escape

from tsft.evaluate.chatts import ORIGINAL_GROUPS
from tsft.evaluate.chatts_corrected import GROUPS
from tsft.evaluate.statistics import Difference, Estimate
from tsft.i18n import translate
from tsft.ui.readings import NONE, plain

# What is no share from 0 to 1 and is shown as a plain number.
PLAIN = (
    "mean_absolute_error",
    "error_of_range",
    "smape",
    "mean_error_points",
    "false_alarms_per_1000",
    "detection_delay",
)
BASELINE_NAMES = ("majority", "random", "three_sigma", "spectral_residual", "all_anomalous", "nearest")


def figure_html(estimate: Estimate | None, metric: str = "") -> str:
    """ "63.2 %" with "58.0–68.1" below it, or a plain number; a dash where it is undefined."""
    if estimate is None:
        return NONE
    number = number_text if metric in PLAIN else _percent
    unit = "" if metric in PLAIN else " %"
    told = f"{number(estimate.value)}{unit}"
    if estimate.low is None or estimate.high is None:
        return told
    return f"{told}<small>{number(estimate.low)}–{number(estimate.high)}</small>"


def number_text(value: float) -> str:
    """A number of the data's own size, never as a power of ten where a person would write it out."""
    if value and not 1e-4 <= abs(value) < 1e9:
        return plain(value)
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.5g}"


def difference_html(difference: Difference | None) -> str:
    """In points of score, with its sign and its interval."""
    if difference is None:
        return NONE
    told = f"{100 * difference.value:+.1f}"
    if difference.low is None or difference.high is None:
        return told
    return f"{told}<small>{100 * difference.low:+.1f} … {100 * difference.high:+.1f}</small>"


def chance_text(chance: float | None) -> str:
    if chance is None:
        return NONE
    return "< 0.001" if chance < 0.001 else f"{chance:.3f}"


def metric_html(metric: str, language: str) -> str:
    """The name of a metric with what it is and from where to where it runs, for those who point at it."""
    about = escape(metric_help(metric, language), quote=True)
    return f'<abbr title="{about}">{escape(metric_word(metric, language))}</abbr>'


def metric_word(metric: str, language: str) -> str:
    return _known(language, f"page.evaluate.metric.{metric}", metric)


def metric_help(metric: str, language: str) -> str:
    return _known(language, f"page.evaluate.about.{metric}", metric)


def legend_html(metrics: Iterable[str], language: str) -> str:
    """Every metric of the report with its sentence: what a pointer reads in a title, for a finger."""
    lines = "".join(
        f"<dt>{escape(metric_word(each, language))}</dt><dd>{escape(metric_help(each, language))}</dd>"
        for each in dict.fromkeys(metrics)
    )
    title = escape(translate(language, "page.evaluate.legend"))
    return f'<details class="part"><summary>{title}</summary><dl class="legend-list">{lines}</dl></details>'


def model_html(name: str, is_baseline: bool, language: str) -> str:
    """A model as it is named; a baseline by its word, apart."""
    if not is_baseline:
        return f'<span class="model-name">{escape(name)}</span>'
    word = escape(_known(language, f"page.evaluate.baseline.{name}", name))
    return f'<span class="model-name baseline">{word}</span>'


def group_word(group: str, language: str) -> str:
    """A group of ChatTS's scoring."""
    return translate(language, f"page.evaluate.group.{group}") if group in {*GROUPS, *ORIGINAL_GROUPS} else group


def language_word(code: str, language: str) -> str:
    return _known(language, f"language.{code}", code or NONE)


def table_html(head: Iterable[str], rows: Iterable[str], css: str = "") -> str:
    """A table that is pushed sideways where it is too wide. head: cells as HTML, rows: whole <tr> elements."""
    cells = "".join(f'<th scope="col">{each}</th>' for each in head)
    return (
        f'<div class="wide" tabindex="0"><table class="figures {css}"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def row_html(name: str, cells: Iterable[str], css: str = "") -> str:
    mark = f' class="{css}"' if css else ""
    return f'<tr{mark}><th scope="row">{name}</th>{"".join(f"<td>{each}</td>" for each in cells)}</tr>'


def metrics_of(*held: Mapping[str, Estimate]) -> list[str]:
    """All names, in the order in which they first come."""
    return list(dict.fromkeys(name for each in held for name in each))


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _known(language: str, key: str, otherwise: str) -> str:
    try:
        return translate(language, key)
    except KeyError:
        return otherwise
