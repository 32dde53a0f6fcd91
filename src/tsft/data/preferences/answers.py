"""Preference rows from scored answers to the rows of datasets: the questions and series as the datasets have them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsft.data.checks.quality import meta_of
from tsft.data.doctor import CheckedRow, check_record
from tsft.data.examples import RowRefused
from tsft.data.preferences.ranking import JUDGED, OTHER, Ranked, Rule, ScoredAnswer, distinct, pairs_of, verdict
from tsft.data.preferences.writing import PreferenceRow, Tally
from tsft.data.row_access import LocatedRow
from tsft.errors import UserError

SOURCE = "preferences"
# Of a generated row with a wrong answer: these rows have answers of their own.
_OF_OLD_ANSWERS = ("mistake",)


@dataclass(frozen=True)
class AskedRow:
    """A row that models answered. row: its number from 0. label: what the answers were judged by; {}: without one.

    reference: the row's own answer when it was asked, with its score.
    """

    dataset: str
    row: int
    label: Mapping[str, Any]
    reference: ScoredAnswer
    answers: tuple[ScoredAnswer, ...]


# What becomes a row: a pair, or an answer with its verdict.
Found = Ranked | tuple[ScoredAnswer, bool]
# Gives a row of a dataset as it is now; UserError where there is none.
Located = Callable[[str, int], LocatedRow]


def rows_from_answers(
    asked: Iterable[AskedRow], located: Located, rule: Rule, tally: Tally, origin: Mapping[str, Any]
) -> Iterator[PreferenceRow]:
    """What the rule makes of each, counted in `tally`. origin: goes into every row's meta, with dataset and row."""
    for each in asked:
        tally.looked_at += 1
        answers = distinct(each.answers)
        if not answers:
            tally.left_out["empty"] += 1
            continue
        if all(one.value is None for one in answers):
            tally.left_out["unjudged"] += 1
            continue
        tally.unread += sum(not one.is_read for one in answers)
        found: Sequence[Found]
        found = _judged(answers, rule, tally) if rule.kind == JUDGED else _paired(each, answers, rule, tally)
        if found:
            yield from _rows(each, found, located, tally, origin)


def _paired(asked: AskedRow, answers: list[ScoredAnswer], rule: Rule, tally: Tally) -> list[Ranked]:
    if rule.against == OTHER:
        if len(asked.answers) < 2:
            tally.left_out["alone"] += 1
            return []
        better = answers
    else:
        if not asked.reference.text.strip() or (asked.reference.value or 0.0) < 1.0 - 1e-9:
            # A row that was judged bad has a wrong answer of its own; nothing may be pulled towards it.
            tally.left_out["wrong_reference"] += 1
            return []
        better = [asked.reference]
    found = pairs_of(better, answers, rule)
    if not found:
        tally.left_out["tie" if any(each.is_read for each in better) else "unread"] += 1
    return found


def _judged(answers: list[ScoredAnswer], rule: Rule, tally: Tally) -> list[tuple[ScoredAnswer, bool]]:
    found = []
    for each in answers:
        said = verdict(each, rule)
        if said is None:
            tally.left_out["between"] += 1
        else:
            found.append((each, said))
    return found


def _rows(
    asked: AskedRow,
    found: Sequence[Found],
    located: Located,
    tally: Tally,
    origin: Mapping[str, Any],
) -> Iterator[PreferenceRow]:
    try:
        row = located(asked.dataset, asked.row)
        checked = check_record(row.raw.record or {}, row.mapping)
    except (RowRefused, UserError):
        tally.left_out["changed"] += 1
        return
    own = meta_of(row.raw.record or {})
    last = max((place for place, turn in enumerate(checked.turns) if turn["role"] == "assistant"), default=0)
    is_same = checked.turns[last]["content"].strip() == asked.reference.text.strip()
    if not is_same or (asked.label and own.get("label") not in (None, asked.label)):
        tally.left_out["changed"] += 1
        return
    meta = {name: value for name, value in own.items() if name not in _OF_OLD_ANSWERS}
    meta |= {"source": SOURCE, "origin": {**origin, "dataset": asked.dataset, "row": asked.row + 1}}
    for each in found:
        yield _row(each, checked, last, meta)


def _row(found: Found, checked: CheckedRow, last: int, meta: Mapping[str, Any]) -> PreferenceRow:
    turns, series = checked.turns[:last], checked.series
    if isinstance(found, Ranked):
        better, worse = found.better, found.worse
        told = {"chosen_by": better.by, "chosen_score": _rounded(better)}
        told |= {"rejected_by": worse.by, "rejected_score": _rounded(worse)}
        return PreferenceRow(turns, series, better.text, rejected=worse.text, meta={**meta, **told})
    answer, is_good = found
    told = {"answered_by": answer.by, "score": _rounded(answer)}
    return PreferenceRow(turns, series, answer.text, is_good=is_good, meta={**meta, **told})


def _rounded(answer: ScoredAnswer) -> float | None:
    return None if answer.value is None else round(answer.value, 4)
