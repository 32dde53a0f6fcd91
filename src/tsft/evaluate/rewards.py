"""Rewards that can be verified: what an answer is worth by its label, each from 0 to 1, or None where it says nothing.

`score` is the task's own score; the others look at one thing each. The names are those of the settings `rewards.*`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tsft.evaluate.parse import Parsed, parse
from tsft.evaluate.scores import score_field

_SENTENCES = re.compile(r"[.!?]\s+\S|[。！？]\s*\S")
_FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """A written answer. tokens: how many it has, its end included. label: None for a row without a (usable) one."""

    text: str
    tokens: int
    label: Mapping[str, Any] | None


@dataclass(frozen=True)
class LengthLimit:
    """Full reward up to so many tokens; each token more costs `slope`."""

    tokens: int
    slope: float


def verifiable(answer: Answer, names: frozenset[str], limit: LengthLimit) -> dict[str, float | None]:
    """The named rewards of an answer, in the order of the registry. None: this row knows nothing of such a thing."""
    parsed = parse(answer.text, answer.label) if answer.label is not None else None
    found: dict[str, float | None] = {
        name: judge(answer, parsed) if parsed is not None else None
        for name, judge in LABEL_REWARDS.items()
        if name in names
    }
    if "length" in names:
        found["length"] = max(0.0, 1.0 - limit.slope * max(0, answer.tokens - limit.tokens))
    return found


def _score(answer: Answer, parsed: Parsed) -> float:
    """The mean over the fields, as `scores.score` has it."""
    fields = _fields(answer)
    values = [score_field(parsed.values[each["name"]], each).value for each in fields if _is_read(each, parsed)]
    return sum(values) / len(fields)


def _format(answer: Answer, parsed: Parsed) -> float:
    """1 where every field can be read and the answer is written in the style that was asked for."""
    assert answer.label is not None
    text = answer.text.strip()
    is_written = {
        "json": lambda: _is_json(text),
        "line": lambda: "\n" not in text,
        "short": lambda: "\n" not in text and not _SENTENCES.search(text),
    }.get(str(answer.label.get("style")), lambda: True)
    return float(parsed.is_complete and is_written())


def _overlap(answer: Answer, parsed: Parsed) -> float | None:
    """Points in both the stretches said and the true ones, of those in either; the mean over fields of stretches."""
    fields = [each for each in _fields(answer) if each["kind"] == "intervals"]
    if not fields:
        return None
    found = [_shared(parsed.values[each["name"]], each) if _is_read(each, parsed) else 0.0 for each in fields]
    return sum(found) / len(found)


def _closeness(answer: Answer, parsed: Parsed) -> float | None:
    """How near a number or a place is: 1 at the truth, falling evenly to 0."""
    fields = [each for each in _fields(answer) if each["kind"] in ("number", "position", "count")]
    if not fields:
        return None
    found = [_near(parsed.values[each["name"]], each) if _is_read(each, parsed) else 0.0 for each in fields]
    return sum(found) / len(found)


def _shared(said: Any, truth: Mapping[str, Any]) -> float:
    """By lengths, never point by point: an answer may name stretches of any length."""
    mine, real, either = (_length(each) for each in (said, truth["value"], [*said, *truth["value"]]))
    return (mine + real - either) / either if either else 1.0


def _length(stretches: Any) -> int:
    """Points in any of them."""
    total = reached = 0
    for start, end in sorted((int(start), int(end)) for start, end in stretches):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _near(said: Any, truth: Mapping[str, Any]) -> float:
    if said is None or truth["value"] is None:
        return float(said is None and truth["value"] is None)
    real = float(truth["value"])
    scale = float(truth.get("scale") or truth.get("length") or max(1.0, abs(real)))
    return max(0.0, 1.0 - abs(float(said) - real) / scale)


def _is_json(text: str) -> bool:
    fenced = _FENCE.match(text)
    try:
        json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError):
        return False
    return True


def _fields(answer: Answer) -> list[Mapping[str, Any]]:
    assert answer.label is not None
    return list(answer.label["fields"])


def _is_read(field: Mapping[str, Any], parsed: Parsed) -> bool:
    return field["name"] not in parsed.failed


LABEL_REWARDS: Mapping[str, Callable[[Answer, Parsed], float | None]] = {
    "score": _score,
    "format": _format,
    "overlap": _overlap,
    "closeness": _closeness,
}
