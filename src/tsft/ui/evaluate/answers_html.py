"""The answers of an evaluation as HTML: the filters, and a page of rows with what each model said to them."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tsft.i18n import translate
from tsft.store.evaluations import AnsweredRow
from tsft.ui.data.datasets_html import task_word
from tsft.ui.evaluate.answer_index import ORDERS, AnswerIndex, Query
from tsft.ui.evaluate.figures import language_word
from tsft.ui.evaluate.judging import OUTCOMES, Entry, Key
from tsft.ui.evaluate.values import label_text
from tsft.ui.readings import NONE

ROWS_SHOWN = 25
TEXT_LENGTH = 160
COLUMNS = ("row", "task", "question", "truth")
# A choice in a filter, or Enter in its search, asks for rows; typing alone does nothing. What is chosen is read when it
# is sent (`SOUGHT` in tab.py): the last choice counts, also one that is made while an answer is on its way.
FILTER = "element.addEventListener('change', () => trigger('select', {}));"
# A click in a row, or Enter on its number, shows it; the buttons below turn the page.
CHOOSE = """
element.addEventListener('click', (event) => {
  const turn = event.target.closest('[data-first]'), row = event.target.closest('[data-row]');
  if (turn) trigger('edit', { first: Number(turn.dataset.first) });
  else if (row) trigger('select', { dataset: row.dataset.dataset, row: Number(row.dataset.row) });
});
"""


def filters_html(index: AnswerIndex, query: Query, language: str) -> str:
    """The controls that say which rows are shown; "" where nothing was answered."""
    if not len(index):
        return ""
    every = (("", translate(language, "page.evaluate.every")),)
    outcomes = [(each, translate(language, f"page.evaluate.outcome.{each}")) for each in OUTCOMES]
    orders = [(each, translate(language, f"page.evaluate.order.{each}")) for each in ORDERS]
    lists: list[tuple[str, str, Sequence[tuple[str, str]]]] = [
        ("dataset", query.dataset, (*every, *((each, each) for each in index.datasets))),
        ("model", query.model, (*every, *((each, each) for each in index.models))),
        ("task", query.task, (*every, *((each, task_word(each, language)) for each in index.tasks if each))),
        ("outcome", query.outcome, (*every, *outcomes)),
        ("language", query.language, (*every, *((each, language_word(each, language)) for each in index.languages))),
        ("order", query.order, orders),
    ]
    # A list with one choice chooses nothing.
    controls = "".join(_list(*each, language) for each in lists if len(each[2]) > 2 or each[0] in ("outcome", "order"))
    label, hint = (_said(f"page.evaluate.filter.{each}", language) for each in ("text", "text_hint"))
    search = (
        f'<label class="search"><span>{label}</span><input type="search" data-filter="text" '
        f'value="{escape(query.text, quote=True)}" placeholder="{hint}"></label>'
    )
    return f'<div class="filters" role="search">{controls}{search}</div>'


def answers_html(
    keys: Sequence[Key],
    first: int,
    index: AnswerIndex,
    told: Mapping[Key, Mapping[str, AnsweredRow]],
    questions: Mapping[Key, str],
    chosen: Key | None,
    language: str,
) -> str:
    """One page. keys: all rows that pass, in order; told and questions: of those on this page."""
    if not len(index):
        return f'<p class="quiet">{_said("page.evaluate.no_answers", language)}</p>'
    shown = keys[first : first + ROWS_SHOWN]
    if not shown:
        return f'<p class="quiet">{_said("page.evaluate.no_match", language)}</p>'
    models = list(dict.fromkeys(model for each in shown for model in told[each]))
    # "Row 3" says which one it is as long as there is one dataset.
    columns = ("dataset", *COLUMNS) if len(index.datasets) > 1 else COLUMNS
    head = [_said(f"page.evaluate.column.{each}", language) for each in columns]
    head += [escape(each) for each in models]
    cells = "".join(f'<th scope="col">{each}</th>' for each in head)
    rows = "".join(
        _row(each, index, told[each], questions.get(each, ""), models, each == chosen, head, language) for each in shown
    )
    css = "answers of-datasets" if "dataset" in columns else "answers"
    table = f'<table class="{css}"><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="wide" tabindex="0">{table}</div>{pager_html(first, len(shown), len(keys), language)}'


def pager_html(first: int, shown: int, count: int, language: str) -> str:
    """Which rows these are, and the way to those beside them."""
    told = translate(language, "page.evaluate.listed", first=first + 1, last=first + shown, count=count)
    turns = []
    for name, at, can in (
        ("back", first - ROWS_SHOWN, first > 0),
        ("more_rows", first + ROWS_SHOWN, first + shown < count),
    ):
        label = _said(f"page.evaluate.{name}", language)
        is_off = "" if can else " disabled"
        turns.append(f'<button type="button" data-first="{max(0, at)}"{is_off}>{label}</button>')
    return f'<div class="pager"><span>{escape(told)}</span>{"".join(turns)}</div>'


def outcome_html(entry: Entry | None, language: str) -> str:
    """The score of an answer with a sign and a word of its own, not a colour alone."""
    if entry is None or not entry.outcome:
        return ""
    word = _said(f"page.evaluate.outcome.{entry.outcome}", language)
    sign = {"right": "✓", "wrong": "✕", "unread": "?"}[entry.outcome]
    share = f"{100 * (entry.value or 0.0):.0f} %"
    return f'<span class="outcome {entry.outcome}" title="{word}"><b aria-label="{word}">{sign}</b> {share}</span>'


def _row(
    key: Key,
    index: AnswerIndex,
    told: Mapping[str, AnsweredRow],
    question: str,
    models: Sequence[str],
    is_chosen: bool,
    head: Sequence[str],
    language: str,
) -> str:
    entries = index.entries(key)
    has_dataset = len(head) > len(COLUMNS) + len(models)
    one = next(iter(told.values())).prediction
    label: Mapping[str, Any] = one.get("label") or {}
    task = str(label.get("task") or "")
    truth = label_text(label, language) if task and not _is_text(label) else str(one.get("reference") or "")
    cells = [escape(key[0])] if has_dataset else []
    cells += [
        f'<button type="button">{key[1] + 1:,}</button>',
        escape(task_word(task, language)) if task else NONE,
        _text(question.splitlines()[-1:]),
        _text([truth]),
    ]
    for model in models:
        answer = told.get(model)
        text = str(answer.prediction.get("answer", "")) if answer is not None else ""
        cells.append(f"{outcome_html(entries.get(model), language)} {_text([text])}" if answer is not None else NONE)
    columns = "".join(f'<td data-name="{title}">{cell}</td>' for title, cell in zip(head, cells, strict=True))
    mark = ' class="chosen" aria-current="true"' if is_chosen else ""
    return f'<tr data-dataset="{escape(key[0], quote=True)}" data-row="{key[1]}"{mark}>{columns}</tr>'


def _is_text(label: Mapping[str, Any]) -> bool:
    return label.get("style") == "prose" or any(each.get("kind") == "text" for each in label.get("fields") or ())


def _text(lines: Sequence[str]) -> str:
    text = " ".join(" ".join(lines).split())
    short = text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"
    return f"<span>{escape(short)}</span>" if short else NONE


def _list(name: str, value: str, choices: Sequence[tuple[str, str]], language: str) -> str:
    options = "".join(
        f'<option value="{escape(each, quote=True)}"{" selected" if each == value else ""}>{escape(word)}</option>'
        for each, word in choices
    )
    title = _said(f"page.evaluate.filter.{name}", language)
    return f'<label><span>{title}</span><select data-filter="{name}">{options}</select></label>'


def _said(key: str, language: str) -> str:
    return escape(translate(language, key), quote=True)
