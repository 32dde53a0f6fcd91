"""What a fix writes into a row's text, in English or, where the text itself is Chinese, in Chinese."""

import re

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_WORDINGS = {
    "divided": (
        "(The values of series {series} were divided by {factor}; numbers in the answer are in the original unit.)",
        "（序列 {series} 的数值已除以 {factor}，回答中的数值仍为原单位。）",
    ),
    "shifted": (
        "({base} was subtracted from the values of series {series}; numbers in the answer are the original ones.)",
        "（序列 {series} 的数值已减去 {base}，回答中的数值仍为原始值。）",
    ),
    "averaged": (
        "(Each point of series {series} is the mean of {count} original points.)",
        "（序列 {series} 的每个点是 {count} 个原始点的平均值。）",
    ),
    "constant": ("(constant at {value} for {count} points)", "（连续 {count} 个点恒为 {value}）"),
    "single": ("(a single point: {value})", "（只有一个点：{value}）"),
    "empty": ("(no data)", "（无数据）"),
    "named": ("Series {series}: <ts><ts/>\n", "序列 {series}：<ts><ts/>\n"),
}


def wording(name: str, text: str, **values: object) -> str:
    """The sentence in the language of `text`."""
    english, chinese = _WORDINGS[name]
    return (chinese if _CHINESE.search(text) else english).format(**values)
