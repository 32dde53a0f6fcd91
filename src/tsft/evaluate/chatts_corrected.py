"""What an answer to an item of ChatTS's sets A and B is worth without the faults of the original scoring.

Events that were invented cost; positions are judged in points; words are matched as words; a value of 0 has a score;
nothing is dropped, and what cannot be read is counted apart. Explanations, which take a judge, get the share of the
reference's keywords they hold, as a group of its own that is never mixed with right and wrong.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tsft.evaluate.intervals import pairs
from tsft.evaluate.quantities import relative_accuracy
from tsft.evaluate.readings import found_words
from tsft.evaluate.texts import keywords, tokens
from tsft.evaluate.words import NO, YES

GROUPS = ("categorical", "numerical", "positions", "reason", "keywords")
# The closed list that questions on local events offer.
EVENT_TYPES = (
    "shake", "upward spike", "downward spike", "continuous upward spike", "continuous downward spike",
    "upward convex", "downward convex", "sudden increase", "sudden decrease", "rapid rise followed by slow decline",
    "slow rise followed by rapid decline", "rapid decline followed by slow rise", "slow decline followed by rapid rise",
    "decrease after upward spike", "increase after upward spike", "increase after downward spike",
    "decrease after downward spike", "wide upward spike", "wide downward spike",
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?")
_PART = re.compile(r"^\s*(?:question\s*)?(\d{1,2})\s*[.):、：]\s*(?!\d)", re.IGNORECASE | re.MULTILINE)
_CLAUSE_END = re.compile(r"[.!?。！？,;，；](?!\d)")
_DENIED = re.compile(r"\b(no|not|without|lacks?|free of|absence of)\b|无|没有|不", re.IGNORECASE)
_TRENDS = (
    ("increase", ("increase", "increases", "increasing", "rising", "rises", "upward", "growing", "上升", "增长")),
    ("decrease", ("decrease", "decreases", "decreasing", "falling", "falls", "downward", "declining", "下降", "下跌")),
    ("steady", ("steady", "stable", "flat", "constant", "平稳", "稳定")),
)


@dataclass(frozen=True)
class Fair:
    """Scores 0–1 of one part by group. invented: events said that are not there. is_read: whether it can be read."""

    groups: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    is_read: bool = True
    invented: int = 0


def corrected_marks(answer: str, item: Mapping[str, Any]) -> list[tuple[str, Fair]]:
    """By part, with its ability."""
    parts = split_parts(answer, len(item["attributes"]))
    about = _About(list(item.get("cols") or ()), *_measures(item.get("timeseries") or ()))
    given = zip(item["ability_types"], item["attributes"], parts, strict=False)
    return [(ability, _ABILITIES[ability](part, attribute, about)) for ability, attribute, part in given]


def split_parts(answer: str, count: int) -> list[str]:
    """By the numbers at the start of lines, whatever order they come in; all of it where one part is asked for."""
    marks = list(_PART.finditer(answer))
    if not marks:
        return [answer.strip()] if count == 1 else [""] * count
    ends = [*(each.start() for each in marks[1:]), len(answer)]
    found = {int(mark.group(1)): answer[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}
    return [found.get(number, "") for number in range(1, count + 1)]


@dataclass(frozen=True)
class _About:
    columns: list[str]
    span: float
    length: int


def _measures(series: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Range and length of the series; the range is 0 where there are several, as parts do not say which they mean."""
    spans = [max(each) - min(each) for each in series if len(each)]
    return (float(spans[0]) if len(spans) == 1 else 0.0), max((len(each) for each in series), default=0)


def _number(text: str, cues: Sequence[str]) -> float | None:
    for each in _CLAUSE_END.split(text):
        numbers = _NUMBER.findall(each)
        if numbers and any(cue in each.lower() for cue in cues):
            return float(numbers[0].replace(",", ""))
    return None


def _accuracy(said: float | None, true: float, span: float) -> float:
    return 0.0 if said is None else relative_accuracy(said, float(true), span)


def _trend(text: str, attribute: Mapping[str, Any], about: _About) -> Fair:
    words = [(word, key) for key, listed in _TRENDS for word in listed]
    found = sorted(found_words(text, words))
    true = next((key for key, _ in _TRENDS if key in attribute["type"]), None)
    groups: dict[str, tuple[float, ...]] = {}
    if true is not None:
        groups["categorical"] = (float(bool(found) and found[0][1] == true),)
    numbers = [_accuracy(_number(text, ("start", "begin", "起")), attribute["start"], about.span)]
    if true != "steady":
        said = _number(text, ("change value", "from left to right", "net change", "变化"))
        numbers.append(_accuracy(said, attribute["amplitude"], about.span))
    return Fair({**groups, "numerical": tuple(numbers)}, bool(found))


def _season(text: str, attribute: Mapping[str, Any], about: _About) -> Fair:
    said = _said(text, ("periodic", "period", "seasonal", "season", "周期"))
    is_there = not attribute["type"].startswith("no ")
    groups: dict[str, tuple[float, ...]] = {"categorical": (float(said is is_there),)}
    if is_there:
        period = _accuracy(_number(text, ("period", "周期")), attribute["period"], 0.0)
        swing = _accuracy(_number(text, ("amplitude", "swing", "振幅", "幅度")), attribute["amplitude"], about.span)
        groups["numerical"] = (period, swing)
    return Fair(groups, said is not None)


def _noise(text: str, attribute: Mapping[str, Any], about: _About) -> Fair:
    said = _said(text, ("noisy", "noise", "噪声"))
    is_there = "noisy" in attribute["type"]
    groups: dict[str, tuple[float, ...]] = {"categorical": (float(said is is_there),)}
    if is_there:
        sigma = _number(text, ("standard", "std", "标准差"))
        groups["numerical"] = (_accuracy(sigma, attribute["std"], about.span),)
    return Fair(groups, said is not None)


def _said(text: str, words: Sequence[str]) -> bool | None:
    """Whether the first clause with one of the words says that there is one; a denial counts only before the word."""
    for each in _CLAUSE_END.split(text):
        found = found_words(each, [(word, word) for word in words])
        if found:
            return _DENIED.search(each[: min(found)[0]]) is None
    return None


def _local(text: str, attribute: Sequence[Mapping[str, Any]], about: _About) -> Fair:
    """F1 of events matched one to one by type and place; right is also to say nothing where there is nothing."""
    said = _events(text, attribute)
    if said is None:
        return Fair({"categorical": (0.0,)}, is_read=False)
    if not said and not attribute:
        return Fair({"categorical": (1.0,)})
    reach = max(3, math.ceil(0.02 * about.length))
    fits = [[kind in _kinds(e) and abs(place - e["position"]) <= reach for e in attribute] for kind, place, _ in said]
    found = pairs(fits)
    sizes = [_accuracy(said[row][2], attribute[column]["amplitude"], about.span) for row, column in found]
    hits = len(found)
    return Fair(
        {
            "categorical": (2 * hits / (len(said) + len(attribute)),),
            "positions": tuple([1.0] * hits + [0.0] * (len(attribute) - hits)),
            "numerical": tuple(sizes + [0.0] * (len(attribute) - hits)),
        },
        invented=len(said) - hits,
    )


def _events(text: str, attribute: Sequence[Mapping[str, Any]]) -> list[tuple[str, float, float | None]] | None:
    """(type, position, size) of each fact that names a place; None where the text says neither events nor none."""
    known = {*EVENT_TYPES, *(kind for each in attribute for kind in _kinds(each))}
    said = []
    for fact in re.split("[;；\n]", text):
        place = _number(fact, ("position", "around point", "point", "位置", "点"))
        if place is None:
            continue
        kinds = sorted(found_words(fact, [(each, each) for each in known]))
        kind = kinds[0][1] if kinds else _CLAUSE_END.split(fact)[0].strip().lower()
        said.append((kind, place, _number(fact, ("amplitude", "幅度", "幅值"))))
    return said if said or _DENIED.search(text) else None


def _kinds(event: Mapping[str, Any]) -> list[str]:
    return [event["type"]] if isinstance(event["type"], str) else list(event["type"])


def _local_inductive(text: str, attribute: Sequence[Mapping[str, Any]], about: _About) -> Fair:
    fair = _local(text, attribute, about)
    told = tuple(_keyword_recall(text, each.get("explain", "")) for each in attribute)
    return Fair({**fair.groups, "keywords": told}, fair.is_read, fair.invented)


def _shape_correlation(text: str, attribute: Mapping[str, Any], about: _About) -> Fair:
    said = _yes_no(text)
    return _explained(text, attribute, float(said is bool(attribute["label"])), said is not None)


def _local_correlation(text: str, attribute: Mapping[str, Any], about: _About) -> Fair:
    said = _yes_no(text)
    if not attribute["label"] or said is not True:
        return _explained(text, attribute, float(said is bool(attribute["label"])), said is not None)
    true = {(column, kind) for column, kind in attribute["pair"]}
    return _explained(text, attribute, _f1(_column_kinds(text, about.columns), true), True)


def _shape_cluster(text: str, attribute: Mapping[str, Any], about: _About) -> Fair:
    first = re.split(r"[.。\n](?!\d)", text.strip(), maxsplit=1)[0]
    said = {key for _, key in found_words(first, [(each, each) for each in about.columns])}
    return _explained(text, attribute, _f1(said, set(attribute["cols"])), bool(said) or bool(_DENIED.search(first)))


def _local_cluster(text: str, attribute: Mapping[str, Any], about: _About) -> Fair:
    said = _column_kinds(text, about.columns)
    true = set(zip(attribute["cols"], [each[1] for each in attribute["col_idx"]], strict=False))
    return _explained(text, attribute, _f1(said, true), bool(said) or bool(_DENIED.search(text)))


def _column_kinds(text: str, columns: Sequence[str]) -> set[tuple[str, str]]:
    """(column, type) of each fact that names both."""
    found = set()
    for fact in re.split("[;；\n]", text):
        column = sorted(found_words(fact, [(each, each) for each in columns]))
        kind = sorted(found_words(fact, [(each, each) for each in EVENT_TYPES]))
        if column and kind:
            found.add((column[0][1], kind[0][1]))
    return found


def _explained(text: str, attribute: Mapping[str, Any], right: float, is_read: bool) -> Fair:
    told = _keyword_recall(text, str(attribute.get("explain", "")))
    return Fair({"categorical": (right,), "keywords": (told,)}, is_read)


def _deductive(text: str, attribute: str, about: _About) -> Fair:
    true, said = _yes_no(_CLAUSE_END.split(attribute.strip())[0]), _yes_no(text)
    told = {"keywords": (_keyword_recall(text, attribute),)}
    if true is None:
        return Fair(told, bool(tokens(text)))
    return Fair({"reason": (float(said is true),), **told}, said is not None)


def _choice(text: str, attribute: str, about: _About) -> Fair:
    """A letter as a letter of its own; other choices as the words of the label, in order and without gaps."""
    label = _CLAUSE_END.split(attribute.strip())[0].strip()
    if re.fullmatch(r"[A-Za-z]", label):
        found = re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", text)
        return Fair({"reason": (float(bool(found) and found[0] == label.upper()),)}, bool(found))
    wanted, said = tokens(label), tokens(text)
    size = len(wanted)
    is_right = bool(wanted) and any(said[at : at + size] == wanted for at in range(len(said) - size + 1))
    return Fair({"reason": (float(is_right),)}, bool(said))


def _yes_no(text: str) -> bool | None:
    words = [*((each, "no") for each in NO), *((each, "yes") for each in YES)]
    found = sorted(found_words(text, words))
    return None if not found else found[0][1] == "yes"


def _keyword_recall(text: str, reference: str) -> float:
    wanted = keywords(reference)
    return len(wanted & keywords(text)) / len(wanted) if wanted else 1.0


def _f1(said: set[Any], true: set[Any]) -> float:
    return 2 * len(said & true) / (len(said) + len(true)) if said or true else 1.0


_ABILITIES: dict[str, Callable[[str, Any, _About], Fair]] = {
    "trend": _trend,
    "season": _season,
    "noise": _noise,
    "local": _local,
    "local-inductive": _local_inductive,
    "shape-correlation-inductive": _shape_correlation,
    "local-correlation-inductive": _local_correlation,
    "shape-cluster-inductive": _shape_cluster,
    "local-cluster-inductive": _local_cluster,
    "deductive": _deductive,
    "causal": _choice,
    "MCQ2": _choice,
}
