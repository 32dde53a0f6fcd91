"""The wordings of the demo's questions and answers, several for each task, in English and Chinese."""

NAMES = {
    "en": ("CPU usage", "room temperature", "order count", "power demand", "request latency", "pump pressure"),
    "zh": ("CPU 使用率", "室内温度", "订单数量", "用电负荷", "请求延迟", "泵压力"),
}

INTRODUCTIONS = {
    "en": (
        "{name} has {length} points: <ts><ts/>",
        "Here is the series {name}, {length} points long: <ts><ts/>",
        "The metric {name} was recorded {length} times: <ts><ts/>",
    ),
    "zh": (
        "{name}共有 {length} 个点：<ts><ts/>",
        "下面是长度为 {length} 的序列{name}：<ts><ts/>",
        "指标{name}记录了 {length} 次：<ts><ts/>",
    ),
}

QUESTIONS = {
    "trend": {
        "en": (
            "What is the overall trend: upward, downward or flat?",
            "Does the series rise, fall or stay level overall? Answer upward, downward or flat.",
            "Name the direction of the trend (upward, downward, flat).",
        ),
        "zh": (
            "整体趋势是上升、下降还是平稳？",
            "从整体上看，这条序列的走向如何？请回答上升、下降或平稳。",
            "请判断趋势方向（上升、下降、平稳）。",
        ),
    },
    "season": {
        "en": (
            "Is there a repeating pattern, and what is its period in points?",
            "Does the series repeat itself? Give the period in points, or say that there is none.",
            "Find the period in points, if the series has one.",
        ),
        "zh": (
            "序列是否有周期？周期是多少个点？",
            "这条序列会重复出现相同的形状吗？请给出以点数计的周期，没有则说明没有。",
            "如果存在周期，请指出周期为多少个点。",
        ),
    },
    "spike": {
        "en": (
            "One point is a spike. At which point is it? Points are numbered from 0.",
            "Counting points from 0, where is the spike?",
            "Give the position of the spike (the first point is 0).",
        ),
        "zh": (
            "有一个点是尖峰，它在第几个点？从 0 开始编号。",
            "从 0 开始计数，尖峰出现在哪个点？",
            "请给出尖峰的位置（第一个点编号为 0）。",
        ),
    },
    "shift": {
        "en": (
            "Does the level jump? If so, at which point does the new level begin? Points are numbered from 0.",
            "Counting points from 0, where does a level shift begin, if there is one?",
            "Is there a level shift? Give its first point (numbered from 0), or say that there is none.",
        ),
        "zh": (
            "水平是否发生突变？如果有，新水平从第几个点开始？从 0 开始编号。",
            "从 0 开始计数，如果有水平漂移，它从哪个点开始？",
            "是否存在水平突变？请给出起点（从 0 开始编号），没有则说明没有。",
        ),
    },
    "max": {
        "en": (
            "At which point is the largest value? Points are numbered from 0.",
            "Counting points from 0, where does the series reach its maximum?",
            "Give the position of the maximum (the first point is 0).",
        ),
        "zh": (
            "最大值在第几个点？从 0 开始编号。",
            "从 0 开始计数，序列在哪个点达到最大值？",
            "请给出最大值的位置（第一个点编号为 0）。",
        ),
    },
    "min": {
        "en": (
            "At which point is the smallest value? Points are numbered from 0.",
            "Counting points from 0, where does the series reach its minimum?",
            "Give the position of the minimum (the first point is 0).",
        ),
        "zh": (
            "最小值在第几个点？从 0 开始编号。",
            "从 0 开始计数，序列在哪个点达到最小值？",
            "请给出最小值的位置（第一个点编号为 0）。",
        ),
    },
    "higher": {
        "en": (
            "Which series has the higher mean?",
            "Compare the means: which series is higher on average?",
            "Name the series whose average is larger.",
        ),
        "zh": ("哪条序列的均值更高？", "比较均值：平均来看哪条序列更高？", "请指出平均值更大的序列。"),
    },
    "wider": {
        "en": (
            "Which series fluctuates more?",
            "Compare the spread: which series varies more strongly?",
            "Name the series with the larger fluctuations.",
        ),
        "zh": ("哪条序列波动更大？", "比较离散程度：哪条序列的变化更剧烈？", "请指出波动幅度更大的序列。"),
    },
    "earlier": {
        "en": (
            "Which series reaches its maximum earlier?",
            "Compare the positions of the maxima: which series peaks first?",
            "Name the series whose largest value comes first.",
        ),
        "zh": ("哪条序列更早达到最大值？", "比较最大值的位置：哪条序列先到达峰值？", "请指出最大值出现得更早的序列。"),
    },
}

ANSWERS = {
    "up": {"en": ("Upward.", "The trend is upward."), "zh": ("上升。", "整体趋势为上升。")},
    "down": {"en": ("Downward.", "The trend is downward."), "zh": ("下降。", "整体趋势为下降。")},
    "flat": {"en": ("Flat.", "The trend is flat."), "zh": ("平稳。", "整体趋势为平稳。")},
    "period": {
        "en": ("Yes, the period is {value} points.", "It repeats every {value} points."),
        "zh": ("有，周期为 {value} 个点。", "每 {value} 个点重复一次。"),
    },
    "no_period": {"en": ("No, there is no period.", "There is none."), "zh": ("没有周期。", "没有。")},
    "position": {"en": ("At point {value}.", "Point {value}."), "zh": ("在第 {value} 点。", "第 {value} 点。")},
    "shift": {
        "en": ("Yes, the new level begins at point {value}.", "It begins at point {value}."),
        "zh": ("有，新水平从第 {value} 点开始。", "从第 {value} 点开始。"),
    },
    "no_shift": {
        "en": ("No, there is no level shift.", "There is none."),
        "zh": ("没有水平突变。", "没有。"),
    },
    "name": {"en": ("{value}.", "It is {value}."), "zh": ("{value}。", "是{value}。")},
}
