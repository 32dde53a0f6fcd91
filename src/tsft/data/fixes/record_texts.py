"""The texts and series of a raw record, changed where they stand, so that a copy keeps the columns of its source."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tsft.data.mapping import PLAIN_TEXT, ColumnMapping
from tsft.data.shapes import series_value_of

# Gets the role and the text of one stretch and gives the new text.
Change = Callable[[str, str], str]
_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "system": "system"}


def with_texts(record: Mapping[str, Any], mapping: ColumnMapping, change: Change) -> dict[str, Any]:
    """The record with every text changed, called in reading order (the order in which placeholders count)."""
    if mapping.formatting == PLAIN_TEXT:
        return {**record, mapping.prompt: change("user", _text(record, mapping.prompt))}
    if mapping.formatting == "alpaca":
        return _alpaca(record, mapping, change)
    return _conversation(record, mapping, change)


def with_series(record: Mapping[str, Any], mapping: ColumnMapping, series: Sequence[Any]) -> dict[str, Any]:
    """The record with other series: lists of numbers, or arrays."""
    values = [each.tolist() if hasattr(each, "tolist") else each for each in series]
    return {**record, mapping.timeseries: values}


def with_meta(record: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The record with one more of its own labels; `meta` is always JSON text, which every reader of tables takes."""
    present = record.get("meta")
    if isinstance(present, str):
        try:
            present = json.loads(present)
        except ValueError:
            present = {"text": present}
    table = dict(present) if isinstance(present, Mapping) else {}
    return {**record, "meta": json.dumps({**table, name: value}, ensure_ascii=False)}


def series_of(record: Mapping[str, Any], mapping: ColumnMapping) -> list[Any]:
    """The raw inner lists; a single list of numbers counts as one series, anything but a list as none."""
    value = series_value_of(record, mapping)
    if not isinstance(value, list):
        return []
    if value and all(isinstance(each, (int, float)) for each in value):
        return [value]
    return list(value)


def _alpaca(record: Mapping[str, Any], mapping: ColumnMapping, change: Change) -> dict[str, Any]:
    made = dict(record)
    columns = [(mapping.system, "system"), (mapping.prompt, "user"), (mapping.query, "user")]
    for name, role in columns[:1]:
        if name and isinstance(record.get(name), str):
            made[name] = change(role, record[name])
    history = record.get(mapping.history) if mapping.history else None
    if isinstance(history, list):
        made[mapping.history] = [
            [change("user", pair[0]), change("assistant", pair[1])]
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
            else pair
            for pair in history
        ]
    # The two answers of a pair hold no placeholder, so their order counts for nothing.
    answers = (mapping.chosen, mapping.rejected) if mapping.chosen else (mapping.response,)
    for name, role in (*columns[1:], *((answer, "assistant") for answer in answers)):
        if name and isinstance(record.get(name), str):
            made[name] = change(role, record[name])
    return made


def _conversation(record: Mapping[str, Any], mapping: ColumnMapping, change: Change) -> dict[str, Any]:
    names = (mapping.messages,) if mapping.messages else ("conversations", "messages")
    column = next((name for name in names if isinstance(record.get(name), list)), None)
    if column is None:
        return dict(record)
    return {**record, column: [_message(each, mapping, change) for each in record[column]]}


def _message(value: Any, mapping: ColumnMapping, change: Change) -> Any:
    if not isinstance(value, Mapping):
        return value
    role_tags = (mapping.role_tag,) if mapping.role_tag else ("from", "role")
    content_tags = (mapping.content_tag,) if mapping.content_tag else ("value", "content")
    role = next((value[tag] for tag in role_tags if tag in value), "")
    tag = next((tag for tag in content_tags if isinstance(value.get(tag), str)), None)
    own = {mapping.user_tag: "user", mapping.assistant_tag: "assistant", mapping.system_tag: "system"}
    return value if tag is None else {**value, tag: change(own.get(role) or _ROLES.get(role, "user"), value[tag])}


def _text(record: Mapping[str, Any], column: str) -> str:
    value = record.get(column)
    return value if isinstance(value, str) else ""
