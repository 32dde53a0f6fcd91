"""The list of datasets and what one of them is made of, as HTML."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tsft.data.overview import Overview
from tsft.data.provenance import Provenance, Step
from tsft.data.registry import DatasetInfo
from tsft.i18n import say, translate
from tsft.ui.readings import NONE, moment, size

COLUMNS = ("name", "rows", "series", "points", "languages", "tasks", "size", "from")
NUMERIC = ("rows", "series", "points", "size")
TASKS_SHOWN = 6
# Options of a step that are too long to be read; the file beside the dataset has them whole.
OPTION_LENGTH = 160
# A click in a row, or Enter on its name, chooses the dataset.
BEHAVIOUR = """
element.addEventListener('click', (event) => {
  const row = event.target.closest('[data-dataset]');
  if (row) trigger('select', { dataset: row.dataset.dataset });
});
"""


def datasets_html(
    found: Sequence[DatasetInfo],
    overviews: Mapping[str, Overview],
    origins: Mapping[str, Provenance | None],
    chosen: str,
    language: str,
) -> str:
    """The table. A dataset that was not looked at yet shows dashes; a broken one its problem. Phones get cards."""
    names = {column: translate(language, f"page.data.column.{column}") for column in COLUMNS}
    head = "".join(
        f'<th scope="col"{" class=number" if column in NUMERIC else ""}>{escape(names[column])}</th>'
        for column in COLUMNS
    )
    body = "".join(
        _row(each, overviews.get(each.name), origins.get(each.name), names, each.name == chosen, language)
        for each in found
    )
    return f'<div class="runs"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def told_html(dataset: DatasetInfo | None, known: Provenance | None, language: str) -> str:
    """Where the chosen dataset lies, its parents and what was done to them, the last step last."""
    if dataset is None:
        return ""
    facts = [(translate(language, "page.data.where"), f'<code class="path">{escape(str(dataset.path))}</code>')]
    if known is not None:
        made = moment(known.made_at) + (f" · {escape(known.by)}" if known.by else "")
        facts.append((translate(language, "page.data.made"), made))
        for parent in known.parents:
            rows = f" · {_count(parent.rows, language)}" if parent.rows is not None else ""
            told = f"{escape(parent.name)}{rows} · <code>{escape(parent.content[:8])}</code>"
            facts.append((translate(language, "page.data.parent"), told))
        facts += [(step_word(each.do, language), _step(each, language)) for each in known.steps]
    else:
        facts.append((translate(language, "page.data.parent"), escape(origin_word(dataset, None, language))))
    rows_html = "".join(f"<tr><td>{escape(name)}</td><td>{told}</td></tr>" for name, told in facts)
    title = escape(translate(language, "page.data.told", name=dataset.name))
    return f'<p class="facts-title">{title}</p><table class="facts">{rows_html}</table>'


def origin_word(dataset: DatasetInfo, known: Provenance | None, language: str) -> str:
    """Where a dataset comes from, in a few words."""
    if known is not None and known.steps:
        step = step_word(known.steps[-1].do, language)
        parents = ", ".join(each.name for each in known.parents)
        return f"{step} · {parents}" if parents else step
    return translate(language, f"page.data.origin.{dataset.origin}")


def step_word(do: str, language: str) -> str:
    """What a step of a provenance did; as it is written there where this tsft does not know it."""
    try:
        return translate(language, f"page.data.step.{do}")
    except KeyError:
        return do


def task_word(task: str, language: str) -> str:
    """The name of a task; as the rows have it where it is none of ours."""
    try:
        return translate(language, f"page.data.task.{task}")
    except KeyError:
        return task


def _row(
    dataset: DatasetInfo,
    seen: Overview | None,
    known: Provenance | None,
    names: Mapping[str, str],
    is_chosen: bool,
    language: str,
) -> str:
    name = f'<button type="button">{escape(dataset.name)}</button>'
    if dataset.problem is not None:
        told = f'<span class="field-problem">{escape(say(language, dataset.problem))}</span>'
        return (
            f'<tr><td data-name="{escape(names["name"])}">{escape(dataset.name)}</td><td colspan="7">{told}</td></tr>'
        )
    cells = {**dict.fromkeys(COLUMNS, NONE), "name": name, "from": escape(origin_word(dataset, known, language))}
    cells["size"] = size(dataset.size_bytes) if dataset.size_bytes else NONE
    if seen is not None:
        cells |= _seen(seen, language)
    columns = "".join(
        f'<td data-name="{escape(names[column])}"{" class=number" if column in NUMERIC else ""}>{cells[column]}</td>'
        for column in COLUMNS
    )
    mark = ' class="chosen" aria-current="true"' if is_chosen else ""
    return f'<tr data-dataset="{escape(dataset.name)}"{mark}>{columns}</tr>'


def _seen(seen: Overview, language: str) -> dict[str, str]:
    rows = f"{seen.rows:,}"
    about = translate(language, "page.data.about", count=rows) if seen.is_estimated else rows
    shown = [task_word(each, language) for each in seen.tasks[:TASKS_SHOWN]]
    tasks = ", ".join([*shown, *(["…"] if len(seen.tasks) > TASKS_SHOWN else [])])
    unreadable = ""
    if seen.unreadable:
        told = translate(language, "page.data.unreadable", count=seen.unreadable, looked=seen.looked_at)
        unreadable = f' <span class="tag" title="{escape(told)}">{seen.unreadable} ✕</span>'
    words = [translate(language, f"language.{each}") for each in seen.languages]
    return {
        "rows": escape(about) + unreadable,
        "series": _spread(seen.series),
        "points": _spread(seen.points),
        "languages": escape(", ".join(words)) or NONE,
        "tasks": escape(tasks) or NONE,
    }


def _spread(values: tuple[int, int, int] | None) -> str:
    if values is None:
        return NONE
    least, _, most = values
    return f"{least:,}" if least == most else f"{least:,}–{most:,}"


def _step(step: Step, language: str) -> str:
    counts = []
    if step.rows_in is not None and step.rows_out is not None:
        counts.append(translate(language, "page.data.rows_in_out", rows_in=step.rows_in, rows_out=step.rows_out))
    elif step.rows_out is not None:
        counts.append(_count(step.rows_out, language))
    if step.changed:
        counts.append(translate(language, "page.data.rows_changed", count=step.changed))
    told = escape(" · ".join(counts))
    options = ", ".join(
        f"{name} {_plain(value)}" for name, value in step.options.items() if value not in ("", 0, [], {})
    )
    options = options if len(options) <= OPTION_LENGTH else options[:OPTION_LENGTH] + " …"
    return f"{told}<br><small>{escape(options)}</small>" if options else told


def _count(rows: int, language: str) -> str:
    return translate(language, "page.data.rows", count=f"{rows:,}")


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_plain(each)}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
