"""ChatTS's sets A and B: its own figures, the faults in them that this run met, and the corrected figures beside."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.errors import Message, UserError, message
from tsft.evaluate import shapes
from tsft.evaluate.chatts_corrected import GROUPS, Fair, corrected_marks
from tsft.evaluate.chatts_original import ABILITIES, Lost, Marks, numbered_parts, original_marks
from tsft.evaluate.field_reports import Drawing
from tsft.evaluate.reporting import balanced
from tsft.evaluate.statistics import Estimate, columns

ORIGINAL_GROUPS = ("categorical", "numerical", "reason")


@dataclass(frozen=True)
class Defect:
    """A fault of the original scoring; `count` says how often it bore on this run."""

    key: str
    sentence: Message
    count: int


@dataclass(frozen=True)
class Ability:
    """Means by group of one ability. original: as its tool prints them; corrected: with intervals over items."""

    ability: str
    parts: int
    original: Mapping[str, float]
    corrected: Mapping[str, Estimate]


@dataclass(frozen=True)
class ChattsReport:
    """original: overall means as its tool prints them. corrected: means over abilities. unread: share of parts."""

    items: int
    parts: int
    lost: int
    original: Mapping[str, float]
    corrected: Mapping[str, Estimate]
    unread: Estimate | None
    abilities: tuple[Ability, ...]
    defects: tuple[Defect, ...]

    def to_json(self) -> dict[str, Any]:
        return dict(shapes.to_json(self))

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "ChattsReport":
        return shapes.from_json(ChattsReport, data)


@dataclass(frozen=True)
class _Part:
    item: int
    ability: str
    attribute: Any
    text: str
    fair: Fair
    marks: Marks | None


def chatts_report(
    items: Sequence[Mapping[str, Any]], answers: Sequence[str], drawing: Drawing | None = None
) -> ChattsReport:
    """Both scorings of one answer an item (question, attributes, ability_types, cols, timeseries).

    UserError naming the item whose abilities are unknown or do not fit its attributes.
    """
    how = drawing or Drawing()
    parts, lost = _parts(items, answers)
    heard = [each for each in parts if each.marks is not None]
    return ChattsReport(
        items=len(items),
        parts=len(parts),
        lost=sum(lost.values()),
        original=_original(heard),
        corrected=_corrected(parts, how),
        unread=how.estimate(columns([not each.fair.is_read for each in parts]), [str(each.item) for each in parts]),
        abilities=tuple(
            _ability(name, [each for each in parts if each.ability == name], how)
            for name in ABILITIES
            if any(each.ability == name for each in parts)
        ),
        defects=_defects(parts, lost),
    )


def _parts(items: Sequence[Mapping[str, Any]], answers: Sequence[str]) -> tuple[list[_Part], Counter[str]]:
    parts: list[_Part] = []
    lost: Counter[str] = Counter()
    for number, (item, answer) in enumerate(zip(items, answers, strict=True)):
        _check(number, item)
        try:
            marked: list[Marks | None] = [marks for _, marks in original_marks(answer, item)]
        except Lost as problem:
            lost[problem.reason] += 1
            marked = [None] * len(item["attributes"])
        texts = numbered_parts(answer, len(item["attributes"]))
        fair = corrected_marks(answer, item)
        for (ability, one), marks, attribute, text in zip(fair, marked, item["attributes"], texts, strict=True):
            parts.append(_Part(number, ability, attribute, text, one, marks))
    return parts, lost


def _check(number: int, item: Mapping[str, Any]) -> None:
    abilities, attributes = item.get("ability_types"), item.get("attributes")
    if not isinstance(abilities, list) or not isinstance(attributes, list) or len(abilities) != len(attributes):
        raise UserError(message("evaluate.chatts.bad_item", item=number + 1))
    unknown = next((each for each in abilities if each not in ABILITIES), None)
    if unknown is not None:
        raise UserError(
            message("evaluate.chatts.unknown_ability", item=number + 1, name=str(unknown), known=", ".join(ABILITIES))
        )


def _original(parts: Sequence[_Part]) -> dict[str, float]:
    """Every single score counts alike, as there."""
    found = {}
    for group in ORIGINAL_GROUPS:
        values = [value for each in parts if each.marks for value in getattr(each.marks, group)]
        if values:
            found[group] = float(np.mean(values))
    return found


def _corrected(parts: Sequence[_Part], how: Drawing) -> dict[str, Estimate]:
    found = {}
    for group in GROUPS:
        told = [(each, value) for each in parts for value in each.fair.groups.get(group, ())]
        lay_out, statistic = balanced([each.ability for each, _ in told])
        rows = lay_out([value for _, value in told])
        estimate = how.estimate(rows, [str(each.item) for each, _ in told], statistic)
        if estimate is not None:
            found[group] = estimate
    return found


def _ability(name: str, parts: Sequence[_Part], how: Drawing) -> Ability:
    return Ability(name, len(parts), _original([each for each in parts if each.marks]), _corrected(parts, how))


def _defects(parts: Sequence[_Part], lost: Mapping[str, int]) -> tuple[Defect, ...]:
    local = [each for each in parts if each.ability.startswith("local") and isinstance(each.attribute, list)]
    shares = Counter(each.ability for each in parts)
    counts = {
        "recall_only": sum(each.fair.invented for each in local),
        "nothing_unscored": sum(not each.attribute for each in local),
        "lost_zero": lost.get("zero", 0),
        "lost_empty": lost.get("empty", 0),
        "relative_positions": sum(len(each.attribute) for each in local),
        "substrings": sum(_differs(each) for each in parts),
        "no_judge": sum(each.marks.unjudged for each in parts if each.marks),
        "numbering": sum(not each.text.strip() and each.fair.is_read for each in parts),
        "weights": max(shares.values(), default=0) - min(shares.values(), default=0),
    }
    return tuple(
        Defect(key, message(f"evaluate.chatts.defect.{key}", count=value), value) for key, value in counts.items()
    )


def _differs(part: _Part) -> bool:
    """Whether words of the answer were taken for others: right for one scoring, wrong for the other."""
    if part.marks is None or isinstance(part.attribute, list) or not part.text.strip():
        return False
    one = (*part.marks.categorical, *(part.marks.reason if not part.marks.unjudged else ()))
    other = (*part.fair.groups.get("categorical", ()), *part.fair.groups.get("reason", ()))
    return bool(one) and bool(other) and any(a != b for a, b in _zipped(one, other))


def _zipped(one: Iterable[float], other: Iterable[float]) -> Iterable[tuple[float, float]]:
    return zip(one, other, strict=False)
