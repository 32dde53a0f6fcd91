"""The fixed words of answers in English and Chinese: options, field names, and how a row introduces its series."""

from tsft.data.tasks.event_types import EVENT_TYPES

LANGUAGES = ("en", "zh")
STYLES = ("short", "line", "json")

# An option is its key in JSON, and one of these words in the other styles.
OPTIONS: dict[str, dict[str, str]] = {
    "up": {"en": "upward", "zh": "上升"},
    "down": {"en": "downward", "zh": "下降"},
    "flat": {"en": "flat", "zh": "平稳"},
    "noisy": {"en": "noisy", "zh": "噪声明显"},
    "quiet": {"en": "almost no noise", "zh": "几乎无噪声"},
    "positive": {"en": "positive", "zh": "正相关"},
    "negative": {"en": "negative", "zh": "负相关"},
    "none": {"en": "none", "zh": "无"},
    **{each.key: {"en": each.key, "zh": each.chinese} for each in EVENT_TYPES},
}

FIELD_WORDS: dict[str, dict[str, str]] = {
    "value": {"en": "value", "zh": "数值"},
    "point": {"en": "point", "zh": "位置"},
    "holds": {"en": "holds", "zh": "成立"},
    "intervals": {"en": "intervals", "zh": "区间"},
    "count": {"en": "count", "zh": "次数"},
    "series": {"en": "series", "zh": "序列"},
    "correlation": {"en": "correlation", "zh": "相关性"},
    "leader": {"en": "leader", "zh": "领先者"},
    "lag": {"en": "lag", "zh": "滞后"},
    "anomalies": {"en": "anomalies", "zh": "异常"},
    "unusual": {"en": "unusual", "zh": "异常"},
    "class": {"en": "class", "zh": "类别"},
    "trend": {"en": "trend", "zh": "趋势"},
    "change": {"en": "change", "zh": "变化"},
    "periodic": {"en": "periodic", "zh": "周期性"},
    "period": {"en": "period", "zh": "周期"},
    "swing": {"en": "swing", "zh": "摆幅"},
    "noise": {"en": "noise", "zh": "噪声"},
    "sigma": {"en": "sigma", "zh": "标准差"},
    "events": {"en": "events", "zh": "事件"},
    "event": {"en": "event", "zh": "事件"},
    "spike": {"en": "spike", "zh": "尖峰"},
    "level_shift": {"en": "level shift", "zh": "水平漂移"},
    "related": {"en": "related", "zh": "相关序列"},
    "first": {"en": "first", "zh": "最先"},
    "answer": {"en": "answer", "zh": "答案"},
}

YES_NO = {True: {"en": "yes", "zh": "是"}, False: {"en": "no", "zh": "否"}}
NONE = {"en": "none", "zh": "无"}
NONE_OF_THESE = {"en": "none of these", "zh": "以上都不对"}

# {about} is the unit and the number of points.
INTRODUCTIONS: dict[str, tuple[str, ...]] = {
    "en": (
        "{name} ({about}): <ts><ts/>",
        "Here is the series {name} ({about}): <ts><ts/>",
        "The metric {name} was recorded ({about}): <ts><ts/>",
        "Given is {name}, {about}: <ts><ts/>",
        "Series {name}, {about}: <ts><ts/>",
        "Look at {name} ({about}): <ts><ts/>",
        "This is {name} ({about}): <ts><ts/>",
        "Measured: {name} ({about}). <ts><ts/>",
    ),
    "zh": (
        "{name}（{about}）：<ts><ts/>",
        "下面是序列{name}（{about}）：<ts><ts/>",
        "指标{name}的记录（{about}）：<ts><ts/>",
        "给定{name}，{about}：<ts><ts/>",
        "序列{name}，{about}：<ts><ts/>",
        "请看{name}（{about}）：<ts><ts/>",
        "这是{name}（{about}）：<ts><ts/>",
        "已测得{name}（{about}）。<ts><ts/>",
    ),
}
ABOUT = {"en": "{length} points", "zh": "{length} 个点"}
ABOUT_UNIT = {"en": "in {unit}, {length} points", "zh": "单位 {unit}，{length} 个点"}
