"""Positions and values that a text quotes of a series ("points 120-140", "第 120 个点", [[5, 9]]), with their place.

Only forms that name what they mean are read: a bare number is never taken for a position. Whether what is quoted is
true of a series, `checks/quality.py` says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_UNIT = r"(?:data\s*)?(?:points?|positions?|ind(?:ex|exes|ices)|time\s?steps?)"
_ZH_POINT = r"(?:个)?\s*(?:数据|采样|时间|观测)?(?:点|位置|时刻|步)"
_ZH_NAME = r"(?:时间点|数据点|采样点|位置|索引|下标|(?<![\u3400-\u9fff])点|(?<=[在于从第至到])点)"
_TO = r"(?:-|–|—|~|～|to|through|until|up to)"
_ZH_TO = r"(?:到|至|-|–|—|~|～)"
# No decimals, no clock times, no per cent, no other unit glued to it.
_END = r"(?![\d.]*\d)(?!\s*[%％‰:：]\d?)"
_INT = r"(\d{1,9})"
# A number followed by a multiplier or a per cent sign is in another unit than the series may be.
_NUMBER = (
    r"([-−+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\d.,]*\d)(?!\s?[%％‰万亿千百])"
    r"(?!\s?(?:[kmgt]|thousand|million|billion|trillion)\b)(?!\s*(?:-|–|~|to)\s*\d)"
)
_ABOUT = r"(?:about|approximately|around|roughly|nearly|exactly)?\s*"
_ZH_ABOUT = r"(?:约|大约|大概|恰好)?\s*(?:为|是|等于|达到|：|:)?\s*(?:约|大约|大概)?\s*"

_INTERVALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_UNIT}\s*#?{_INT}\s*{_TO}\s*(?:{_UNIT}\s*)?#?{_INT}{_END}",
        rf"\bbetween\s+(?:{_UNIT}\s*)#?{_INT}\s+and\s+(?:{_UNIT}\s*)?#?{_INT}{_END}",
        rf"第\s*{_INT}\s*(?:{_ZH_POINT})?\s*{_ZH_TO}\s*第?\s*{_INT}\s*{_ZH_POINT}",
        rf"{_ZH_NAME}\s*{_INT}\s*{_ZH_TO}\s*(?:{_ZH_NAME}|第)?\s*{_INT}{_END}",
        rf'"(?:start|begin|from|起点|开始)"\s*:\s*{_INT}\s*,\s*"(?:end|stop|to|终点|结束)"\s*:\s*{_INT}(?![\d.])',
        rf"[\[(（]\s*{_INT}\s*[,，]\s*{_INT}\s*[\])）]",
    )
)
_BRACKETS = _INTERVALS[-1]
_POINTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:point|position|index|time\s?step)\s*(?:number\s*|no\.\s*|#\s*)?{_INT}{_END}",
        rf"第\s*{_INT}\s*{_ZH_POINT}",
        rf"{_ZH_NAME}\s*{_INT}{_END}(?!\s*[分时点])",
    )
)
# A bracketed pair of whole numbers is an interval only where the talk is of stretches.
_TALK_OF_INTERVALS = re.compile(
    r"interval|stretch|segment|anomal|abnormal|unusual|range of points|\[\s*start|区间|异常|片段|区段|起点|起止",
    re.IGNORECASE,
)
_AT_VALUES = tuple(
    (re.compile(pattern, re.IGNORECASE), position_first)
    for pattern, position_first in (
        (
            rf"\bat\s+(?:point|position|index|time\s?step)\s*#?{_INT},?\s*(?:the\s+)?"
            rf"(?:value|reading|series)\s*(?:is|was|equals|=|reaches|reached)\s*{_ABOUT}{_NUMBER}",
            True,
        ),
        (
            rf"\b(?:value|reading)\s+at\s+(?:point|position|index|time\s?step)\s*#?{_INT}\s*"
            rf"(?:is|was|equals|=|:)\s*{_ABOUT}{_NUMBER}",
            True,
        ),
        (
            rf"\b(?:value|reading)\s*(?:of|is|was)\s*{_ABOUT}{_NUMBER}\s*,?\s*at\s+"
            rf"(?:point|position|index|time\s?step)\s*#?{_INT}{_END}",
            False,
        ),
        (rf"第\s*{_INT}\s*{_ZH_POINT}(?:处|上)?的?(?:取值|数值|值)\s*{_ZH_ABOUT}{_NUMBER}", True),
    )
)
_EXTREMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:maximum|minimum|max|min|highest|lowest|largest|smallest|peak)(?:\s+value|\s+reading)?\s*"
        rf"(?:is|was|equals|=|:|reaches|reached)\s*{_ABOUT}{_NUMBER}",
        r"\b(?:maximum|minimum|max|min|highest|lowest|largest|smallest|peak)\s+(?:value|reading)\s+of\s*"
        rf"{_ABOUT}{_NUMBER}",
        rf"(?:最大值|最小值|最高值|最低值|峰值|谷值)\s*{_ZH_ABOUT}{_NUMBER}",
    )
)
# Most texts have none of these, and one look tells.
_MAY_QUOTE = re.compile(
    r"(?:points?|positions?|index|ind[ei]\w+|step|[第点置引标刻]|start|begin|from|起点|开始)\W*\w{0,10}\W*\d|[\[(（]\s*\d",
    re.IGNORECASE,
)
_MAY_TELL_VALUES = re.compile(
    r"value|reading|series|maximum|minimum|max|min|highest|lowest|largest|smallest|peak|值", re.IGNORECASE
)


@dataclass(frozen=True)
class Quote:
    """A position or an interval as written: first and last as the text numbers them, and its characters in the text.

    is_bracketed: a bare pair of numbers in brackets, which is an interval by context only.
    """

    kind: str
    first: int
    last: int
    begin: int
    end: int
    is_bracketed: bool = False


@dataclass(frozen=True)
class QuotedValue:
    """A value that the text says a series has: at a position, or as an extreme (position None)."""

    value: float
    written: str
    begin: int
    end: int
    position: int | None = None


def quoted_positions(text: str, context: str = "") -> list[Quote]:
    """Every point and interval the text quotes, in order. context: other text that may say what brackets mean."""
    if not _MAY_QUOTE.search(text):
        return []
    has_intervals = bool(_TALK_OF_INTERVALS.search(text) or _TALK_OF_INTERVALS.search(context))
    found: list[Quote] = []
    for pattern in _INTERVALS:
        if pattern is _BRACKETS and not has_intervals:
            continue
        for each in pattern.finditer(text):
            first, last = int(each[1]), int(each[2])
            found.append(Quote("interval", first, last, each.start(), each.end(), pattern is _BRACKETS))
    for pattern in _POINTS:
        found += [Quote("point", int(m[1]), int(m[1]), m.start(), m.end()) for m in pattern.finditer(text)]
    return list(_without_overlaps(found))


def quoted_values(text: str) -> list[QuotedValue]:
    """Every value the text ties to a position or calls an extreme."""
    if not _MAY_TELL_VALUES.search(text):
        return []
    found: list[QuotedValue] = []
    for pattern, position_first in _AT_VALUES:
        for each in pattern.finditer(text):
            position, number = (each[1], each[2]) if position_first else (each[2], each[1])
            found.append(QuotedValue(number_of(number), number, each.start(), each.end(), int(position)))
    taken = [(each.begin, each.end) for each in found]
    for pattern in _EXTREMES:
        for each in pattern.finditer(text):
            if not any(begin < each.end() and each.start() < end for begin, end in taken):
                found.append(QuotedValue(number_of(each[1]), each[1], each.start(), each.end()))
                taken.append((each.start(), each.end()))
    return sorted(found, key=lambda quote: quote.begin)


def number_of(written: str) -> float:
    """The number a text writes, thousands commas and the typographic minus included."""
    return float(written.replace(",", "").replace("−", "-"))


def rounding(written: str) -> float:
    """Half a unit of the last digit that is written: 12.50 is 0.005."""
    mantissa, _, exponent = written.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - decimals)


def _without_overlaps(found: list[Quote]) -> Iterator[Quote]:
    """Of quotes that share characters the longest."""
    taken: list[tuple[int, int]] = []
    kept: list[Quote] = []
    for quote in sorted(found, key=lambda each: (each.begin - each.end, each.begin)):
        if not any(begin < quote.end and quote.begin < end for begin, end in taken):
            taken.append((quote.begin, quote.end))
            kept.append(quote)
    return iter(sorted(kept, key=lambda each: each.begin))
