"""The full description as running text: one sentence a field, each with its cue word, in several wordings."""

from collections.abc import Sequence

from tsft.data.tasks.fields import Field
from tsft.data.tasks.format import text_of

PROSE = "prose"
_CLAUSE = {
    "en": ("Answer in short sentences.", "Describe it in a few plain sentences.", "Use one short sentence for each."),
    "zh": ("请用几句简短的话回答。", "请用简单的句子描述。", "每项用一句短句说明。"),
}
_SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "trend": ("The trend is {x}.", "Overall the trend is {x}.", "Its trend is {x}.", "The long-term trend is {x}."),
        "period": (
            "The period in points: {x}.",
            "It has this period in points: {x}.",
            "Period: {x}.",
            "As for a period: {x}.",
        ),
        "noise": ("Noise: {x}.", "As for noise, it is {x}.", "The noise class is {x}.", "In terms of noise: {x}."),
        "events": ("Local events: {x}.", "Events: {x}.", "Its events are: {x}.", "As for local events: {x}."),
    },
    "zh": {
        "trend": ("趋势为{x}。", "整体趋势为{x}。", "其趋势是{x}。", "长期趋势为{x}。"),
        "period": ("周期（点数）：{x}。", "其周期（点数）为：{x}。", "周期：{x}。", "关于周期：{x}。"),
        "noise": ("噪声方面：{x}。", "噪声：{x}。", "噪声情况为{x}。", "就噪声而言：{x}。"),
        "events": ("局部事件：{x}。", "事件：{x}。", "其事件为：{x}。", "关于局部事件：{x}。"),
    },
}


def prose_clause(language: str, wording: int) -> str:
    return _CLAUSE[language][wording % 3]


def prose(fields: Sequence[Field], language: str, wording: int) -> str:
    """One sentence a field."""
    sentences = [_SENTENCES[language][each.name][wording % 4].format(x=text_of(each, language)) for each in fields]
    return (" " if language == "en" else "").join(sentences)
