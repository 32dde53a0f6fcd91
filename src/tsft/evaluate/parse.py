"""From the text of an answer to the values of its fields, as the label describes them; what cannot be read is named.

Reads JSON (also inside a fence or a sentence), one line of `word: value` parts, running text with the same cue words,
and short answers, in English and Chinese. A wrong value and an unreadable one are different things and stay so.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsft.evaluate.readings import Unreadable, from_json_value, from_text

_FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)
# Models that think aloud close with this; what comes before is not the answer.
_THOUGHT = re.compile(r"^.*</think>", re.DOTALL)
_WORDED = ("name", "names", "text")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|[。！？\n]")


@dataclass(frozen=True)
class Parsed:
    """values: by field name, None or [] for "there is none". failed: fields that could not be read at all."""

    values: dict[str, Any]
    failed: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        return not self.failed


def parse(text: str, label: Mapping[str, Any]) -> Parsed:
    """Read an answer against its label (`fields`, each a dict with name, word, kind and what the kind needs)."""
    fields: Sequence[Mapping[str, Any]] = label["fields"]
    plain = normal(_THOUGHT.sub("", text)).strip()
    found = _from_json(plain, fields)
    if found is None:
        found = {each["name"]: part for each, part in zip(fields, _parts(plain, fields), strict=True)}
    values: dict[str, Any] = {}
    failed = []
    for each in fields:
        try:
            part = found.get(each["name"], "")
            values[each["name"]] = part.value(each) if isinstance(part, _Json) else from_text(part, each)
        except Unreadable:
            failed.append(each["name"])
    return Parsed(values, tuple(failed))


def normal(text: str) -> str:
    """Full-width signs and digits as plain ones, minus signs and dashes as "-"; letters keep their case."""
    return re.sub("[−–—]", "-", unicodedata.normalize("NFKC", text))


@dataclass(frozen=True)
class _Json:
    """A value that came out of JSON: already typed, still to be judged."""

    raw: Any

    def value(self, field: Mapping[str, Any]) -> Any:
        return from_json_value(self.raw, field)


def _from_json(text: str, fields: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The first JSON object with one of the fields, or a bare list where the only field is one."""
    fenced = _FENCE.search(text)
    body = fenced.group(1) if fenced else text
    decoder = json.JSONDecoder()
    for place, mark in enumerate(body):
        if mark not in "{[":
            continue
        try:
            value, _ = decoder.raw_decode(body, place)
        except (json.JSONDecodeError, RecursionError):
            continue
        if isinstance(value, dict):
            found = _by_name(value, fields)
            if found:
                return found
        elif len(fields) == 1 and _is_list_of(value, fields[0]["kind"]):
            return {fields[0]["name"]: _Json(value)}
    return None


def _is_list_of(value: list[Any], kind: str) -> bool:
    inner = {"intervals": list, "events": dict, "names": str}.get(kind)
    return inner is not None and all(isinstance(each, inner) for each in value)


def _by_name(value: Mapping[str, Any], fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    plain = {_key(name): each for name, each in value.items()}
    found = {}
    for each in fields:
        for name in (each["name"], each["word"]):
            if _key(name) in plain:
                found[each["name"]] = _Json(plain[_key(name)])
                break
    return found


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", "", normal(str(name))).casefold()


def _parts(text: str, fields: Sequence[Mapping[str, Any]]) -> list[str]:
    """The text that speaks of each field: after its `word:`, in the sentence with its cue, or all of it."""
    if len(fields) == 1:
        # Free text is taken whole: a line of it may well begin like a field.
        return [text if fields[0]["kind"] == "text" else _after(text, fields[0], fields) or text]
    parts = []
    for number, each in enumerate(fields):
        part = _after(text, each, fields) or _sentence(text, each)
        # A first field without cue is answered first, as in "Yes, at point 50".
        parts.append(part or (text if number == 0 or len(fields) == 2 else ""))
    return parts


def _after(text: str, field: Mapping[str, Any], fields: Sequence[Mapping[str, Any]]) -> str:
    """What stands behind `word:` up to the next field, or to the end of the sentence (a name may hold a full stop)."""
    found = re.search(_label_pattern(field), text, re.IGNORECASE)
    if found is None:
        return ""
    others = "|".join(_label_pattern(each) for each in fields if each is not field)
    stop = rf"(?:{others}|\n)" if others else r"\n"
    rest = re.split(stop, text[found.end() :], maxsplit=1, flags=re.IGNORECASE)[0]
    if len(fields) > 1 and field["kind"] not in _WORDED:
        # "Period: none. The noise is low. Its events are: …": the numbers further on are not the period.
        rest = _SENTENCE_END.split(rest.strip(), maxsplit=1)[0]
    return rest.strip().rstrip(";；") or ""


def _label_pattern(field: Mapping[str, Any]) -> str:
    names = {normal(field["word"]), field["name"]}
    # At the start or after a separator: "event" must not be found inside "no event:".
    return rf"(?:^|[;\n,.。]\s*|(?<=\s)){_any(names)}\s*:\s*"


def _sentence(text: str, field: Mapping[str, Any]) -> str:
    return next((each for each in _SENTENCE_END.split(text) if re.search(_cue(field), each, re.IGNORECASE)), "")


def _cue(field: Mapping[str, Any]) -> str:
    """The word of a field as it stands in a sentence."""
    return re.escape(normal(field["word"])).removesuffix("s")


def _any(words: set[str]) -> str:
    return "(?:" + "|".join(sorted((re.escape(each) for each in words), key=len, reverse=True)) + ")"
