"""The report of an evaluation as HTML: what it says in words, all models side by side, and each task whole."""

from collections.abc import Iterable, Sequence
from html import escape

from tsft.errors import Message
from tsft.evaluate.report import Comparison, ControlReport, ModelReport, Part, Report, TaskReport
from tsft.i18n import say, translate
from tsft.store.evaluations import EvaluationInfo
from tsft.ui.data.datasets_html import task_word
from tsft.ui.evaluate.confusion import confusion_html
from tsft.ui.evaluate.figures import (
    chance_text,
    difference_html,
    figure_html,
    language_word,
    legend_html,
    metric_html,
    metrics_of,
    model_html,
    row_html,
    table_html,
)
from tsft.ui.readings import NONE, plain

OVERALL = ("rows", "score", "right", "unread", "needs_series", "prefix_answerable")
# Each says that something is wrong with the model or the test; the others are good or plain news.
BAD_NEWS = ("does_not_look", "order_matters", "does_not_follow", "not_above_majority")
GOOD_NEWS = ("looks", "looks_and_falls", "follows", "order_does_not_matter", "better")


def report_html(report: Report, info: EvaluationInfo, language: str) -> str:
    """Everything below the name of the evaluation."""
    return "".join(
        (
            verdicts_html(report.verdicts, language),
            _overall(report, language),
            _by_task(report, language),
            _tasks(report, language),
            _controls(report.controls, language),
            _comparisons(report, language),
            losses_html(info, language),
            legend_html(_metrics(report), language),
        )
    )


def verdicts_html(verdicts: Sequence[Message], language: str) -> str:
    """The sentences at the head, good and bad news told apart by more than their colour."""
    lines = []
    for each in verdicts:
        kind = each.key.rsplit(".", 1)[-1]
        css, sign = ("bad", "✕") if kind in BAD_NEWS else ("good", "✓") if kind in GOOD_NEWS else ("calm", "·")
        lines.append(
            f'<li class="{css}"><b aria-hidden="true">{sign}</b> <span>{escape(say(language, each))}</span></li>'
        )
    return f'<ul class="verdicts">{"".join(lines)}</ul>' if lines else ""


def losses_html(info: EvaluationInfo, language: str) -> str:
    """Mean loss a trained token: a row a model, a column a dataset."""
    if not info.losses:
        return ""
    datasets = list(dict.fromkeys(dataset for _, dataset, _ in info.losses))
    held = {(model, dataset): loss for model, dataset, loss in info.losses}
    models = dict.fromkeys(model for model, _, _ in info.losses)
    rows = [
        row_html(model_html(model, False, language), [plain(held.get((model, each))) for each in datasets])
        for model in models
    ]
    table = table_html([_said("page.evaluate.column.model", language), *map(escape, datasets)], rows)
    return _part("page.evaluate.part.losses", table, language, about="page.evaluate.about.loss")


def _overall(report: Report, language: str) -> str:
    languages = sorted({each for model in report.models for each in model.by_language})
    spoken = languages if len(languages) > 1 else []
    head = [_said("page.evaluate.column.model", language)]
    head += [metric_html(each, language) for each in OVERALL] + [escape(language_word(e, language)) for e in spoken]

    def row(model: ModelReport) -> str:
        whole = model.everything
        cells = [f"{whole.rows:,}", figure_html(whole.score), figure_html(whole.right), _unread(whole)]
        cells += [figure_html(each.score) for each in (model.needs_series, model.prefix_answerable)]
        cells += [figure_html(model.by_language[each].score) if each in model.by_language else NONE for each in spoken]
        name = model_html(model.name, model.is_baseline, language)
        return row_html(name, cells, "baseline" if model.is_baseline else "")

    table = table_html(head, [row(each) for each in report.models], "overall")
    told = translate(language, "page.evaluate.counted", rows=report.rows, series=report.series)
    return _part("page.evaluate.part.overall", f'<p class="quiet">{escape(told)}</p>{table}', language)


def _by_task(report: Report, language: str) -> str:
    names = _task_names(report)
    if len(names) < 2:
        return ""
    head = [_said("page.evaluate.column.task", language)]
    for model in report.models:
        head.append(model_html(model.name, model.is_baseline, language))
        if not model.is_baseline:
            head.append(metric_html("unread", language))
    rows = []
    for name in names:
        cells = []
        for model in report.models:
            task = model.task(name)
            css = ' class="baseline"' if model.is_baseline else ""
            cells.append(f"<td{css}>{figure_html(task.everything.score) if task else NONE}</td>")
            if not model.is_baseline:
                cells.append(f'<td class="unread">{_unread(task.everything) if task else NONE}</td>')
        rows.append(f'<tr><th scope="row">{escape(task_word(name, language))}</th>{"".join(cells)}</tr>')
    return _part("page.evaluate.part.by_task", table_html(head, rows, "by-task"), language)


def _tasks(report: Report, language: str) -> str:
    parts = []
    for name in _task_names(report):
        told = [(model, task) for model in report.models if (task := model.task(name)) is not None]
        rows = max(task.everything.rows for _, task in told)
        count = escape(translate(language, "page.evaluate.rows_of", count=rows))
        title = f"{escape(task_word(name, language))} <small>{count}</small>"
        body = _task_table(told, language) + _confusions(told, language)
        parts.append(
            f'<details class="part task" data-task="{escape(name)}"><summary>{title}</summary>{body}</details>'
        )
    return "".join(parts)


def _task_table(told: Sequence[tuple[ModelReport, TaskReport]], language: str) -> str:
    """A row a metric: the task's own scores, then those of each field of its answers."""
    head = [_said("page.evaluate.column.metric", language)]
    head += [model_html(model.name, model.is_baseline, language) for model, _ in told]
    tasks = [task for _, task in told]
    parts = [("score", [each.everything.score for each in tasks]), ("right", [each.everything.right for each in tasks])]
    parts += [("unread", [each.everything.unread for each in tasks])]
    parts += [("needs_series", [each.needs_series.score for each in tasks])]
    parts += [("prefix_answerable", [each.prefix_answerable.score for each in tasks])]
    parts += [("false_alarms", [each.false_alarms for each in tasks])]
    texts = metrics_of(*(each.texts for each in tasks))
    parts += [(name, [each.texts.get(name) for each in tasks]) for name in texts]
    rows = [_metric_row(name, values, language) for name, values in parts if any(values)]
    for field in dict.fromkeys(each.name for task in tasks for each in task.fields):
        fields = [next((each for each in task.fields if each.name == field), None) for task in tasks]
        names = metrics_of(*(each.metrics for each in fields if each is not None))
        title = escape(translate(language, "page.evaluate.field", name=field))
        rows.append(f'<tr class="field"><th scope="rowgroup" colspan="{len(head)}">{title}</th></tr>')
        rows += [_metric_row(n, [e.metrics.get(n) if e is not None else None for e in fields], language) for n in names]
    return table_html(head, rows)


def _metric_row(name: str, values: Iterable[object], language: str) -> str:
    cells = [figure_html(each, name) for each in values]  # type: ignore[arg-type]
    return row_html(metric_html(name, language), cells, "inflated" if name == "point_adjusted_f1" else "")


def _confusions(told: Sequence[tuple[ModelReport, TaskReport]], language: str) -> str:
    figures = [
        confusion_html(field.confusion, field.name, model.name, language)
        for model, task in told
        for field in task.fields
        if field.confusion is not None and not model.is_baseline
    ]
    return f'<div class="confusions">{"".join(figures)}</div>' if figures else ""


def _controls(controls: Sequence[ControlReport], language: str) -> str:
    if not controls:
        return ""
    columns = ("rows", "before", "after", "drop", "majority", "same")
    head = [_said("page.evaluate.column.model", language), _said("page.evaluate.column.control", language)]
    head += [_said(f"page.evaluate.column.{each}", language) for each in columns]
    rows = []
    for each in controls:
        name = escape(translate(language, f"evaluate.control.{each.control}"))
        cells = [name, f"{each.rows:,}", figure_html(each.before), figure_html(each.after), difference_html(each.drop)]
        cells += [figure_html(each.majority), figure_html(each.same)]
        rows.append(row_html(model_html(each.model, False, language), cells))
    body = table_html(head, rows, "controls")
    return _part("page.evaluate.part.controls", body, language, about="page.evaluate.about.controls")


def _comparisons(report: Report, language: str) -> str:
    if not report.comparisons:
        return ""
    baselines = {each.name for each in report.models if each.is_baseline}
    columns = ("task", "rows", "difference", "chance", "only_first", "only_second", "mcnemar")
    head = [
        _said("page.evaluate.column.pair", language),
        *(_said(f"page.evaluate.column.{e}", language) for e in columns),
    ]
    rows = [_compared(each, baselines, language) for each in report.comparisons]
    about = f'<p class="quiet">{_said("page.evaluate.about.comparisons", language)}</p>'
    title = f"<summary>{_said('page.evaluate.part.comparisons', language)}</summary>"
    return f'<details class="part">{title}{about}{table_html(head, rows, "comparisons")}</details>'


def _compared(pair: Comparison, baselines: set[str], language: str) -> str:
    names = " − ".join(model_html(each, each in baselines, language) for each in (pair.first, pair.second))
    task = escape(task_word(pair.task, language)) if pair.task else _said("page.evaluate.all_tasks", language)
    chance = chance_text(pair.score.chance if pair.score is not None else None)
    cells = [task, f"{pair.rows:,}", difference_html(pair.score), chance, f"{pair.right.only_first:,}"]
    cells += [f"{pair.right.only_second:,}", chance_text(pair.right.chance)]
    is_clear = pair.score is not None and pair.score.is_clear
    return row_html(names, cells, "clear" if is_clear else "")


def _unread(part: Part) -> str:
    told = figure_html(part.unread)
    return f'<span class="warns">{told}</span>' if part.unread is not None and part.unread.value > 0 else told


def _task_names(report: Report) -> list[str]:
    return sorted({task.task for model in report.models for task in model.tasks})


def _metrics(report: Report) -> list[str]:
    found = [*OVERALL, "false_alarms"]
    for model in report.models:
        for task in model.tasks:
            found += [*task.texts, *(name for field in task.fields for name in field.metrics)]
    return list(dict.fromkeys(found))


def _part(title: str, body: str, language: str, about: str = "") -> str:
    told = f'<p class="quiet">{_said(about, language)}</p>' if about else ""
    return f"<section><h3>{_said(title, language)}</h3>{told}{body}</section>"


def _said(key: str, language: str) -> str:
    return escape(translate(language, key))
