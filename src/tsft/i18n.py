"""Sentences by key in five languages. Knows the files and the fallback; what to say is decided elsewhere."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from tsft.errors import Message, UserError
from tsft.resources import resource_folder

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文", "ja": "日本語", "ko": "한국어", "ru": "Русский"}
FALLBACK = "en"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@cache
def sentences(language: str) -> Mapping[str, str]:
    """All sentences of one language: flat, dotted key to text. The file may nest; keys are joined with dots."""
    path = resource_folder("locales") / f"{language}.json"
    return dict(_flatten(json.loads(path.read_text(encoding="utf-8"))))


def placeholders(text: str) -> set[str]:
    """The names in braces in a sentence."""
    return set(_PLACEHOLDER.findall(text))


def translate(language: str, key: str, **values: Any) -> str:
    """The sentence in `language`, with `{name}` replaced. An unknown language gets English; an unknown key is a bug.

    Values are put in as they are: the page escapes them where it shows HTML.
    """
    table = sentences(language if language in LANGUAGES else FALLBACK)
    return _PLACEHOLDER.sub(lambda found: _shown(values, found), table[key])


def say(language: str, message: Message) -> str:
    """`translate` for a `Message`; a value that is itself a message (as an object or its JSON) is translated first."""
    values = {}
    for name, value in message.values.items():
        if isinstance(value, Mapping) and "key" in value:
            value = Message.from_json(value)
        values[name] = say(language, value) if isinstance(value, Message) else value
    return translate(language, message.key, **values)


def say_all(language: str, error: UserError) -> str:
    """Every sentence of an error, one a line."""
    return "\n".join(say(language, problem.message) for problem in error.problems)


def best_language(accept_language: str) -> str:
    """The first language of an HTTP Accept-Language header that we speak, else English ("zh-TW,en" gives "zh")."""
    for part in accept_language.split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return FALLBACK


def _shown(values: Mapping[str, Any], found: re.Match[str]) -> str:
    value = values.get(found.group(1), found.group(0))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Any:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
