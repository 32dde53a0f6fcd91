"""What a row says beside its question: the step between points, and which points were missing. English and Chinese."""

from collections.abc import Sequence

from tsft.data.tasks.subject import Interval

_STEP = {"en": "One point is {step}.", "zh": "相邻两点间隔 {step}。"}
_FILLED = {
    "en": "Missing points were filled by straight lines: {stretches} (end not included).",
    "zh": "缺失点已用直线补齐：{stretches}（不含终点）。",
}
_UNITS = (
    (604_800, {"en": "week", "zh": "周"}),
    (86_400, {"en": "day", "zh": "天"}),
    (3_600, {"en": "hour", "zh": "小时"}),
    (60, {"en": "minute", "zh": "分钟"}),
    (1, {"en": "second", "zh": "秒"}),
)
# More stretches than this fill a question with numbers that nobody reads.
_MOST_STRETCHES = 8


def step_sentence(seconds: float, language: str) -> str:
    """ "One point is 5 minutes."; "" where there is no step."""
    if seconds <= 0:
        return ""
    for size, words in _UNITS:
        count = seconds / size
        if count >= 1 and abs(count - round(count)) < 1e-6:
            return _STEP[language].format(step=_counted(round(count), words[language], language))
    return _STEP[language].format(step=_counted(float(f"{seconds:.4g}"), _UNITS[-1][1][language], language))


def filled_sentence(stretches: Sequence[Interval], language: str) -> str:
    """Which points are not measured; "" where all are."""
    if not stretches:
        return ""
    shown = ", ".join(f"{start}-{end}" for start, end in stretches[:_MOST_STRETCHES])
    return _FILLED[language].format(stretches=shown + (", …" if len(stretches) > _MOST_STRETCHES else ""))


def _counted(count: float, word: str, language: str) -> str:
    text = f"{count:g}"
    if language == "zh":
        return f"{text} {word}"
    return f"{text} {word}" if count == 1 else f"{text} {word}s"
