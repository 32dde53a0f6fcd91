"""Names and units of a row's series, guessed from the words in front of each placeholder; "" where nothing says so."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tsft.data.examples import PLACEHOLDER

_QUOTED = re.compile(r"[\"“「『《]([^\"”」』》\n]{1,80})[\"”」』》]")
_LABELLED = re.compile(r"(?:^|[\n;；,，。.])\s*(?:\d+[.)、]\s*)?([^\n:：;；,，。]{1,60}?)\s*[:：]\s*$")
_SAID = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:series|metric|sensor|channel)\s+([A-Za-z][\w /%-]{0,60}?)\s*(?:,|\bwas\b|\bis\b|\bhas\b|\()",
        r"(?:^|\n)\s*([A-Za-z][\w /%-]{0,60}?)\s+(?:has|is|was|with|of length)\b",
        r"(?:序列|指标|传感器|通道)\s*([^\s，,：:。共的记]{1,30}(?:\s[^\s，,：:。共的记]{1,20})?)(?=共|的|记录|，|：|:|$)",
        r"(?:^|\n)\s*([^\n，,：:。]{1,30}?)(?:共有|共|长度为)",
    )
)
_PLAIN_SERIES = re.compile(
    r"(?:(?:here is|this is|given|consider) )?(?:an?|the)? ?(?:(?:time )?series|data|here)(?: \d+)?"
    r"|(?:这是|给定)?(?:一?[个条])?(?:时间)?序列 ?\d*|数据",
    re.IGNORECASE,
)
_UNITS = (
    re.compile(r"(?:unit|单位)(?:s)?\s*(?:is|为|是)?\s*[:：]?\s*([^\s,，;；。)）]{1,16})", re.IGNORECASE),
    re.compile(r"[(（\[]\s*([°℃%‰µμA-Za-z][^\s)）\],，]{0,11})\s*[)）\]]"),
    re.compile(r"[(（\[]\s*in\s+([^\s)）\],，]{1,12})\s*[,，)）\]]"),
    re.compile(r"\bin\s+(°C|°F|℃|%|[kMGT]?B|[kMG]?W|[kM]?Wh|[mµ]?s|min|hours?|bar|[kM]?Pa|rpm|Hz|[mk]?V|m?A)\b"),
)
# Right before the series: "PM10 (in µg/m³, 187 points): ".
_LAST_BRACKETS = re.compile(r"\s*[(（\[][^()（）\[\]]*[)）\]](?=\s*[:：]?\s*$)")
# What stands in brackets may shorten the name instead: "Click-Through Rate (CTR)".
_ABBREVIATION = re.compile(r"(?!(?:KB|MB|GB|TB|KW|MW|GW|VA|RPM|FPS|BPM|IOPS|QPS|USD|EUR|CNY|PPM)$)[A-Z]{2,}s?|units?")


@dataclass(frozen=True)
class SeriesName:
    """What the text calls a series, and in which unit its values are."""

    name: str = ""
    unit: str = ""


def series_names(turns: Sequence[Mapping[str, str]]) -> list[SeriesName]:
    """One for each placeholder, in reading order."""
    found: list[SeriesName] = []
    for turn in turns:
        pieces = turn["content"].split(PLACEHOLDER)
        found += [_named(piece) for piece in pieces[:-1]]
    return found


def _named(before: str) -> SeriesName:
    # The last line or sentence before the placeholder speaks of it.
    near = before[-240:]
    line = near.rsplit("\n", 1)[-1] if near.rsplit("\n", 1)[-1].strip() else near.rstrip()
    units = (match[1] for pattern in _UNITS for match in [_last(pattern, line)] if match)
    unit = next((each for each in units if not _ABBREVIATION.fullmatch(each)), "")
    quoted = _last(_QUOTED, line)
    if quoted:
        return SeriesName(quoted[1].strip(), unit)
    bare = _LAST_BRACKETS.sub("", line.replace(f"({unit})", "").replace(f"（{unit}）", "") if unit else line)
    candidates = [pattern.search(bare) for pattern in _SAID] + [_LABELLED.search(bare)]
    name = next(
        (match[1].strip() for match in candidates if match and not _PLAIN_SERIES.fullmatch(match[1].strip())), ""
    )
    return SeriesName(name, unit)


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    matches = list(pattern.finditer(text))
    return matches[-1] if matches else None
