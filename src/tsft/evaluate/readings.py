"""Reading one value of a known kind, from a piece of text or from what JSON gave. `Unreadable` where it is neither."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tsft.evaluate.words import COUNTS, NO, NOTHING, SYNONYMS, YES

_NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?"
# "upward spike @50", "[120, 135)": digits glued to letters (kW2, r2) are no numbers of an answer.
_FREE_NUMBER = re.compile(rf"(?<![\w.])(?<!\d-)({_NUMBER})(?![\d.]*[A-Za-z]\d)")
_STRETCH = re.compile(r"(\d+)\s*点?\s*(?:-|~|,|to|until|到|至)\s*(?:point|第)?\s*(\d+)")
_MARKED_EVENT = re.compile(r"([^,;:@、\n]+?)\s*@\s*(\d+)")
_SIZE = re.compile(rf"\(\s*({_NUMBER})[^()]*\)")
_LETTER = re.compile(r"(?<![A-Za-z])([A-Z])(?![A-Za-z])")
_ANSWER_LETTER = re.compile(
    r"(?:answer|option|choice|选项?|答案)\s*(?:is|为|是)?\s*[:(]?\s*([A-Za-z])(?![A-Za-z])", re.I
)


class Unreadable(Exception):
    """The text holds no value of the kind, or more than one where one is asked for."""


def from_text(text: str, field: Mapping[str, Any]) -> Any:
    """The value of a field as the label holds values of its kind."""
    if not text.strip():
        raise Unreadable
    return _READERS[field["kind"]](text.strip(), field)


def from_json_value(value: Any, field: Mapping[str, Any]) -> Any:
    """The same from JSON: right types are taken, texts are read as texts are."""
    kind = field["kind"]
    if isinstance(value, str) and kind not in ("names",):
        return from_text(value, field)
    if value is None and kind in ("number", "position", "name", "count", "yes_no"):
        return None
    if kind == "yes_no" and isinstance(value, bool):
        return value
    if kind in ("number", "position", "count") and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _typed(float(value), kind)
    if kind == "intervals" and (value is None or isinstance(value, list)):
        return _json_intervals(value or [])
    if kind == "events" and (value is None or isinstance(value, list)):
        return [_json_event(each, field) for each in value or []]
    if kind == "names":
        return _json_names(value, field)
    raise Unreadable


def _yes_no(text: str, field: Mapping[str, Any]) -> bool:
    places = [(place, -len(word), False) for word in NO for place in _places(text, word)]
    places += [(place, -len(word), True) for word in YES for place in _places(text, word) if not _denied(text, place)]
    if not places:
        raise Unreadable
    return min(places)[2]


def _denied(text: str, place: int) -> bool:
    return place > 0 and text[place - 1] in "不没无未"


def _class(text: str, field: Mapping[str, Any]) -> str:
    words = [(word, key) for key, given in field["options"].items() for word in {key, given, *SYNONYMS.get(key, ())}]
    return _only(found_words(text, words))


def _number(text: str, field: Mapping[str, Any]) -> float | int | None:
    """The first number of the text, of the field's kind; None where the text says that there is none."""
    found = _FREE_NUMBER.search(text)
    if found:
        return _typed(float(found.group(1).replace(",", "")), field["kind"])
    _nothing(text)
    return None


def _count(text: str, field: Mapping[str, Any]) -> int:
    found = _FREE_NUMBER.search(text)
    if found:
        return _typed(float(found.group(1).replace(",", "")), "count")
    words = [(place, value) for word, value in COUNTS.items() for place in _places(text, word)]
    if words:
        return min(words)[1]
    _nothing(text)
    return 0


def _intervals(text: str, field: Mapping[str, Any]) -> list[list[int]]:
    found = [[int(start), int(end)] for start, end in _STRETCH.findall(text)]
    if found:
        return _json_intervals(found)
    if re.fullmatch(r"\W*\[\s*\]\W*", text):
        return []
    _nothing(text)
    return []


def _events(text: str, field: Mapping[str, Any]) -> list[dict[str, Any]]:
    marked = list(_MARKED_EVENT.finditer(text))
    if marked:
        ends = [*(each.start() for each in marked[1:]), len(text)]
        return [
            _event(each.group(1), int(each.group(2)), text[each.end() : end], field)
            for each, end in zip(marked, ends, strict=True)
        ]
    words = [(word, key) for key, given in field["options"].items() for word in {key, given}]
    found = sorted(found_words(text, words))
    if not found:
        if re.fullmatch(r"\W*\[\s*\]\W*", text):
            return []
        _nothing(text)
        return []
    events = []
    for (place, key), end in zip(found, [*(each[0] for each in found[1:]), len(text)], strict=True):
        number = _FREE_NUMBER.search(text[place:end])
        if number is None:
            raise Unreadable
        start = _typed(float(number.group(1).replace(",", "")), "position")
        events.append(_event(key, start, text[place + number.end() : end], field))
    return events


def _event(word: str, start: int, rest: str, field: Mapping[str, Any]) -> dict[str, Any]:
    """A type that is not in the list stays as it was written: it is an answer, and a wrong one."""
    words = {_folded(given): key for key, given in field["options"].items()} | {_folded(k): k for k in field["options"]}
    size = _SIZE.search(rest)
    number = None if size is None else float(size.group(1).replace(",", ""))
    return {"type": words.get(_folded(word), _folded(word)), "start": start, "size": number}


def _name(text: str, field: Mapping[str, Any]) -> str | None:
    found = found_words(text, [(option, option) for option in field["options"]])
    if found:
        return _only(found)
    _nothing(text)
    return None


def _names(text: str, field: Mapping[str, Any]) -> list[str]:
    found = {key for _, key in found_words(text, [(option, option) for option in field["options"]])}
    if not found:
        _nothing(text)
    return [option for option in field["options"] if option in found]


def _letter(text: str, field: Mapping[str, Any]) -> str:
    allowed = set(field["options"])
    bare = text.strip("().,;: []\"'。*").upper()
    said = _ANSWER_LETTER.search(text)
    found = [bare] if bare in allowed else [said.group(1).upper()] if said else _LETTER.findall(text)
    if len(set(found)) != 1 or found[0] not in allowed:
        raise Unreadable
    return found[0]


def _only(found: list[tuple[int, str]]) -> str:
    keys = {key for _, key in found}
    if len(keys) != 1:
        raise Unreadable
    return keys.pop()


def found_words(text: str, words: list[tuple[str, str]]) -> list[tuple[int, str]]:
    """(place, key) of each word in the text; a longer word covers the shorter ones inside it."""
    rest, found = _folded(text, keep_length=True), []
    for word, key in sorted(words, key=lambda each: -len(each[0])):
        for place in _places(rest, word):
            if "\x00" not in rest[place : place + len(word)]:
                found.append((place, key))
                rest = rest[:place] + "\x00" * len(word) + rest[place + len(word) :]
    return found


def _places(text: str, word: str) -> list[int]:
    """Where a word stands: Latin words as whole words, others anywhere."""
    return [each.start() for each in _pattern(word).finditer(_folded(text, keep_length=True))]


@lru_cache(maxsize=4_096)
def _pattern(word: str) -> re.Pattern[str]:
    plain = re.escape(_folded(word, keep_length=True))
    before = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", plain) else ""
    after = r"(?![a-z0-9])" if re.search(r"[a-z0-9]$", plain) else ""
    return re.compile(before + plain + after)


# One answer is looked through for many words.
@lru_cache(maxsize=64)
def _folded(text: str, keep_length: bool = False) -> str:
    """Lower case (letter by letter, so that places stay), for comparing without case."""
    plain = unicodedata.normalize("NFKC", text)
    folded = plain.lower()
    # A few letters become two in lower case, and Σ hangs on what stands beside it.
    if len(folded) != len(plain) or "Σ" in plain:
        folded = "".join(each.lower() if len(each.lower()) == 1 else each for each in plain)
    return folded if keep_length else re.sub(r"\s+", " ", folded).strip(" .。\"'*[]")


def _nothing(text: str) -> None:
    """None where the text says that there is nothing; else it cannot be read."""
    if not any(_places(text, word) for word in NOTHING):
        raise Unreadable


def _typed(value: float, kind: str) -> Any:
    if not math.isfinite(value):
        raise Unreadable
    if kind == "number":
        return value
    if value != int(value):
        raise Unreadable
    return int(value)


def _json_intervals(value: list[Any]) -> list[list[int]]:
    if len(value) == 2 and all(isinstance(each, (int, float)) for each in value):
        value = [value]
    result = []
    for each in value:
        is_pair = isinstance(each, list) and len(each) == 2 and all(isinstance(part, (int, float)) for part in each)
        if not is_pair or not all(math.isfinite(part) for part in each) or each[1] <= each[0]:
            raise Unreadable
        result.append([int(each[0]), int(each[1])])
    return sorted(result)


def _json_event(value: Any, field: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(value, dict) or "type" not in value:
        raise Unreadable
    start, size = value.get("start"), value.get("size")
    if not isinstance(start, (int, float)) or isinstance(start, bool):
        raise Unreadable
    event = _event(str(value["type"]), _typed(float(round(start)), "position"), "", field)
    if isinstance(size, (int, float)) and not isinstance(size, bool):
        event["size"] = float(size)
    return event


def _json_names(value: Any, field: Mapping[str, Any]) -> list[str]:
    listed = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise Unreadable
    known: dict[str, str] = {_folded(option): option for option in field["options"]}
    # A name that no series has is kept: it was said, and it is wrong.
    return [known.get(_folded(each)) or each for each in listed if _folded(each) not in ("", "none", "无")]


_READERS: dict[str, Callable[[str, Mapping[str, Any]], Any]] = {
    "yes_no": _yes_no,
    "class": _class,
    "number": _number,
    "position": _number,
    "count": _count,
    "intervals": _intervals,
    "events": _events,
    "name": _name,
    "names": _names,
    "letter": _letter,
    "text": lambda text, field: text,
}
