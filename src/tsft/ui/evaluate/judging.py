"""What an answer scored: its value and outcome, by its label or, of ChatTS's own sets, by the corrected marks."""

from collections.abc import Callable, Mapping
from sys import intern
from typing import Any, NamedTuple

from tsft.evaluate.chatts_corrected import corrected_marks
from tsft.evaluate.scores import Score, score
from tsft.store.evaluations import AnsweredRow

RIGHT, WRONG, UNREAD = "right", "wrong", "unread"
OUTCOMES = (RIGHT, WRONG, UNREAD)

# A dataset and the number of a row in it, from 0.
Key = tuple[str, int]
# The raw record of a row of ChatTS's own sets; {} where it cannot be had any more.
Item = Callable[[Key], Mapping[str, Any]]


class Entry(NamedTuple):
    """One answer. offset: of its line in bytes; value: its score 0–1, None where it cannot be judged.

    outcome: one of OUTCOMES, "" where it cannot be judged.
    """

    offset: int
    model: str
    task: str
    language: str
    value: float | None
    outcome: str


def judged(prediction: Mapping[str, Any]) -> tuple[Score | None, float | None, str]:
    """The score of an answer, its value (0–1) and its outcome; None and "" where its row has no label to judge by."""
    label = prediction.get("label") or {}
    if not label.get("fields"):
        return None, None, ""
    found = score(str(prediction.get("answer", "")), label)
    return found, found.value, UNREAD if not found.is_read else RIGHT if found.is_right else WRONG


def corrected(answer: str, item: Mapping[str, Any]) -> tuple[float | None, str]:
    """Mean of the corrected marks of an answer to an item of ChatTS's own sets, and its outcome."""
    try:
        fair = [each for _, each in corrected_marks(answer, item)]
    except (KeyError, TypeError, ValueError):
        return None, ""
    values = [value for each in fair for group in each.groups.values() for value in group]
    if not all(each.is_read for each in fair):
        return sum(values) / len(values) if values else 0.0, UNREAD
    if not values:
        return None, ""
    value = sum(values) / len(values)
    return value, RIGHT if value >= 1.0 else WRONG


def entry_of(answer: AnsweredRow, offset: int, item: Item | None) -> tuple[Key, Entry]:
    """One answer judged; those under a control are not, for they show other series."""
    label = answer.prediction.get("label") or {}
    key = (intern(answer.dataset), int(answer.prediction["row"]))
    value, outcome = None, ""
    if not answer.control:
        said = str(answer.prediction.get("answer", ""))
        value, outcome = corrected(said, item(key)) if item is not None else judged(answer.prediction)[1:]
    task, language = str(label.get("task") or ""), str(label.get("language") or "")
    return key, Entry(offset, intern(answer.model), intern(task), intern(language), value, outcome)
