"""Whether a row's answer fits its series: positions and values that are not there, questions the prefix answers.

Careful on purpose: a row is named only when no reading of it makes sense. What a row must be to train, `doctor` says.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tsft.data.checks.findings import kind_of
from tsft.data.quotes import QuotedValue, number_of, quoted_positions, quoted_values, rounding
from tsft.errors import Message, message

# Texts often quote the curve before noise was added, and count from 0 or from 1.
SPAN_TOLERANCE = 0.05
NOISE_TOLERANCE = 4.0
_NEIGHBOURS = 2
_ANY_NUMBER = re.compile(r"(?<![\w.])[-−+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w%]|\.\d)")
# What a question may ask for that every current prefix prints: length, max, min, left, right and (minus) offset.
_ASKED = {
    "length": r"\bhow many (?:data )?points\b|\bhow long\b|\blength of\b|多少个(?:数据)?点|(?:序列|数据)的?长度|有多长",
    "max": r"\b(?:maximum|highest|largest) (?:value|reading)\b|\bmax value\b|最大值|最高值",
    "min": r"\b(?:minimum|lowest|smallest) (?:value|reading)\b|\bmin value\b|最小值|最低值",
    "first": r"\b(?:first|initial) (?:value|reading)\b|(?:第一个|初始|起始)的?(?:数)?值",
    "last": r"\b(?:last|final) (?:value|reading)\b|(?:最后一个|末尾|最终)的?(?:数)?值",
    "mean": r"\b(?:mean|average)(?: value)?\b|平均值|均值",
}
_ASKED_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _ASKED.items()}
# A part of the series is not in the prefix, and neither is where something happens.
_OF_A_PART = re.compile(
    r"\b(?:window|between|segment|interval|where|when|position|index|after|before|from|first \d+|last \d+)\b"
    r"|窗口|区间|之间|位置|哪里|何时|从第|前 ?\d|后 ?\d|出现在",
    re.IGNORECASE,
)


def meta_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """A row's own labels: the `meta` column as an object or as JSON text; {} where there is none."""
    value = record.get("meta")
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return dict(value) if isinstance(value, Mapping) else {}


def quality(turns: Sequence[Mapping[str, str]], series: Sequence[np.ndarray], meta: Mapping[str, Any]) -> list[Message]:
    """What is wrong with the answers, at most one sentence of a kind."""
    if not series:
        return []
    found: dict[str, Message] = {}
    question = ""
    for number, turn in enumerate(turns, 1):
        if turn["role"] == "user":
            question = turn["content"]
        elif turn["role"] == "assistant":
            for sentence in _of_answer(number, question, turn["content"], series):
                found.setdefault(kind_of(sentence), sentence)
            # A row that says itself whether its prefix answers it was computed; names with numbers mislead a reader.
            if "prefix_answerable" not in meta:
                for sentence in _prefix_answers(number, question, turn["content"], series):
                    found.setdefault(kind_of(sentence), sentence)
    return list(found.values())


def _of_answer(number: int, question: str, answer: str, series: Sequence[np.ndarray]) -> Iterator[Message]:
    longest = max(len(points) for points in series)
    for quote in quoted_positions(answer, question):
        # The end of a half-open interval, and the last point counted from 1, are the length itself.
        if quote.last > longest or quote.first > longest:
            written = answer[quote.begin : quote.end]
            yield message("data.warning.quoted_position", turn=number, text=written, points=longest)
            break
        # A pair in brackets may be something else than start and end.
        if quote.first > quote.last and not quote.is_bracketed:
            written = answer[quote.begin : quote.end]
            yield message("data.warning.backwards.quoted_position", turn=number, text=written)
            break
    for value in quoted_values(answer):
        if not any(_holds(value, points) for points in series):
            yield message("data.warning.quoted_value", turn=number, text=answer[value.begin : value.end])
            break


def _holds(quote: QuotedValue, points: np.ndarray) -> bool:
    """Whether the series has the value: near the position, or within its range for an extreme."""
    low, high = float(points.min()), float(points.max())
    near = points
    if quote.position is not None:
        if quote.position > len(points):
            return True  # told as a wrong position
        near = points[max(0, quote.position - 1 - _NEIGHBOURS) : quote.position + _NEIGHBOURS + 1]
    noise = float(np.median(np.abs(np.diff(points)))) if len(points) > 1 else 0.0
    tolerance = max(SPAN_TOLERANCE * (high - low), NOISE_TOLERANCE * noise, rounding(quote.written))
    tolerance = max(tolerance, 0.01 * abs(quote.value))
    return bool(near.min() - tolerance <= quote.value <= near.max() + tolerance) if len(near) else True


def _prefix_answers(number: int, question: str, answer: str, series: Sequence[np.ndarray]) -> Iterator[Message]:
    asked = question.rsplit("<ts><ts/>", 1)[-1]
    if len(answer) > 200 or _OF_A_PART.search(asked):
        return
    names = [name for name, pattern in _ASKED_PATTERNS.items() if pattern.search(asked)]
    numbers = [each.group() for each in _ANY_NUMBER.finditer(answer)] if names else []
    if len(names) != 1 or len(numbers) != 1:
        return
    written = numbers[0]
    if any(_equals(number_of(written), _statistic(names[0], points), rounding(written)) for points in series):
        yield message("data.warning.prefix_answerable", turn=number, text=written, what=names[0])


def _statistic(name: str, points: np.ndarray) -> float:
    match name:
        case "length":
            return float(len(points))
        case "first" | "last":
            return float(points[0 if name == "first" else -1])
        case "max" | "min":
            return float(points.max() if name == "max" else points.min())
        case _:
            return float(points.mean())


def _equals(written: float, true: float, half_digit: float) -> bool:
    return abs(written - true) <= 1.01 * half_digit
