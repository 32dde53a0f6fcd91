"""How an answer is to be written (the clause of the question) and how the right one is written: short, line or JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tsft.data.tasks.fields import Field, written
from tsft.data.tasks.words import FIELD_WORDS, NONE, OPTIONS, YES_NO

_NUMBERED = {"en": "Points are numbered from 0.", "zh": "点从 0 开始编号。"}
_HALF_OPEN = {
    "en": "Stretches are start-end, the end not included.",
    "zh": "区间写作 起点-终点，不含终点。",
}
_SIZED = {"en": "A size is the largest deviation, with its sign.", "zh": "幅度为带符号的最大偏离量。"}
_ROUNDED = {"en": "Round to {decimals} decimals.", "zh": "保留 {decimals} 位小数。"}
_ROUNDED_WHOLE = {"en": "Round to whole numbers.", "zh": "四舍五入到整数。"}
_SHORT = {
    "en": ("Answer with {hint} only.", "Reply with {hint} and nothing else.", "Give {hint} as a short answer."),
    "zh": ("只回答{hint}。", "仅给出{hint}。", "请简短回答{hint}。"),
}
_LINE = {
    "en": ("Answer on one line: {form}", "Write one line of the form {form}", "Answer in the form {form}"),
    "zh": ("用一行回答：{form}", "按格式写一行：{form}", "请按此格式回答：{form}"),
}
_JSON = {
    "en": ("Answer as JSON: {form}", "Write JSON of the form {form}", "Reply with JSON only: {form}"),
    "zh": ("用 JSON 回答：{form}", "按此形式给出 JSON：{form}", "只用 JSON 作答：{form}"),
}
_HINTS = {
    "yes_no": {"en": "yes or no", "zh": "是或否"},
    "number": {"en": "the number", "zh": "数值"},
    "count": {"en": "the number", "zh": "数目"},
    "position": {"en": "the point number", "zh": "点的编号"},
    "name": {"en": "the name", "zh": "名称"},
    "names": {"en": "the names, with commas", "zh": "名称，用逗号分隔"},
    "intervals": {"en": "the stretches, with commas", "zh": "区间，用逗号分隔"},
    "events": {"en": "the events as type @start, with commas", "zh": "事件，写作 类型 @起点，用逗号分隔"},
    "letter": {"en": "the letter", "zh": "选项字母"},
}
_OR_NONE = {"en": ", or none if there is none,", "zh": "，没有则回答无"}
_NAMED_EVENT_FORM = {"en": "name @start, …", "zh": "名称 @起点，…"}
_EVENT_FORM = {"en": "type @start (size), …", "zh": "类型 @起点 (幅度)，…"}
_JSON_FORMS = {
    "yes_no": "true|false",
    "number": "number",
    "count": "number",
    "position": "number",
    "name": '"name"',
    "names": '["name", …]',
    "intervals": "[[start, end], …]",
    "events": '[{"type": "…", "start": number, "size": number}, …]',
    "letter": '"letter"',
}
# Kinds whose answer may be that there is nothing, where the field says so itself ([] and "no" need no word).
_NONE_KINDS = ("number", "position", "name")


def clause(
    fields: Sequence[Field], style: str, language: str, wording: int, *, may_be_none: bool, names_points: bool
) -> str:
    """The sentences that say how to answer: numbering, rounding and the form of the style.

    names_points: the question itself speaks of points by number.
    """
    shown = fields[:1] if style == "short" else fields
    sentences: list[str] = []
    if names_points or any(_is_placed(each) for each in shown):
        sentences.append(_NUMBERED[language])
    if any(each.kind == "intervals" for each in shown):
        sentences.append(_HALF_OPEN[language])
    if style != "short" and any(_is_sized(each) for each in shown):
        sentences.append(_SIZED[language])
    decimals = next((each.details["decimals"] for each in shown if _has_decimals(each, style)), None)
    if decimals is not None:
        sentences.append(_ROUNDED[language].format(decimals=decimals) if decimals else _ROUNDED_WHOLE[language])
    if style == "short":
        sentences.append(_SHORT[language][wording % 3].format(hint=_hint(shown[0], language, may_be_none)))
    elif style == "line":
        sentences.append(_LINE[language][wording % 3].format(form=_line_form(shown, language)))
    else:
        sentences.append(_JSON[language][wording % 3].format(form=_json_form(shown, may_be_none)))
    return (" " if language == "en" else "").join(sentences)


def answer(fields: Sequence[Field], style: str, language: str) -> str:
    """The right answer in this style."""
    if style == "json":
        return json.dumps({each.name: _json_value(each) for each in fields}, ensure_ascii=False)
    if style == "short":
        return text_of(fields[0], language, with_size=False)
    colon, gap = (": ", "; ") if language == "en" else ("：", "；")
    return gap.join(f"{FIELD_WORDS[each.name][language]}{colon}{text_of(each, language)}" for each in fields)


def text_of(field: Field, language: str, with_size: bool = True) -> str:
    """The value of one field in words."""
    value, kind = field.value, field.kind
    if value is None or value == []:
        return NONE[language]
    if kind == "yes_no":
        return YES_NO[value][language]
    if kind == "class":
        return option_word(value, language)
    if kind == "number":
        number = written(value, field.details["decimals"])
        return f"{number} {field.details['unit']}".rstrip()
    if kind == "intervals":
        return ", ".join(f"{start}-{end}" for start, end in value)
    if kind == "names":
        return ", ".join(value)
    if kind == "events":
        is_sized = with_size and _is_sized(field)
        return ", ".join(_event_text(each, field.details, language, is_sized) for each in value)
    return str(value)


def option_word(option: str, language: str) -> str:
    return OPTIONS[option][language] if option in OPTIONS else option


def to_label(field: Field, language: str) -> dict[str, Any]:
    """The field as a plain dict, with the words a parser may find instead of an option."""
    details = dict(field.details)
    if "options" in details:
        options = details["options"]
        is_word = field.kind in ("class", "events")
        details["options"] = {each: option_word(each, language) for each in options} if is_word else list(options)
    word = FIELD_WORDS[field.name][language]
    return {"name": field.name, "word": word, "kind": field.kind, "value": field.value, **details}


def _event_text(event: Mapping[str, Any], details: Mapping[str, Any], language: str, with_size: bool) -> str:
    size = f" ({written(event['size'], details['decimals'])})" if with_size else ""
    return f"{option_word(event['type'], language)} @{event['start']}{size}"


def _is_placed(field: Field) -> bool:
    return field.kind in ("position", "intervals", "events") and field.name != "lag"


def _is_sized(field: Field) -> bool:
    return field.kind == "events" and bool(field.details.get("is_sized", True))


def _has_decimals(field: Field, style: str) -> bool:
    if field.kind == "events":
        return style != "short" and _is_sized(field)
    return field.kind == "number" and field.name != "period"


def _hint(field: Field, language: str, may_be_none: bool) -> str:
    if field.kind == "class":
        options = [option_word(each, language) for each in field.details["options"]]
        gap, last = (", ", " or ") if language == "en" else ("、", "或")
        return f"{gap.join(options[:-1])}{last}{options[-1]}"
    hint = _HINTS[field.kind][language]
    can_be = may_be_none and field.kind in (*_NONE_KINDS, "names", "intervals", "events")
    return f"{hint}{_OR_NONE[language]}" if can_be else hint


def _line_form(fields: Sequence[Field], language: str) -> str:
    colon, gap = (": ", "; ") if language == "en" else ("：", "；")
    return gap.join(f"{FIELD_WORDS[each.name][language]}{colon}{_line_part(each, language)}" for each in fields)


def _line_part(field: Field, language: str) -> str:
    if field.kind == "class":
        return "|".join(option_word(each, language) for each in field.details["options"])
    if field.kind == "yes_no":
        return "|".join(YES_NO[each][language] for each in (True, False))
    if field.kind == "events":
        return (_EVENT_FORM if _is_sized(field) else _NAMED_EVENT_FORM)[language]
    if field.kind == "number" and field.details["unit"]:
        return f"… {field.details['unit']}"
    return "…"


def _json_form(fields: Sequence[Field], may_be_none: bool) -> str:
    parts = []
    for each in fields:
        form = _JSON_FORMS.get(each.kind, "")
        if each.kind == "events" and not _is_sized(each):
            form = '[{"type": "…", "start": number}, …]'
        if each.kind == "class":
            form = "|".join(json.dumps(option, ensure_ascii=False) for option in each.details["options"])
        if each.name == "period" or (may_be_none and each.kind in _NONE_KINDS):
            form += "|null"
        parts.append(f'"{each.name}": {form}')
    return "{" + ", ".join(parts) + "}"


def _json_value(field: Field) -> Any:
    if field.kind == "number" and field.value is not None and not field.details["decimals"]:
        return int(field.value)
    return field.value
