"""ChatTS's own scoring of one answer to an item of its sets A and B, faults included, so that figures can be compared.

What it does is followed step by step where it decides a score, and no further. Explanations are graded by a language
model there; without one they score 0, as its runs without a key do. `chatts_corrected.py` holds what we put beside it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NUMBER = re.compile(r"-?\d+\.?\d*")
_CLAUSE_END = re.compile(r"[.!?。！？,;，；](?!\d)")
_SENTENCE_END = re.compile(r"[.。](?!\d)")
_ABBREVIATIONS = ("max.", "eg.", "Mrs.", "Dr.", "Mr.")
_LETTERS_ONLY = re.compile(r"[^一-龥a-zA-Z]")
# Positions further off than this are no match at all, however long the series is.
_NEAR_POINTS = 64
_TINY = 0.5


class Lost(Exception):
    """The original raises here and leaves the whole item out of its means. reason: "zero" or "empty"."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Marks:
    """Scores 0–1 of one part by the groups of the original; `unjudged` of `reason` are 0 for want of a judge."""

    categorical: tuple[float, ...] = ()
    numerical: tuple[float, ...] = ()
    reason: tuple[float, ...] = ()
    unjudged: int = 0


def original_marks(answer: str, item: Mapping[str, Any]) -> list[tuple[str, Marks]]:
    """By part, with its ability. Raises `Lost` where the original would drop the item."""
    parts = numbered_parts(answer, len(item["attributes"]))
    columns = list(item.get("cols") or ())
    marked = []
    for ability, attribute, part in zip(item["ability_types"], item["attributes"], parts, strict=False):
        marked.append((ability, _ABILITIES[ability](part, attribute, columns)))
    return marked


def numbered_parts(answer: str, count: int) -> list[str]:
    """What stands behind "1.", "2." … up to the end of the line; "" for parts that are missing.

    Any digits with a full stop count as a number, those of a decimal too; without one, a lone answer is missing.
    """
    found, at = [], 0
    while mark := re.compile(r"\d+\.\s*").search(answer, at):
        end = answer.find("\n", mark.end())
        end = len(answer) if end < 0 else end
        found.append(answer[mark.end() : end])
        at = end
    if len(found) == 1 < count:
        places = [answer.find(f"{number}. ") for number in range(1, count + 1)]
        if all(place >= 0 for place in places):
            ends = [*places[1:], len(answer)]
            found = [
                answer[place + len(f"{number}. ") : end]
                for number, (place, end) in enumerate(zip(places, ends, strict=True), start=1)
            ]
    elif count == 1 and found and not found[0].strip():
        found = [answer.rstrip()]
    return [*found, *[""] * count][:count]


def _clauses(text: str, end: re.Pattern[str] = _CLAUSE_END) -> list[str]:
    for each in _ABBREVIATIONS:
        text = text.replace(each, each.replace(".", "<DOT>"))
    return [each.strip().replace("<DOT>", ".") for each in end.split(text) if each.strip()]


def _relative(said: float, true: float) -> float:
    if true == 0:
        raise Lost("zero")
    return max(0.0, min(1.0, 1.0 - abs(said - true) / abs(true)))


def _number_near(clauses: Sequence[str], cues: Sequence[str], judge: Callable[[float], float]) -> float:
    """The first number of the first clause that has a number and a cue, judged; 0 where there is none."""
    for each in clauses:
        numbers = _NUMBER.findall(each)
        if numbers and any(cue in each for cue in cues):
            return judge(float(numbers[0]))
    return 0.0


def _within_tiny(true: float) -> Callable[[float], float]:
    return lambda said: float(abs(said) < _TINY) if abs(true) < _TINY else _relative(said, true)


def _trend(text: str, attribute: Mapping[str, Any], columns: Sequence[str]) -> Marks:
    clauses = _clauses(text)
    if not clauses:
        return Marks((0.0,), (0.0,))
    kind, first = attribute["type"], clauses[0]
    if "steady" in kind:
        is_right = "steady" in first
    else:
        stem = next((each for each in ("decreas", "increas") if f"{each}e" in kind), None)
        is_right = stem is not None and stem in first.lower()
    numbers = [_number_near(clauses, ("start",), _within_tiny(attribute["start"]))]
    if kind != "keep steady":
        cues = ("change value", "from left to right")
        numbers.append(_number_near(clauses, cues, _within_tiny(attribute["amplitude"])))
    return Marks((float(is_right),), tuple(numbers))


def _season(text: str, attribute: Mapping[str, Any], columns: Sequence[str]) -> Marks:
    clauses = _clauses(text)
    if not clauses:
        return Marks((0.0,), (0.0,))
    first, kind = clauses[0].lower(), attribute["type"]
    is_right = "no periodic" in first if "no" in kind else "no" not in first and "periodic" in first
    if kind == "no periodic fluctuation":
        return Marks((float(is_right),))
    period = _number_near(clauses, ("each period",), lambda said: _relative(said, attribute["period"]))
    swing = _number_near(clauses, ("amplitude",), lambda said: _relative(said, attribute["amplitude"]))
    return Marks((float(is_right),), (period, swing))


def _noise(text: str, attribute: Mapping[str, Any], columns: Sequence[str]) -> Marks:
    clauses = _clauses(text)
    if not clauses:
        return Marks((0.0,), (0.0,))
    first, kind = clauses[0].lower(), attribute["type"]
    is_right = "no noise" in first if "almost no" in kind else "noisy" in first
    if "noisy" not in kind:
        return Marks((float(is_right),))
    lowered = [each.lower() for each in clauses]
    sigma = _number_near(lowered, ("standard", "std"), lambda said: _relative(said, attribute["std"]))
    return Marks((float(is_right),), (sigma,))


def _local(text: str, attribute: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Marks:
    """Every true event is looked for; what else was said is not looked at."""
    right, numbers = [], []
    for event in attribute:
        found, place, size = _local_event(text, event)
        right.append(float(found))
        numbers += [place, size]
    return Marks(tuple(right), tuple(numbers))


def _local_inductive(text: str, attribute: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Marks:
    marks = _local(text, attribute, columns)
    return Marks(marks.categorical, marks.numerical, (0.0,) * len(marks.categorical), int(sum(marks.categorical)))


def _local_event(text: str, event: Mapping[str, Any]) -> tuple[bool, float, float]:
    kinds = [event["type"]] if isinstance(event["type"], str) else event["type"]
    place, size = 0.0, 0.0
    for fact in re.split("[;；]", text):
        clauses = re.split("[，。,;；]", fact)
        if not any(kind in clauses[0].lower() for kind in kinds):
            continue
        is_found = False
        for each in clauses:
            numbers = _NUMBER.findall(each)
            if not numbers:
                continue
            said = float(numbers[0])
            if "position" in each.lower() or "around point" in each.lower():
                if abs(said - event["position"]) > _NEAR_POINTS:
                    continue
                place, is_found = _relative(said, event["position"]), True
            if is_found and "amplitude" in each.lower():
                size = _relative(said, event["amplitude"])
        if is_found:
            return True, place, size
    return False, place, size


def _shape_correlation(text: str, attribute: Mapping[str, Any], columns: Sequence[str]) -> Marks:
    clauses = _clauses(text)
    if not clauses:
        return Marks((0.0,), (), (0.0,))
    is_right = ("yes" if attribute["label"] else "no") in clauses[0].lower()
    return Marks((float(is_right),), (), (0.0,), 1)


def _local_correlation(text: str, attribute: Mapping[str, Any], columns: Sequence[str]) -> Marks:
    sentences = _clauses(text, _SENTENCE_END)
    if not sentences:
        return Marks((0.0,), (), (0.0,))
    if not attribute["label"]:
        return Marks((float("no" in sentences[0].lower()),), (), (0.0,), 1)
    is_right = False
    if "yes" in sentences[0].lower():
        if len(sentences) < 2:
            raise Lost("empty")
        is_right = _pairs(sentences[1], columns) == {tuple(each) for each in attribute["pair"]}
    return Marks((float(is_right),), (), (0.0,), 1)


def _shape_cluster(text: str, attribute: Mapping[str, Any], columns: Sequence[str]) -> Marks:
    sentences = _clauses(text, _SENTENCE_END)
    if not sentences:
        return Marks((0.0,), (), (0.0,))
    said = {column for fact in sentences[0].split(",") for column in columns if names(column, fact)}
    return Marks((_set_f1(said, set(attribute["cols"])),), (), (0.0,), 1)


def _local_cluster(text: str, attribute: Mapping[str, Any], columns: Sequence[str]) -> Marks:
    sentences = _clauses(text, _SENTENCE_END)
    if not sentences:
        return Marks((0.0,), (), (0.0,))
    true = set(zip(attribute["cols"], [each[1] for each in attribute["col_idx"]], strict=False))
    return Marks((_set_f1(_pairs(sentences[0], columns), true),), (), (0.0,), 1)


def _deductive(text: str, attribute: str, columns: Sequence[str]) -> Marks:
    true, said = _clauses(attribute), _clauses(text)
    if not true:
        raise Lost("empty")
    if true[0].lower() not in ("yes", "no"):
        return Marks((), (), (0.0,), 1)
    if not said:
        raise Lost("empty")
    return Marks((), (), (float(said[0].lower() == true[0].lower()),))


def _causal(text: str, attribute: str, columns: Sequence[str]) -> Marks:
    true, said = _clauses(attribute), _clauses(text)
    if not true or not said:
        raise Lost("empty")
    return Marks((), (), (float(names(true[0], said[0])),))


def _choice(text: str, attribute: str, columns: Sequence[str]) -> Marks:
    return Marks((), (), (float(names(attribute, text)),))


def names(label: str, text: str) -> bool:
    """Whether the letters of the label stand anywhere among the letters of the text, digits and spaces left out."""
    return _LETTERS_ONLY.sub("", label).lower() in _LETTERS_ONLY.sub("", text).lower()


def _pairs(text: str, columns: Sequence[str]) -> set[tuple[str, ...]]:
    items = [each.strip().split(",") for each in text.split(";")]
    return {(c, each[1].strip()) for each in items if len(each) == 2 for c in columns if names(c, each[0].strip())}


def _set_f1(said: set[Any], true: set[Any]) -> float:
    return 2 * len(said & true) / (len(said) + len(true)) if said or true else 0.0


_ABILITIES: dict[str, Callable[[str, Any, Sequence[str]], Marks]] = {
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
    "causal": _causal,
    "MCQ2": _choice,
}
ABILITIES = tuple(_ABILITIES)
