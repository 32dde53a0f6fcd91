"""One run of the Runs tab as HTML: how it stands, its curves, checkpoints, files and settings; and several compared."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from tsft.config.run_config import RunConfig
from tsft.i18n import translate
from tsft.ui import monitor
from tsft.ui.charts import chart_payload, overlay_payload
from tsft.ui.drawn_box import drawn_html
from tsft.ui.lineage import lineage_html
from tsft.ui.probes_box import probes_html
from tsft.ui.readings import moment, plain, size
from tsft.ui.run_rows import CheckpointRow, RunRow, RunTold
from tsft.ui.run_scores import compared_scores, scores_html
from tsft.ui.setting_values import changed_and_default, differences


def summary_html(told: RunTold, failed_rows: Sequence[Any], language: str, log: str = "") -> str:
    """Status, progress and how it ended. log: the last lines of a failed run's log."""
    return monitor.panel(told.state, language) + monitor.result(told.state, language, failed_rows, log)


def chart_html(told: RunTold, language: str) -> str:
    return f'<div data-payload="{escape(chart_payload(told.state, language))}"></div>'


def log_html(told: RunTold, probe_rows: Sequence[Any], drawn_rows: Sequence[Any], language: str) -> str:
    """What it learnt from, the answers to its probes, then its log."""
    title = f'<p class="facts-title">{escape(translate(language, "page.log.title"))}</p>'
    asked = drawn_html(told.state, drawn_rows, language) + probes_html(told.state, probe_rows, language)
    return asked + title + monitor.log(told.state.notes, language)


def details_html(
    row: RunRow,
    config: RunConfig,
    checkpoints: Sequence[CheckpointRow],
    language: str,
    best_step: int = 0,
    host: str = "",
) -> str:
    """Where it ran (if by hand), where the files lie, the checkpoints, and the settings that differ from the defaults
    (the rest folded away)."""
    title = '<p class="facts-title">{}</p>'
    machine = [(translate(language, "page.runs.host"), escape(host))] if host else []
    files = title.format(escape(translate(language, "page.runs.files"))) + facts(
        [
            *machine,
            (translate(language, "page.runs.folder"), f'<code class="path">{escape(row.folder)}</code>'),
            (translate(language, "page.runs.result"), f'<code class="path">{escape(row.result) or "–"}</code>'),
        ]
    )
    saved = [(_checkpoint(each, best_step, language), escape(_weight(each))) for each in checkpoints]
    none = escape(translate(language, "page.runs.no_checkpoints"))
    points = title.format(escape(translate(language, "page.runs.checkpoints")))
    points += facts(saved) if saved else f"<p>{none}</p>"
    return files + points + _settings(config, language)


def told_html(told: RunTold, language: str) -> str:
    """How well it answers, lineage, then files, checkpoints and settings."""
    parts = scores_html(told.answers, language) + lineage_html(told.row, told.lineage, language)
    return parts + details_html(
        told.row, told.config, told.checkpoints, language, told.state.best_step, told.state.host
    )


def comparison_html(several: Sequence[RunTold], language: str) -> str:
    """The best scores of several runs, and the settings in which they differ and no others."""
    runs = [escape(name) for name in names_apart([each.row for each in several])]
    names = "".join(f"<th>{each}</th>" for each in runs)
    score = escape(translate(language, "page.runs.column.score"))
    known = [each for each in map(_score, (each.row for each in several)) if each is not None]
    best = min(known, default=None)
    scores = _cells(runs, [_score_html(_score(each.row), best) for each in several])
    named = translate(language, "page.runs.column.answers")
    answers = "".join(
        f"<tr><td>{escape(f'{named} · {data}')}</td>{_cells(runs, cells)}</tr>"
        for data, cells in compared_scores([each.answers for each in several], language)
    )
    found = differences([each.config for each in several], language)
    lines = "".join(f"<tr><td>{escape(name)}</td>{_cells(runs, map(escape, values))}</tr>" for name, values in found)
    same = "" if found else f"<p>{escape(translate(language, 'page.compare.same'))}</p>"
    title = escape(translate(language, "page.compare.title", count=len(several)))
    return (
        f'<p class="facts-title">{title}</p><div class="runs"><table class="compared"><thead><tr><th></th>{names}</tr>'
        f"</thead><tbody><tr><td>{score}</td>{scores}</tr>{answers}{lines}</tbody></table></div>{same}"
    )


def overlay_html(several: Sequence[RunTold], language: str) -> str:
    names = names_apart([each.row for each in several])
    states = [replace(each.state, name=name) for each, name in zip(several, names, strict=True)]
    return f'<div data-payload="{escape(overlay_payload(states, language))}"></div>'


def names_apart(rows: Sequence[RunRow]) -> list[str]:
    """The runs' names; where several have the same one, each with the time it began."""
    count = Counter(each.name for each in rows)
    return [f"{each.name} · {moment(each.started_at)}" if count[each.name] > 1 else each.name for each in rows]


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """A two-column table; both columns are HTML already."""
    lines = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows)
    return f'<table class="facts">{lines}</table>'


def _score(row: RunRow) -> float | None:
    return row.score if row.score is not None else row.best_validation_loss


def _cells(runs: Sequence[str], values: Iterable[str]) -> str:
    """A value for each run; a phone shows no heads, so that each cell names its run. All is HTML already."""
    return "".join(f'<td data-name="{run}">{value}</td>' for run, value in zip(runs, values, strict=True))


def _score_html(score: float | None, best: float | None) -> str:
    return f"<b>{plain(score)}</b>" if score is not None and score == best else plain(score)


def _checkpoint(each: CheckpointRow, best_step: int, language: str) -> str:
    told = escape(translate(language, "page.runs.checkpoint_step", step=each.step))
    best = f" <b>{escape(translate(language, 'page.runs.best'))}</b>" if each.step == best_step else ""
    return told + best


def _weight(each: CheckpointRow) -> str:
    return f"{plain(each.loss)} · {size(each.size_bytes)}"


def _settings(config: RunConfig, language: str) -> str:
    changed, rest = (
        [(escape(name), escape(value)) for name, value in part] for part in changed_and_default(config, language)
    )
    title, more = (
        escape(translate(language, f"page.runs.{name}")) for name in ("settings_changed", "settings_default")
    )
    return (
        f'<p class="facts-title">{title}</p>{facts(changed)}<details><summary>{more}</summary>{facts(rest)}</details>'
    )
