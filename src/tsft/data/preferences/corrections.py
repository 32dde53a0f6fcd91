"""Preference rows from the label room: the answer that a person left stands before the one that was proposed.

Proposed was what a model drafted, what a row or a Chat brought as its answer, or what follows from the stretches that a
table's labels marked. Nothing is made of a proposal that answered another question.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from tsft.data.labelling.answers import KINDS as COMPUTED
from tsft.data.labelling.answers import Wanted, answer_from, label_of
from tsft.data.labelling.inbox import Inbox
from tsft.data.labelling.items import FINISHED, Item, answer_of, question_of
from tsft.data.labelling.rows import objections, to_record
from tsft.data.preferences.ranking import JUDGED
from tsft.data.preferences.writing import PreferenceRow, Tally
from tsft.errors import UserError

SOURCE = "labels"
# Who proposed where it was no model: the row itself, or the labels of its table.
ROW, TABLE = "row", "table"
# In an item's meta: what models answered in an evaluation and was found wrong, as {"model", "text"}.
WRONG_ANSWERS = "wrong_answers"


@dataclass(frozen=True)
class Proposal:
    """What was proposed as the answer, by whom, and to which question."""

    text: str
    by: str
    question: str


@dataclass(frozen=True)
class Corrections:
    """The finished items of an inbox as preference rows, in the order in which they came."""

    inbox: Inbox

    @property
    def origin(self) -> str:
        return SOURCE

    def rows(self, kind: str, tally: Tally) -> Iterator[PreferenceRow]:
        """Pairs of the items that were corrected; or every finished answer as good, and what it replaced as bad."""
        for summary in self.inbox.items():
            if summary.state not in FINISHED:
                continue
            tally.looked_at += 1
            item = self.inbox.get(summary.id)
            why = objections(item)
            if why:
                tally.refused[why[0].key] += 1
                tally.first.setdefault(why[0].key, why[0])
                continue
            wrong = _replaced(item, tally, is_counted=kind != JUDGED)
            if kind == JUDGED:
                yield _row(item, item.edit.answer, is_good=True)
                yield from (_row(item, each.text, is_good=False, answered_by=each.by) for each in wrong)
            else:
                yield from (_row(item, item.edit.answer, rejected=each.text, rejected_by=each.by) for each in wrong)


def proposals_of(item: Item) -> list[Proposal]:
    """What stood there before a person wrote: a draft, or the answer that the item came with, and what a Chat says.

    Answers that an evaluation found wrong count where the row's own answer, by which it judged, was confirmed.
    """
    given = item.given
    asked, answer = question_of(given.turns), answer_of(given.turns)
    found = []
    if item.draft is not None:
        found.append(Proposal(item.draft.text, item.draft.model, item.draft.question or asked))
    elif answer.strip():
        model = str(given.meta.get("model") or "")
        found.append(Proposal(answer, model if given.source.get("kind") == "chat" and model else ROW, asked))
    if given.meta.get("rejected"):
        found.append(Proposal(str(given.meta["rejected"]), str(given.meta.get("model") or ROW), asked))
    if answer.strip() and item.edit.answer.strip() == answer.strip():
        told = given.meta.get(WRONG_ANSWERS) or ()
        found += [Proposal(str(each["text"]), str(each["model"]), asked) for each in told]
    marked = _from_table(item)
    return [*found, *([marked] if marked is not None else [])]


def _replaced(item: Item, tally: Tally, is_counted: bool) -> list[Proposal]:
    """Those that answered the same question with other words."""
    proposed = proposals_of(item)
    fitting = [each for each in proposed if each.question.strip() == item.edit.question.strip()]
    wrong = [each for each in fitting if each.text.strip() != item.edit.answer.strip() and each.text.strip()]
    if not wrong and is_counted:
        reason = "as_proposed" if fitting else "other_question" if proposed else "unproposed"
        tally.left_out[reason] += 1
    return wrong


def _from_table(item: Item) -> Proposal | None:
    """The computed answer as the table's labels would have it; None where they say nothing of it.

    In the same style and to the same question as the answer that was computed from the person's own stretches.
    """
    marks = item.given.marks
    label = label_of(item.edit.computed, item.edit.answer, item.edit.marks)
    is_changed = marks and marks != item.edit.marks
    if label is None or not is_changed or label["task"] not in COMPUTED:
        return None
    series = int((label.get("parameters") or {}).get("series") or 0)
    wanted = Wanted(label["task"], label["language"], label["style"], series)
    try:
        before, now = (answer_from(item.series, each, wanted, item.id) for each in (marks, item.edit.marks))
    except UserError:
        return None  # a stretch without a name has no answer in words
    if before.question != now.question or now.answer != item.edit.answer:
        return None
    return Proposal(before.answer, TABLE, item.edit.question)


def _row(
    item: Item, answer: str, rejected: str | None = None, is_good: bool | None = None, **who: str
) -> PreferenceRow:
    record = to_record(item)
    meta: dict[str, Any] = {**orjson.loads(record["meta"]), **who}
    if rejected is not None:
        meta["chosen_by"] = item.summary.by or "-"
    elif is_good:
        meta["answered_by"] = item.summary.by or "-"
    series = [np.array(each, dtype=np.float64) for each in record["timeseries"]]
    return PreferenceRow(_turns(record), series, answer, rejected, is_good, meta)


def _turns(record: dict[str, Any]) -> Sequence[dict[str, str]]:
    turns = [{"role": "system", "content": record["system"]}] if record.get("system") else []
    for asked, said in record.get("history", ()):
        turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return [*turns, {"role": "user", "content": record["input"]}]
