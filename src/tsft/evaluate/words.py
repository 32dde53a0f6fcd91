"""Words that an answer may use for an option, for yes and no, for nothing, and for small numbers, in both languages."""

# By option key. The word of the question itself comes with the label; these are what else people and models say.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "up": (
        "upwards", "rising", "rises", "rise", "increasing", "increases", "increase", "growing", "uptrend",
        "上涨", "增长", "升高", "上行", "递增", "增加", "向上",
    ),
    "down": (
        "downwards", "falling", "falls", "fall", "decreasing", "decreases", "decrease", "declining", "decline",
        "downtrend", "下跌", "下滑", "降低", "下行", "递减", "减少", "向下",
    ),
    "flat": ("steady", "stable", "level", "constant", "no trend", "稳定", "持平", "无趋势", "没有明显趋势", "平坦"),
    "noisy": ("noise is high", "strong noise", "有噪声", "噪声较大", "噪声大", "明显噪声"),
    "quiet": (
        "almost none", "no noise", "noise-free", "low noise", "almost noise-free", "无噪声", "没有噪声", "噪声很小",
        "噪声较小", "几乎没有",
    ),
    "positive": ("positively", "正", "同向"),
    "negative": ("negatively", "负", "反向"),
    "none": (
        "no correlation", "uncorrelated", "unrelated", "not correlated", "no", "没有", "不相关", "无关", "没有关系",
    ),
}  # fmt: skip

YES = ("yes", "true", "是的", "是", "有", "存在", "对", "会", "成立")
NO = (
    "no", "not", "none", "false", "never", "不是", "不存在", "没有", "不会", "不成立", "不对", "否", "无", "没", "不",
)  # fmt: skip

NOTHING = ("none", "null", "nothing", "nowhere", "no", "not", "n/a", "无", "没有", "不存在", "没", "空")

COUNTS = {
    **{
        word: value
        for value, word in enumerate(
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
        )
    },
    **{word: value for value, word in enumerate("零一二三四五六七八九十")},
    "两": 2,
    "once": 1,
    "twice": 2,
    "never": 0,
}
