"""One row of an evaluation, whole: its series with what is true and what was said, the texts, and the judgement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from tsft.data.examples import PLACEHOLDER
from tsft.data.labelling.sources import item_of
from tsft.data.preferences.corrections import WRONG_ANSWERS
from tsft.data.view import RowView, view_row
from tsft.errors import UserError
from tsft.evaluate.free_text import FREE_TEXT
from tsft.evaluate.scores import Score
from tsft.i18n import say_all, translate
from tsft.store.evaluations import AnsweredRow, EvaluationInfo
from tsft.ui.data.datasets_html import task_word
from tsft.ui.data.series_html import Mark, series_html
from tsft.ui.evaluate.answer_index import AnswerIndex
from tsft.ui.evaluate.answers_html import outcome_html
from tsft.ui.evaluate.judging import Key, judged
from tsft.ui.evaluate.room import EvaluateRoom, label_of
from tsft.ui.evaluate.values import SAID, TRUTH, judgement, marks_of, on_series, value_text
from tsft.ui.monitor import said

TEXT_LENGTH = 20_000
# Texts of the answers in the note that goes to the label room with the row.
NOTE_LENGTH = 2_000
ACT = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-do]');
  if (button) trigger('select', { do: button.dataset.do });
});
"""
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Card:
    """What is known of a row. view: None where its dataset has it no more (problem says why). is_other: it changed."""

    key: Key
    answers: Mapping[str, AnsweredRow]
    scores: Mapping[str, Score | None]
    view: RowView | None = None
    problem: str = ""
    is_other: bool = False
    label: Mapping[str, Any] = field(default_factory=dict)


def read_card(room: EvaluateRoom, info: EvaluationInfo, key: Key, language: str) -> Card:
    """The row from its dataset, its answers from the evaluation's folder."""
    answers = room.index(info).answers(key)
    scores = {model: judged(each.prediction)[0] for model, each in answers.items()}
    label = next((each.prediction.get("label") or {} for each in answers.values()), {})
    try:
        located = room.asked(info).row(key)
    except UserError as error:
        return Card(key, answers, scores, problem=say_all(language, error), label=label)
    own = label_of(located)
    return Card(key, answers, scores, view_row(located), is_other=bool(own) and own != label, label=label)


def card_html(card: Card, index: AnswerIndex, info: EvaluationInfo, language: str) -> str:
    """The card with its buttons."""
    task = str(card.label.get("task") or "")
    where = translate(language, "page.evaluate.row_of", row=card.key[1] + 1, dataset=card.key[0])
    title = f"{escape(where)}{f' · {escape(task_word(task, language))}' if task else ''}"
    send = "" if card.view is None else _button("send", language)
    tools = f'<p class="tools">{_button("previous", language)}{_button("next", language)}{send}</p>'
    warning = ""
    if card.problem:
        warning = said(card.problem, is_bad=True)
    elif card.is_other:
        warning = said(translate(language, "page.evaluate.row_changed"), is_bad=True)
    facts = f'data-dataset="{escape(card.key[0], quote=True)}" data-row="{card.key[1]}"'
    body = f"{_drawing(card, info, language)}{_question(card, language)}{_texts(card, index, language)}"
    judged_fields = _fields(card, language)
    return f'<article class="answer-card" {facts}><h3>{title}</h3>{tools}{warning}{body}{judged_fields}</article>'


def send_card(room: EvaluateRoom, info: EvaluationInfo, card: Card, by: str) -> bool:
    """Put the row into the label room, with what was answered as its note; False when it lies there already.

    Answers that were found wrong go along: once a person has confirmed the row's own, they are the worse ones of pairs.
    """
    if card.view is None:
        return False
    told = "\n".join(f"{model}: {each.prediction.get('answer', '')}" for model, each in card.answers.items())
    source = {"kind": "evaluate", "name": info.name, "id": info.id, "dataset": card.key[0], "row": card.key[1] + 1}
    wrong = [
        {"model": model, "text": str(card.answers[model].prediction.get("answer", ""))}
        for model, found in card.scores.items()
        if found is not None and not found.is_right and card.label.get("task") != FREE_TEXT
    ]
    more = {WRONG_ANSWERS: wrong} if wrong and not card.is_other else {}
    return bool(room.data.inbox.add([item_of(card.view, source, told[:NOTE_LENGTH], more)], by))


def marks(card: Card, language: str) -> tuple[list[Mark], list[Mark]]:
    """What is true and what was said, on the series; and what was said beyond their ends."""
    if card.view is None:
        return [], []
    count = len(card.view.series)
    lengths = [len(each.points) for each in card.view.series]
    right = {each["name"]: each["value"] for each in card.label.get("fields") or ()}
    true = list(marks_of(card.label, right, TRUTH, translate(language, "page.evaluate.true"), count))
    told: list[Mark] = []
    for place, (model, found) in enumerate(card.scores.items()):
        if found is not None:
            told += marks_of(card.label, found.parsed, SAID[place % len(SAID)], model, count)
    inside, beyond = on_series([*true, *told], lengths)
    return inside, beyond


def _drawing(card: Card, info: EvaluationInfo, language: str) -> str:
    if card.view is None:
        return ""
    inside, beyond = marks(card, language)
    drawn = series_html(card.view.series, inside, language, key=f"{info.id}:{card.key[0]}:{card.key[1]}")
    lines = "".join(f'<p class="field-problem">{escape(_beyond(each, language))}</p>' for each in beyond)
    return f"{_legend(card, inside, language)}{drawn}{lines}"


def _beyond(mark: Mark, language: str) -> str:
    return translate(language, "page.evaluate.beyond", model=mark.label, first=mark.first, last=mark.last)


def _legend(card: Card, inside: list[Mark], language: str) -> str:
    shown = {each.css for each in inside}
    if not shown:
        return ""
    names = [(TRUTH, translate(language, "page.evaluate.true"))]
    names += [(SAID[place % len(SAID)], model) for place, model in enumerate(card.scores)]
    chips = "".join(f'<span class="key {css}"><i></i>{escape(name)}</span>' for css, name in names if css in shown)
    return f'<p class="mark-legend">{chips}</p>'


def _question(card: Card, language: str) -> str:
    if card.view is None:
        return ""
    turns = card.view.turns
    if turns and turns[-1]["role"] == "assistant":
        turns = turns[:-1]  # the row's own answer stands beside those of the models
    parts, number = [], 0
    for turn in turns:
        pieces = turn["content"][:TEXT_LENGTH].split(PLACEHOLDER)
        text = escape(pieces[0])
        for piece in pieces[1:]:
            number += 1
            chip = escape(translate(language, "page.preview.series", number=number))
            text += f'<span class="series-chip">{chip}</span>{escape(piece)}'
        role = translate(language, f"page.role.{turn['role']}") if turn["role"] in ROLES else turn["role"]
        parts.append(f'<p class="turn"><b>{escape(role)}</b>{text}</p>')
    return "".join(parts)


def _texts(card: Card, index: AnswerIndex, language: str) -> str:
    """The row's own answer, then each model's with its score."""
    reference = next((str(each.prediction.get("reference") or "") for each in card.answers.values()), "")
    entries, parts = index.entries(card.key), []
    if reference:
        name = escape(translate(language, "page.evaluate.reference"))
        parts.append(f'<p class="turn reference"><b>{name}</b>{escape(reference[:TEXT_LENGTH])}</p>')
    for model, each in card.answers.items():
        outcome = outcome_html(entries.get(model), language)
        text = escape(str(each.prediction.get("answer", ""))[:TEXT_LENGTH])
        text = text or f"<i>{escape(translate(language, 'page.evaluate.empty_answer'))}</i>"
        loss = ""
        if each.loss is not None:
            loss = f" <small>{escape(translate(language, 'page.evaluate.loss_of', loss=f'{each.loss:.4g}'))}</small>"
        parts.append(f'<p class="turn answer"><b>{escape(model)}</b>{outcome}{loss}<br>{text}</p>')
    return f'<div class="said-texts">{"".join(parts)}</div>'


def _fields(card: Card, language: str) -> str:
    """Each field: what is right, and what was read of every answer."""
    fields = card.label.get("fields") or ()
    known = {model: found for model, found in card.scores.items() if found is not None}
    if not fields or not known:
        return ""
    head = [translate(language, f"page.evaluate.column.{each}") for each in ("field", "truth")]
    cells = "".join(f'<th scope="col">{escape(each)}</th>' for each in (*head, *known))
    rows = []
    for each in fields:
        row = [f'<th scope="row">{escape(str(each.get("word") or each["name"]))}</th>']
        row.append(f"<td>{escape(value_text(each, each['value'], language))}</td>")
        for found in known.values():
            told, share, outcome = judgement(each, found, language)
            sign = {"right": "✓", "wrong": "✕", "unread": "?"}[outcome]
            word = escape(translate(language, f"page.evaluate.outcome.{outcome}"), quote=True)
            row.append(
                f'<td><span class="outcome {outcome}" title="{word}"><b aria-label="{word}">{sign}</b> {share}</span> '
                f"{escape(told)}</td>"
            )
        rows.append(f"<tr>{''.join(row)}</tr>")
    title = escape(translate(language, "page.evaluate.judged"))
    table = f'<table class="figures fields"><thead><tr>{cells}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f'<h4>{title}</h4><div class="wide" tabindex="0">{table}</div>'


def _button(name: str, language: str) -> str:
    label = escape(translate(language, f"page.evaluate.card.{name}"))
    return f'<button type="button" class="tool" data-do="{name}">{label}</button>'
